"""The database behind the vote store: its address, connections that write through to the disk, and its schema.

The schema goes version by version: numbered steps, each applied once and in one transaction. A step already released is
never edited; a change is a new step at the end. Alembic would bring a folder of generated files and an environment to
two tables; these are statements that SQLite and PostgreSQL both understand.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL

from dashboard.votes.vote_records import StoreFault
from pipelines.errors import UserError
from pipelines.files.database_urls import database_address

KEY = "dashboard.store.url"
BUSY_SECONDS = 15
"""How long a writer waits for its turn; 20 sessions at once wait far less."""


def address_of(url: str, password: str = "") -> URL:
    """Return the address of a vote store.

    Parameters
    ----------
    url : str
        `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`.
    password : str
        The database password, where it does not stand in the address.

    Raises
    ------
    StoreFault
        `bad_address` when it is no address, or of no kind of database that can be one.
    """
    try:
        address = database_address(url, KEY)
    except UserError as fault:
        raise StoreFault("bad_address", str(fault)) from None
    return address.set(password=password) if password else address


def check_is_there(address: URL) -> None:
    """Raise a `StoreFault` where an SQLite file holds no vote store: to open it as one would make or change it."""
    if address.get_backend_name() != "sqlite":
        return
    path = Path(str(address.database))
    reason = "" if path.is_file() else "there is no such file"
    if not reason:
        try:
            with closing(sqlite3.connect(f"{Path(os.path.realpath(path)).as_uri()}?mode=ro", uri=True)) as connection:
                connection.execute("SELECT version FROM schema_steps").close()
        except sqlite3.DatabaseError as fault:
            reason = f"is no vote store ({fault})"
    if reason:
        raise StoreFault(
            "unavailable", f"{path}: {reason}; correct dashboard.store.url.", url=str(address), reason=reason
        )


def engine_of(address: URL) -> Engine:
    """Return an engine whose connections are set so that a committed vote is on disk.

    Raises
    ------
    StoreFault
        `unavailable` when the folder of an SQLite file cannot be made.
    ImportError
        When the database's driver is not installed.
    """
    if address.get_backend_name() == "postgresql":
        return create_engine(address, pool_size=10, max_overflow=20, pool_pre_ping=True)
    folder = Path(os.path.realpath(str(address.database))).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        reason = f"the folder {folder} cannot be made ({fault.strerror})"
        where = address.render_as_string(hide_password=True)
        raise StoreFault(
            "unavailable", f"The vote store {where} did not do it: {reason}.", url=where, reason=reason
        ) from fault
    engine = create_engine(address, pool_size=10, max_overflow=20, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver's guess
        _to_wal(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a writer takes its lock at once: a reader that turns writer can be refused without waiting
        reads = connection.get_execution_options().get("reads_only")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _to_wal(connection: Any) -> None:
    """Turn a new SQLite file to WAL; unlike every other statement, this one does not wait while others do the same."""
    deadline = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError:
            if monotonic() > deadline:
                raise
            sleep(0.01)


Step = tuple[str, Callable[[Connection], None]]
LOCK = 7_203_114
"""Number of the advisory lock under which PostgreSQL lets one process at a time migrate."""


def upgrade(connection: Connection, where: str, steps: Sequence[Step] | None = None, *, create: bool = True) -> int:
    """Bring a database to the newest version within the connection's transaction, and return that version.

    Parameters
    ----------
    connection : Connection
        In a transaction that writes.
    where : str
        The store's address for the error, without a password.
    steps : sequence of (str, function), optional
        The steps; by default those of this module.
    create : bool
        Whether tables are made where there are none.

    Raises
    ------
    UserError
        When the database was written by a newer version of the project, or has no tables and shall get none.
    """
    steps = STEPS if steps is None else steps
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    if not inspect(connection).has_table("schema_steps"):
        if not create:
            raise UserError(f"{where}: is no vote store; correct dashboard.store.url.")
        connection.execute(text("CREATE TABLE schema_steps (version INTEGER PRIMARY KEY, name TEXT, applied_at TEXT)"))
    done = connection.execute(text("SELECT max(version) FROM schema_steps")).scalar() or 0
    if done > len(steps):
        raise UserError(
            f"The vote store {where} has schema version {done}, this program knows {len(steps)}: update the program."
        )
    for version, (name, apply) in list(enumerate(steps, start=1))[done:]:
        apply(connection)
        row = {"version": version, "name": name, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        connection.execute(text("INSERT INTO schema_steps VALUES (:version, :name, :at)"), row)
    return len(steps)


def _battles_and_votes(connection: Connection) -> None:
    moment = "TIMESTAMP WITH TIME ZONE" if connection.dialect.name == "postgresql" else "TIMESTAMP"
    number = "DOUBLE PRECISION"
    serial = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    serial = serial if connection.dialect.name == "postgresql" else "INTEGER PRIMARY KEY AUTOINCREMENT"
    connection.execute(
        text(
            f"""CREATE TABLE battles (
            id TEXT PRIMARY KEY, created_at {moment} NOT NULL, session TEXT NOT NULL, source TEXT NOT NULL,
            lang TEXT NOT NULL, prompt TEXT NOT NULL, response_a TEXT NOT NULL, response_b TEXT NOT NULL,
            style_a TEXT NOT NULL, style_b TEXT NOT NULL, model_a TEXT NOT NULL, model_b TEXT NOT NULL,
            settings_a TEXT NOT NULL, settings_b TEXT NOT NULL, fault_a TEXT NOT NULL, fault_b TEXT NOT NULL,
            p_a {number}, p_b {number}, p_tie {number}, judge TEXT NOT NULL,
            CHECK (source IN ('ask', 'file')))"""
        )
    )
    connection.execute(
        text(
            f"""CREATE TABLE votes (
            id {serial}, battle_id TEXT NOT NULL REFERENCES battles (id), session TEXT NOT NULL,
            choice TEXT NOT NULL, voted_at {moment} NOT NULL, undone_at {moment},
            CHECK (choice IN ('a', 'tie', 'b', 'both_bad')))"""
        )
    )
    # at most one vote that holds for each battle; withdrawn ones stay as a record
    connection.execute(text("CREATE UNIQUE INDEX one_vote ON votes (battle_id) WHERE undone_at IS NULL"))
    connection.execute(text("CREATE INDEX votes_by_time ON votes (voted_at)"))


def _asked_and_origin(connection: Connection) -> None:
    """Add what was typed where a recorded battle answers another question, and the file a battle comes from."""
    for column in ("asked", "origin", "origin_id"):
        connection.execute(text(f"ALTER TABLE battles ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"))
    connection.execute(text("CREATE INDEX battles_by_origin ON battles (origin, session)"))


def _named(connection: Connection) -> None:
    """Add which answers name their own model; of battles stored before it is not known."""
    connection.execute(text("ALTER TABLE battles ADD COLUMN named TEXT NOT NULL DEFAULT ''"))


def _drawn(connection: Connection) -> None:
    """Add at which step a battle of a file was shown, of how many, and with what chance; unknown of those before."""
    for column, kind in (("shown_step", "INTEGER"), ("shown_of", "INTEGER"), ("shown_chance", "DOUBLE PRECISION")):
        connection.execute(text(f"ALTER TABLE battles ADD COLUMN {column} {kind}"))


def _reasons(connection: Connection) -> None:
    """Add why a vote was cast, as far as the person said it."""
    for column in ("reasons", "remark"):
        connection.execute(text(f"ALTER TABLE votes ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"))


def _paired(connection: Connection) -> None:
    """Add with what chance two styles met, of how many pairs; unknown of those before."""
    for column, kind in (("pair_of", "INTEGER"), ("pair_chance", "DOUBLE PRECISION")):
        connection.execute(text(f"ALTER TABLE battles ADD COLUMN {column} {kind}"))


def _own_prompt(connection: Connection) -> None:
    """Add what a person told both models besides their styles' system prompts."""
    connection.execute(text("ALTER TABLE battles ADD COLUMN own_prompt TEXT NOT NULL DEFAULT ''"))


STEPS: tuple[Step, ...] = (
    ("battles and votes", _battles_and_votes),
    ("what was asked, and the file a battle comes from", _asked_and_origin),
    ("which answers name their own model", _named),
    ("in which order and with what chance a battle was shown", _drawn),
    ("why a vote was cast", _reasons),
    ("with what chance two styles met", _paired),
    ("a system prompt of one's own", _own_prompt),
)
