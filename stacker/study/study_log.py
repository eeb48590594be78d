"""The book of a study: it knows its own space and data again, gives each point to one worker, and forgets no result."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from pipelines.errors import UserError
from stacker.study.sampling import FreshSampler, exhausted, seed_of
from stacker.study.space import Space, key_of, todays_point
from stacker.study.storage import close_storage
from stacker.study.worker_lock import WorkerLock
from stacker.training.params import StudyParams

PROJECT, ABOUT, WORKER, WHY = "project", "about", "worker", "why"
"""Names of what is written beside a study and its trials."""
OWN = "preference-stacker study, format 1"
DEAD, STOPPED = "its process was killed", "it was stopped"
MOST_KILLED = 5
"""A point whose process was killed so often, perhaps for want of memory, is not tried again."""
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


class Ledger:
    """An opened study.

    Parameters
    ----------
    storage : BaseStorage
        Where it is kept.
    guard : WorkerLock
        Keeps the workers apart.
    name : str
        The study's name in the storage.
    params : StudyParams
        Sampler, pruner, objectives and number of trials.
    space : Space
        What is tuned.
    seed : int
        Decides what the sampler proposes.
    """

    def __init__(
        self, storage: BaseStorage, guard: WorkerLock, name: str, params: StudyParams, space: Space, seed: int
    ) -> None:
        self.storage = storage
        self.guard = guard
        self.name = name
        self.params = params
        self.space = space
        self.seed = seed
        self.study: Study

    def open(self, about: About, continue_anyway: bool = False) -> "Ledger":
        """Begin the study, or go on with it where it is the same.

        Raises
        ------
        UserError
            When it is a study of something else, or its space, its data or another parameter changed.
        """
        with self.guard.asking():
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=self.name,
                directions=self.params.directions,
                load_if_exists=True,
                pruner=self._pruner(),
            )
            written = self.study.user_attrs
            if PROJECT not in written and not self.study.get_trials(deepcopy=False):
                self._write(about)  # new, or its maker was killed before it had written this
            elif written.get(PROJECT) != OWN:
                raise UserError(
                    f"study.name {self.name}: the storage holds a study of that name which is none of this project's; "
                    "give study.name another name."
                )
            elif PROJECT in written:
                self._compare(written.get(ABOUT, {}), about, continue_anyway)
        return self

    def ask(self) -> Trial | None:
        """Return a new trial at a point that nobody has or had; None where the study has all that it shall have."""
        with self.guard.asking():
            self.fail_stale_trials()
            trials = self.study.get_trials(deepcopy=False)
            if sum(trial.state in (*DONE, TrialState.RUNNING) for trial in trials) >= self.params.trials:
                return None
            taken = self._taken(trials)
            if exhausted(self.space, taken):
                return None
            self.study.sampler = FreshSampler(self.params.sampler, self.space, taken, seed_of(self.seed, len(taken)))
            trial = self.study.ask(self.space.distributions)
            trial.set_user_attr(WORKER, self.guard.worker)
            return trial

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that ended with a value, in the order they began."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state in DONE]

    def unfinished(self) -> bool:
        """Return whether there is still something to try, now that no worker runs."""
        with self.guard.asking():
            self.fail_stale_trials()
            trials = self.study.get_trials(deepcopy=False)
            going = sum(trial.state in (*DONE, TrialState.RUNNING) for trial in trials)
            return going < self.params.trials and not exhausted(self.space, self._taken(trials))

    def best(self) -> FrozenTrial | None:
        """Return the complete trial with the best first objective; of several objectives, one of the front."""
        whole = [trial for trial in self.finished() if trial.state == TrialState.COMPLETE]
        if not whole:
            return None
        sign = -1.0 if self.params.directions[0] == "maximize" else 1.0
        if len(self.params.objectives) > 1:
            whole = self.study.best_trials
        return min(whole, key=lambda trial: (sign * trial.values[0], trial.number))

    def fail(self, trial: Trial | FrozenTrial, why: str) -> None:
        """Write down that a trial came to nothing."""
        self.storage.set_trial_user_attr(trial._trial_id, WHY, why[:1000])
        self.study.tell(trial.number, state=TrialState.FAIL)

    def close(self) -> None:
        """Give the connections and this worker's name back."""
        close_storage(self.storage)
        self.guard.close()

    def fail_stale_trials(self) -> None:
        """Fail the trials whose worker was killed; nobody else asks meanwhile."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            # Without a worker's name it was killed while it asked.
            worker = trial.user_attrs.get(WORKER)
            if worker is None or not self.guard.alive(worker):
                self.fail(trial, DEAD)

    def _taken(self, trials: Sequence[FrozenTrial]) -> set[str]:
        names = set(self.space.distributions)
        killed: Counter[str] = Counter()
        taken = set()
        for trial in trials:
            point = todays_point(trial.params)
            if set(point) != names:
                continue
            key, why = key_of(point), trial.user_attrs.get(WHY)
            if trial.state != TrialState.FAIL or why not in (DEAD, STOPPED):
                taken.add(key)
            elif why == DEAD:
                killed[key] += 1
        return taken | {key for key, times in killed.items() if times >= MOST_KILLED}

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
        directions = [direction.name.lower() for direction in self.study.directions]
        if directions != self.params.directions:
            raise UserError(
                f"study.name {self.name}: was begun with other objectives; give study.name another name for these."
            )
        if not changed:
            return
        told = ", ".join(_told(part, before.get(part), now.get(part)) for part in changed[:3])
        if not continue_anyway:
            raise UserError(
                f"study.name {self.name}: was begun with something else ({told}), so its values would not compare; "
                "give study.name another name, or go on by --continue-anyway."
            )
        for name, distribution in self.space.distributions.items():
            for trial in self.study.get_trials(deepcopy=False):
                old = trial.distributions.get(name)
                try:
                    if old is not None:
                        optuna.distributions.check_distribution_compatibility(old, distribution)
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
