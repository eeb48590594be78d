"""Seconds, rows per second and memory of a piece of work, and how its time grows with the rows."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread

import numpy as np
import psutil

SAMPLE_S = 0.02
"""Seconds between two looks at the memory."""
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
        Processor time of this process and of its children that have ended: on a busy machine the steadier number.
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
        return {
            "rows": self.rows,
            "seconds": self.seconds,
            "rows_per_second": self.rows_per_second,
            "cpu_seconds": self.cpu_seconds,
            "peak_mb": self.peak_mb,
            "added_mb": self.added_mb,
        }


def measured(work: Callable[[], object], rows: int) -> Measured:
    """Do a piece of work and tell what it took."""
    before = resident_mb()
    peak = [before]
    ended = Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_S):
            peak[0] = max(peak[0], resident_mb())

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
    return Measured(rows, seconds, processor, peak[0], peak[0] - before)


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
