"""How far probabilities can be taken at their word: curves of equal-mass bins, before and after the temperature."""

from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import share_interval
from stacker.evaluate.metrics import expected_calibration_error, hits, log_loss

BINS = 10
LEAST = 20
"""Battles that a bin holds at least, where there are so many."""


def calibration(before: Floats, after: Floats, outcome: Ints, group: Ints, temperature: float) -> dict[str, Any]:
    """Return the calibration of the stack's (n, 3) held-out verdicts before and after its temperature.

    `outcome` and `group`, (n,) each, are the votes and the prompt groups.

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
        "before": _summary(before, outcome, group),
        "after": _summary(after, outcome, group),
        "winner": curve(after[:, :2].ravel(), hits[:, :2].ravel(), np.repeat(group, 2)),
        "tie": curve(after[:, 2], hits[:, 2], group),
    }


def curve(predicted: Floats, came: Floats, group: Ints) -> list[dict[str, float]]:
    """Split n probabilities into bins of about equal size and compare them with what came.

    Parameters
    ----------
    predicted : (n,) float
        Probabilities of an event.
    came : (n,)
        Whether it happened, or which share of it.
    group : (n,) int
        Prompt groups.

    Returns
    -------
    list of dict
        `predicted` (mean), `seen` (share), `low`, `high` (`stacker.evaluate.intervals.share_interval`), `battles`;
        from the least probable. Equal probabilities are in one bin, so the order of the rows decides nothing.
    """
    if len(predicted) == 0:
        return []
    bins = max(1, min(BINS, len(predicted) // LEAST))
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    place = np.searchsorted(edges, predicted, side="left")
    found = []
    for number in np.unique(place):
        part = place == number
        low, high = share_interval(came[part], group[part])
        means = {"predicted": float(predicted[part].mean()), "seen": float(came[part].mean())}
        found.append({**means, "low": low, "high": high, "battles": int(part.sum())})
    return found


def _summary(probabilities: Floats, outcome: Ints, group: Ints) -> dict[str, Any]:
    return {
        "ece": expected_calibration_error(probabilities, outcome),
        "log_loss": log_loss(probabilities, outcome),
        "curve": curve(probabilities.max(axis=1), hits(probabilities, outcome), group),
    }
