"""A private PostgreSQL server for tests of any package."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

_numbers = count()


@contextmanager
def private_server() -> Iterator[str]:
    """Start a PostgreSQL that only a socket in a temporary folder leads to; yield that folder."""
    binaries, user = _binaries(), _user()
    if binaries is None or user == "":
        message = "PostgreSQL's server programs (Debian: postgresql) are not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    folder = (
        Path("/tmp") / f"tests-postgres-{os.getpid()}-{next(_numbers)}"
    )  # a socket's path may have 107 characters at most
    folder.mkdir(mode=0o700)
    try:
        if user:
            shutil.chown(folder, user)
        data, quiet = folder / "data", {"user": user, "cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
        initdb = [binaries / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*initdb, "--locale=C"], **quiet)
        options = f"-k {folder} -c listen_addresses='' -c max_connections=60"
        subprocess.run([binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)
        try:
            yield str(folder)
        finally:
            subprocess.run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty_database(server: str) -> str:
    """Create a database in a server and return its address."""
    import psycopg

    name = f"tests_{next(_numbers)}"
    with psycopg.connect(host=server, user="tester", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://tester@/{name}?host={server}"


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return folders[-1].parent if folders else None


def _user() -> str | None:
    """PostgreSQL refuses to run as root: the name of somebody else then."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), "")
