"""Reading files of battles of strangers: each in a process of its own, bounded, ended when nobody waits for it."""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from dashboard.file_worker import NAMES
from pipelines.battles import TURN_COLUMNS, UNLABELLED, battles_table
from pipelines.errors import UserError

MOST_UNFOLDED = 500_000_000
"""Characters that a file may unfold to: a small parquet file can hold a text a million times. Kaggle's holds 180 M."""
MOST_MEMORY = 2_000_000_000
"""Bytes that reading a file may take."""
MOST_SECONDS = 300.0
AT_ONCE = 4
"""Files that are read at a time; one person's wait for each other."""
WAITING = ThreadPoolExecutor(max_workers=64, thread_name_prefix="waiting for a file")
"""Threads that wait for a file to be read: they do nothing else, so many do no harm, and nobody else's work waits."""
_LOOK_S = 0.05
_log = logging.getLogger(__name__)
_slots = threading.BoundedSemaphore(AT_ONCE)
_persons: dict[str, threading.Lock] = {}
_persons_lock = threading.Lock()


class Stopped(Exception):  # noqa: N818 - no fault: nobody waits for the file any more
    """The file is not read to its end, because `stop` was set."""


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
        A battles table (`pipelines.battles.COLUMNS`) without outcomes, and how many rows hold no battle.

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
    while not lock.acquire(timeout=_LOOK_S):
        if stop.is_set():
            raise Stopped
    try:
        yield
    finally:
        lock.release()


def _said(path: Path, shown: str, out: Path, stop: threading.Event) -> dict[str, Any]:
    """Run the process to its end, and return what it says."""
    root = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    log = out.with_name("log")
    with log.open("wb") as errors:
        process = subprocess.Popen(
            _command(path, out),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
    with process:
        try:
            _watch(process, shown, stop)
            assert process.stdout is not None
            return dict(json.loads(process.stdout.read()))
        except ValueError:
            told = log.read_text("utf-8", "replace")[-2000:]
            _log.warning("reading %s ended with %s: %s", shown, process.wait(), told)
            raise UserError(f"{shown}: cannot be read, reading it broke off; save it as CSV or JSON Lines.") from None
        finally:
            process.kill()


def _command(path: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "dashboard.file_worker", str(path), str(out), str(MOST_UNFOLDED)]


def _watch(process: "subprocess.Popen[bytes]", shown: str, stop: threading.Event) -> None:
    """Return when a process has ended; end it where nobody waits for it, or it takes too much."""
    seen = psutil.Process(process.pid)
    end = time.monotonic() + MOST_SECONDS
    while True:
        try:
            process.wait(_LOOK_S)
            return
        except subprocess.TimeoutExpired:
            pass
        if stop.is_set():
            raise Stopped
        try:
            memory = seen.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        if memory > MOST_MEMORY:
            raise UserError(
                f"{shown}: takes {memory:,} bytes of memory to read, and {MOST_MEMORY:,} are the most that one may; "
                f"take a part of it."
            )
        if time.monotonic() > end:
            raise UserError(f"{shown}: takes more than {MOST_SECONDS:.0f} seconds to read; take a part of it.")


def _table(path: Path, shown: str, stop: threading.Event) -> pd.DataFrame:
    """Return the battles that the process has written, taken batch by batch so that other threads get their turn."""
    import pyarrow

    columns: dict[str, list[Any]] = {name: [] for name in (*NAMES, *TURN_COLUMNS)}
    with pyarrow.memory_map(str(path)) as file:
        reader = pyarrow.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            if stop.is_set():
                raise Stopped
            batch = reader.get_batch(number)
            for name in NAMES:
                columns[name].extend(batch.column(name).to_pylist())
            for name in TURN_COLUMNS:
                cells = batch.column(name).to_pylist()
                columns[name].extend(tuple(turn.decode("utf-8", "surrogatepass") for turn in turns) for turns in cells)
    for name, value in (("outcome", UNLABELLED), ("weight", 1.0), ("source", shown)):
        columns[name] = [value] * len(columns["id"])
    return battles_table(columns)
