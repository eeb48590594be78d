"""Where a study is kept: a journal file that heals after a kill, an SQLite file, or a PostgreSQL database."""

import logging
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from pipelines.errors import UserError
from pipelines.files.database_urls import database_address
from stacker.study.worker_lock import FileWorkerLock, PostgresWorkerLock, WorkerLock

JOURNAL = "study.journal"
"""Name of the journal in the study's folder."""


def open_storage(url: str | None, folder: Path, name: str) -> tuple[BaseStorage, WorkerLock]:
    """Open a storage, and the guard that keeps its workers apart.

    Parameters
    ----------
    url : str or None
        `sqlite:///FILE`, `postgresql://…`, or None for a journal file in `folder`.
    folder : Path
        The study's folder; made when it is not there.
    name : str
        The study's name.

    Raises
    ------
    UserError
        When it cannot be reached, written or read; it never shows a password.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise UserError(f"study.folder {folder}: cannot be made ({fault.strerror}); name another folder.") from fault
    if url is None:
        return _journal(folder / JOURNAL, name)
    return _database(url, name)


def _journal(path: Path, name: str) -> tuple[BaseStorage, WorkerLock]:
    try:
        guard = FileWorkerLock(path.with_name(path.name + ".locks"), name)
        return JournalStorage(JournalFileBackend(str(path), HealingLock(path))), guard
    except OSError as fault:
        raise UserError(f"{path}: cannot be written ({fault.strerror}); name another study.folder.") from fault
    except (ValueError, KeyError, AssertionError) as fault:
        raise UserError(f"{path}: is no journal of a study ({fault}); name another study.folder.") from fault


def _database(url: str, name: str) -> tuple[BaseStorage, WorkerLock]:
    from sqlalchemy.exc import SQLAlchemyError

    address = database_address(url, "study.storage")
    kind = address.get_backend_name()
    shown = address.render_as_string(hide_password=True)
    engine: dict[str, Any] = {"pool_pre_ping": True}
    if kind == "sqlite":
        engine["connect_args"] = {"timeout": 120}
    guard: WorkerLock | None = None
    try:
        if kind == "sqlite":
            guard = FileWorkerLock(Path(f"{address.database}.locks"), name)
        else:
            guard = PostgresWorkerLock(address, name)
        with guard.asking():  # two processes that create the tables at once would meet
            return RDBStorage(address.render_as_string(hide_password=False), engine_kwargs=engine), guard
    except ImportError as fault:
        raise UserError(f"study.storage {shown}: needs the package psycopg; pip install 'psycopg[binary]'.") from fault
    except OSError as fault:
        raise UserError(f"study.storage {shown}: cannot be written ({fault.strerror}); name another file.") from fault
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError) as fault:
        raise UserError(
            f"study.storage {shown}: cannot be used ({first_line(fault)}); check its address, server and rights."
        ) from fault


def close_storage(storage: BaseStorage) -> None:
    """Close the connections that a storage holds."""
    if isinstance(storage, RDBStorage):
        storage.remove_session()
        storage.engine.dispose()


def first_line(fault: BaseException) -> str:
    """Return the first line of what a database says, of the innermost error."""
    inner = getattr(fault, "orig", None) or fault
    text = str(inner).strip() or type(inner).__name__
    return text.splitlines()[0][:200]


class HealingLock(BaseJournalFileLock):
    """A lock on a journal that the system takes from a killed process, and that cuts off what it left half-written.

    Optuna's own locks are files that a killed process leaves behind, and half a line at the end makes a journal
    unreadable as soon as another line follows it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        """Wait for the lock, then heal the journal."""
        self._lock.acquire()
        heal(self.path)
        return True

    def release(self) -> None:
        """Let others write."""
        self._lock.release()


def heal(path: Path) -> None:
    """Cut a journal after its last whole line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, 2)
        position = end
        while position > 0:
            start = max(position - 65536, 0)
            file.seek(start)
            place = file.read(position - start).rfind(b"\n")
            if place >= 0:
                position = start + place + 1
                break
            position = start
        if position < end:
            file.truncate(position)
