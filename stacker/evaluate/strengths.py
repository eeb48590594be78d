"""Bradley-Terry strengths of named models and their penalised likelihood; Kendall's tau between two orders of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.pair_design import PairDesign, fit_pairs, logistic


@dataclass(frozen=True)
class Strengths:
    """A fitted Bradley-Terry model.

    Attributes
    ----------
    values : (count,) float
        Strengths in log-odds; their mean is 0.
    covariance : (count, count) float
        Of the strengths, measured from their mean.
    """

    values: Floats
    covariance: Floats


def fit_strengths(
    first: Ints, second: Ints, score: Floats, count: int, ridge: float = 0.1, weight: Floats | None = None
) -> Strengths:
    """Fit Bradley-Terry strengths by penalised maximum likelihood.

    Parameters
    ----------
    first, second : (n,) int
        The two models of each battle, numbered from 0.
    score : (n,) float
        What the first model got: 1 a win, 0 a loss, .5 a tie, or an expected value between.
    count : int
        Number of models.
    ridge : float
        Weight of the squared strengths; it keeps a model that won every battle finite.
    weight : (n,) float, optional
        How often each battle counts; once by default.

    Returns
    -------
    Strengths
        Ties count as half a win each (Bradley and Terry, 1952). The covariance is the inverse Hessian, i.e. Laplace's
        approximation with the ridge as a prior: wide for a model that always won, and a little too wide where there
        are many ties, as half a win varies less than a coin.
    """
    from scipy import linalg

    weight = np.ones(len(score)) if weight is None else weight
    design = PairDesign(first, second, np.zeros((len(score), 0)), count)
    strength, hessian = fit_pairs(design, weight, weight * score, np.full(count, ridge))
    from_mean = np.eye(count) - 1.0 / max(count, 1)
    return Strengths(strength - strength.mean(), from_mean @ linalg.solve(hessian, from_mean.T, assume_a="pos"))


def strengths(first: Ints, second: Ints, score: Floats, count: int, ridge: float = 0.1) -> Floats:
    """Return the (count,) strengths of `fit_strengths`."""
    return fit_strengths(first, second, score, count, ridge=ridge).values


def order_agreement(
    model_a: Sequence[str], model_b: Sequence[str], probabilities: Floats, outcome: Ints, least: int = 5
) -> dict[str, float | int] | None:
    """Compare the models' order by predicted and by voted strength.

    Parameters
    ----------
    model_a, model_b : sequences of n str
        Names; battles with an empty name are left out.
    probabilities : (n, 3) float
        Predicted probabilities; the expected score of A is p(A) + p(tie) / 2.
    outcome : (n,) int
        Votes.
    least : int
        Models with fewer battles are left out.

    Returns
    -------
    dict or None
        `kendall_tau` (tau-b) and the number of `models`; None with fewer than 3 models.
    """
    from scipy import stats

    a, b = np.asarray(model_a, dtype=object), np.asarray(model_b, dtype=object)
    kept = (a != "") & (b != "") & (a != b)
    names, counts = np.unique(np.concatenate([a[kept], b[kept]]).astype(str), return_counts=True)
    names = names[counts >= least]
    kept &= np.isin(a.astype(str), names) & np.isin(b.astype(str), names)
    if len(names) < 3 or not kept.any():
        return None
    first = np.searchsorted(names, a[kept].astype(str))
    second = np.searchsorted(names, b[kept].astype(str))
    voted = np.array([1.0, 0.0, 0.5])[outcome[kept]]
    expected = probabilities[kept, 0] + probabilities[kept, 2] / 2
    tau = stats.kendalltau(
        strengths(first, second, voted, len(names)), strengths(first, second, expected, len(names))
    ).statistic
    return {"kendall_tau": float(tau), "models": len(names)} if np.isfinite(tau) else None


FEW = 10.0
"""Wins, or losses, of a model below which its likelihood is too lopsided for Laplace's approximation alone."""
MOST_PROFILED = 1000
"""Battles up to which likelihoods are profiled: it takes a hundred fits a model, and with many it changes little."""
UNKNOWN = 10.0
"""Log-odds that an interval reaches where all battles are of one question."""
STEPS = 50


@dataclass(frozen=True)
class Likelihood:
    """The penalised likelihood of (n, d) rows with (n,) scores and weights; (d,) pulls weigh the squares."""

    design: Floats
    score: Floats
    pulls: Floats
    weight: Floats | float = 1.0

    def loss(self, theta: Floats) -> float:
        """Return the penalised negative log-likelihood of (d,) coefficients."""
        gap = self.design @ theta
        return float(
            np.sum(self.weight * (np.logaddexp(0.0, gap) - self.score * gap)) + 0.5 * theta @ (self.pulls * theta)
        )

    def best(self, tilt: Floats, start: Floats) -> Floats:
        """Return where the loss less tilt @ theta is least, by Newton's method."""
        theta = start
        for _ in range(STEPS):
            expected = logistic(self.design @ theta)
            slope = self.design.T @ (self.weight * (expected - self.score)) + self.pulls * theta - tilt
            curvature = (self.design.T * (self.weight * expected * (1 - expected))) @ self.design + np.diag(self.pulls)
            step = np.linalg.solve(curvature, slope)
            size = float(np.abs(step).max())
            theta = theta - step * min(1.0, 2.0 / max(size, 1e-12))
            if size < 1e-8:
                break
        return theta

    def profiled(self, of: Floats, side: float, level: float) -> float:
        """Return how low (side -1) or high (1) the contrast `of` goes before the likelihood excludes it."""
        from scipy import optimize, stats

        start = self.best(np.zeros(len(of)), np.zeros(len(of)))
        allowed = self.loss(start) + float(stats.chi2.isf(1 - level, 1)) / 2

        def excess(tilt: float) -> float:
            return self.loss(self.best(side * tilt * of, start)) - allowed

        most = 1.0
        while excess(most) < 0:
            most *= 2
        tilt = float(optimize.brentq(excess, 0.0, most, rtol=1e-4))
        return float(of @ self.best(side * tilt * of, start))
