"""Intervals of a mean over battles that come in groups, without resampling."""

import numpy as np

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


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `hits` in `n` (Wilson, 1927)."""
    z2 = NORMAL_95**2
    share = hits / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
