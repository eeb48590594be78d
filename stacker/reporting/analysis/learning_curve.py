"""What more votes would bring: the held-out loss on fewer battles, and a power law through it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize

from pipelines.battles.arrays import Floats, Ints
from pipelines.terminal.command_line import Progress
from stacker.evaluation.intervals import mean_interval
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.reporting.analysis.refits import held_out_losses, stepped

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
LEAST = 25
"""Battles that a fit gets at least; smaller shares are left out."""
AHEAD = (2, 4, 10)
EXPONENTS = np.linspace(0.1, 1.0, 19)
NORMAL_95 = 1.96
"""Standard errors on each side of a 95 % interval."""
WORSE = 3.84
"""Exponents whose fit is worse by up to this much in chi-square are thought possible (95 %, one degree of freedom)."""


def learning_curve(
    make: Callable[[], Learner], data: LearnerData, fit: Fit, folds: Ints, progress: Progress
) -> dict[str, Any] | None:
    """Fit a learner on nested shares of each fold's training battles and score the battles held out.

    Parameters
    ----------
    make : callable
        Returns an unfitted learner.
    data, fit, folds : n battles
        As in a run, or a part of it. Whole prompt groups are taken, the same ones in every larger share.

    Returns
    -------
    dict or None
        `points`: `battles` (to fit on, on average), `log_loss`, `low`, `high`; `power_law` and `ahead` as
        `extrapolation` gives them, None and empty where there are fewer than three points or these have no interval.
        None where there are fewer than two.
    """
    numbers = np.unique(folds)
    others = [np.flatnonzero(folds != fold) for fold in numbers]
    ranks = np.random.default_rng(fit.seed).permutation(int(fit.group.max()) + 1)[fit.group]
    smallest = min(len(rows) for rows in others)
    shares = [share for share in SHARES if share * smallest >= LEAST]
    if len(shares) < 2:
        return None
    step = stepped(progress, "report: learning curve", len(shares))
    points: list[dict[str, Any]] = []
    for share in shares:
        train = [_first(rows, ranks[rows], share) for rows in others]
        interval = mean_interval(held_out_losses(make, data, fit, folds, train), fit.group)
        size = float(np.mean([len(rows) for rows in train]))
        points.append({"battles": size, "log_loss": interval["mean"], "low": interval["low"], "high": interval["high"]})
        step()
    known = all(point["low"] is not None for point in points)
    law = extrapolation(points) if known and len(points) > 2 else None
    return {"points": points, **(law or {"power_law": None, "ahead": []})}


def extrapolation(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Fit loss = floor + scale * battles ** -exponent, floor and scale not below 0, by weighted least squares.

    Parameters
    ----------
    points : list of dict
        `battles`, `log_loss`, `low`, `high`; at least three.

    Returns
    -------
    dict
        `power_law`: `floor`, `scale`, `exponent`. `ahead`: `battles` (2, 4 and 10 times the most), `log_loss`, and
        `low` and `high` over all exponents that fit the points about as well.
    """
    sizes = np.array([point["battles"] for point in points])
    loss = np.array([point["log_loss"] for point in points])
    error = np.array([(point["high"] - point["low"]) / (2 * NORMAL_95) for point in points])
    weight = 1 / np.maximum(error, 1e-6)
    fits = []
    for exponent in EXPONENTS:
        rows = np.stack([np.ones(len(sizes)), sizes**-exponent], axis=1)
        (floor, scale), distance = optimize.nnls(rows * weight[:, None], loss * weight)
        fits.append((float(distance) ** 2, float(floor), float(scale), float(exponent)))
    best, floor, scale, exponent = min(fits)
    possible = [each for each in fits if each[0] <= best + WORSE]
    ahead = []
    for times in AHEAD:
        size = float(sizes.max() * times)
        reached = [f + s * size**-e for _, f, s, e in possible]
        value = floor + scale * size**-exponent
        ahead.append({"battles": size, "log_loss": value, "low": min(reached), "high": max(reached)})
    return {"power_law": {"floor": floor, "scale": scale, "exponent": exponent}, "ahead": ahead}


def _first(rows: Ints, ranks: Floats | Ints, share: float) -> Ints:
    """Return the rows whose prompt groups come first in the drawn order, about a share of all."""
    kept, counts = np.unique(ranks, return_counts=True)
    many = int(np.searchsorted(np.cumsum(counts), share * len(rows) - 1e-9)) + 1
    return np.asarray(rows[np.isin(ranks, kept[:many])])
