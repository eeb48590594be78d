"""The cache of blocks where `run.cache` lies in object storage: SQLite files on this disk, shared through segments."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.blocks.interface import ComputesRows
from features.cache import BlockCache
from pipelines.battles.arrays import Floats32
from pipelines.files.mirrored_tables import ROWS, MirroredTable
from pipelines.files.object_storage import AnyFolder, RemoteFolder

T = TypeVar("T")
SEND_S = 60.0
"""Seconds after which rows are sent while others are still computed."""


def block_cache(folder: AnyFolder) -> BlockCache:
    """Return the cache of a folder, local or remote; see `BlockCache`."""
    return RemoteBlockCache(folder) if isinstance(folder, RemoteFolder) else BlockCache(folder)


class RemoteBlockCache(BlockCache):
    """A `BlockCache` on this disk that has the rows of other machines, and gives them its own.

    What others have is asked for when a row is missing here, once for each block; new rows go up when there are many,
    once a minute, and when the cache is closed.
    """

    def __init__(self, folder: RemoteFolder) -> None:
        folder.check()
        super().__init__(folder.local)
        self.remote = folder
        self._pulled: set[str] = set()
        self._waiting: dict[str, int] = {}
        self._blocks: dict[str, ComputesRows] = {}
        self._sent_at = time.monotonic()

    def get(self, block: ComputesRows, keys: Sequence[bytes]) -> tuple[Floats32, NDArray[np.bool_]]:
        """Return the rows kept for these keys, here or there, and which were found."""
        rows, found = super().get(block, keys)
        if found.all() or not self._first_look(block):
            return rows, found
        return super().get(block, keys)

    def put(self, block: ComputesRows, keys: Sequence[bytes], rows: Floats32) -> None:
        """Keep the rows in one transaction, and send them with the next segment."""
        if not len(keys):
            return
        self._run(block, self._table(block).prepare)
        super().put(block, keys, rows)
        name = self.path(block).stem
        self._waiting[name] = self._waiting.get(name, 0) + len(keys)
        self._blocks[name] = block
        if self._waiting[name] >= ROWS or time.monotonic() - self._sent_at > SEND_S:
            self._send(block)

    def close(self) -> None:
        """Send what is new, and close the files; a later call opens them again."""
        try:
            for block in list(self._blocks.values()):
                self._send(block)
        finally:
            super().close()

    def _first_look(self, block: ComputesRows) -> bool:
        """Bring what others have computed, the first time; also send what an earlier process could not."""
        name = self.path(block).stem
        if name in self._pulled:
            return False
        self._table(block).pull(partial(self._answer, block))
        self._pulled.add(name)
        self._send(block)
        return True

    def _send(self, block: ComputesRows) -> None:
        name = self.path(block).stem
        self._table(block).push(partial(self._answer, block))
        self._waiting[name] = 0
        self._blocks.pop(name, None)
        self._sent_at = time.monotonic()

    def _table(self, block: ComputesRows) -> MirroredTable:
        return MirroredTable(self.remote / self.path(block).stem, "numbers", "row")

    def _answer(self, block: ComputesRows, work: Callable[[sqlite3.Connection], T]) -> T:
        answers: list[T] = []
        self._run(block, lambda database: answers.append(work(database)))
        return answers[-1]
