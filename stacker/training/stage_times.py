"""Where the time of a run goes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipelines.terminal.command_line import Progress

WHOLE, REST = "whole run", "everything else"
LEAST_SHARE = 0.01
"""Stages that took less of a run are joined where it is shown."""


class StageTimes:
    """Seconds by stage, on the clock of the wall; a stage that comes again goes on.

    Attributes
    ----------
    seconds : dict of float
        By stage, in the order in which they were first met.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Count the time of the block as that of a stage."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - begun)

    def add(self, stage: str, seconds: float) -> None:
        """Count seconds as those of a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def whole(self, seconds: float) -> dict[str, float]:
        """Return the stages, what a whole that took so long has besides them, and the whole itself."""
        return {**self.seconds, REST: max(seconds - sum(self.seconds.values()), 0.0), WHOLE: seconds}


class TimedProgress:
    """A `Progress` that counts how long each stage takes that is reported through it: from one report to the next."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.times = StageTimes()
        self._last = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report as `Progress` says."""
        now = time.perf_counter()
        self.times.add(stage, now - self._last)
        self._last = now
        self.progress(stage, done, total)


def time_table(seconds: Mapping[str, float]) -> list[list[str]]:
    """Return rows for the screen, the longest stage first, from what `StageTimes.whole` gave."""
    whole = max(seconds[WHOLE], 1e-9)
    stages = {stage: took for stage, took in seconds.items() if stage not in (WHOLE, REST)}
    shown = {stage: took for stage, took in stages.items() if took >= LEAST_SHARE * whole}
    rows = sorted(shown.items(), key=lambda each: -each[1])
    rows += [(REST, whole - sum(shown.values())), (WHOLE, whole)]
    return [["stage", "time", "share"], *([stage, clock(took), f"{took / whole:.0%}"] for stage, took in rows)]


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, from an hour on as hours and minutes with the seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
