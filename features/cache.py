"""Numbers of texts kept on disk by content: what was computed once is not computed again, by any process."""

import hashlib
import sqlite3
import warnings
import weakref
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.blocks.interface import ComputesRows
from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError
from pipelines.files.hashes import code_version

_BATCH = 500
"""Keys asked for in one query."""
_WAIT_S = 60.0
"""Seconds to wait while another process writes."""
_TABLE = "CREATE TABLE IF NOT EXISTS numbers (place INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, row BLOB NOT NULL)"


def key_of(*texts: str) -> bytes:
    """Return the 16 bytes that stand for a text, or for several texts in this order."""
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()


def code_of(kind: type) -> str:
    """Return a hash of all code that the rows of a kind of block depend on, and of that which brings them here."""
    own = {each.__module__ for each in kind.__mro__[:-1]}
    way = code_version("features.cache", "features.parallel", follow=False)
    return code_version(*sorted(own)) + way


class KeepsRows(Protocol):
    """Where rows of blocks are found again, as `BlockCache` keeps them."""

    def get(self, block: ComputesRows, keys: Sequence[bytes]) -> tuple[Floats32, NDArray[np.bool_]]: ...  # noqa: D102
    def put(self, block: ComputesRows, keys: Sequence[bytes], rows: Floats32) -> None: ...  # noqa: D102


def name_of(block: ComputesRows) -> str:
    """Return a name that changes with a block's version, code and columns."""
    about = "\n".join((block.name, block.version, code_of(type(block)), *block.columns))
    return f"{block.name}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


class BlockCache:
    """A folder with one SQLite file for each block and version; safe for several processes and for a sudden end.

    Each row is a text's numbers as little-endian float32 and their checksum, so that a damaged row is computed again
    and not believed. A file that SQLite cannot read is set aside with a warning.

    Parameters
    ----------
    folder : Path
        Made when missing.

    Raises
    ------
    UserError
        When the folder cannot be written, or the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The cache folder {self.folder} cannot be made ({error.strerror}); name another or fix its rights."
            ) from error
        self._open: dict[Path, sqlite3.Connection] = {}
        self._lock = Lock()
        # Closes the files when the cache is let go, whether or not anybody thought of it.
        self._closing = weakref.finalize(self, _close_all, self._open)

    def close(self) -> None:
        """Close the files; a later call opens them again."""
        with self._lock:
            _close_all(self._open)

    def path(self, block: ComputesRows) -> Path:
        """Return the file of a block."""
        return self.folder / f"{name_of(block)}.sqlite"

    def get(self, block: ComputesRows, keys: Sequence[bytes]) -> tuple[Floats32, NDArray[np.bool_]]:
        """Return the rows kept for these keys, (len(keys), columns), and which were found; others are NaN."""
        width = len(block.columns)
        rows = np.full((len(keys), width), np.nan, dtype=np.float32)
        found = np.zeros(len(keys), dtype=np.bool_)
        places: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        distinct = list(places)

        def read(database: sqlite3.Connection) -> None:
            for start in range(0, len(distinct), _BATCH):
                batch = distinct[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                for key, data in database.execute(f"SELECT key, row FROM numbers WHERE key IN ({marks})", batch):
                    row = _unpacked(data, width)
                    if row is not None and key in places:
                        rows[places[key]] = row
                        found[places[key]] = True

        if distinct and self.path(block).exists():
            self._run(block, read)
        return rows, found

    def put(self, block: ComputesRows, keys: Sequence[bytes], rows: Floats32) -> None:
        """Keep the rows, (len(keys), columns), in one transaction: all of them or none."""
        data = [(key, _packed(row)) for key, row in zip(keys, np.ascontiguousarray(rows, dtype="<f4"), strict=True)]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO numbers (key, row) VALUES (?, ?)", data)

        if data:
            self._run(block, write)

    def _run(self, block: ComputesRows, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run `work` on the block's file; a file that is damaged is set aside and a new one begun."""
        path = self.path(block)
        with self._lock:
            for attempt in (1, 2):
                try:
                    if path not in self._open:
                        self._open[path] = _opened(path)
                    work(self._open[path])
                    return
                except sqlite3.DatabaseError as error:
                    if path in self._open:
                        self._open.pop(path).close()
                    # What SQLite calls operational the user can fix; a table that is not ours is as bad as damage.
                    if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
                        raise UserError(_mendable(path, error)) from error
                    if attempt == 2:
                        raise UserError(f"The cache file {path} cannot be used ({error}); delete it.") from error
                    self._set_aside(path, error)

    def _set_aside(self, path: Path, error: sqlite3.DatabaseError) -> None:
        """Rename a damaged file, so that nobody reads it again and somebody can look at it."""
        warnings.warn(
            f"The cache file {path} is damaged ({error}); it is set aside as {path.name}.damaged and computed again.",
            stacklevel=4,
        )
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        if path.exists():
            path.replace(path.with_name(path.name + ".damaged"))


def _opened(path: Path) -> sqlite3.Connection:
    """Open a block's file, made when missing."""
    # One lock of ours guards the connection, so that any thread may use it.
    database = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
    try:
        database.execute("PRAGMA page_size = 8192")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(_TABLE)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _close_all(databases: dict[Path, sqlite3.Connection]) -> None:
    """Close open files."""
    while databases:
        databases.popitem()[1].close()


def _packed(row: Floats32) -> bytes:
    """Return a row's bytes and their checksum."""
    data = row.tobytes()
    return data + zlib.crc32(data).to_bytes(4, "little")


def _unpacked(data: object, width: int) -> Floats32 | None:
    """Return the row, or None where its bytes are not what was written."""
    if not isinstance(data, bytes) or len(data) != 4 * width + 4:
        return None
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    return np.frombuffer(data, dtype="<f4", count=width)


def _mendable(path: Path, error: sqlite3.OperationalError) -> str:
    """Say in one sentence what hinders the cache."""
    if "full" in str(error):
        return f"The disk of the cache folder {path.parent} is full; free some space or name another cache folder."
    if "locked" in str(error):
        return f"The cache file {path} has been locked by another process for {_WAIT_S:.0f} s; wait for it or end it."
    return f"The cache file {path} cannot be written ({error}); fix its rights or name another cache folder."
