"""The simulation's tasks on a real scheduler: asleep for their lengths, so that hardly a core is needed.

It goes the way of a run's own work, `pipelines.terminal.cluster.tasks`, so that Ray schedules them, and begins again
what a dying process had begun.
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.terminal.cluster.tasks import Task, Tasks
from stacker.bench.scale.node_simulation import DIES_AT, Stage


def nap(seconds: float, dies: str = "") -> None:
    """Sleep; where `dies` names a file that is not there yet, make it and end this process half way."""
    if dies and not Path(dies).exists():
        time.sleep(seconds * DIES_AT)
        Path(dies).touch()
        os._exit(1)
    time.sleep(seconds)


def sleep_through(stages: Sequence[Stage], tasks: Tasks, seed: int, speed: float, deaths: float, marks: Path) -> float:
    """Return the seconds that all stages took on a cluster, times `speed`, by which each nap is shortened.

    Parameters
    ----------
    stages : sequence of Stage
        Each begins when the one before it is done, as those of a run do.
    deaths : float
        Share of tasks whose process dies once, half way.
    marks : Path
        An empty folder of this machine's, where the nodes are its processes; who has died is noted there.
    """
    begun = time.perf_counter()
    for stage in stages:
        for _ in tasks.run(_naps(stage, seed, speed, deaths, marks)):
            pass
    return (time.perf_counter() - begun) * speed


def _naps(stage: Stage, seed: int, speed: float, deaths: float, marks: Path) -> Iterator[Task]:
    dying = stage.dying(seed, deaths)
    for number, length in enumerate(stage.lengths(seed)):
        mark = str(marks / f"{stage.name}-{number}") if dying[number] else ""
        yield Task(nap, (float(length) / speed, mark), threads=stage.cores)
