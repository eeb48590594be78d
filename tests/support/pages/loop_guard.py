"""Sees to it that the server's loop is never held up: by a file, by the vote store, by whatever waits for them."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashboard.votes.store import VoteStore

PATIENCE = 60
_loops: dict[int, tuple[str, ...]] = {}
"""Threads on which a loop runs, and the folders of which no file may be touched there."""
_touched: list[str] = []


def _watch(event: str, given: tuple[Any, ...]) -> None:
    folders = _loops.get(threading.get_ident())
    if folders is None or event.partition(".")[0] not in ("open", "os", "sqlite3", "shutil", "tempfile"):
        return
    paths = [os.fsdecode(each) for each in given if isinstance(each, (str, bytes, os.PathLike))]
    _touched.extend(f"{event}: {path}" for path in paths if path.startswith(folders))


sys.addaudithook(_watch)


def on_loop() -> bool:
    """Return whether this is the thread of a loop that is guarded."""
    return threading.get_ident() in _loops


@contextmanager
def loop_of(*folders: Path) -> Iterator[None]:
    """Guard the loop of this thread: no file below the folders may be touched here, and no watched store be called."""
    _touched.clear()
    _loops[threading.get_ident()] = tuple(map(str, folders))
    try:
        yield
    finally:
        del _loops[threading.get_ident()]
    assert not _touched, _touched


class WatchedStore(VoteStore):
    """Refuses to be called on a loop's thread; where `gate` is closed, every call waits until it opens."""

    gate: threading.Event

    @contextmanager
    def _said(self) -> Iterator[None]:
        assert not on_loop(), "the store was called on the server's loop"
        if hasattr(self, "gate"):
            assert self.gate.wait(PATIENCE)
        with super()._said():
            yield
