"""`python -m dashboard.judges.learning_work FOLDER`: the process that learns from votes for the dashboard.

It goes at the lowest priority, tells how far it has come as JSON lines on standard output, and ends when its standard
input is closed, as it is when the dashboard ends. The run is made in FOLDER, whose name begins with a full stop, so
that nobody meets half a judge; the finished folder is moved to its place in one step. The new judge is compared with
the one so far on votes that neither had trained on.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import psutil
from filelock import FileLock, Timeout

from dashboard.judges.judge_calibration import probabilities_of
from dashboard.judges.learned import FORMAT, JOB, LOCK, LOG, PARAMS, VOTES
from dashboard.judges.saved_runs import LEARNED_FILE
from features.blocks.interface import TURNS
from features.blocks.registry import BLOCKS
from features.remote_cache import block_cache
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import prompt_groups
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json, write_text
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Screen
from stacker.evaluate import metrics, results
from stacker.evaluate.intervals import difference_interval
from stacker.judge.judge import Judge
from stacker.run import run
from stacker.training.params import SWITCHED, Params, dump_params, read_params
from stacker.training.run_folder import RunFolder

Word = Literal["better", "alike", "worse", "untold"]
LEAST = 50
"""Votes below which nothing is said about two judges: an interval of so few tells nothing."""


def compared(new: Floats, old: Floats, outcome: Ints, group: Ints) -> dict[str, Any]:
    """Return both judges' log loss and accuracy on n votes, and the differences with their 95 % intervals.

    Parameters
    ----------
    new, old : (n, 3) float
        Probabilities, of votes that the judge in question did not learn from.
    outcome, group : (n,) int
        What was voted, and the number of the question; the intervals let votes on one question move together.

    Returns
    -------
    dict
        `votes`, `new` and `old` (each `log_loss`, `accuracy`), `log_loss` and `accuracy` (each `difference`, `low`,
        `high`: new less old), and `word`: by the interval of the log loss, "untold" for fewer than
        `LEAST` votes, or votes on too few questions.
    """
    found: dict[str, Any] = {"votes": len(outcome), "new": None, "old": None, "log_loss": None, "accuracy": None}
    if len(outcome) < LEAST:
        return found | {"word": "untold"}
    losses = [metrics.losses(each, outcome) for each in (new, old)]
    right = [metrics.hits(each, outcome) for each in (new, old)]
    for name, place in (("new", 0), ("old", 1)):
        found[name] = {"log_loss": float(losses[place].mean()), "accuracy": float(right[place].mean())}
    for name, (first, second) in (("log_loss", losses), ("accuracy", right)):
        found[name] = difference_interval(first, second, group)
    gap = found["log_loss"]
    if gap["low"] is None:
        return found | {"word": "untold"}
    word: Word = "better" if gap["high"] < 0 else "worse" if gap["low"] > 0 else "alike"
    return found | {"word": word}


Step = Literal["reading", "learning", "comparing"]
READING, COMPARING = 0.35, 0.95
"""Shares at which the texts are read, and at which the comparison begins."""


class Steps:
    """Follows the progress of one run.

    Attributes
    ----------
    share : float
        How much of the whole is done, 0 to 1; the stages of a run do not take equally long, so it is a rough share.
    """

    def __init__(self, params: Params) -> None:
        self.step: Step = "reading"
        self.share = 0.0
        told = {name for name, block in BLOCKS.items() if block.sees != TURNS}
        self._blocks = told & {name for name, on in params.features.model_dump().items() if on}
        learners = sum(getattr(params.learners, name).enabled for name in SWITCHED)
        transformers = len(params.transformer.models) if params.transformer.enabled else 0
        self._learners = learners + transformers + 1  # the starter judge
        self._done: dict[str, float] = {}

    def moved(self, stage: str, done: int, total: int) -> None:
        """Take note of a stage's progress; stages that are not known say nothing about the whole."""
        self._done[stage] = done / max(total, 1)
        if stage == "comparison":
            self.step, share = "comparing", COMPARING + (1 - COMPARING) * self._done[stage]
        elif ":" in stage or self.step == "learning":
            self.step = "learning"
            folds = sum(of for name, of in self._done.items() if name.endswith(": folds"))
            whole = sum(of for name, of in self._done.items() if name.endswith(": all battles"))
            share = READING + (COMPARING - READING) * min((0.8 * folds + 0.2 * whole) / self._learners, 1.0)
        else:
            read = sum(of for name, of in self._done.items() if name in self._blocks)
            share = READING * min(read / max(len(self._blocks), 1), 1.0)
        self.share = max(self.share, min(share, 1.0))


TOLD_EVERY = 0.2
"""Seconds between two lines on how far it has come."""
LOWEST = 19


class ProgressReporter(Screen):
    """A screen whose progress goes to whoever started this process; notes and tables are not shown."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps = steps
        self._last = 0.0

    @contextmanager
    def working(self) -> Iterator["ProgressReporter"]:
        """Show nothing of its own."""
        yield self

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tell how far the whole has come."""
        self.steps.moved(stage, done, total)
        if time.monotonic() > self._last + TOLD_EVERY:
            self._last = time.monotonic()
            tell(step=self.steps.step, share=round(self.steps.share, 3))

    def note(self, text: str) -> None:
        """Show nothing."""


def main(folder: Path) -> None:
    """Learn, and tell how it ended."""
    threading.Thread(target=_end_with_the_dashboard, daemon=True).start()
    _lower_priority()
    try:
        tell(done=str(learn(folder)))
    except UserError as fault:
        tell(fault=str(fault))
    except MemoryError:
        tell(fault="There is not enough memory to learn from the votes; close other programs and try again.")


def learn(folder: Path, tell_steps: ProgressReporter | None = None) -> Path:
    """Make the run, compare it with the judge so far, and move it to its place, which is returned.

    Parameters
    ----------
    folder : Path
        Holds the votes, the run's parameters and the job (`JOB`): `final`, `old`, `seen`, `people`.
    tell_steps : ProgressReporter or None
        Told how far it has come.

    Raises
    ------
    UserError
        When another process learns below the same folder of judges, or as `stacker.run`.
    """
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    lock = FileLock(folder.parent / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as fault:
        raise UserError("Another process is learning from the votes just now; wait until it is done.") from fault
    try:
        params = read_params(folder / PARAMS)
        screen = tell_steps or ProgressReporter(Steps(params))
        run(params, screen)
        screen.progress("comparison", 0, 1)
        about = {"format": FORMAT, **_compared(folder, params, job), "decision": None}
        screen.progress("comparison", 1, 1)
        write_json(folder / LEARNED_FILE, about)
        return _moved(folder, params, Path(job["final"]))
    finally:
        lock.release()


def tell(**line: Any) -> None:
    """Write one JSON line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _compared(folder: Path, params: Params, job: dict[str, Any]) -> dict[str, Any]:
    table = pd.read_parquet(RunFolder(folder).out_of_fold)
    battles, _ = read_battles(folder / VOTES, labelled=True)
    battles = battles.set_index("id", drop=False).loc[table["id"]].reset_index(drop=True)
    outcome, group = table["outcome"].to_numpy(dtype=np.int64), prompt_groups(battles["prompt"])
    cache = block_cache(params.run.cache / "blocks")

    def said_by(judge: Judge) -> Floats:
        return judge.predict_proba(battles, cache=cache, threads=params.run.threads)

    # The starter judge as people meet it: the learner of that name has not the judge's checks.
    new, starter = probabilities_of(table, results.STACK), said_by(Judge.load())
    old = job["old"]
    fair = ~table["id"].isin(job["seen"]).to_numpy(dtype=bool)
    found = {
        "votes": len(table),
        "people": job["people"],
        "about": job["about"],
        "battles": table["id"].tolist(),
        "old": {**old, "seen": int((~fair).sum())},
        "against_starter": compared(new, starter, outcome, group),
    }
    said = starter if old["starter"] or not fair.any() else said_by(Judge.load(Path(old["judge"])))
    found["against_old"] = compared(new[fair], said[fair], outcome[fair], group[fair])
    return found


def _moved(folder: Path, params: Params, final: Path) -> Path:
    """Write down the parameters as they hold in the run's place, so that the same run can be made again, and move."""
    source = params.data.sources[0].model_copy(update={"path": final / VOTES})
    there = params.model_copy(
        update={
            "data": params.data.model_copy(update={"sources": (source,)}),
            "run": params.run.model_copy(update={"folder": final}),
        }
    )
    write_text(RunFolder(folder).params, dump_params(there))
    for name in (JOB, PARAMS, LOG):
        (folder / name).unlink(missing_ok=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(final)
    except OSError as fault:
        raise UserError(
            f"{final}: the new judge cannot be put there ({fault.strerror}); fix that and try again."
        ) from (fault)
    return final


def _lower_priority() -> None:
    if sys.platform == "win32":
        psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS)
    else:
        psutil.Process().nice(LOWEST)


def _end_with_the_dashboard() -> None:
    """Wait until standard input is closed, and end this process and those that it has started."""
    sys.stdin.buffer.read()
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
