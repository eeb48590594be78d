"""Where a study is kept (a journal file that heals after a kill, an SQLite file, a PostgreSQL database), and its locks.

One worker at a time asks for a point, and a worker that was killed is known to be dead: both rest on locks that the
system, or PostgreSQL, takes from a process when it ends, however it ends. Nothing has to be waited for, and nobody is
taken for dead who is only slow.

Optuna's own means do not hold that. Heartbeats exist for databases alone, not for journals, beat only inside
`Study.optimize`, and take a process that was suspended for dead. Its locks on a journal are files that a killed process
leaves behind, taken away after 30 s from whoever is slow; and half a line at a journal's end makes it unreadable as
soon as another line follows.
"""

import hashlib
import logging
import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from pipelines.errors import UserError
from pipelines.files.database_urls import database_address

JOURNAL = "study.journal"
"""Name of the journal in the study's folder."""


class WorkerLock(ABC):
    """Keeps the workers of one study apart; `worker` is the name of this one, like no other."""

    def __init__(self) -> None:
        self.worker = uuid4().hex

    @abstractmethod
    def asking(self) -> AbstractContextManager[Any]:
        """Return a context in which no other worker asks; it waits for those that do."""

    def alive(self, worker: str) -> bool:
        """Return whether a worker's process still runs."""
        return worker == self.worker or self._held(worker)

    @abstractmethod
    def close(self) -> None:
        """Give up this worker's name."""

    @abstractmethod
    def _held(self, worker: str) -> bool: ...


class FileWorkerLock(WorkerLock):
    """Locks on files in a folder next to the study, made when it is not there; for workers of one machine."""

    def __init__(self, folder: Path, study: str) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._asking = FileLock(folder / f"{_digest(study)}.asking")
        self._own = FileLock(self._path(self.worker))
        self._own.acquire(timeout=0)

    def asking(self) -> AbstractContextManager[Any]:
        """Return the lock of those who ask."""
        return self._asking

    def _held(self, worker: str) -> bool:
        if not self._path(worker).exists():
            return False
        lock = FileLock(self._path(worker))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        self._path(worker).unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Give up this worker's name."""
        self._own.release()
        self._path(self.worker).unlink(missing_ok=True)

    def _path(self, worker: str) -> Path:
        return self.folder / f"{worker}.worker"


class PostgresWorkerLock(WorkerLock):
    """Advisory locks of a PostgreSQL session; for workers of several machines.

    The server gives them back when the session's connection ends; it asks a silent machine after a minute.
    """

    def __init__(self, address: Any, study: str) -> None:
        from sqlalchemy import create_engine, text

        super().__init__()
        self._study = _number(f"asking {study}")
        self._text = text
        self._engine = create_engine(address, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0)
        self._connection = self._engine.connect()
        for setting in ("tcp_keepalives_idle = 60", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3"):
            self._connection.execute(text(f"SET {setting}"))
        self._call("pg_advisory_lock", _number(self.worker))

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Wait until no other worker asks, and keep them waiting."""
        self._call("pg_advisory_lock", self._study)
        try:
            yield
        finally:
            self._call("pg_advisory_unlock", self._study)

    def _held(self, worker: str) -> bool:
        if not self._call("pg_try_advisory_lock", _number(worker)):
            return True
        self._call("pg_advisory_unlock", _number(worker))
        return False

    def close(self) -> None:
        """End the session."""
        self._connection.close()
        self._engine.dispose()

    def _call(self, function: str, number: int) -> Any:
        return self._connection.execute(self._text(f"SELECT {function}(:number)"), {"number": number}).scalar()


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _number(name: str) -> int:
    """Return the number of a lock, a signed integer of 64 bits."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big", signed=True)


def open_storage(url: str | None, folder: Path, name: str) -> tuple[BaseStorage, WorkerLock]:
    """Open a storage, and the lock that keeps its workers apart.

    Parameters
    ----------
    url : str or None
        `sqlite:///FILE`, `postgresql://…`, or None for a journal file in `folder`.
    folder : Path
        The study's folder; made when it is not there.

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
        lock = FileWorkerLock(path.with_name(path.name + ".locks"), name)
        return JournalStorage(JournalFileBackend(str(path), HealingLock(path))), lock
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
    lock: WorkerLock | None = None
    try:
        if kind == "sqlite":
            lock = FileWorkerLock(Path(f"{address.database}.locks"), name)
        else:
            lock = PostgresWorkerLock(address, name)
        with lock.asking():  # two processes that create the tables at once would meet
            return RDBStorage(address.render_as_string(hide_password=False), engine_kwargs=engine), lock
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
    """A lock on a journal that the system takes from a killed process, and that cuts off what it left half-written."""

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
    """Cut a journal after its last complete line."""
    size = path.stat().st_size if path.exists() else 0
    if not size:
        return
    with path.open("rb+") as file:
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
            end = content.rfind(b"\n") + 1
        if end < size:
            file.truncate(end)
