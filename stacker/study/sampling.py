"""Which point comes next: one of Optuna's samplers, held to points that nobody has had."""

from collections.abc import Set
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from stacker.study.space import MOST_POINTS, Space, key_of

TRIES = 30
"""Points that a sampler may propose before one is drawn at random: a sampler that is sure proposes the same again."""


class FreshSampler(BaseSampler):
    """Proposes a point that is not among those taken.

    It is made anew for each trial, with a seed that the trials before it decide: what a study proposes thus does not
    depend on how often it was stopped.

    Parameters
    ----------
    kind : {"tpe", "gp", "random", "grid"}
        How to propose.
    taken : set of str
        `key_of` of the points that somebody has or had.
    """

    def __init__(self, kind: str, space: Space, taken: Set[str], seed: int) -> None:
        self.kind = kind
        self.space = space
        self.taken = taken
        self.seed = seed

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the whole space: it is known before anything was tried."""
        return dict(self.space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a point that is not taken; the caller has made sure that there is one."""
        default = self.space.default()
        if not self.taken and default is not None:
            return default
        if self.kind == "grid":
            return self._unseen()
        random = RandomSampler(seed=self.seed)
        base = self._base()
        free = {name: each for name, each in search_space.items() if not each.single()}
        for _ in range(TRIES):
            point = base.sample_relative(study, trial, free) if base is not None else {}
            for name, distribution in search_space.items():
                if name not in point:
                    point[name] = random.sample_independent(study, trial, name, distribution)
            if key_of(point) not in self.taken:
                return {name: point[name] for name in search_space}
        return self._unseen()

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Never needed: every parameter is in the space."""
        raise KeyError(param_name)

    def _base(self) -> BaseSampler | None:
        if self.kind == "tpe":
            return TPESampler(seed=self.seed)
        if self.kind == "gp":
            return GPSampler(seed=self.seed, warn_independent_sampling=False)
        return None

    def _unseen(self) -> dict[str, Any]:
        """Return one of the points of a countable space that are left, or any point of one that cannot be counted."""
        generator = np.random.default_rng(self.seed)
        size = self.space.size()
        if size is None or size > MOST_POINTS:
            random = RandomSampler(seed=self.seed)
            return {
                name: random.sample_independent(None, None, name, distribution)  # type: ignore[arg-type]
                for name, distribution in self.space.distributions.items()
            }
        left = [point for point in self.space.points() if key_of(point) not in self.taken]
        return left[int(generator.integers(len(left)))]


def exhausted(space: Space, taken: Set[str]) -> bool:
    """Return whether every point of the space is taken."""
    size = space.size()
    return size is not None and size <= MOST_POINTS and all(key_of(point) in taken for point in space.points())


def seed_of(seed: int, trials: int) -> int:
    """Return the seed of the trial that comes after so many."""
    return int(np.random.SeedSequence([seed % 2**32, trials]).generate_state(1)[0])
