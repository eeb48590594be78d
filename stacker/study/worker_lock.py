"""Who works on a study: one worker at a time asks for a point, and a worker that was killed is known to be dead.

Both rest on locks that the system, or PostgreSQL, takes from a process when it ends, however it ends: nothing has to be
waited for, and nobody is taken for dead who is only slow.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from filelock import FileLock, Timeout


class WorkerLock(Protocol):
    """Keeps the workers of one study apart.

    Attributes
    ----------
    worker : str
        The name of this worker, like no other.
    """

    worker: str

    def asking(self) -> Any:
        """Return a context in which no other worker asks."""
        ...

    def alive(self, worker: str) -> bool:
        """Return whether a worker's process still runs."""
        ...

    def close(self) -> None:
        """Give up this worker's name."""
        ...


class FileWorkerLock:
    """Locks on files in a folder beside the study; for workers of one machine.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    study : str
        Name of the study.
    """

    def __init__(self, folder: Path, study: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.worker = uuid4().hex
        self._asking = FileLock(folder / f"{_digest(study)}.asking")
        self._own = FileLock(self._path(self.worker))
        self._own.acquire(timeout=0)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Wait until no other worker asks, and keep them waiting."""
        with self._asking:
            yield

    def alive(self, worker: str) -> bool:
        """Return whether a worker's process still runs."""
        if worker == self.worker:
            return True
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


class PostgresWorkerLock:
    """Advisory locks of a PostgreSQL session; for workers of several machines.

    The server gives them back when the session's connection ends; it asks a silent machine after a minute.

    Parameters
    ----------
    address : sqlalchemy.URL
        The database.
    study : str
        Name of the study.
    """

    def __init__(self, address: Any, study: str) -> None:
        from sqlalchemy import create_engine, text

        self.worker = uuid4().hex
        self._study = _number(f"asking {study}")
        self._text = text
        self._engine = create_engine(address, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0)
        self._connection = self._engine.connect()
        self._begin()

    def _begin(self) -> None:
        text = self._text
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

    def alive(self, worker: str) -> bool:
        """Return whether a worker's session still lives."""
        if worker == self.worker:
            return True
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
