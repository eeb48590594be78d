"""Class balance: how training may favour the rarer outcomes, and how the probabilities come back to the real prior.

A and B always are equally frequent to a learner, because it sees both orders of each battle; what is out of balance is
the tie against the two. Rebalancing moves the prior that a model learns, and log loss charges for that; what was moved
is known where votes are weighted, and else read off real battles held out, so that it is taken back on the log-odds
(Elkan, 2001; Saerens et al., 2002).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipelines.section import Section

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["none", "weights", "focal", "smote", "borderline_smote"]
SYNTHETIC = ("smote", "borderline_smote")
"""Methods that make battles."""
FARTHEST = 100.0
"""No correction is larger; e^100 times is as good as certain, and can be computed with."""
MOST_MOVED = 3.0
"""No correction of the tie log-odds is looked for beyond this, e^3 = 20 times."""


class BalanceParams(Section):
    """How training treats the rarer outcomes.

    `weights` lets each class count alike; `focal` turns from the battles that are already right (Lin et al., 2017) by
    the power `gamma`; `smote` makes further battles between neighbours of the rarer class (Chawla et al., 2002) until
    the classes are equal, and `borderline_smote` only from those near other classes (Han et al., 2005), each from
    `neighbours` neighbours. The trees know all of them; the linear and the sparse learner and the transformers know
    weights, the transformers focal too, and they learn without balance where they know no better. `prior_correction`
    brings the probabilities back to the real prior.
    """

    method: Method = "none"
    gamma: float = Field(1.0, ge=0, le=10)
    neighbours: int = Field(5, ge=1, le=1000)
    prior_correction: bool = True

    def named(self) -> str:
        """Return what names a fit by its balance: nothing where there is none, so that such fits are found again."""
        return "" if self.method == "none" else self.model_dump_json()


def class_shares(outcome: Ints, weight: Floats) -> Floats:
    """Return the weighted shares of the classes, (3,), those of A and B made equal as both orders make them."""
    share = np.bincount(outcome, weights=weight, minlength=3)
    decided = (share[0] + share[1]) / 2
    return np.array([decided, decided, share[2]]) / share.sum()


def class_weights(outcome: Ints, weight: Floats) -> Floats:
    """Return (3,) weights under which each class that occurs counts alike, weighted mean 1; 0 for one that does not."""
    share = class_shares(outcome, weight)
    present = share > 0
    return np.divide(1.0, share * present.sum(), out=np.zeros(3), where=present)


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
        """Return what `to_dict` described; no correction for None.

        Raises
        ------
        ValueError
            When a number cannot be one of a correction.
        """
        found = cls() if stored is None else cls(float(stored["tie"]), float(stored["gamma"]))
        if not (abs(found.tie) <= FARTHEST and 0 <= found.gamma <= FARTHEST):
            raise ValueError(f"correction {found.tie}, {found.gamma}: is out of bounds")
        return found


def prior_correction(trained: Floats, real: Floats) -> Correction:
    """Return the correction from the class shares of training to the real ones, each (3,) and equal for A and B."""
    if min(trained[0], trained[2], real[0], real[2]) <= 0:
        return Correction()
    return Correction(float(np.log(real[2] / real[0]) - np.log(trained[2] / trained[0])))


def tie_matched(probabilities: Floats, outcome: Ints, weight: Floats) -> Correction:
    """Return the correction under which (n, 3) probabilities hold as many ties, by weight, as n battles have.

    No correction where these battles have no tie, or nothing else.
    """
    from scipy.optimize import brentq

    share = float(np.average(outcome == 2, weights=weight))
    if share in (0.0, 1.0):
        return Correction()

    def excess(tie: float) -> float:
        return float(np.average(Correction(tie).apply(probabilities)[:, 2], weights=weight)) - share

    if excess(-MOST_MOVED) >= 0:
        return Correction(-MOST_MOVED)
    if excess(MOST_MOVED) <= 0:
        return Correction(MOST_MOVED)
    return Correction(float(brentq(excess, -MOST_MOVED, MOST_MOVED)))


def reweighted(outcome: Ints, weight: Floats) -> tuple[Floats, Correction]:
    """Return (n,) weights under which each class counts alike, and the correction of what is learnt with them."""
    balanced = weight * class_weights(outcome, weight)[outcome]
    return balanced, prior_correction(class_shares(outcome, balanced), class_shares(outcome, weight))


def weighted(params: BalanceParams, outcome: Ints, weight: Floats) -> tuple[Floats, Correction]:
    """Return the weights that a learner shall train with, (n,), and the correction of what it then says.

    Only the method `weights` changes them: it is all that a learner without a loss or features of its own can do.
    """
    if params.method != "weights":
        return weight, Correction()
    balanced, correction = reweighted(outcome, weight)
    return balanced, correction if params.prior_correction else Correction()


def followed_correction(params: BalanceParams, outcome: Ints, weight: Floats) -> Correction:
    """Return the correction of a learner that follows class weights and focal loss by its own loss."""
    if params.method == "focal":
        return Correction(gamma=params.gamma) if params.prior_correction else Correction()
    return weighted(params, outcome, weight)[1]


def _focal_odds(probabilities: Floats, gamma: float) -> Floats:
    """Return what is proportional to the true probabilities where the focal loss has its minimum at those given.

    At the minimum of the expected focal loss over the simplex the true probability of each class is proportional to
    v / ((1 - v)^gamma - gamma (1 - v)^(gamma - 1) v log v), v being what the model says (Charoenphakdee et al., 2021).
    """
    v = np.clip(probabilities, 1e-12, 1.0)
    # The sum of the others, not 1 - v: exact where v is near 1. A + B is the same for either order.
    rest = np.stack(
        [
            probabilities[:, 1] + probabilities[:, 2],
            probabilities[:, 0] + probabilities[:, 2],
            probabilities[:, 0] + probabilities[:, 1],
        ],
        axis=1,
    )
    rest = np.clip(rest, 1e-12, 1.0)
    # Divided by rest^gamma throughout would overflow for small rests; divided by the largest odds it cannot.
    logs = np.log(v) - (gamma - 1) * np.log(rest) - np.log(rest - gamma * v * np.log(v))
    return np.asarray(np.exp(logs - logs.max(axis=1, keepdims=True)))
