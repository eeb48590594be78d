"""Bradley-Terry strengths of named models, and Kendall's tau between two orders of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def strengths(first: Ints, second: Ints, score: Floats, count: int, ridge: float = 0.1) -> Floats:
    """Fit Bradley-Terry strengths by penalised maximum likelihood; their mean is 0.

    Parameters
    ----------
    first, second : (n,) int
        The two models of each battle, numbered from 0.
    score : (n,) float
        What the first model got: 1 a win, 0 a loss, .5 a tie, or an expected value between.
    count : int
        Number of models.
    ridge : float
        Weight of the squared strengths; keeps a model that won every battle finite.

    Returns
    -------
    (count,) float
        Strengths in log-odds (Bradley and Terry, 1952; ties as half a win each).
    """

    def objective(strength: Floats) -> tuple[float, Floats]:
        gap = strength[first] - strength[second]
        expected = 1.0 / (1.0 + np.exp(-gap))
        value = np.sum(np.logaddexp(0.0, gap) - score * gap) + 0.5 * ridge * strength @ strength
        pull = expected - score
        slope = np.bincount(first, pull, count) - np.bincount(second, pull, count) + ridge * strength
        return float(value), slope

    found = optimize.minimize(objective, np.zeros(count), jac=True, method="L-BFGS-B")
    return np.asarray(found.x - found.x.mean(), dtype=np.float64)


def order_agreement(
    model_a: Sequence[str], model_b: Sequence[str], probabilities: Floats, outcome: Ints, least: int = 5
) -> dict[str, float | int] | None:
    """Compare the models' order by predicted and by voted strength.

    Parameters
    ----------
    model_a, model_b : sequences of n str
        Names; battles with an empty name are left out.
    probabilities : (n, 3) float
        Predicted probabilities; the expected score of A is p(A) + p(tie) / 2.
    outcome : (n,) int
        Votes.
    least : int
        Models with fewer battles are left out.

    Returns
    -------
    dict or None
        `kendall_tau` (tau-b) and the number of `models`; None with fewer than 3 models.
    """
    a, b = np.asarray(model_a, dtype=object), np.asarray(model_b, dtype=object)
    kept = (a != "") & (b != "") & (a != b)
    names, counts = np.unique(np.concatenate([a[kept], b[kept]]).astype(str), return_counts=True)
    names = names[counts >= least]
    kept &= np.isin(a.astype(str), names) & np.isin(b.astype(str), names)
    if len(names) < 3 or not kept.any():
        return None
    first = np.searchsorted(names, a[kept].astype(str))
    second = np.searchsorted(names, b[kept].astype(str))
    voted = np.array([1.0, 0.0, 0.5])[outcome[kept]]
    expected = probabilities[kept, 0] + probabilities[kept, 2] / 2
    tau = stats.kendalltau(
        strengths(first, second, voted, len(names)), strengths(first, second, expected, len(names))
    ).statistic
    return {"kendall_tau": float(tau), "models": len(names)} if np.isfinite(tau) else None
