"""A study's log: it knows its own space and data again, gives each point to one worker, and loses no result.

Optuna's queue and its grid sampler would not do: a point that was enqueued and whose worker is killed is gone, and the
grid sampler counts a failed point as visited, and gives one point to several workers where they ask at once.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from pipelines.errors import UserError
from stacker.study.objective import Objective
from stacker.study.sampling import FreshSampler, exhausted, seed_of
from stacker.study.space import Space, key_of, todays_point
from stacker.study.storage import WorkerLock, close_storage
from stacker.training.params import StudyParams

PROJECT, ABOUT, WORKER, WHY, SCORES = "project", "about", "worker", "why", "scores"
"""Names of what is written next to a study and its trials."""
OWN = "preference-stacker study, format 1"
DEAD, STOPPED = "its process was killed", "it was stopped"
MOST_KILLED = 5
"""A point whose process was killed so often, perhaps for want of memory, is not tried again."""
MOST_REFUSED = 5
"""A worker gives up when so many points in a row cannot be fitted."""
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class About:
    """What a study's values depend on, as JSON values: the space, the data, all other parameters, and the code."""

    space: dict[str, Any]
    data: str
    rest: dict[str, Any]
    code: str

    def parts(self) -> dict[str, str]:
        """Return each part by name as text, small enough for any storage."""
        return {
            "space": json.dumps(self.space, sort_keys=True),
            "data": self.data,
            "code": self.code,
            **{f"rest {name}": json.dumps(value, sort_keys=True) for name, value in self.rest.items()},
        }


@dataclass
class StudyLog:
    """An opened study.

    Attributes
    ----------
    name : str
        The study's name in the storage.
    params : StudyParams
        Sampler, pruner, objectives and number of trials.
    study : optuna.study.Study
        Set by `open`.
    """

    storage: BaseStorage
    lock: WorkerLock
    name: str
    params: StudyParams
    space: Space
    seed: int
    study: Study = field(init=False)

    def open(self, about: About, continue_anyway: bool = False) -> "StudyLog":
        """Begin the study, or resume it; a `UserError` where it is another's, or space, data or parameters changed."""
        with self.lock.asking():
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=self.name,
                directions=self.params.directions,
                load_if_exists=True,
                pruner=self._pruner(),
            )
            written = self.study.user_attrs
            if PROJECT not in written and not self._trials():
                self._write(about)  # new, or its maker was killed before it had written this
            elif written.get(PROJECT) != OWN:
                raise UserError(
                    f"study.name {self.name}: the storage holds a study of that name which is none of this project's; "
                    "give study.name another name."
                )
            else:
                self._compare(written.get(ABOUT, {}), about, continue_anyway)
        return self

    def ask(self) -> Trial | None:
        """Return a new trial at a point that nobody has or had; None where the study has all that it shall have."""
        with self.lock.asking():
            taken = self._taken_if_unfinished()
            if taken is None:
                return None
            self.study.sampler = FreshSampler(self.params.sampler, self.space, taken, seed_of(self.seed, len(taken)))
            trial = self.study.ask(self.space.distributions)
            trial.set_user_attr(WORKER, self.lock.worker)
            return trial

    def unfinished(self) -> bool:
        """Return whether there is still something to try, now that no worker runs."""
        with self.lock.asking():
            return self._taken_if_unfinished() is not None

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that ended with a value, in the order they began."""
        return self._trials(DONE)

    def count(self, state: TrialState) -> int:
        """Return how many trials are in a state."""
        return len(self._trials((state,)))

    def best(self) -> FrozenTrial | None:
        """Return the complete trial with the best first objective; of several objectives, one of the front."""
        complete = self._trials((TrialState.COMPLETE,))
        if complete and len(self.params.objectives) > 1:
            complete = self.study.best_trials
        sign = -1.0 if self.params.directions[0] == "maximize" else 1.0
        return min(complete, key=lambda trial: (sign * trial.values[0], trial.number), default=None)

    def values(self, trial: FrozenTrial) -> str:
        """Return the objectives of a complete trial as text."""
        named = zip(self.params.objectives, trial.values, strict=True)
        return ", ".join(f"{name} {value:.4f}" for name, value in named)

    def fail(self, trial: Trial | FrozenTrial, why: str) -> None:
        """Write down that a trial came to nothing."""
        self.storage.set_trial_user_attr(trial._trial_id, WHY, why[:1000])
        self.study.tell(trial.number, state=TrialState.FAIL)

    def fail_trials_of(self, worker: str, why: str = DEAD) -> None:
        """Fail the trials that a worker is at, whose process is known to have ended."""
        with self.lock.asking():
            for trial in self._trials((TrialState.RUNNING,)):
                if trial.user_attrs.get(WORKER) == worker:
                    self.fail(trial, why)

    def close(self) -> None:
        """Give the connections and this worker's name back."""
        close_storage(self.storage)
        self.lock.close()

    def fail_stale_trials(self) -> None:
        """Fail the trials whose worker was killed; nobody else asks meanwhile."""
        for trial in self._trials((TrialState.RUNNING,)):
            # Without a worker's name it was killed while it asked.
            worker = trial.user_attrs.get(WORKER)
            if worker is None or not self.lock.alive(worker):
                self.fail(trial, DEAD)

    def _trials(self, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _taken_if_unfinished(self) -> set[str] | None:
        """Return `key_of` of the points that somebody has or had; None where nothing is left to try."""
        self.fail_stale_trials()
        trials = self._trials()
        if sum(trial.state in (*DONE, TrialState.RUNNING) for trial in trials) >= self.params.trials:
            return None
        killed: Counter[str] = Counter()
        taken = set()
        for trial in trials:
            point = todays_point(trial.params)
            if set(point) != set(self.space.distributions):
                continue
            key, why = key_of(point), trial.user_attrs.get(WHY)
            if trial.state != TrialState.FAIL or why not in (DEAD, STOPPED):
                taken.add(key)
            elif why == DEAD:
                killed[key] += 1
        taken |= {key for key, times in killed.items() if times >= MOST_KILLED}
        return None if exhausted(self.space, taken) else taken

    def _pruner(self) -> BasePruner:
        if len(self.params.objectives) > 1 or self.params.pruner == "none":
            return NopPruner()
        if self.params.pruner == "wilcoxon":
            return WilcoxonPruner(p_threshold=0.1)
        return MedianPruner(n_startup_trials=5)

    def _write(self, about: About) -> None:
        self.study.set_user_attr(ABOUT, about.parts())
        self.study.set_user_attr(PROJECT, OWN)

    def _compare(self, before: Mapping[str, str], about: About, continue_anyway: bool) -> None:
        now = about.parts()
        changed = [part for part in sorted({*before, *now}) if before.get(part) != now.get(part)]
        if [direction.name.lower() for direction in self.study.directions] != self.params.directions:
            raise UserError(
                f"study.name {self.name}: was begun with other objectives; give study.name another name for these."
            )
        if not changed:
            return
        if not continue_anyway:
            told = ", ".join(_told(part, before.get(part), now.get(part)) for part in changed[:3])
            raise UserError(
                f"study.name {self.name}: was begun with something else ({told}), so its values would not compare; "
                "give study.name another name, or go on by --continue-anyway."
            )
        for trial in self._trials():
            for name in self.space.distributions.keys() & trial.distributions.keys():
                try:
                    optuna.distributions.check_distribution_compatibility(
                        trial.distributions[name], self.space.distributions[name]
                    )
                except ValueError as fault:
                    raise UserError(
                        f"study.space: {name} has other choices than the study {self.name} was begun with, which one "
                        "study cannot hold; give study.name another name."
                    ) from fault
        self._write(about)


def _told(part: str, before: str | None, now: str | None) -> str:
    if part == "data":
        return "the battles or their folds changed"
    if part == "code":
        return "the program or a library that it uses changed"
    if part == "space":
        one, other = (json.loads(each or "{}") for each in (before, now))
        names = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
        return f"study.space: {', '.join(names[:3])}"
    return f"{part.removeprefix('rest ')} was {before}, is {now}"


def work(
    log: StudyLog,
    objective: Objective,
    stop: Callable[[], bool],
    told: Callable[[], None] = lambda: None,
    abandon: Callable[[], bool] = lambda: False,
) -> None:
    """Work on an opened study until it has all its trials.

    Parameters
    ----------
    stop : callable
        Whether to begin no further trial.
    told : callable
        Called after each trial.
    abandon : callable
        Asked after each fold whether to give the trial up and end, as Ctrl-C does.

    Raises
    ------
    UserError
        When several points in a row cannot be fitted; the sentence says why the last could not.
    """
    refused = 0
    while not stop():
        trial = log.ask()
        if trial is None:
            return
        try:
            _evaluate(log, objective, trial, abandon)
            refused = 0
        except UserError as fault:
            log.fail(trial, str(fault))
            refused += 1
            if refused == MOST_REFUSED:
                raise UserError(f"study {log.name}: {refused} trials in a row came to nothing; {fault}") from fault
        except KeyboardInterrupt:
            log.fail(trial, STOPPED)
            raise
        except BaseException as fault:
            log.fail(trial, f"{type(fault).__name__}: {fault}")
            raise
        told()


def _evaluate(log: StudyLog, objective: Objective, trial: Trial, abandon: Callable[[], bool]) -> None:
    pruner = log.params.pruner if len(log.params.objectives) == 1 else "none"

    def report(fold: int, own: float, so_far: float) -> bool:
        if abandon():
            raise KeyboardInterrupt
        if pruner == "none":
            return False
        # Wilcoxon's test pairs the folds; the median is that of the means so far.
        trial.report(own if pruner == "wilcoxon" else so_far, fold)
        return bool(trial.should_prune())

    scores = objective.evaluate(log.space.params(trial.params), report)
    if scores is None:
        log.study.tell(trial, state=TrialState.PRUNED)
        return
    trial.set_user_attr(SCORES, scores)
    missing = [name for name in log.params.objectives if name not in scores]
    if missing:
        raise UserError(f"study.objectives: {missing[0]} has no value on these battles; choose another.")
    log.study.tell(trial, [scores[name] for name in log.params.objectives])
