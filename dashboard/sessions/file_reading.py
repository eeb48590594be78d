"""Reading files of battles of strangers: each in a process of its own, bounded, ended when nobody waits for it."""

import json
import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from dashboard.sessions.file_worker import NAMES
from pipelines.battles.table import TEXT_COLUMNS, UNLABELLED, battles_table
from pipelines.errors import UserError
from pipelines.terminal.processes import LOOK_S, Bounds, Stopped, TooMuch, run_apart

MOST_UNFOLDED = 500_000_000
"""Characters that a file may unfold to: a small parquet file can hold a text a million times. Kaggle's holds 180 M."""
BOUNDS = Bounds(memory=2_000_000_000, seconds=300.0)
WORKER = "dashboard.sessions.file_worker"
AT_ONCE = 4
"""Files that are read at a time; one person's wait for each other."""
_log = logging.getLogger(__name__)
_slots = threading.BoundedSemaphore(AT_ONCE)
_persons: dict[str, threading.Lock] = {}
_persons_lock = threading.Lock()


def read_apart(path: Path, shown: str, stop: threading.Event, person: str = "") -> tuple[pd.DataFrame, int]:
    """Read the battles of a file in a process of its own; waits for it, so call it from a thread.

    Parameters
    ----------
    path : Path
        The file.
    shown : str
        What it is called to people.
    stop : Event
        Ends the reading at once when it is set.
    person : str
        Who waits for it: of her files one is read at a time.

    Returns
    -------
    DataFrame, int
        A battles table (`pipelines.battles.table.COLUMNS`) without outcomes, and how many rows hold no battle.

    Raises
    ------
    UserError
        When it cannot be read, or is more than can be; the sentence says `shown`, no path of this machine.
    Stopped
        When `stop` is set.
    """
    with _turn(stop, person), tempfile.TemporaryDirectory(prefix="battles-") as folder:
        out = Path(folder) / "battles.arrow"
        said = _said(path, shown, out, stop)
        if said.get("fault"):
            raise UserError(str(said["fault"]).replace(str(path), shown))
        return _table(out, shown, stop), int(said["left_out"])


@contextmanager
def _turn(stop: threading.Event, person: str) -> Iterator[None]:
    """Wait until no other file of the person, and not too many of others, are being read."""
    with _persons_lock:
        own = _persons.setdefault(person, threading.Lock())
    with _held(own, stop), _held(_slots, stop):
        yield


@contextmanager
def _held(lock: Any, stop: threading.Event) -> Iterator[None]:
    while not lock.acquire(timeout=LOOK_S):
        if stop.is_set():
            raise Stopped
    try:
        yield
    finally:
        lock.release()


def _said(path: Path, shown: str, out: Path, stop: threading.Event) -> dict[str, Any]:
    """Run the process to its end, and return what it says."""
    log = out.with_name("log")
    try:
        status, said = run_apart(WORKER, [str(path), str(out), str(MOST_UNFOLDED)], BOUNDS, log, stop)
        return dict(json.loads(said))
    except TooMuch as fault:
        raise UserError(f"{shown}: takes {fault} to read; take a part of it.") from None
    except ValueError:
        _log.warning("reading %s ended with %s: %s", shown, status, log.read_text("utf-8", "replace")[-2000:])
        raise UserError(f"{shown}: cannot be read, reading it broke off; save it as CSV or JSON Lines.") from None


def _table(path: Path, shown: str, stop: threading.Event) -> pd.DataFrame:
    """Return the battles that the process has written, taken batch by batch so that other threads get their turn."""
    import pyarrow

    columns: dict[str, list[Any]] = {name: [] for name in (*NAMES, *TEXT_COLUMNS)}
    with pyarrow.memory_map(str(path)) as file:
        reader = pyarrow.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            if stop.is_set():
                raise Stopped
            batch = reader.get_batch(number)
            for name in NAMES:
                columns[name].extend(batch.column(name).to_pylist())
            for name in TEXT_COLUMNS:
                cells = batch.column(name).to_pylist()
                columns[name].extend(tuple(turn.decode("utf-8", "surrogatepass") for turn in turns) for turns in cells)
    for name, value in (("outcome", UNLABELLED), ("weight", 1.0), ("source", shown)):
        columns[name] = [value] * len(columns["id"])
    return battles_table(columns)
