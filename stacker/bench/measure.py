"""Seconds, rows per second and memory of a piece of work, how its time grows with the rows, and a judge's own times."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pandas as pd
import psutil

from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError

SAMPLE_S = 0.02
"""Seconds between two looks at the memory, the least."""
_LOOKING = 0.05
"""Share of the time that looking may take: it goes through all processes of the machine."""
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Measured:
    """One piece of work on a number of rows.

    Attributes
    ----------
    rows : int
        Rows that the work was done on.
    seconds : float
        Wall-clock time.
    cpu_seconds : float
        Processor time of this process and of its children that have ended, less that of looking at the memory: on a
        busy machine the steadier number.
    peak_mb : float
        Most resident memory of this process and its children during the work.
    added_mb : float
        The same, less what was held before.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    added_mb: float

    @property
    def rows_per_second(self) -> float:
        """Rows by seconds."""
        return self.rows / max(self.seconds, 1e-9)

    def to_dict(self) -> dict[str, float]:
        """Return the numbers as JSON values."""
        return {**asdict(self), "rows_per_second": self.rows_per_second}


def measured(work: Callable[[], object], rows: int) -> Measured:
    """Do a piece of work and tell what it took."""
    before = resident_mb()
    peak, looking = [before], [0.0]
    ended = Event()

    def watch() -> None:
        pause = SAMPLE_S
        while not ended.wait(pause):
            begun = time.perf_counter()
            peak[0] = max(peak[0], resident_mb())
            pause = max(SAMPLE_S, (time.perf_counter() - begun) / _LOOKING)
            looking[0] = time.thread_time()

    watcher = Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    processor, begun = _processor_seconds(), time.perf_counter()
    try:
        work()
    finally:
        seconds, processor = time.perf_counter() - begun, _processor_seconds() - processor
        peak[0] = max(peak[0], resident_mb())
        ended.set()
        watcher.join()
    return Measured(rows, seconds, max(processor - looking[0], 0.0), peak[0], peak[0] - before)


def resident_mb() -> float:
    """Return the resident memory of this process and its children, in MB of 2^20 bytes."""
    process = psutil.Process()
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            total += child.memory_info().rss
    return total / MEGABYTE


def _processor_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def growth_exponent(rows: Sequence[int], seconds: Sequence[float]) -> float | None:
    """Return the slope of log seconds over log rows by least squares: 1 is linear; None for fewer than two sizes."""
    if len(set(rows)) < 2:
        return None
    x, y = np.log(rows), np.log(np.maximum(seconds, 1e-9))
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())


VERDICTS = 100
WORDS = 300
"""Words of an answer that is typical for the measurement."""


def time_verdicts(folder: Path, battles: pd.DataFrame) -> dict[str, Any]:
    """Time a judge in a process of its own, on the battles whose answers are nearest to 300 words.

    Returns
    -------
    dict
        `start_s`, from the start of the process to the first verdict; `import_s`, `load_s` and `first_s`, its parts;
        `p50_ms` and `p95_ms` of the verdicts that follow, each of one battle with texts that are new, and
        `processor_p50_ms`, their processor time, which other work on the machine hardly moves.

    Raises
    ------
    UserError
        When the folder holds no judge that can be loaded.
    """
    chosen = _typical(battles)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "battles.json"
        path.write_text(json.dumps(chosen), encoding="utf-8")
        begun = time.time()
        command = [sys.executable, "-m", "stacker.bench.measure", str(folder), str(path), repr(begun)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = ended.stderr.strip().rpartition("\n")[2]
        raise UserError(f"--judge {folder}: {last}")
    found: dict[str, Any] = json.loads(ended.stdout.strip().rpartition("\n")[2])
    return found


def _typical(battles: pd.DataFrame) -> list[list[list[str]]]:
    """Return the turns of up to 101 battles, those with answers of about 300 words first."""
    columns = [battles[name].tolist() for name in TEXT_COLUMNS]
    lengths = np.array(
        [[sum(len(turn.split()) for turn in turns) for turns in column] for column in columns[1:]], dtype=np.float64
    )
    away = np.abs(lengths - WORDS).max(axis=0)
    rows = np.argsort(away, kind="stable")[: VERDICTS + 1]
    return [[list(column[row]) for column in columns] for row in rows]


def _main(folder: str, path: str, begun: float) -> None:
    """Time the judge; the child's side."""
    started = time.time()
    from stacker.judge.judge import Judge

    imported = time.time()
    judge = Judge.load(folder)
    loaded = time.time()
    spent, busy = [], []
    for turns in json.loads(Path(path).read_text(encoding="utf-8")):
        cells = {name: [tuple(turns[place])] for place, name in enumerate(TEXT_COLUMNS)}
        table = pd.DataFrame(cells)
        before, used = time.perf_counter(), time.process_time()
        judge.predict_proba(table)
        spent.append(time.perf_counter() - before)
        busy.append(time.process_time() - used)
    later = np.array(spent[1:] or spent) * 1000
    found = {
        "start_s": loaded - begun + spent[0],
        "python_s": started - begun,
        "import_s": imported - started,
        "load_s": loaded - imported,
        "first_s": spent[0],
        "verdicts": len(later),
        "p50_ms": float(np.percentile(later, 50)),
        "p95_ms": float(np.percentile(later, 95)),
        "processor_p50_ms": float(np.percentile(np.array(busy[1:] or busy) * 1000, 50)),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    try:
        _main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    except UserError as fault:
        sys.exit(str(fault))
