"""How much something moves a judge: means with intervals by prompt group, tests, and what the tests flag by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import LEAST_GROUPS, LEVEL, Groups, Interval, mean_interval, share_interval

ALPHA = 1 - LEVEL
"""Chance that an audit of a judge which nothing moves has any finding at all, at most."""
DRAWS = 1000
"""Times that the changed and the unchanged answers are exchanged at random for the false-alarm rate."""
UNSEEN = 2
"""Observations of each extreme that a mean of hard verdicts is thought to have besides (Agresti and Coull, 1998)."""


@dataclass(frozen=True)
class Sample:
    """Values of n battles around 0 and their prompts, for one test.

    Attributes
    ----------
    values : (n,) float
        Between -`bound` and `bound`; above 0 where the judge was moved in the direction that is tested.
    group : (n,) int
        Prompt groups, from 0 on.
    bound : float
        The largest value there can be.
    null : float
        What the mean is when there is nothing to find, at most.
    two_sided : bool
        Whether a mean below `null` is a finding too.
    """

    values: Floats
    group: Ints
    bound: float
    null: float = 0.0
    two_sided: bool = False

    @property
    def prompts(self) -> int:
        """How many different prompts there are."""
        return len(np.unique(self.group))

    def augmented(self) -> tuple[Floats, Ints]:
        """Return values and groups, with `UNSEEN` more of each extreme where the verdicts are hard.

        Among hard verdicts, such as wins, halves and losses, an outcome that was not met yet would count in full: an
        interval from those met alone would have no width where all are alike.
        """
        steps = self.values / self.bound * 4  # halves of both orders, averaged
        spread = np.ptp(self.values) if len(self.values) else 0.0
        if spread > 1e-12 and np.abs(steps - np.round(steps)).max() > 1e-9:
            return self.values, self.group
        return (
            np.concatenate([self.values, np.repeat([self.bound, -self.bound], UNSEEN)]),
            np.concatenate([self.group, -1 - np.arange(2 * UNSEEN)]),
        )


def sample_mean(sample: Sample, level: float = LEVEL) -> Interval:
    """Return `mean`, `low` and `high` of a sample; the ends are None with fewer than `LEAST_GROUPS` prompts."""
    if len(sample.values) == 0:
        return {"mean": None, "low": None, "high": None}
    mean = float(sample.values.mean())
    if sample.prompts < LEAST_GROUPS:
        return {"mean": mean, "low": None, "high": None}
    found = mean_interval(*sample.augmented(), level)
    low, high = float(found["low"] or 0.0), float(found["high"] or 0.0)
    return {"mean": mean, "low": max(min(low, mean), -sample.bound), "high": min(max(high, mean), sample.bound)}


def plain_mean(values: Floats, group: Ints) -> Interval:
    """Return `mean`, `low` and `high` of values that have no bounds, such as log-odds; None for no value."""
    if len(values) == 0:
        return {"mean": None, "low": None, "high": None}
    return mean_interval(values, group)


def share(hits: np.ndarray, group: Ints) -> Interval:
    """Return the `share` of battles that are hits, with its interval."""
    if len(hits) == 0:
        return {"share": None, "low": None, "high": None}
    values = hits.astype(np.float64)
    low, high = share_interval(values, group)
    return {"share": float(values.mean()), "low": low, "high": high}


def p_value(sample: Sample) -> float | None:
    """Return the chance of a mean that lies so far beyond `null`, by Student's t over prompts; None for too few.

    It is not below that of a sign test in which all prompts agree.
    """
    from scipy import stats

    if sample.prompts < LEAST_GROUPS:
        return None
    values, group = sample.augmented()
    groups = Groups.of(group)
    off, error = float(values.mean()) - sample.null, float(np.sqrt(np.sum(groups.residuals(values) ** 2)))
    least = 2.0 ** (sample.two_sided - sample.prompts)
    t = off / error if error > 0 else np.inf * np.sign(off) if off else 0.0
    tail = float(stats.t.sf(abs(t) if sample.two_sided else t, groups.freedom))
    return min(max(tail * (1 + sample.two_sided), least), 1.0)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for their number (Holm, 1979), so that one below alpha is a finding; None stays None."""
    known = [place for place, p in enumerate(p_values) if p is not None]
    order = sorted(known, key=lambda place: p_values[place] or 0.0)
    found: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * (p_values[place] or 0.0)))
        found[place] = highest
    return found


def false_alarms(samples: Sequence[Sample], seed: int, draws: int = DRAWS) -> dict[str, Any]:
    """Return how often the same tests flag something where there is nothing to find.

    Which answer is called the changed one is drawn anew by prompt, for all tests alike, so that nothing is left to be
    found while the verdicts, their spread and how they come by prompt stay those of this judge.

    Parameters
    ----------
    samples : sequence of Sample
        Those of the audit; of fewer than `LEAST_GROUPS` prompts none is used.
    seed : int
        Of the draws.
    draws : int
        How many.

    Returns
    -------
    dict
        `draws`; `one`: the share of single tests below 5 %; `any`: the share of draws in which any test, adjusted for
        their number, is below 5 %. Both are None where no test can be made.
    """
    from scipy import stats

    used = [sample for sample in samples if sample.prompts >= LEAST_GROUPS]
    if not used:
        return {"draws": draws, "one": None, "any": None}
    signs = np.random.default_rng([seed, 5]).integers(0, 2, (draws, 1 + max(int(s.group.max()) for s in used)))
    signs = np.where(signs, 1.0, -1.0)
    p = np.empty((draws, len(used)))
    for place, sample in enumerate(used):
        values, group = sample.augmented()
        labels, index = np.unique(group, return_inverse=True)
        size, total = np.bincount(index).astype(np.float64), np.bincount(index, weights=values)
        rows = size.sum()
        flips = np.where(labels < 0, 1.0, signs[:, np.maximum(labels, 0)])
        # The sum of squared residuals of the groups, (total - size * mean)^2 / (n^2 (1 - size / n)), in three sums.
        weight = 1 / (rows**2 * (1 - size / rows))
        mean = flips @ total / rows
        square = np.sum(weight * total**2) - 2 * mean * (flips @ (weight * size * total))
        error = np.sqrt(np.maximum(square + mean**2 * np.sum(weight * size**2), 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.nan_to_num((mean - sample.null) / error, nan=0.0)
        t = np.abs(t) if sample.two_sided else t
        p[:, place] = np.minimum(stats.t.sf(t, Groups.of(group).freedom) * (1 + sample.two_sided), 1.0)
    return {"draws": draws, "one": float(np.mean(p < ALPHA)), "any": float(np.mean(p.min(axis=1) * len(used) < ALPHA))}
