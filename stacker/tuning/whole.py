"""A study from its first trial to what can be used: parameters, a page, and the comparison that can be believed."""

import io
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from optuna.distributions import CategoricalDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from features.embedding import usable_cores
from pipelines.artefacts import whole_file, write_json
from pipelines.errors import UserError
from stacker.console import Screen
from stacker.params import Params, dump_params
from stacker.prepare import Prepared, prepare
from stacker.tuning.guard import Guard
from stacker.tuning.ledger import About, Ledger
from stacker.tuning.nested import Comparison, Outer, compare, outer_folds
from stacker.tuning.objective import CrossFitted, widest
from stacker.tuning.page import shown, write_page
from stacker.tuning.space import FIXED_SECTIONS, Space, read_space
from stacker.tuning.storage import open_storage
from stacker.tuning.team import orphaned, run_team
from stacker.tuning.work import work
from stacker.versions import versions


@dataclass(frozen=True)
class Job:
    """A study and what scores its points; `outer` is None for the study over all battles."""

    ledger: Ledger
    objective: CrossFitted
    outer: Outer | None


@dataclass(frozen=True)
class Tuning:
    """Everything that a study and its workers need: the space, the storage, and the studies in their order."""

    params: Params
    space: Space
    whole: CrossFitted
    jobs: list[Job]

    def close(self) -> None:
        """Give every connection back; all studies share one storage and one guard."""
        self.jobs[0].ledger.close()


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
        return _finish(tuning, screen)


def _tune(tuning: Tuning, screen: Screen, worker: Sequence[str], begun: float) -> None:
    params, watch = tuning.params, Watch(tuning, screen)
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
            work(job.ledger, job.objective, lambda: late() or alone())


def open_tuning(params: Params, screen: Screen, continue_anyway: bool) -> Tuning:
    """Check the space, open the storage, compute the features, and open every study."""
    study = params.study
    space = read_space(params, study.space, study.sampler == "grid")
    storage, guard = open_storage(study.storage, study.folder, study.name)
    choices = {
        name: each.choices for name, each in space.distributions.items() if isinstance(each, CategoricalDistribution)
    }

    def prepared(wide: Params) -> Prepared:
        return prepare(wide, study.folder / "set_aside.jsonl", screen)

    whole = CrossFitted(prepared, widest(params.features, choices), study.target, progress=screen.progress)
    whole.learners(params)  # a target that is not there is said before anything is computed
    fit = whole.prepared(params).fit
    jobs = [_job(params, space, storage, guard, whole, None, continue_anyway)]
    for outer in outer_folds(fit, study.outer_folds, params.run.seed):
        jobs.append(_job(params, space, storage, guard, whole, outer, continue_anyway))
    return Tuning(params, space, whole, jobs)


def _job(
    params: Params,
    space: Space,
    storage: BaseStorage,
    guard: Guard,
    whole: CrossFitted,
    outer: Outer | None,
    continue_anyway: bool,
) -> Job:
    objective = whole if outer is None else whole.part(outer.train)
    name = params.study.name if outer is None else f"{params.study.name}, outer fold {outer.number + 1}"
    ledger = Ledger(storage, guard, name, params.study, space, params.run.seed)
    about = About(space.described(), objective.identity(params), _rest(params, space))
    return Job(ledger.open(about, continue_anyway), objective, outer)


def _rest(params: Params, space: Space) -> dict[str, Any]:
    """Return every parameter that a trial's value depends on and the space does not name."""
    content = params.model_dump(mode="json", exclude=set(FIXED_SECTIONS) | {"report"})
    found: dict[str, Any] = {}

    def walk(node: dict[str, Any], prefix: str) -> None:
        for key, value in node.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            elif f"{prefix}{key}" not in space.distributions:
                found[f"{prefix}{key}"] = value

    walk(content, "")
    found["run.seed"] = params.run.seed
    found["study.target"] = params.study.target
    found["study.objectives"] = list(params.study.objectives)
    return found


def _deadline(timeout: float, begun: float) -> Callable[[], bool]:
    return lambda: bool(timeout) and time.monotonic() - begun > timeout


class Watch:
    """Says on the screen what came of each trial, and which is the best so far."""

    def __init__(self, tuning: Tuning, screen: Screen) -> None:
        self.tuning = tuning
        self.screen = screen
        self._seen: dict[str, set[int]] = {}
        for job in tuning.jobs:
            known = self._seen[job.ledger.name] = {trial.number for trial in job.ledger.finished()}
            if known:
                screen.note(f"Going on with {job.ledger.name}: {len(known)} of {job.ledger.params.trials} trials done.")

    def look(self) -> None:
        """Say what is new."""
        for job in self.tuning.jobs:
            seen = self._seen[job.ledger.name]
            finished = job.ledger.finished()
            for trial in finished:
                if trial.number not in seen:
                    seen.add(trial.number)
                    self.screen.note(self._line(job.ledger, trial, len(seen)))

    def _line(self, ledger: Ledger, trial: FrozenTrial, done: int) -> str:
        names = ledger.params.objectives
        if trial.state == TrialState.PRUNED:
            said = f"pruned after {len(trial.intermediate_values)} folds"
        else:
            said = ", ".join(f"{name} {value:.4f}" for name, value in zip(names, trial.values, strict=True))
        best = ledger.best()
        so_far = "" if best is None else f"; best so far {best.values[0]:.4f} (trial {best.number})"
        return f"{ledger.name}: {done} of {ledger.params.trials}, trial {trial.number}: {said}{so_far}"


def _finish(tuning: Tuning, screen: Screen) -> dict[str, Any]:
    params, main = tuning.params, tuning.jobs[0].ledger
    best = main.best()
    if best is None:
        raise UserError(f"study.name {main.name}: no trial has ended yet; give it more time by study.timeout.")
    folder = params.study.folder
    comparison = _compare(tuning, screen)
    tuned = folder / "params.tuned.yaml"
    with whole_file(tuned) as part:
        part.write_text(dump_params(tuning.space.params(best.params)), encoding="utf-8")
    chosen = [["parameter", "default", "tuned"]]
    default = params.model_dump(mode="json")
    for name, value in best.params.items():
        before: Any = default
        for section in name.split("."):
            before = before[section]
        chosen.append([name, shown(before), shown(value)])
    tables: list[tuple[str, Sequence[Sequence[str]]]] = [("Parameters of the best trial", chosen)]
    if comparison is not None:
        tables.append(("Default and tuned on battles that no tuning saw (log loss)", comparison.table()))
    front = [trial for trial in main.study.best_trials] if len(params.study.objectives) > 1 else []
    if front:
        heading = ["trial", *params.study.objectives, *best.params]
        tables.append(("Pareto front", [heading, *(_front_row(trial) for trial in front)]))
    about = _sentences(main, best, comparison)
    for title, rows in tables:
        screen.table(f"\n{title}:", rows)
    for sentence in about:
        screen.note(sentence)
    found = {
        "format": 1,
        "name": main.name,
        "target": params.study.target,
        "objectives": list(params.study.objectives),
        "best": {"trial": best.number, "values": list(best.values), "params": best.params},
        "front": [{"trial": t.number, "values": list(t.values), "params": t.params} for t in front],
        "trials": {"complete": _count(main, TrialState.COMPLETE), "pruned": _count(main, TrialState.PRUNED)},
        "nested": None if comparison is None else asdict(comparison),
        "seed": params.run.seed,
        "versions": versions(),
    }
    write_json(folder / "study.json", found)
    screen.note(f"Parameters to run with: {tuned}")
    page = folder / "study.html"
    try:
        write_page(page, main.study, params.study.objectives, about, tables)
        screen.note(f"Page: {page}")
    except UserError as fault:
        screen.note(str(fault))
    return found


def _compare(tuning: Tuning, screen: Screen) -> Comparison | None:
    outer = [job for job in tuning.jobs if job.outer is not None]
    found = [job.ledger.best() for job in outer]
    best = [trial for trial in found if trial is not None]
    if not outer:
        return None
    if len(best) < len(outer) or any(job.ledger.unfinished() for job in outer):
        screen.note("Default and tuned are not compared yet: the outer folds lack trials; the same command goes on.")
        return None
    params = tuning.params
    return compare(
        tuning.whole,
        [job.outer for job in outer if job.outer is not None],
        params,
        [tuning.space.params(trial.params) for trial in best],
        [float(trial.user_attrs["scores"]["log_loss"]) for trial in best],
        params.run.bootstrap_draws,
        params.run.seed,
    )


def _sentences(ledger: Ledger, best: FrozenTrial, comparison: Comparison | None) -> list[str]:
    names = ledger.params.objectives
    values = ", ".join(f"{name} {value:.4f}" for name, value in zip(names, best.values, strict=True))
    done, pruned = _count(ledger, TrialState.COMPLETE), _count(ledger, TrialState.PRUNED)
    found = [
        f"{done} trials complete and {pruned} pruned; the best is trial {best.number} with {values} of "
        f"{ledger.params.target}, cross-fitted. It was chosen by this very score, which is therefore too good."
    ]
    return found if comparison is None else [*found, comparison.sentence()]


def _count(ledger: Ledger, state: TrialState) -> int:
    return sum(trial.state == state for trial in ledger.finished())


def _front_row(trial: FrozenTrial) -> list[str]:
    return [str(trial.number), *(f"{value:.4f}" for value in trial.values), *(shown(v) for v in trial.params.values())]
