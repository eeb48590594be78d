"""Rows of an SQLite table that several machines share through object storage.

Rows are immutable and found by a key. Those that are new here go up in segments, parquet files named by the hash of
their bytes; segments of others come down into the table. A trigger marks a row as new in the transaction that writes
it, so that one which could not be sent, as the network or the machine went down, is sent next time.
"""

import hashlib
import io
import sqlite3
import warnings
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from pipelines.files.object_storage import RemoteFolder

ROWS = 20_000
"""Rows of one segment at most."""
AT_ONCE = 8
"""Segments that are in memory at a time."""
_SUFFIX = ".parquet"

T = TypeVar("T")


class RunsWork(Protocol):
    """Runs work on the database, under whatever lock its owner has, and returns what it gives."""

    def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Do it."""


class MirroredTable:
    """One table's way up and down.

    Parameters
    ----------
    folder : RemoteFolder
        Where its segments lie.
    table, value : str
        Names of the table, whose key is the column `key`, and of its other column.
    """

    def __init__(self, folder: RemoteFolder, table: str, value: str) -> None:
        self.folder = folder
        self._table, self._value = table, value

    def prepare(self, database: sqlite3.Connection) -> None:
        """Have the database note which rows are new and which segments are known; the table must be there."""
        database.execute("CREATE TABLE IF NOT EXISTS unsent (key BLOB PRIMARY KEY)")
        database.execute("CREATE TABLE IF NOT EXISTS segments (name TEXT PRIMARY KEY)")
        database.execute(
            f"CREATE TRIGGER IF NOT EXISTS mark AFTER INSERT ON {self._table} "
            "BEGIN INSERT OR IGNORE INTO unsent (key) VALUES (NEW.key); END"
        )

    def pull(self, run: RunsWork) -> int:
        """Bring the rows of segments that are not known here, and return how many segments these were."""
        names = [name for name in self.folder.names() if name.endswith(_SUFFIX)]
        known = set(run(self._known))
        missing = [name for name in names if name not in known]
        for start in range(0, len(missing), AT_ONCE):
            found = self.folder.read(missing[start : start + AT_ONCE])
            for name, data in found.items():
                rows = _unpacked(f"{self.folder}/{name}", name, data)
                run(partial(self._keep, name=name, rows=rows))
        return len(missing)

    def push(self, run: RunsWork) -> int:
        """Send all rows that are new, and return how many these were."""
        sent = 0
        while rows := run(self._unsent):
            data = _packed(rows)
            name = f"{hashlib.sha256(data).hexdigest()[:32]}{_SUFFIX}"
            part = self.folder.local / f".{name}.part"
            part.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(data)
                self.folder.send(name, part)
            finally:
                part.unlink(missing_ok=True)
            run(partial(self._gone, name=name, rows=rows))
            sent += len(rows)
        return sent

    def _known(self, database: sqlite3.Connection) -> list[str]:
        self.prepare(database)
        return [name for (name,) in database.execute("SELECT name FROM segments")]

    def _unsent(self, database: sqlite3.Connection) -> list[tuple[bytes, bytes]]:
        self.prepare(database)
        query = f"SELECT key, {self._value} FROM {self._table} JOIN unsent USING (key) ORDER BY key LIMIT {ROWS}"
        return [(bytes(key), _bytes(value)) for key, value in database.execute(query)]

    def _keep(self, database: sqlite3.Connection, name: str, rows: list[tuple[bytes, bytes]]) -> None:
        with database:
            self.prepare(database)
            database.executemany(f"INSERT OR IGNORE INTO {self._table} (key, {self._value}) VALUES (?, ?)", rows)
            self._forget(database, name, rows)

    def _gone(self, database: sqlite3.Connection, name: str, rows: list[tuple[bytes, bytes]]) -> None:
        with database:
            self._forget(database, name, rows)

    def _forget(self, database: sqlite3.Connection, name: str, rows: list[tuple[bytes, bytes]]) -> None:
        """Note that rows are in a segment."""
        database.executemany("DELETE FROM unsent WHERE key = ?", ((key,) for key, _ in rows))
        database.execute("INSERT OR IGNORE INTO segments VALUES (?)", (name,))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def _packed(rows: list[tuple[bytes, bytes]]) -> bytes:
    import pyarrow as pa  # local paths need none of it
    import pyarrow.parquet as pq

    keys, values = zip(*rows, strict=True)
    table = pa.table({"key": pa.array(keys, pa.binary()), "value": pa.array(values, pa.large_binary())})
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _unpacked(where: str, name: str, data: bytes) -> list[tuple[bytes, bytes]]:
    """Return a segment's rows; none, with a warning, where it is not what was written."""
    if f"{hashlib.sha256(data).hexdigest()[:32]}{_SUFFIX}" != name:
        warnings.warn(f"{where} is damaged (its SHA-256 differs); its rows are computed again.", stacklevel=4)
        return []
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data), use_threads=False)
    return list(zip(table["key"].to_pylist(), table["value"].to_pylist(), strict=True))
