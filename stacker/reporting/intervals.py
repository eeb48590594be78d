"""Intervals without resampling: of a mean over battles that come in groups, and of a share."""

from typing import Any

import numpy as np
from scipy.special import ndtri

from stacker.learners.base import Floats, Ints

NORMAL_95 = 1.959963984540054
"""Standard errors on each side of a 95 % interval."""


def clustered(values: Floats, group: Ints) -> dict[str, float]:
    """Return the mean of n values with its 95 % interval, rows of one group moving together.

    The variance is that of a ratio of sums over G groups, sum_g (t_g - m s_g)^2 / n^2 * G / (G - 1), with t_g the
    group's total, s_g its size and m the mean (Cochran, 1977, ch. 9). A single group gives an interval of no width.

    Parameters
    ----------
    values : (n,) float
        At least one.
    group : (n,) int
        Prompt group of each row.

    Returns
    -------
    dict
        `mean`, `low`, `high`.
    """
    _, place = np.unique(group, return_inverse=True)
    total, size = np.bincount(place, weights=values), np.bincount(place)
    mean = float(values.mean())
    groups = len(size)
    spread = float(np.sum((total - mean * size) ** 2)) * groups / max(groups - 1, 1)
    half = NORMAL_95 * float(np.sqrt(spread)) / len(values)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def wilson(successes: Any, trials: Any, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's score interval for shares (Wilson, 1927); 0 to 1 where nothing was tried.

    Parameters
    ----------
    successes, trials : array_like of the same shape
        Counts.
    level : float
        Coverage.
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    z = float(ndtri((1 + level) / 2))
    some = np.maximum(n, 1.0)
    share = k / some
    centre = (share + z**2 / (2 * some)) / (1 + z**2 / some)
    half = z / (1 + z**2 / some) * np.sqrt(share * (1 - share) / some + z**2 / (4 * some**2))
    low = np.where(n > 0, np.where(k == 0, 0.0, centre - half), 0.0)
    high = np.where(n > 0, np.where(k == n, 1.0, centre + half), 1.0)
    return low, high
