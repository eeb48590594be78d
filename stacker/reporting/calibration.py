"""How far probabilities can be taken at their word: curves of equal-mass bins, before and after the temperature."""

from typing import Any

import numpy as np

from stacker.learners.base import Floats, Ints
from stacker.metrics import expected_calibration_error, hits, log_loss
from stacker.reporting.intervals import wilson

BINS = 10
LEAST = 20
"""Battles that a bin holds at least, where there are so many."""


def calibration(before: Floats, after: Floats, outcome: Ints, temperature: float) -> dict[str, Any]:
    """Return the calibration of the stack's (n, 3) held-out verdicts before and after its temperature.

    Returns
    -------
    dict
        `temperature` of the judge; `before` and `after`, each with `ece` (of the most probable outcome, 15 bins),
        `log_loss` and `curve`; `winner` and `tie`, the curves after the temperature of p(A) and p(B) together, and of
        p(tie).
    """
    hits = np.eye(3)[outcome]
    return {
        "temperature": temperature,
        "before": _summary(before, outcome),
        "after": _summary(after, outcome),
        "winner": curve(after[:, :2].ravel(), hits[:, :2].ravel()),
        "tie": curve(after[:, 2], hits[:, 2]),
    }


def curve(predicted: Floats, came: Floats) -> list[dict[str, float]]:
    """Part n probabilities into bins of about equal size and compare them with what came.

    Parameters
    ----------
    predicted : (n,) float
        Probabilities of an event.
    came : (n,)
        Whether it happened.

    Returns
    -------
    list of dict
        `predicted` (mean), `seen` (share), `low`, `high` (Wilson), `battles`; from the least probable.
    """
    found = []
    order = np.argsort(predicted, kind="stable")
    for part in np.array_split(order, max(1, min(BINS, len(order) // LEAST))):
        if len(part) == 0:
            continue
        n, times = len(part), float(came[part].sum())
        low, high = wilson(times, n)
        mean = float(predicted[part].mean())
        found.append({"predicted": mean, "seen": times / n, "low": float(low), "high": float(high), "battles": n})
    return found


def _summary(probabilities: Floats, outcome: Ints) -> dict[str, Any]:
    return {
        "ece": expected_calibration_error(probabilities, outcome),
        "log_loss": log_loss(probabilities, outcome),
        "curve": curve(probabilities.max(axis=1), hits(probabilities, outcome)),
    }
