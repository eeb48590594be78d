"""The focal loss over three log-odds, with the exact gradient and diagonal of the Hessian, for boosting libraries."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints

LEAST_CURVATURE = 1e-6
"""The libraries want a positive Hessian; where the exact one is below this, for battles that the model gets badly
wrong, this is taken: the leaf's penalty then bounds the step."""


def focal_loss(logs: Floats, outcome: Ints, gamma: float) -> Floats:
    """Return -(1 - p)^gamma log p of each battle, (n,), p being the probability of what was voted (Lin et al., 2017).

    Parameters
    ----------
    logs : (n, 3)
        Log-odds.
    outcome : (n,) int64
        Votes.
    gamma : float
        At least 0, where it is the log loss.
    """
    _, voted, rest, log_voted = _parts(logs, outcome)
    return np.asarray(-(rest**gamma) * log_voted)


def focal_derivatives(logs: Floats, outcome: Ints, gamma: float) -> tuple[Floats, Floats]:
    """Return the exact gradient and diagonal of the Hessian of `focal_loss` by the log-odds, each (n, 3).

    With p the probability of the vote, q = 1 - p and d_j = [j voted] - p_j:
    gradient_j = d_j s, s = gamma q^(gamma - 1) p log p - q^gamma;
    Hessian_jj = d_j^2 p s' - s p_j (1 - p_j), s' = ds/dp. The second may be negative.
    """
    p, voted, rest, log_voted = _parts(logs, outcome)
    power = rest**gamma
    # q^(gamma - 1) log p and q^(gamma - 2) log p p d_j^2 stay finite where q goes to 0, if the powers go first.
    log_by_rest = log_voted / rest
    slope = power * (gamma * voted * log_by_rest - 1.0)
    bend_by_rest = gamma * power * (2.0 + log_voted - (gamma - 1.0) * voted * log_by_rest)  # s' q
    away = -p
    away[np.arange(len(p)), outcome] = rest
    others = np.stack([p[:, 1] + p[:, 2], p[:, 0] + p[:, 2], p[:, 0] + p[:, 1]], axis=1)
    gradient = away * slope[:, None]
    # d_j is at most q in size, so that d_j^2 / q needs no floor of its own.
    curvature = (away**2 / rest[:, None]) * (voted * bend_by_rest)[:, None] - slope[:, None] * p * others
    return gradient, curvature


def focal_objective(
    outcome: Ints, weight: Floats, gamma: float, scale: float
) -> Callable[[NDArray[Any], Any], tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return the focal loss as an objective that LightGBM and XGBoost take.

    Parameters
    ----------
    outcome, weight : (n,)
        Votes and weights of the rows, in the order of the library's data.
    gamma : float
        Power of the focal loss.
    scale : float
        What the library multiplies the Hessian of its own softmax by, so that gamma 0 gives its own trees.

    Returns
    -------
    callable
        From the library's (n, 3) log-odds and its data to (n, 3) gradients and Hessians, the latter at least
        `LEAST_CURVATURE`, both times weight.
    """

    def objective(logs: NDArray[Any], _: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        gradient, curvature = focal_derivatives(np.asarray(logs, dtype=np.float64), outcome, gamma)
        positive = np.maximum(scale * curvature, LEAST_CURVATURE)
        return (
            (gradient * weight[:, None]).astype(np.float32),
            (positive * weight[:, None]).astype(np.float32),
        )

    return objective


def _parts(logs: Floats, outcome: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the probabilities, (n, 3), and of the vote: probability, 1 - probability and logarithm, each (n,)."""
    rows = np.arange(len(logs))
    centred = logs - logs.max(axis=1, keepdims=True)
    e = np.exp(centred)
    total = (e[:, 0] + e[:, 1]) + e[:, 2]
    p = e / total[:, None]
    others = np.array([[1, 2], [0, 2], [0, 1]])[outcome]
    rest = p[rows[:, None], others].sum(axis=1)
    log_voted = np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)), centred[rows, outcome] - np.log(total))
    return p, p[rows, outcome], np.maximum(rest, 1e-300), log_voted
