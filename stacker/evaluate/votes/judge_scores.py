"""Scores of a judge and of its rivals over votes: each with its interval, votes on one prompt together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate import metrics
from stacker.evaluate.intervals import Groups, difference_interval, mean_interval, share_interval
from stacker.evaluate.votes.kappa import Kappa, cohen_kappa

Figure = dict[str, float | None]
"""A number: `value`, `low` and `high`; None where there is none."""
COUNTED = 3.0
"""Votes that the class prior thinks of besides, one for each outcome (Laplace)."""


@dataclass(frozen=True)
class Predictor:
    """What is scored on n votes.

    Attributes
    ----------
    calls : (n, 3) float
        1 at the outcome it names, 0 elsewhere; shares where it names several.
    margin : (n,) float
        How far A is ahead; only its order counts.
    probabilities : (n, 3) float or None
        None where it gives no probabilities of the three outcomes: it has no log loss then.
    """

    calls: Floats
    margin: Floats
    probabilities: Floats | None = None

    def of_rows(self, rows: NDArray[Any]) -> "Predictor":
        """Take some of the votes."""
        return Predictor(
            self.calls[rows], self.margin[rows], None if self.probabilities is None else self.probabilities[rows]
        )


def longer_answer(longer: Ints) -> Predictor:
    """Return the rival that prefers the longer answer; `longer` is (n,) characters of A's answer less those of B's."""
    return Predictor(np.eye(3)[np.where(longer > 0, 0, np.where(longer < 0, 1, 2))], longer.astype(np.float64))


def class_prior(outcome: Ints, group: Ints) -> Predictor:
    """Return the rival that knows the shares of the votes and nothing of a battle.

    Its probabilities for a vote are the shares among the votes on all other prompts, one vote of each outcome added, so
    that it has not seen what it is scored on. It names the commonest of all votes: without a vote's own prompt that
    would be another one wherever two outcomes are about as common, and always the wrong one.
    """
    groups = Groups.of(group)
    counts = np.zeros((len(groups.size), 3))
    np.add.at(counts, (groups.place, outcome), 1.0)
    total = counts.sum(axis=0)
    others = (total - counts + COUNTED / 3)[groups.place]
    shares = others / others.sum(axis=1, keepdims=True)
    calls = np.repeat(metrics.most_probable_shares(total[None]), len(outcome), axis=0)
    return Predictor(calls, np.full(len(outcome), np.sign(total[0] - total[1])), shares)


def hits(predictor: Predictor, outcome: Ints) -> Floats:
    """Return (n,): which share of each vote's outcome was called."""
    return np.asarray(predictor.calls[np.arange(len(outcome)), outcome])


def sides_right(margin: Floats, outcome: Ints) -> Floats:
    """Return for each of n votes for a side whether that side is ahead: 1, 0, or a half where none is."""
    gap = np.where(outcome == 0, margin, -margin)
    return np.where(gap > 0, 1.0, np.where(gap == 0, 0.5, 0.0))


def scores(predictor: Predictor, outcome: Ints, group: Ints) -> dict[str, Figure | None]:
    """Return every score of a predictor over n votes.

    Parameters
    ----------
    predictor : Predictor
        Of the same n votes.
    outcome, group : (n,) int
        Votes and prompts.

    Returns
    -------
    dict of Figure or None
        `log_loss` (nats) and `brier` (0 to 2), None without probabilities; `accuracy` (of three outcomes: the share of
        votes that were called); `accuracy_without_ties` (votes for a side: whether that side is ahead; a half where
        none is); `agreement` (votes for a side where the judge names a side too: whether it is the same); `kappa`
        (Cohen, 1960); `auc` (votes for a side: how often one for A has a higher margin than one for B). A score that no
        vote speaks of is None, and so are kappa and AUC of what says the same of every battle.
    """
    decided = outcome < 2
    named = decided & (predictor.calls[:, 2] < 0.5)
    steady = len(outcome) == 0 or np.all(predictor.calls == predictor.calls[0])
    kappa = Kappa(None, None, None) if steady else cohen_kappa(outcome, predictor.calls, group)
    found: dict[str, Figure | None] = {"log_loss": None, "brier": None}
    if predictor.probabilities is not None:
        losses = metrics.losses(predictor.probabilities, outcome)
        squares = np.sum((predictor.probabilities - np.eye(3)[outcome]) ** 2, axis=1)
        found = {"log_loss": mean(losses, group), "brier": mean(squares, group)}
    right = sides_right(predictor.margin, outcome)
    return found | {
        "accuracy": share(hits(predictor, outcome), group),
        "accuracy_without_ties": share(right[decided], group[decided]),
        "agreement": share(_same_side(predictor.calls[named], outcome[named]), group[named]),
        "kappa": None if kappa.value is None else {"value": kappa.value, "low": kappa.low, "high": kappa.high},
        "auc": auc(predictor.margin[decided], outcome[decided], group[decided]),
    }


def _same_side(calls: Floats, outcome: Ints) -> Floats:
    sides = calls[:, :2] / calls[:, :2].sum(axis=1, keepdims=True)
    return np.asarray(sides[np.arange(len(outcome)), outcome])


def mean(values: Floats, group: Ints) -> Figure | None:
    """Return the mean of n values as a figure; None without values."""
    if len(values) == 0:
        return None
    found = mean_interval(values, group)
    return {"value": found["mean"], "low": found["low"], "high": found["high"]}


def share(values: Floats, group: Ints) -> Figure | None:
    """Return the mean of n values from 0 to 1 as a figure; None without values."""
    if len(values) == 0:
        return None
    low, high = share_interval(values, group)
    return {"value": float(values.mean()), "low": low, "high": high}


def difference(first: Floats, second: Floats, group: Ints) -> Figure | None:
    """Return mean(first) - mean(second) of n paired values as a figure; None without values."""
    if len(first) == 0:
        return None
    found = difference_interval(first, second, group)
    return {"value": found["difference"], "low": found["low"], "high": found["high"]}


def auc(margin: Floats, outcome: Ints, group: Ints) -> Figure | None:
    """Return how often a vote for A has a higher margin than one for B, equal ones half: the area under the ROC curve.

    Its interval is that of DeLong, DeLong and Clarke-Pearson (1988), the votes of one prompt together (Obuchowski,
    1997). None where one side has no vote, and for what says the same of every battle.
    """
    from scipy.stats import rankdata

    first = outcome == 0
    many, few = int(first.sum()), int((~first).sum())
    if not many or not few or margin.min() == margin.max():
        return None
    ranks = rankdata(margin)
    beaten = np.empty(len(margin))  # of each vote, the share of the other side's votes that lie on the right side of it
    beaten[first] = (ranks[first] - rankdata(margin[first])) / few
    beaten[~first] = 1 - (ranks[~first] - rankdata(margin[~first])) / many
    value = float(beaten[first].mean())
    found = mean_interval(value + (beaten - value) * len(margin) / np.where(first, many, few), group)
    low, high = found["low"], found["high"]
    return {
        "value": value,
        "low": None if low is None else max(low, 0.0),
        "high": None if high is None else min(high, 1.0),
    }


def leads(judge: Predictor, rivals: Mapping[str, Predictor], outcome: Ints, group: Ints) -> dict[str, dict[str, Any]]:
    """Return how far a judge is ahead of its rivals on the same n votes: paired differences by name of rival and score.

    `log_loss` is the judge's less the rival's (below 0: the judge is better), where both have one; `accuracy` and
    `accuracy_without_ties` likewise (above 0: the judge is better).
    """
    decided = outcome < 2
    found: dict[str, dict[str, Any]] = {}
    for name, rival in rivals.items():
        found[name] = {
            "log_loss": None
            if judge.probabilities is None or rival.probabilities is None
            else difference(
                metrics.losses(judge.probabilities, outcome), metrics.losses(rival.probabilities, outcome), group
            ),
            "accuracy": difference(hits(judge, outcome), hits(rival, outcome), group),
            "accuracy_without_ties": difference(
                sides_right(judge.margin, outcome)[decided],
                sides_right(rival.margin, outcome)[decided],
                group[decided],
            ),
        }
    return found
