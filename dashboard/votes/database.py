"""The database behind the vote store: its address, and connections that write through to the disk."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from dashboard.votes.store_faults import StoreFault
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
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
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
