"""Class balance: how training may favour the rarer outcomes, and how the probabilities come back to the real prior.

A and B always are equally frequent to a learner, because it sees both orders of each battle; what is out of balance is
the tie against the two. Rebalancing moves the prior that a model learns, and log loss charges for that; what was moved
is known where votes are weighted, and else read off real battles held out, so that it is taken back on the log-odds
(Elkan, 2001; Saerens et al., 2002).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from pipelines.battles.arrays import Floats, Ints
from pipelines.settings import Section

Method = Literal["none", "weights", "focal", "smote", "borderline_smote"]
SYNTHETIC = ("smote", "borderline_smote")
"""Methods that make battles."""
FARTHEST = 100.0
"""No correction is larger; e^100 times is as good as certain, and can be computed with."""
UNSEEN = np.array([0.25, 0.25, 0.5])
"""Battles that each class is counted with beside those that there are, one in all."""
MOST_MOVED = 3.0
"""No correction of the tie log-odds is looked for beyond this, e^3 = 20 times."""


class BalanceParams(Section):
    """How training treats the rarer outcomes.

    `weights` lets each class count alike; `focal` turns from the battles that are already right (Lin et al., 2017) by
    the power `gamma`; `smote` makes further battles between neighbours of the rarer class (Chawla et al., 2002) until
    the classes are equal, and `borderline_smote` only from those near other classes (Han et al., 2005), each from
    `k_neighbors` neighbours. The trees know all of them; the linear and the sparse learner and the transformers know
    weights, the transformers focal too, and they learn without balance where they know no better. `prior_correction`
    brings the probabilities back to the real prior.
    """

    renamed = {"neighbours": "k_neighbors"}

    method: Method = "none"
    gamma: float = Field(1.0, ge=0, le=10)
    k_neighbors: int = Field(5, ge=1, le=1000)
    prior_correction: bool = True

    def named(self) -> str:
        """Return what names a fit by its balance: nothing where there is none, so that such fits are found again."""
        return "" if self.method == "none" else self.model_dump_json()


def class_shares(outcome: Ints, weight: Floats) -> Floats:
    """Return the weighted shares of the classes, (3,), those of A and B made equal as both orders make them.

    Half a battle is counted as a tie and half as decided beside those that there are (Krichevsky and Trofimov, 1981):
    an outcome that nobody voted yet is rare, not impossible, and the rarer the more battles there are.
    """
    counts = np.bincount(outcome, weights=weight, minlength=3) + UNSEEN
    decided = (counts[0] + counts[1]) / 2
    return np.array([decided, decided, counts[2]]) / counts.sum()


def tie_log_odds(outcome: Ints, weight: Floats) -> float:
    """Return the log-odds of a tie against either side, by `class_shares`."""
    share = class_shares(outcome, weight)
    return float(np.log(share[2] / share[0]))


def focal_tie_log_odds(tie: float, gamma: float) -> float:
    """Return the tie log-odds whose focal correction gives these: what a model of the focal loss says of equals."""
    from scipy.optimize import brentq

    def excess(said: float) -> float:
        odds = np.exp(np.array([[0.0, 0.0, said]]) - max(said, 0.0))
        p = Correction(gamma=gamma).apply(odds / odds.sum())[0]
        return float(np.log(p[2] / p[0])) - tie

    return float(brentq(excess, -30.0, 30.0))


def class_weights(outcome: Ints, weight: Floats) -> Floats:
    """Return (3,) weights under which each class counts alike by `class_shares`, whose weighted mean is 1."""
    return 1 / (3 * class_shares(outcome, weight))


def softmax(logs: Floats) -> Floats:
    """Return the softmax of each row of (n, 3) log-odds; swapping the first two swaps the result to the last bit."""
    e = np.exp(logs - logs.max(axis=1, keepdims=True))
    return e / ((e[:, 0] + e[:, 1]) + e[:, 2])[:, None]


def others_of(p: Floats) -> Floats:
    """Return 1 - p of (n, 3) probabilities as the sum of the others: exact where p is near 1, and as A and B swap."""
    return np.stack([p[:, 1] + p[:, 2], p[:, 0] + p[:, 2], p[:, 0] + p[:, 1]], axis=1)


@dataclass(frozen=True)
class Correction:
    """What brings probabilities from the prior and loss of training back to those of the battles.

    Attributes
    ----------
    tie : float
        Added to the tie log-odds: how much rarer ties really are than in training.
    gamma : float
        Power of the focal loss that was trained, whose minimum is no probability; 0 for any proper loss.
    """

    tie: float = 0.0
    gamma: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.tie != 0.0 or self.gamma != 0.0)

    def apply(self, probabilities: Floats) -> Floats:
        """Correct (n, 3) probabilities; swapping A and B before or after gives the same to the last bit."""
        if not self:
            return probabilities
        odds = _focal_odds(probabilities, self.gamma) if self.gamma else probabilities
        a, b, tie = odds[:, 0], odds[:, 1], odds[:, 2] * np.exp(self.tie)
        total = (a + b) + tie
        return np.stack([a / total, b / total, tie / total], axis=1)

    def to_dict(self) -> dict[str, float]:
        """Return the correction as JSON values."""
        return {"tie": self.tie, "gamma": self.gamma}

    @classmethod
    def from_dict(cls, stored: dict[str, Any] | None) -> "Correction":
        """Return what `to_dict` described, no correction for None; a `ValueError` where a number cannot be."""
        found = cls() if stored is None else cls(float(stored["tie"]), float(stored["gamma"]))
        if not (abs(found.tie) <= FARTHEST and 0 <= found.gamma <= FARTHEST):
            raise ValueError(f"correction {found.tie}, {found.gamma}: is out of bounds")
        return found


def prior_correction(trained: Floats, real: Floats) -> Correction:
    """Return the correction from the class shares of training to the real ones, each (3,) and equal for A and B."""
    return Correction(float(np.log(real[2] / real[0]) - np.log(trained[2] / trained[0])))


def tie_matched(probabilities: Floats, outcome: Ints, weight: Floats) -> Correction:
    """Return the correction under which (n, 3) probabilities hold as many ties, by weight, as n battles have.

    Half a battle is counted as a tie and half as decided besides, as in `class_shares`.
    """
    from scipy.optimize import brentq

    share = float(class_shares(outcome, weight)[2])

    def excess(tie: float) -> float:
        return float(np.average(Correction(tie).apply(probabilities)[:, 2], weights=weight)) - share

    if excess(-MOST_MOVED) >= 0:
        return Correction(-MOST_MOVED)
    if excess(MOST_MOVED) <= 0:
        return Correction(MOST_MOVED)
    return Correction(float(brentq(excess, -MOST_MOVED, MOST_MOVED)))


@dataclass(frozen=True)
class Weights:
    """What a learner trains with.

    Attributes
    ----------
    rows : (n,) float
        Weight of each battle.
    unseen : (3,) float
        Weight of the battles that each class is counted with beside them, `UNSEEN` unless classes are weighed.
    correction : Correction
        Of what is learnt with these weights.
    """

    rows: Floats
    unseen: Floats
    correction: Correction


def weighted(params: BalanceParams, outcome: Ints, weight: Floats) -> Weights:
    """Return the weights that a learner shall train with.

    Only the method `weights` changes them: it is all that a learner without a loss or features of its own can do. Each
    class then counts alike.
    """
    if params.method != "weights":
        return Weights(weight, UNSEEN, Correction())
    of_class = class_weights(outcome, weight)
    moved = prior_correction(np.full(3, 1 / 3), class_shares(outcome, weight))
    return Weights(weight * of_class[outcome], UNSEEN * of_class, moved if params.prior_correction else Correction())


def followed_correction(params: BalanceParams, outcome: Ints, weight: Floats) -> Correction:
    """Return the correction of a learner that follows class weights and focal loss by its own loss."""
    if params.method == "focal":
        return Correction(gamma=params.gamma) if params.prior_correction else Correction()
    return weighted(params, outcome, weight).correction


def _focal_odds(probabilities: Floats, gamma: float) -> Floats:
    """Return what is proportional to the true probabilities where the focal loss has its minimum at those given.

    At the minimum of the expected focal loss over the simplex the true probability of each class is proportional to
    v / ((1 - v)^gamma - gamma (1 - v)^(gamma - 1) v log v), v being what the model says (Charoenphakdee et al., 2021).
    """
    v = np.clip(probabilities, 1e-12, 1.0)
    rest = np.clip(others_of(probabilities), 1e-12, 1.0)
    # Divided by rest^gamma throughout would overflow for small rests; divided by the largest odds it cannot.
    logs = np.log(v) - (gamma - 1) * np.log(rest) - np.log(rest - gamma * v * np.log(v))
    return np.asarray(np.exp(logs - logs.max(axis=1, keepdims=True)))
