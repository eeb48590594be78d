"""Reading files of battles of strangers: each in a process of its own, bounded, ended when nobody waits for it.

Whatever a file does to a library, it is done there: the server's memory, its loop and the other people's files do not
feel it. The process is this module's own program (`write`). The texts come to the server as bytes, because half a
character is no text for Arrow.
"""

import json
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipelines.battles.table import TEXT_COLUMNS, UNLABELLED, battles_table
from pipelines.battles.texts import storable
from pipelines.errors import UserError
from pipelines.formats.containers.raw_rows import BadRow
from pipelines.formats.row_stream import FileSummary, battle_rows
from pipelines.terminal.processes import LOOK_S, Bounds, Stopped, TooMuch, end_with_the_parent, run_apart

MOST_UNFOLDED = 500_000_000
"""Characters that a file may unfold to: a small parquet file can hold a text a million times. Kaggle's holds 180 M."""
BOUNDS = Bounds(memory=2_000_000_000, seconds=300.0)
WORKER = "dashboard.sessions.file_reading"
AT_ONCE = 4
"""Files that are read at a time; one person's wait for each other."""
_log = logging.getLogger(__name__)
_slots = threading.BoundedSemaphore(AT_ONCE)
_persons: dict[str, threading.Lock] = {}
_persons_lock = threading.Lock()


class ReadFile(NamedTuple):
    """A battles table without outcomes, how many rows hold no battle, and what the file's form is called."""

    battles: pd.DataFrame
    left_out: int
    form: str


def read_apart(path: Path, shown: str, stop: threading.Event, person: str = "") -> ReadFile:
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
    ReadFile
        Its battles as a table (`pipelines.battles.table.COLUMNS`), and what else is known of it.

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
        return ReadFile(_table(out, shown, stop), int(said["left_out"]), str(said["form"]))


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


NAMES = ("id", "model_a", "model_b", "lang")
"""Columns that go to the server besides the texts."""
_ROWS, _CHARACTERS = 2000, 8_000_000
"""Of one batch."""
_NICER = 5
"""By how much the server goes before."""


def main(path: Path, out: Path, most: int) -> None:
    """Read a file, and say on standard output how that ended: an object with `left_out` and `form`, or `fault`.

    Parameters
    ----------
    path : Path
        The file of battles.
    out : Path
        The Arrow file to write.
    most : int
        Characters that it may unfold to.
    """
    end_with_the_parent()
    with suppress(AttributeError, OSError):  # Windows has no such call
        os.nice(_NICER)
    try:
        said: dict[str, Any] = write(path, out, most)
    except UserError as fault:
        said = {"fault": str(fault)}
    sys.stdout.write(json.dumps(said) + "\n")


def write(path: Path, out: Path, most: int) -> dict[str, Any]:
    """Write the battles of a file as Arrow.

    Returns
    -------
    dict
        `left_out`, how many rows hold no battle, and `form`, what the file's form is called.

    Raises
    ------
    UserError
        As `pipelines.formats.row_stream.battle_rows`; and when no row holds a battle: that of the first row.
    """
    import pyarrow

    texts = {name: pyarrow.list_(pyarrow.large_binary()) for name in TEXT_COLUMNS}
    schema = pyarrow.schema({**dict.fromkeys(NAMES, pyarrow.large_string()), **texts})
    left_out, summary = _LeftOut(), FileSummary()
    with pyarrow.OSFile(str(out), "wb") as file, pyarrow.ipc.new_file(file, schema) as writer:
        for batch in _batches(path, most, left_out, summary):
            writer.write_batch(pyarrow.record_batch(batch, schema=schema))
    if left_out.first is not None and left_out.count == left_out.rows:
        raise UserError(f"{left_out.first.sentence()[:-1]}; no row holds a battle that can be shown.")
    return {"left_out": left_out.count, "form": summary.form}


@dataclass
class _LeftOut:
    """How many rows there are, how many of them hold no battle, and the first of these."""

    rows: int = 0
    count: int = 0
    first: BadRow | None = None


def _batches(path: Path, most: int, left_out: _LeftOut, summary: FileSummary) -> Iterator[dict[str, list[Any]]]:
    """Yield columns of some battles each, and count the rows that hold none."""
    columns: dict[str, list[Any]] = {name: [] for name in (*NAMES, *TEXT_COLUMNS)}
    held = 0
    for record, bad, size in battle_rows(path, _ROWS, labelled=False, most=most, summary=summary):
        held += size
        left_out.rows += 1
        if record is None:
            left_out.count += 1
            left_out.first = left_out.first or bad
            continue
        for name in NAMES:
            columns[name].append(storable(getattr(record, name)))
        for name in TEXT_COLUMNS:
            columns[name].append([turn.encode("utf-8", "surrogatepass") for turn in getattr(record, name)])
        if len(columns["id"]) >= _ROWS or held >= _CHARACTERS:
            yield columns
            columns, held = {name: [] for name in columns}, 0
    yield columns


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
