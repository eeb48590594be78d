"""Bradley-Terry strengths of named models and their intervals, with and without control for features; Kendall's tau."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import LEVEL, Groups
from stacker.evaluate.pair_design import PairDesign, fit_pairs, logistic


@dataclass(frozen=True)
class Strengths:
    """A fitted Bradley-Terry model.

    Attributes
    ----------
    values : (count,) float
        Strengths in log-odds; their mean is 0.
    coefficients : (k,) float
        Log-odds for one unit of each control.
    covariance : (count + k, count + k) float
        Of the strengths, measured from their mean, and of the coefficients behind them.
    pulls : (count + k,) float
        Weights of the squared strengths and coefficients that they were fitted with.
    """

    values: Floats
    coefficients: Floats
    covariance: Floats
    pulls: Floats


def fit_strengths(
    first: Ints,
    second: Ints,
    score: Floats,
    count: int,
    controls: Floats | None = None,
    ridge: float = 0.1,
    control_ridge: float = 1.0,
    weight: Floats | None = None,
) -> Strengths:
    """Fit Bradley-Terry strengths, and what the answers' features add, by penalised maximum likelihood.

    Parameters
    ----------
    first, second : (n,) int
        The two models of each battle, numbered from 0.
    score : (n,) float
        What the first model got: 1 a win, 0 a loss, .5 a tie, or an expected value between.
    count : int
        Number of models.
    controls : (n, k) float, optional
        Features of the first answer less those of the second, in like units; there is no constant, so that no side
        has an advantage.
    ridge, control_ridge : float
        Weights of the squared strengths and of the squared coefficients; they keep a model that won every battle
        finite, and coefficients of controls that cannot be told apart small.
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

    extra = np.zeros((len(score), 0)) if controls is None else np.asarray(controls, dtype=np.float64)
    k = extra.shape[1]
    pulls = np.concatenate([np.full(count, ridge), np.full(k, control_ridge)])
    weight = np.ones(len(score)) if weight is None else weight
    theta, hessian = fit_pairs(PairDesign(first, second, extra, count), weight, weight * score, pulls)
    from_mean = np.eye(count + k)
    from_mean[:count, :count] -= 1.0 / max(count, 1)
    covariance = from_mean @ linalg.solve(hessian, from_mean.T, assume_a="pos")
    return Strengths(theta[:count] - theta[:count].mean(), theta[count:], covariance, pulls)


def strengths(first: Ints, second: Ints, score: Floats, count: int, ridge: float = 0.1) -> Floats:
    """Return the (count,) strengths of `fit_strengths` without controls."""
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


def strength_intervals(
    fitted: Strengths,
    first: Ints,
    second: Ints,
    score: Floats,
    controls: Floats,
    group: Ints,
    level: float = LEVEL,
    weight: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of strengths and coefficients, (count + k,) each.

    They reach as far as the widest of three: Laplace's approximation; where battles share a group or are weighed, the
    spread of the groups (the sandwich of White, 1982, by group, with Student's t); and, for a strength with few wins or
    losses, the profile of the penalised likelihood (Venzon and Moolgavkar, 1988). Laplace's alone is too short for a
    model that nearly always wins, the profile for one or two votes.

    Parameters
    ----------
    fitted : Strengths
        Of `fit_strengths` on the same n battles.
    first, second, score, controls : (n,), (n,), (n,) and (n, k)
        See `fit_strengths`.
    group : (n,) int
        Battles of one group (one question) are not independent.
    level : float
        Coverage.
    weight : (n,) float, optional
        That of `fit_strengths`.
    """
    from scipy import stats

    often = np.ones(len(score)) if weight is None else weight
    count = len(fitted.values)
    named = np.eye(count)
    design = PairDesign(first, second, controls, count).dense()
    centre = np.concatenate([fitted.values, fitted.coefficients])
    half = stats.norm.isf((1 - level) / 2) * np.sqrt(np.clip(np.diag(fitted.covariance), 0.0, None))
    groups = Groups.of(group)
    if len(groups.size) < len(group) or weight is not None:
        residual = often * (score - logistic(design @ centre))
        half = np.maximum(half, _by_group(design, residual, fitted.covariance, groups, level))
    low, high = centre - half, centre + half
    if len(score) <= MOST_PROFILED:
        likelihood = Likelihood(design, score, fitted.pulls, often)
        got, lacked = often * score, often * (1 - score)
        won = np.bincount(first, got, count) + np.bincount(second, lacked, count)
        lost = np.bincount(first, lacked, count) + np.bincount(second, got, count)
        for model in np.flatnonzero(np.minimum(won, lost) < FEW):
            of = np.concatenate([named[model] - 1 / count, np.zeros(controls.shape[1])])
            least, most = (likelihood.profiled(of, side, level) for side in (-1.0, 1.0))
            low[model], high[model] = min(low[model], least), max(high[model], most)
    return low, high


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


def _by_group(design: Floats, residual: Floats, covariance: Floats, groups: Groups, level: float) -> Floats:
    """Return how far the spread of the groups reaches, (count + k,)."""
    many = len(groups.size)
    if many < 2:
        return np.full(design.shape[1], UNKNOWN)
    totals = np.zeros((many, design.shape[1]))
    np.add.at(totals, groups.place, residual[:, None] * design)
    spread = np.sqrt(np.sum((totals @ covariance) ** 2, axis=0) * many / (many - 1))
    return np.asarray(groups.reach(level) * spread)
