"""Several workers on one study: processes that are started, watched, replaced when they are killed, and ended."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from pipelines.errors import UserError
from pipelines.terminal.command_line import USER_ERROR

POLL_S = 0.5
PATIENCE_S = 20.0
"""How long workers may take to end after Ctrl-C before they are killed."""
MOST_IN_VAIN = 3
"""Rounds of workers that may end without a single finished trial."""


def run_team(
    command: Sequence[str],
    workers: int,
    unfinished: Callable[[], bool],
    finished: Callable[[], int],
    look: Callable[[], None],
) -> None:
    """Run workers until there is nothing left to do.

    Parameters
    ----------
    command : sequence of str
        Starts one worker; it ends by itself when the study has all its trials or the time is over.
    workers : int
        How many at once.
    unfinished : callable
        Whether workers have something to do, asked when none runs.
    finished : callable
        How many trials have ended with a value.
    look : callable
        Called now and then, to show how far it has come.

    Raises
    ------
    UserError
        When the workers cannot go on; each has said why on standard error.
    """
    in_vain = 0
    while unfinished():
        before = finished()
        codes = _round(command, workers, look)
        if USER_ERROR in codes:
            raise UserError("study: a worker could not go on, for the reason above; what was finished is kept.")
        if all(code == 0 for code in codes):
            return  # every worker found that there is nothing left, or that the time is over
        in_vain = 0 if finished() > before else in_vain + 1
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
    except BaseException:
        # Ctrl-C reaches the workers by itself; whatever else ended this process has to be passed on.
        end = time.monotonic() + PATIENCE_S
        for member in team:
            member.terminate() if not isinstance(sys.exc_info()[1], KeyboardInterrupt) else None
        for member in team:
            try:
                member.wait(max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()
        raise
    look()
    return [member.returncode for member in team]


def orphaned() -> Callable[[], bool]:
    """Return a function that says whether the process that started this one has ended."""
    parent = os.getppid()
    return lambda: os.getppid() != parent
