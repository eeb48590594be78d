"""What votes of unequal weight say: the interval of a weighed share, and how many votes of equal weight say as much."""

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import LEVEL, Groups, share_interval


def weighted_share_interval(
    hits: Floats, weight: Floats, group: np.ndarray, level: float = LEVEL
) -> tuple[float, float]:
    """Return the ends of an interval for the share of n hits that are weighed; by group, and never empty.

    It is that of `stacker.evaluate.intervals.share_interval`, for as many rows as the weights leave (Kish, 1965), and
    fewer where the spread of the groups' weighed residuals says that they are worth less.
    """
    if len(hits) == 0 or np.ptp(weight) < 1e-12:
        return share_interval(hits, group, level)
    from scipy import stats

    groups, share = Groups.of(group), float(np.average(hits, weights=weight))
    held = np.bincount(groups.place, weights=weight)
    worth = equal_rows(weight, groups)
    chance = share * (1 - share)
    if chance > 1e-12 and len(held) > 1:
        pull = held / held.sum()
        off = np.bincount(groups.place, weights=weight * (hits - share)) / held.sum() / np.sqrt(1 - pull)
        alike = max(float(np.sum(off**2)) * worth / chance, 1.0)
        reaches = (float(stats.t.isf((1 - level) / 2, max(rows - 1, 1))) for rows in (len(hits), worth))
        worth = max(worth / alike * (next(reaches) / next(reaches)) ** 2, 1.0)
    k, tail = share * worth, (1 - level) / 2
    low = float(stats.beta.ppf(tail, k, worth - k + 1)) if k > 1e-9 else 0.0
    high = float(stats.beta.ppf(1 - tail, k + 1, worth - k)) if worth - k > 1e-9 else 1.0
    return low, high


def equal_rows(weight: Floats, groups: Groups) -> float:
    """Return how many groups of equal weight would say as much (Kish, 1965)."""
    held = np.bincount(groups.place, weights=weight)
    return float(held.sum() ** 2 / np.sum(held**2))


def counted(weight: Floats, group: Ints) -> Floats:
    """Return (n,) weights that count as so many votes as their inequality leaves (Kish, 1965); 1 if alike."""
    if not len(weight) or np.ptp(weight) < 1e-12:
        return np.ones(len(weight))
    groups = Groups.of(group)
    return np.asarray(weight / weight.mean() * equal_rows(weight, groups) / groups.equal_groups)
