"""A study from its first trial to its outcome, in this process or by several workers."""

import io
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from rich.console import Console

from pipelines.terminal.command_line import Screen
from pipelines.terminal.processes import usable_cores
from stacker.study.jobs import Tuning, open_tuning
from stacker.study.outcome import write_outcome
from stacker.study.study_work import work
from stacker.study.study_workers import orphaned, run_team
from stacker.study.watch import Watch
from stacker.training.params import Params


def run_study(params: Params, screen: Screen, worker: Sequence[str], continue_anyway: bool = False) -> dict[str, Any]:
    """Run or go on with a study and return what study.json holds.

    Parameters
    ----------
    params : Params
        All sections.
    screen : Screen
        Told each trial's value, the best so far, and what was written.
    worker : sequence of str
        The command that starts one worker process, where `study.workers` asks for several.
    continue_anyway : bool
        Whether to go on with a study that was begun with something else.

    Raises
    ------
    UserError
        For what the user can mend; finished trials are kept.
    """
    begun = time.monotonic()
    with closing(open_tuning(params, screen, continue_anyway)) as tuning:
        _tune(tuning, screen, worker, begun)
        return write_outcome(tuning, screen)


def _tune(tuning: Tuning, screen: Screen, worker: Sequence[str], begun: float) -> None:
    params, watch = tuning.params, Watch([job.ledger for job in tuning.jobs], screen)
    if params.study.workers == 1:
        stop = _deadline(params.study.timeout, begun)
        for job in tuning.jobs:
            work(job.ledger, job.objective, stop, watch.look)
    else:
        threads = max((params.run.threads or usable_cores()) // params.study.workers, 1)
        left = max(params.study.timeout - (time.monotonic() - begun), 1.0) if params.study.timeout else 0.0
        command = [*worker, "--set", f"run.threads={threads}", "--set", f"study.timeout={left}"]
        run_team(
            command,
            params.study.workers,
            lambda: any(job.ledger.unfinished() for job in tuning.jobs),
            lambda: sum(len(job.ledger.finished()) for job in tuning.jobs),
            watch.look,
        )
    watch.look()


def run_worker(params: Params) -> None:
    """Work on the studies until they have all their trials, the time is over, or who started this process has ended."""
    begun, alone = time.monotonic(), orphaned()
    late = _deadline(params.study.timeout, begun)
    # The process that started this one has compared the study with what it was begun with.
    with closing(open_tuning(params, Screen(Console(file=io.StringIO())), True)) as tuning:
        for job in tuning.jobs:
            work(job.ledger, job.objective, lambda: late() or alone(), abandon=alone)


def _deadline(timeout: float, begun: float) -> Callable[[], bool]:
    return lambda: bool(timeout) and time.monotonic() - begun > timeout
