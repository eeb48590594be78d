"""A cascade: the learners that cost nothing judge first, and a language model is asked only where they are unsure.

Found on cross-fitted verdicts, so that it holds for battles that nobody has seen: what asking brings by how sure the
verdict is without it, and the threshold below which it pays.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import difference_interval, mean_interval
from stacker.evaluate.metrics import hits, losses

SHARES = tuple(number / 20 for number in range(21))
"""Shares of the battles that are asked about, the least sure ones first."""
ALWAYS = 1.1
"""A threshold that no verdict reaches."""


@dataclass(frozen=True)
class Cascade:
    """When a judge asks its language models.

    Attributes
    ----------
    threshold : float
        They are asked where no outcome has this probability without them; 0 never, `ALWAYS` always.
    share : float
        Share of the battles of the run that this was.
    keep : float
        Which part of what asking everywhere brings in log loss it was to keep.
    """

    threshold: float
    share: float
    keep: float

    def asks(self, free: Floats) -> Any:
        """Return (n,) bool: for which of (n, 3) verdicts without language models these are asked."""
        return free.max(axis=1) < self.threshold

    def to_dict(self) -> dict[str, float]:
        """Return it as JSON values."""
        return asdict(self)


def threshold_of(certainty: Floats, share: float) -> float:
    """Return the threshold below which a share of n verdicts lies, (n,) probabilities of the likeliest outcomes."""
    if share <= 0:
        return 0.0
    return ALWAYS if share >= 1 else float(np.quantile(certainty, share))


def cascade_curve(free: Floats, full: Floats, outcome: Ints, group: Ints) -> list[dict[str, Any]]:
    """Return what a cascade gives for each share of battles that language models are asked about.

    Parameters
    ----------
    free, full : (n, 3) float
        Cross-fitted verdicts without and with the language models, of battles that these spoke of.
    outcome, group : (n,) int
        Votes and prompt groups.

    Returns
    -------
    list of dict
        `asked` (share), `threshold`, `log_loss`, `agreement` (share of votes that were called) with `low` and `high`
        each under `log_loss_interval` and `agreement_interval`, and `gain`: how much lower the log loss is than
        without asking, with `low` and `high`.
    """
    certainty = free.max(axis=1)
    without = losses(free, outcome)
    found = []
    for share in SHARES:
        threshold = threshold_of(certainty, share)
        asked = certainty < threshold
        verdicts = np.where(asked[:, None], full, free)
        loss, right = losses(verdicts, outcome), hits(verdicts, outcome)
        loss_interval, right_interval = mean_interval(loss, group), mean_interval(right, group)
        gain = difference_interval(without, loss, group)
        found.append(
            {
                "asked": float(asked.mean()),
                "threshold": threshold,
                "log_loss": loss_interval["mean"],
                "log_loss_interval": {end: loss_interval[end] for end in ("low", "high")},
                "agreement": right_interval["mean"],
                "agreement_interval": {end: right_interval[end] for end in ("low", "high")},
                "gain": gain,
            }
        )
    return found


def chosen_cascade(curve: list[dict[str, Any]], keep: float) -> Cascade:
    """Return the cascade that asks least and keeps a part of what asking everywhere brings.

    Where that asking everywhere brings anything is not shown, as the interval of its gain holds 0, it asks nothing.
    """
    whole = curve[-1]["gain"]
    if whole["low"] is None or whole["low"] <= 0:
        return Cascade(0.0, 0.0, keep)
    enough = next(point for point in curve if point["gain"]["difference"] >= keep * whole["difference"])
    return Cascade(enough["threshold"], enough["asked"], keep)


def told_cascade(share: float, keep: float) -> str:
    """Return a sentence on how much a cascade asks."""
    if share == 0:
        return "Cascade: that asking language models lowers the log loss is not shown here, so --cascade asks nothing."
    return f"Cascade: asking about {share:.0%} of the battles keeps {keep:.0%} of what asking about all of them brings."
