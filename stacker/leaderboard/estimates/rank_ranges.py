"""Ranges of ranks that hold for all models together."""

from dataclasses import dataclass

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import LEVEL
from stacker.leaderboard.estimates.strength_estimates import Estimate

DRAWS = 4000
MOST_CELLS = 200_000_000
"""Draws times pairs of models at most; for more than 300 models there are fewer draws, 1,000 at least."""
AT_ONCE = 5_000_000


@dataclass(frozen=True)
class RankRanges:
    """Ranks within components.

    Attributes
    ----------
    low, high : (count,) int
        All models' ranks lie between these at once, with the stated probability; 1 is the best.
    better : (count, count) bool
        Which model (row) is better than which (column) beyond doubt.
    reach : float
        How many standard errors the differences' intervals reach, before Student's t.
    """

    low: Ints
    high: Ints
    better: np.ndarray
    reach: float


def rank_ranges(found: Estimate, level: float = LEVEL, seed: int = 0) -> RankRanges:
    """Return the ranges of ranks that simultaneous intervals of all differences of strengths leave.

    The intervals of all pairs hold together by the largest studentised difference (max-T) of a multiplier bootstrap of
    the groups: with normal multipliers its draws are exactly normal with the covariance by groups. A model's best
    rank is 1 and the number of models that are better beyond doubt, its worst one the number of those not worse beyond
    doubt (Mogstad, Romano, Shaikh and Wilhelm, 2024, "Inference for ranks", section 3). Each difference reaches as far
    as Student's t at the same tail, with the freedom that Welch (1947) gives a difference.

    Parameters
    ----------
    found : Estimate
        Strengths of at least one model.
    level : float
        Probability that all ranges hold.
    seed : int
        Of the draws.
    """
    from scipy import stats

    count = found.count
    first, second = np.triu_indices(count, 1)
    compared = found.component[first] == found.component[second]
    first, second = first[compared], second[compared]
    covariance = found.covariance[:count, :count]
    error = np.sqrt(_of_difference(covariance, first, second))
    reach = _largest(covariance, first, second, error, level, seed)
    tail = 2 * stats.norm.sf(reach)
    share = np.maximum(found.floor[first], found.floor[second])
    least = np.sqrt(share * _of_difference(found.model_based[:count, :count], first, second))
    freedom = _freedom(found.freedom, np.diag(covariance), first, second)
    half = stats.t.isf(tail / 2, np.maximum(freedom, 1.0)) * np.maximum(error, least)
    gap = found.theta[first] - found.theta[second]
    better = np.zeros((count, count), dtype=bool)
    # A gap of rounding errors is none, and with one group of a model nothing is known of its spread.
    sure = (np.abs(gap) > np.maximum(half, 1e-9)) & (freedom >= 1)
    better[first, second], better[second, first] = sure & (gap > 0), sure & (gap < 0)
    peers = np.bincount(found.component, minlength=count)[found.component]
    return RankRanges(1 + better.sum(axis=0), peers - better.sum(axis=1), better, reach)


def _of_difference(covariance: Floats, first: Ints, second: Ints) -> Floats:
    spread = np.diag(covariance)
    return np.asarray(np.clip(spread[first] + spread[second] - 2 * covariance[first, second], 0.0, None))


def _freedom(freedom: Floats, variance: Floats, first: Ints, second: Ints) -> Floats:
    """Return Welch's degrees of freedom of each difference; 0 where nothing is known of one of the two models."""
    known = np.maximum(freedom, 1.0)
    one, other = variance[first], variance[second]
    bottom = one**2 / known[first] + other**2 / known[second]
    least = np.minimum(freedom[first], freedom[second])
    found = np.divide((one + other) ** 2, bottom, out=least.copy(), where=bottom > 1e-300)
    return np.where(least < 1, 0.0, np.maximum(found, least))


def _largest(covariance: Floats, first: Ints, second: Ints, error: Floats, level: float, seed: int) -> float:
    """Return what the largest of the studentised differences of draws does not pass with probability `level`."""
    spread = error > 1e-9
    first, second, error = first[spread], second[spread], error[spread]
    if not len(first):
        return 0.0
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    rng = np.random.default_rng(seed)
    draws = int(np.clip(MOST_CELLS // len(first), 1000, DRAWS))
    largest = np.empty(draws)
    for part in np.array_split(np.arange(draws), max(1, draws * len(first) // AT_ONCE)):
        drawn = rng.standard_normal((len(part), len(covariance))) @ root.T
        largest[part] = np.abs((drawn[:, first] - drawn[:, second]) / error).max(axis=1)
    return float(np.quantile(largest, level))
