"""Cohen's kappa: how much more two agree than their habits alone would make them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import Groups, resampled_interval

UNSEEN = 1 / 9
"""Votes thought of besides in each cell of the confusion, one in all (Perks, 1947)."""
_SWAPPED = [4, 3, 5, 1, 0, 2, 7, 6, 8]
"""The cells of a table of votes by calls when A and B change places."""


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa with its interval.

    None where one of the two never varies or there are no votes; no interval where there are too few questions.
    """

    value: float | None
    low: float | None
    high: float | None


def cohen_kappa(
    outcome: Ints, calls: Floats, group: NDArray[Any], level: float = 0.95, draws: int = 2_000, seed: int = 0
) -> Kappa:
    """Return Cohen's kappa (Cohen, 1960) with its interval, drawn by group.

    Parameters
    ----------
    outcome : (n,) int
        Votes, 0, 1 or 2.
    calls : (n, 3) float
        What the judge called: 1 at one outcome, or shares of several.
    group : (n,) labels
        Votes of one group (one question) are not independent.
    level, draws, seed
        Of the interval, `stacker.evaluate.intervals.resampled_interval`.
    """
    if len(outcome) == 0:
        return Kappa(None, None, None)
    groups = Groups.of(group)
    counts = np.zeros((len(groups.size), 9))
    for k in range(3):
        np.add.at(counts, (groups.place, outcome * 3 + k), calls[:, k])
    total = counts.sum(axis=0)
    if tuple(total[_SWAPPED]) > tuple(total):
        counts = counts[:, _SWAPPED]  # drawn alike whichever answer is called A
    value = float(kappas(counts.sum(axis=0, keepdims=True))[0])
    if not np.isfinite(value):
        return Kappa(None, None, None)
    return Kappa(value, *resampled_interval(kappas, counts, np.full(9, UNSEEN), draws, seed, level))


def kappas(counts: Floats) -> Floats:
    """Return the kappa of each of (m, 9) tables of votes by calls; NaN where chance alone agrees always."""
    shares = (counts / counts.sum(axis=1, keepdims=True)).reshape(-1, 3, 3)
    seen = np.einsum("mii->m", shares)
    chance = np.einsum("mi,mi->m", shares.sum(axis=2), shares.sum(axis=1))
    return np.divide(seen - chance, 1 - chance, out=np.full(len(shares), np.nan), where=chance < 1 - 1e-12)
