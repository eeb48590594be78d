"""Temperature scaling: one number that makes probabilities as sure as they are right."""

import numpy as np
from scipy import optimize

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluation.metrics import log_loss

RANGE = (0.2, 5.0)
"""Temperatures that are looked at."""


def scaled(probabilities: Floats, temperature: float, level: float = 0.0) -> Floats:
    """Return (n, 3) probabilities with their log-odds divided by a temperature; the swap stays exact.

    The log-odds of a tie, log p(tie) - (log p(A) + log p(B)) / 2, are measured from `level`.
    """
    logs = np.log(np.clip(probabilities, 1e-12, 1.0)) / temperature
    logs[:, 2] += level * (1.0 - 1.0 / temperature)
    e = np.exp(logs - logs.max(axis=1, keepdims=True))
    return e / ((e[:, 0] + e[:, 1]) + e[:, 2])[:, None]


def fit_temperature(
    probabilities: Floats, outcome: Ints, weight: Floats, level: float = 0.0, spread: float = np.inf
) -> float:
    """Return the temperature of the lowest log loss (Guo et al., 2017); above 1 where the probabilities were too sure.

    Parameters
    ----------
    probabilities : (n, 3) float
        Of battles that the model which gave them had not seen.
    outcome, weight : (n,)
        Votes and their weights.
    level : float
        See `scaled`.
    spread : float
        Standard deviation of the logarithm's normal prior, whose mean is a temperature of 1; none by default.
    """
    total = float(np.sum(weight))

    def penalised(log: float) -> float:
        loss = log_loss(scaled(probabilities, float(np.exp(log)), level), outcome, weight)
        return loss + 0.5 * (log / spread) ** 2 / total

    found = optimize.minimize_scalar(
        penalised,
        bounds=tuple(np.log(RANGE)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))
