"""A study from its first trial to its outcome, in this process or by workers that are watched and replaced."""

import io
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from pipelines.errors import UserError
from pipelines.terminal.cluster.tasks import tasks_at
from pipelines.terminal.command_line import USER_ERROR, Screen
from pipelines.terminal.processes import usable_cores
from stacker.study.outcome import write_outcome
from stacker.study.spread_study import is_spread, tune_on_cluster
from stacker.study.study_log import StudyLog, work
from stacker.study.tuning import Tuning, open_tuning
from stacker.training.params import Params

POLL_S = 0.5
PATIENCE_S = 20.0
"""How long workers may take to end after Ctrl-C before they are killed."""
MOST_IN_VAIN = 3
"""Rounds of workers that may end without a single finished trial."""


def run_study(params: Params, screen: Screen, worker: Sequence[str], continue_anyway: bool = False) -> dict[str, Any]:
    """Run or resume a study and return what study.json holds.

    Parameters
    ----------
    screen : Screen
        Told each trial's value, the best so far, and what was written.
    worker : sequence of str
        The command that starts one worker process, where `study.workers` asks for several.
    continue_anyway : bool
        Whether to go on with a study that was begun with something else.

    Raises
    ------
    UserError
        For what the user can fix; finished trials are kept.
    """
    begun = time.monotonic()
    spread = is_spread(params)
    with closing(open_tuning(params, screen, continue_anyway)) as tuning:
        if spread:
            _spread(tuning, screen, begun)
        else:
            _tune(tuning, screen, worker, begun)
        return write_outcome(tuning, screen)


def _tune(tuning: Tuning, screen: Screen, worker: Sequence[str], begun: float) -> None:
    params, watch = tuning.params, StudyWatch([job.log for job in tuning.jobs], screen)
    if params.study.workers == 1:
        stop = _deadline(params.study.timeout, begun)
        for job in tuning.jobs:
            work(job.log, job.objective, stop, watch.look)
    else:
        threads = max((params.run.threads or usable_cores()) // params.study.workers, 1)
        left = max(params.study.timeout - (time.monotonic() - begun), 1.0) if params.study.timeout else 0.0
        command = [*worker, "--set", f"run.threads={threads}", "--set", f"study.timeout={left}"]
        _run_team(tuning, command, watch.look)
    watch.look()


def _spread(tuning: Tuning, screen: Screen, begun: float) -> None:
    params, tasks = tuning.params, tasks_at(tuning.params.run.cluster)
    tasks.announce(screen.note)
    watch = StudyWatch([job.log for job in tuning.jobs], screen)
    tune_on_cluster(tuning, tasks, watch.look, _deadline(params.study.timeout, begun))
    watch.look()


def run_worker(params: Params) -> None:
    """Work on the studies until they have all their trials, the time is over, or who started this process has ended."""
    begun, parent = time.monotonic(), os.getppid()

    def alone() -> bool:
        return os.getppid() != parent

    late = _deadline(params.study.timeout, begun)
    # The process that started this one has compared the study with what it was begun with.
    with closing(open_tuning(params, Screen(Console(file=io.StringIO())), True)) as tuning:
        for job in tuning.jobs:
            work(job.log, job.objective, lambda: late() or alone(), abandon=alone)


def _deadline(timeout: float, begun: float) -> Callable[[], bool]:
    return lambda: bool(timeout) and time.monotonic() - begun > timeout


def _run_team(tuning: Tuning, command: Sequence[str], look: Callable[[], None]) -> None:
    """Run workers, each started by `command`, and others for those that are killed, until there is nothing left to do.

    A worker ends by itself when the study has all its trials or the time is over; what it cannot go on with it has said
    on standard error.
    """
    logs, workers, in_vain = [job.log for job in tuning.jobs], tuning.params.study.workers, 0
    while any(log.unfinished() for log in logs):
        before = sum(len(log.finished()) for log in logs)
        codes = _round(command, workers, look)
        if USER_ERROR in codes:
            raise UserError("study: a worker could not go on, for the reason above; what was finished is kept.")
        if not any(codes):
            return  # every worker found that there is nothing left, or that the time is over
        in_vain = 0 if sum(len(log.finished()) for log in logs) > before else in_vain + 1
        if in_vain == MOST_IN_VAIN:
            raise UserError(
                f"study.workers {workers}: the workers were killed {in_vain} times before a trial ended, perhaps for "
                "want of memory; use fewer workers."
            )


def _round(command: Sequence[str], workers: int, look: Callable[[], None]) -> list[int]:
    team = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(workers)]
    try:
        while any(member.poll() is None for member in team):
            look()
            time.sleep(POLL_S)
    except BaseException as fault:
        end = time.monotonic() + PATIENCE_S
        if not isinstance(fault, KeyboardInterrupt):  # Ctrl-C reaches the workers by itself
            for member in team:
                member.terminate()
        for member in team:
            try:
                member.wait(max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()
        raise
    look()
    return [member.returncode for member in team]


class StudyWatch:
    """Says on the screen what came of each trial, and which is the best so far."""

    def __init__(self, logs: Sequence[StudyLog], screen: Screen) -> None:
        self.logs = logs
        self.screen = screen
        self._seen: dict[str, set[int]] = {}
        for log in logs:
            known = self._seen[log.name] = {trial.number for trial in log.finished()}
            if known:
                screen.note(f"Going on with {log.name}: {len(known)} of {log.params.trials} trials done.")

    def look(self) -> None:
        """Say what is new."""
        for log in self.logs:
            seen = self._seen[log.name]
            for trial in log.finished():
                if trial.number not in seen:
                    seen.add(trial.number)
                    self.screen.note(self._line(log, trial, len(seen)))

    def _line(self, log: StudyLog, trial: FrozenTrial, done: int) -> str:
        pruned = trial.state == TrialState.PRUNED
        said = f"pruned after {len(trial.intermediate_values)} folds" if pruned else log.values(trial)
        best = log.best()
        so_far = "" if best is None else f"; best so far {best.values[0]:.4f} (trial {best.number})"
        return f"{log.name}: {done} of {log.params.trials}, trial {trial.number}: {said}{so_far}"
