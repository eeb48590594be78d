"""The stack's level-1 models: log-odds of several learners in, one verdict out, symmetric by form.

Every learner's verdict is taken apart into the margin m = log p(A) - log p(B), whose sign turns when the sides are
swapped, and the tie log-odds t = log p(tie) - (log p(A) + log p(B)) / 2, which stays. A level-1 model combines margins
without a constant and tie log-odds with one, so it cannot learn the position.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from pipelines.errors import UserError
from stacker.learners.stacking.cascade import Cascade

FLOOR = 1e-6
ALIKE = 100.0
"""Battles at which a stack leans on its own learners as much as on one that learnt before."""
HOLD = 20.0
"""How many times harder than by `shrink` the weights are held where a learner learnt before and votes are few; with
many, once. Both were chosen on five draws each of 100, 300 and, where there are so many, 1,000 votes of the sets
arena33k_samples, autoj_test and cohere_hf_paper, which the starter judge did not learn from: log loss 0.953 on the
mean, 0.964 without the starter judge, and 0.953 to 0.959 for all nine pairs of 100, 300 or 1,000 and 1, 5 or 20."""
OFFSET = 0.3
"""Scale of the offset's prior, a Cauchy distribution. Learners are fitted to the shares of the votes, so they hardly
err in how often there are ties; an offset that is free to follow one rare tie costs more than all learners gain."""


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


def silent_learners(probabilities: Floats) -> NDArray[np.bool_]:
    """Return (..., K): which learners say nothing of a battle, by (..., K, 3) probabilities that are NaN then."""
    return np.asarray(np.all(np.isnan(probabilities), axis=-1))


class Pool:
    """Log-linear pool of K learners, fitted by penalised maximum likelihood.

    margin = sum_k w_k m_k / T and tie = (sum_k v_k t_k + offset) / T, with weights that do not fall below 0 in the
    `pool` form and are free in the `logistic` form; `temperature_` T is 1 until `scale` sets one that was fitted to
    held-out verdicts. Where learners say nothing of a battle (a row of NaN) its verdict is that of a pool of the others
    alone, one of `fallbacks_`. In fitting, tie log-odds are measured from each learner's mean, so that a weight says
    how far to follow it from battle to battle, and the offset how much oftener there are ties than the learners say:
    hardly, unless the votes insist.

    Parameters
    ----------
    form : {"pool", "logistic"}
        Whether weights must be at least 0.
    shrink : float
        Pull of the weights towards 1 / K each, in units of one battle's log loss; equal weights where data are few.
    prior : int or None
        Place of a learner that learnt before, from other battles: the pull then goes from it alone, where data are few,
        to equal weights where they are many; at `ALIKE` battles it is half way. Where data
        are few it is up to `HOLD` times as strong.
    """

    def __init__(
        self, form: Literal["pool", "logistic"] = "pool", shrink: float = 5.0, prior: int | None = None
    ) -> None:
        self.form = form
        self.shrink = shrink
        self.prior = prior
        self.cascade_: Cascade | None = None
        self.fallbacks_: Mapping[tuple[int, ...], Pool] = {}

    def fit(self, probabilities: Floats, outcome: Ints, weight: Floats) -> "Pool":
        """Fit to (n, K, 3) out-of-fold probabilities, (n,) outcomes and (n,) weights."""
        from scipy import optimize  # not at the top: a judge that only gives verdicts starts without it

        margin, tie = margins_and_ties(probabilities.swapaxes(0, 1))
        learners = len(margin)
        share = weight / weight.sum()
        means = tie @ share
        # A learner that trained on other votes knows nothing of how often these voters tie.
        own_means = means if self.prior is None or learners == 1 else np.delete(means, self.prior % learners)
        self.level_ = float(own_means.mean())
        apart = tie - means[:, None]
        start = np.full(2 * learners + 1, 1.0 / learners)
        start[-1] = 0.0
        hold = 1.0
        if self.prior is not None:
            own = weight.sum() / (weight.sum() + ALIKE)
            hold += (HOLD - 1) * (1 - own) ** 2
            start[:-1] *= own
            start[[self.prior % learners, learners + self.prior % learners]] += 1 - own
        pull = self.shrink * hold / weight.sum()

        def objective(theta: Floats) -> tuple[float, Floats]:
            w, v, offset = theta[:learners], theta[learners:-1], theta[-1]
            p = probabilities_of(_weighted(margin, w), _weighted(apart, v) + self.level_ + offset)
            away = theta - start
            away[-1] = 0.0
            moved = np.log1p((offset / OFFSET) ** 2) / weight.sum()
            value = -np.sum(share * np.log(p[np.arange(len(outcome)), outcome])) + 0.5 * pull * np.sum(away**2) + moved
            slope_margin = share * 0.5 * ((p[:, 0] - (outcome == 0)) - (p[:, 1] - (outcome == 1)))
            slope_tie = share * (p[:, 2] - (outcome == 2))
            slope_offset = slope_tie.sum() + 2 * offset / (OFFSET**2 + offset**2) / weight.sum()
            slope = np.concatenate(
                [np.sum(margin * slope_margin, axis=1), np.sum(apart * slope_tie, axis=1), [slope_offset]]
            )
            return float(value), slope + pull * away

        low = 0.0 if self.form == "pool" else None
        bounds = [(low, None)] * (2 * learners) + [(None, None)]
        found = optimize.minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
        self.margin_weights_ = np.asarray(found.x[:learners])
        self.tie_weights_ = np.asarray(found.x[learners:-1])
        self.tie_offset_ = float(found.x[-1]) + self.level_ - float(self.tie_weights_ @ means)
        self.temperature_ = 1.0
        return self

    @classmethod
    def even(cls, learners: int, form: Literal["pool", "logistic"] = "pool", shrink: float = 5.0) -> "Pool":
        """Return what a fit to no battle gives: K learners that count alike."""
        pool = cls(form, shrink)
        pool.margin_weights_ = np.full(learners, 1.0 / learners)
        pool.tie_weights_ = np.full(learners, 1.0 / learners)
        pool.tie_offset_, pool.level_, pool.temperature_ = 0.0, 0.0, 1.0
        return pool

    def scale(self, temperature: float) -> None:
        """Divide the log-odds by a temperature, those of a tie from their level: verdicts turn to the class shares."""
        self.temperature_ = temperature
        self.tie_offset_ += (temperature - 1.0) * self.level_

    def to_dict(self) -> dict[str, Any]:
        """Return the fitted pool as JSON values."""
        found = {
            "form": self.form,
            "shrink": self.shrink,
            "margin_weights": self.margin_weights_.tolist(),
            "tie_weights": self.tie_weights_.tolist(),
            "tie_offset": self.tie_offset_,
            "temperature": self.temperature_,
        }
        rest = [{"silent": list(silent), "pool": pool.to_dict()} for silent, pool in self.fallbacks_.items()]
        asks = {} if self.cascade_ is None else {"cascade": self.cascade_.to_dict()}
        return found | ({"fallbacks": rest} if rest else {}) | asks

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Pool":
        """Return the pool that `to_dict` described."""
        pool = cls(stored["form"], stored["shrink"])
        pool.margin_weights_ = np.array(stored["margin_weights"])
        pool.tie_weights_ = np.array(stored["tie_weights"])
        pool.tie_offset_ = stored["tie_offset"]
        pool.temperature_ = stored["temperature"]
        pool.cascade_ = Cascade(**stored["cascade"]) if stored.get("cascade") else None
        pool.fallbacks_ = {tuple(each["silent"]): cls.from_dict(each["pool"]) for each in stored.get("fallbacks", ())}
        return pool

    def predict_proba(self, probabilities: Floats) -> Floats:
        """Pool (n, K, 3) probabilities of the same learners into (n, 3); learners may be silent (NaN) on some rows."""
        silent = silent_learners(probabilities)
        if silent.any():
            found = np.empty((len(silent), 3))
            patterns, place = np.unique(silent, axis=0, return_inverse=True)
            for number, pattern in enumerate(patterns):
                rows = place.ravel() == number
                pool, speaking = self.of_speaking(pattern)
                found[rows] = pool.predict_proba(probabilities[rows][:, speaking])
            return found
        margin, tie = margins_and_ties(probabilities.swapaxes(0, 1))
        pooled_margin = _weighted(margin, self.margin_weights_)
        pooled_tie = _weighted(tie, self.tie_weights_) + self.tie_offset_
        return probabilities_of(pooled_margin / self.temperature_, pooled_tie / self.temperature_)

    def heard(self) -> NDArray[np.bool_]:
        """Return (K,): which learners have a weight, in this pool or in one of its fallbacks."""
        found = (self.margin_weights_ != 0) | (self.tie_weights_ != 0)
        for silent, pool in self.fallbacks_.items():
            speaking = [place for place in range(len(found)) if place not in silent]
            found[speaking] |= pool.heard()
        return found

    def of_speaking(self, silent: Any) -> tuple["Pool", list[int]]:
        """Return the pool for battles of which some learners say nothing, and the places of those that it is of.

        Parameters
        ----------
        silent : (K,) bool
            The learners that say nothing. Where no pool was fitted without just these, the one without fewest more.

        Raises
        ------
        UserError
            When none was fitted without them.
        """
        names = frozenset(np.flatnonzero(silent).tolist())
        if not names:
            return self, list(range(len(silent)))
        fitting = sorted(
            (each for each in self.fallbacks_ if names <= frozenset(each)), key=lambda each: (len(each), each)
        )
        if not fitting:
            raise UserError(
                "this judge: a learner says nothing of a battle, and it was made to need all; make it again."
            )
        return self.fallbacks_[fitting[0]], [place for place in range(len(silent)) if place not in fitting[0]]


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Sum (K, n) values over the learners, one learner after the other.

    A matrix product may add in another order for another number of rows or cores, and its threads cost twelve times
    the work on 20,000 battles of four learners.
    """
    return np.asarray(sum(row * weight for row, weight in zip(values, weights, strict=True)))
