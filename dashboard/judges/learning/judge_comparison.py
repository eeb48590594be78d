"""Before and after: the new judge against the one so far, on votes that neither had learnt from."""

from typing import Any, Literal

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluation import metrics
from stacker.evaluation.intervals import difference_interval

Word = Literal["better", "alike", "worse", "untold"]
LEAST = 50
"""Votes below which nothing is said about two judges: an interval of so few tells nothing."""


def compared(new: Floats, old: Floats, outcome: Ints, group: Ints) -> dict[str, Any]:
    """Return both judges' log loss and accuracy on n votes, and the differences with their 95 % intervals.

    Parameters
    ----------
    new, old : (n, 3) float
        Probabilities, of votes that the judge in question did not learn from.
    outcome, group : (n,) int
        What was voted, and the number of the question; the intervals let votes on one question move together.

    Returns
    -------
    dict
        `votes`, `new` and `old` (each `log_loss`, `accuracy`), `log_loss` and `accuracy` (each `difference`, `low`,
        `high`: new less old), and `word`: by the interval of the log loss, "untold" for fewer than
        `LEAST` votes, or votes on too few questions.
    """
    found: dict[str, Any] = {"votes": len(outcome), "new": None, "old": None, "log_loss": None, "accuracy": None}
    if len(outcome) < LEAST:
        return found | {"word": "untold"}
    losses = [metrics.losses(each, outcome) for each in (new, old)]
    right = [metrics.hits(each, outcome) for each in (new, old)]
    for name, place in (("new", 0), ("old", 1)):
        found[name] = {"log_loss": float(losses[place].mean()), "accuracy": float(right[place].mean())}
    for name, (first, second) in (("log_loss", losses), ("accuracy", right)):
        found[name] = difference_interval(first, second, group)
    gap = found["log_loss"]
    if gap["low"] is None:
        return found | {"word": "untold"}
    word: Word = "better" if gap["high"] < 0 else "worse" if gap["low"] > 0 else "alike"
    return found | {"word": word}
