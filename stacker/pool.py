"""The stack's level-1 models: log-odds of several learners in, one verdict out, symmetric by form.

Every learner's verdict is taken apart into the margin m = log p(A) - log p(B), whose sign turns when the sides are
swapped, and the tie log-odds t = log p(tie) - (log p(A) + log p(B)) / 2, which stays. A level-1 model combines margins
without a constant and tie log-odds with one, so it cannot learn the position.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FLOOR = 1e-6
ALIKE = 300.0
"""Battles at which a stack leans on its own learners as much as on one that learnt before: on ten draws of Kaggle's
rows the starter judge was worth more than 100 or 300 of them, and less than 1,000."""
HOLD = 5.0
"""How many times harder than by `shrink` the weights are held where a learner learnt before and votes are few; with
many, once. On the same draws (shrink 20) a stack of 100 votes was worse than the starter judge alone by 0.0113 of log
loss, and is as good with this and without a temperature (0.0010 worse, 95 % interval -0.0011 to 0.0032). Held so hard
whatever their number, six learners lost 0.006 on 1,148 votes; a held tie offset lost 0.02 where voters hardly tie."""


def margins_and_ties(probabilities: Floats) -> tuple[Floats, Floats]:
    """Take (..., 3) probabilities apart into margins and tie log-odds, each (...)."""
    logs = np.log(np.clip(probabilities, FLOOR, 1.0))
    return logs[..., 0] - logs[..., 1], logs[..., 2] - 0.5 * (logs[..., 0] + logs[..., 1])


def probabilities_of(margin: Floats, tie: Floats) -> Floats:
    """Put margins and tie log-odds, each (n,), together into (n, 3) probabilities.

    Built from sums that do not depend on the order of A and B, so the swap is exact to the last bit.
    """
    top = np.maximum(np.abs(margin) / 2, tie)
    a, b, t = np.exp(margin / 2 - top), np.exp(-margin / 2 - top), np.exp(tie - top)
    total = (a + b) + t
    return np.stack([a / total, b / total, t / total], axis=-1)


class Pool:
    """Log-linear pool of K learners, fitted by penalised maximum likelihood.

    margin = sum_k w_k m_k / T and tie = (sum_k v_k t_k + offset) / T, with weights that do not fall below 0 in the
    `pool` form and are free in the `logistic` form; `temperature_` T is 1 until one is fitted to held-out verdicts.

    Parameters
    ----------
    form : {"pool", "logistic"}
        Whether weights must be at least 0.
    shrink : float
        Pull of the weights towards 1 / K each, in units of one battle's log loss; equal weights where data are few.
    prior : int or None
        Place of a learner that learnt before, from other battles: the pull then goes from it alone, where data are few,
        to equal weights where they are many; at `ALIKE` battles it is half way. Where data are
        few it is up to `HOLD` times as strong.
    """

    def __init__(
        self, form: Literal["pool", "logistic"] = "pool", shrink: float = 20.0, prior: int | None = None
    ) -> None:
        self.form = form
        self.shrink = shrink
        self.prior = prior

    def fit(self, probabilities: Floats, outcome: Ints, weight: Floats) -> "Pool":
        """Fit to (n, K, 3) out-of-fold probabilities, (n,) outcomes and (n,) weights."""
        from scipy import optimize  # not at the top: a judge that only gives verdicts starts without it

        margin, tie = margins_and_ties(probabilities.swapaxes(0, 1))
        learners = len(margin)
        start = np.full(2 * learners + 1, 1.0 / learners)
        start[-1] = 0.0
        hold = 1.0
        if self.prior is not None:
            own = weight.sum() / (weight.sum() + ALIKE)
            hold += (HOLD - 1) * (1 - own) ** 2
            start[:-1] *= own
            start[[self.prior % learners, learners + self.prior % learners]] += 1 - own
        share = weight / weight.sum()
        pull = self.shrink * hold / weight.sum()

        def objective(theta: Floats) -> tuple[float, Floats]:
            w, v, offset = theta[:learners], theta[learners:-1], theta[-1]
            p = probabilities_of(_weighted(margin, w), _weighted(tie, v) + offset)
            away = theta - start
            away[-1] = 0.0
            value = -np.sum(share * np.log(p[np.arange(len(outcome)), outcome])) + 0.5 * pull * np.sum(away**2)
            slope_margin = share * 0.5 * ((p[:, 0] - (outcome == 0)) - (p[:, 1] - (outcome == 1)))
            slope_tie = share * (p[:, 2] - (outcome == 2))
            slope = np.concatenate(
                [np.sum(margin * slope_margin, axis=1), np.sum(tie * slope_tie, axis=1), [slope_tie.sum()]]
            )
            return float(value), slope + pull * away

        low = 0.0 if self.form == "pool" else None
        bounds = [(low, None)] * (2 * learners) + [(None, None)]
        found = optimize.minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
        self.margin_weights_ = np.asarray(found.x[:learners])
        self.tie_weights_ = np.asarray(found.x[learners:-1])
        self.tie_offset_ = float(found.x[-1])
        self.temperature_ = 1.0
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted pool as JSON values."""
        return {
            "form": self.form,
            "shrink": self.shrink,
            "margin_weights": self.margin_weights_.tolist(),
            "tie_weights": self.tie_weights_.tolist(),
            "tie_offset": self.tie_offset_,
            "temperature": self.temperature_,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Pool":
        """Return the pool that `to_dict` described."""
        pool = cls(stored["form"], stored["shrink"])
        pool.margin_weights_ = np.array(stored["margin_weights"])
        pool.tie_weights_ = np.array(stored["tie_weights"])
        pool.tie_offset_ = stored["tie_offset"]
        pool.temperature_ = stored["temperature"]
        return pool

    def predict_proba(self, probabilities: Floats) -> Floats:
        """Pool (n, K, 3) probabilities of the same learners into (n, 3)."""
        margin, tie = margins_and_ties(probabilities.swapaxes(0, 1))
        pooled_margin = _weighted(margin, self.margin_weights_)
        pooled_tie = _weighted(tie, self.tie_weights_) + self.tie_offset_
        return probabilities_of(pooled_margin / self.temperature_, pooled_tie / self.temperature_)


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Sum (K, n) values over the learners, one learner after the other.

    A matrix product may add in another order for another number of rows or cores, and its threads cost twelve times
    the work on 20,000 battles of four learners.
    """
    return np.asarray(sum(row * weight for row, weight in zip(values, weights, strict=True)))
