"""Copies of a vote store while it is in use: by SQLite's backup, or by pg_dump and pg_restore.

A copy of an SQLite store is an SQLite file again, one of PostgreSQL an archive in pg_dump's custom format. Both hold
the store at one moment, whatever is voted meanwhile; a store that is restored changes in one transaction.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL

from dashboard.votes.database import BUSY_SECONDS, STEPS, address_of, check_is_there
from dashboard.votes.store import VoteStore
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write

_ARCHIVE = b"PGDMP"
"""How an archive of pg_dump begins."""
_SECONDS = 3600
"""What pg_dump and pg_restore may take."""


def write_backup(url: str, password: str, out: Path) -> int:
    """Write a copy of a store to a file, whole or not at all, and return how many votes hold in the store.

    Parameters
    ----------
    url, password : str
        The store's, as `VoteStore.open` takes them.
    out : Path
        Replaced, where it is there.

    Raises
    ------
    UserError
        When the store is not there or cannot be read, or the file cannot be written.
    """
    votes = _votes(url, password, create=False)
    address = address_of(url, password)
    if address.get_backend_name() == "sqlite" and out.exists() and out.samefile(str(address.database)):
        raise UserError(f"{out}: is the vote store itself; name another file for its copy.")
    with atomic_write(out) as part:
        if address.get_backend_name() == "sqlite":
            _copy_sqlite(Path(str(address.database)), part)
            with closing(_opened(part)) as copy:  # one file, not three, and one that can be read where nobody may write
                copy.execute("PRAGMA journal_mode = DELETE").close()
        else:
            _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={part}"], address)
    return votes


def restore_backup(url: str, password: str, source: Path, *, replace: bool = False) -> tuple[int, Path | None]:
    """Put a copy that `write_backup` wrote in place of what a store holds.

    Parameters
    ----------
    url, password : str
        The store's; it is made where there is none, and may be in use.
    source : Path
        The copy.
    replace : bool
        Whether votes that the store holds may go; a copy of them is written first, next to `source`.

    Returns
    -------
    int, Path or None
        How many votes hold in the store now, and the copy of those that were in it.

    Raises
    ------
    UserError
        When the file is no copy of such a store, or the store holds votes that may not go, or cannot be written.
    """
    address = address_of(url, password)
    sqlite = address.get_backend_name() == "sqlite"
    check_backup(source, sqlite)
    held = _votes(url, password, create=True)
    if held and not replace:
        raise UserError(
            f"{url}: holds {held:,} votes, which {source} would replace; say --replace (a copy of them is kept), or "
            "name an empty store in dashboard.store.url."
        )
    kept = None
    if held:
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        kept = source.with_name(f"{source.stem}.replaced-{now}{source.suffix}")
        write_backup(url, password, kept)
    if sqlite:
        _copy_sqlite(source, Path(str(address.database)))
    else:
        how = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        _run("pg_restore", [*how, str(source)], address)
    return _votes(url, password, create=False), kept


def _votes(url: str, password: str, *, create: bool) -> int:
    store = VoteStore.open(url, password=password, create=create)
    try:
        health = store.health()
    finally:
        store.close()
    if not health["ok"]:
        raise UserError(str(health["message"]))
    return int(health["votes"])


def check_backup(source: Path, sqlite: bool) -> None:
    """Raise a `UserError` where a file is no whole copy of a store that this program knows.

    Parameters
    ----------
    source : Path
        The file.
    sqlite : bool
        Whether the store is one of SQLite; else of PostgreSQL, of whose archives only the beginning is looked at.
    """
    wanted = "an SQLite vote store" if sqlite else "an archive of pg_dump"
    try:
        with source.open("rb") as opened:
            archive = opened.read(len(_ARCHIVE)) == _ARCHIVE
    except OSError as fault:
        raise UserError(f"{source}: cannot be read ({fault.strerror}); name a copy of the store.") from fault
    if archive == sqlite:
        raise UserError(f"{source}: is not {wanted}, which dashboard.store.url needs; name a copy of that store.")
    if not sqlite:
        return
    check_is_there(address_of(f"sqlite:///{source}"))
    with closing(sqlite3.connect(source)) as connection:
        try:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            version = connection.execute("SELECT max(version) FROM schema_steps").fetchone()[0] or 0
        except sqlite3.DatabaseError as fault:
            found, version = str(fault), 0
    if version > len(STEPS):
        raise UserError(f"{source}: is of a newer version ({version}; {len(STEPS)} is known); update the program.")
    if found != "ok":
        raise UserError(f"{source}: is damaged ({found}); name another copy of the store.")


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database, in one step for whoever reads or writes the one or the other."""
    try:
        with closing(_opened(source)) as read, closing(_opened(target)) as written:
            read.backup(written)
    except sqlite3.Error as fault:
        raise UserError(f"{target}: the vote store could not be copied there ({fault}).") from fault


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS)


def _run(program: str, arguments: Sequence[str], address: URL) -> None:
    """Run a program of PostgreSQL; the password goes by the environment, where no list of processes shows it."""
    found = shutil.which(program) or next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))[::-1]), "")
    if not found:
        raise UserError(f"{program}: is not installed; it comes with PostgreSQL's client programs.")
    plain = address.set(drivername="postgresql", password=None).render_as_string()
    password = {} if address.password is None else {"PGPASSWORD": address.password}
    command = [str(found), *arguments, f"--dbname={plain}"]
    try:
        done = subprocess.run(command, env=os.environ | password, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as fault:
        raise UserError(f"{program}: took more than an hour; look whether something locks {plain}.") from fault
    if done.returncode:
        told = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        raise UserError(f"{plain}: {program} did not do it: {told}.")
