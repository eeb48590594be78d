"""Intervals of Bradley-Terry strengths that cover from one vote on, also for models that won every battle."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluation.intervals import LEVEL, Groups
from stacker.evaluation.strengths import Strengths

FEW = 10.0
"""Wins, or losses, of a model below which its likelihood is too lopsided for Laplace's approximation alone."""
MOST_PROFILED = 1000
"""Battles up to which likelihoods are profiled: it takes a hundred fits a model, and with many it changes little."""
UNKNOWN = 10.0
"""Log-odds that an interval reaches where all battles are of one question."""
STEPS = 50


def strength_intervals(
    fitted: Strengths, first: Ints, second: Ints, score: Floats, controls: Floats, group: Ints, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of strengths and coefficients, (count + k,) each.

    They reach as far as the widest of three: Laplace's approximation; where battles share a group, the spread of the
    groups (the sandwich of White, 1982, by group, with Student's t); and, for a strength with few wins or losses, the
    profile of the penalised likelihood (Venzon and Moolgavkar, 1988). Laplace's alone is too short for a model that
    nearly always wins, the profile for one or two votes.

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
    """
    count = len(fitted.values)
    named = np.eye(count)
    design = np.concatenate([named[first] - named[second], controls], axis=1)
    centre = np.concatenate([fitted.values, fitted.coefficients])
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt(np.clip(np.diag(fitted.covariance), 0.0, None))
    groups = Groups.of(group)
    if len(groups.size) < len(group):
        half = np.maximum(half, _by_group(design, score - _logistic(design @ centre), fitted.covariance, groups, level))
    low, high = centre - half, centre + half
    if len(score) <= MOST_PROFILED:
        likelihood = _Likelihood(design, score, fitted.pulls)
        won = np.bincount(first, score, count) + np.bincount(second, 1 - score, count)
        lost = np.bincount(first, 1 - score, count) + np.bincount(second, score, count)
        for model in np.flatnonzero(np.minimum(won, lost) < FEW):
            of = np.concatenate([named[model] - 1 / count, np.zeros(controls.shape[1])])
            least, most = (likelihood.profiled(of, side, level) for side in (-1.0, 1.0))
            low[model], high[model] = min(low[model], least), max(high[model], most)
    return low, high


@dataclass(frozen=True)
class _Likelihood:
    """The penalised likelihood of (n, d) rows with (n,) scores; (d,) pulls weigh the squares."""

    design: Floats
    score: Floats
    pulls: Floats

    def loss(self, theta: Floats) -> float:
        gap = self.design @ theta
        return float(np.sum(np.logaddexp(0.0, gap) - self.score * gap) + 0.5 * theta @ (self.pulls * theta))

    def best(self, tilt: Floats, start: Floats) -> Floats:
        """Return where the loss less tilt @ theta is least, by Newton's method."""
        theta = start
        for _ in range(STEPS):
            expected = _logistic(self.design @ theta)
            slope = self.design.T @ (expected - self.score) + self.pulls * theta - tilt
            curvature = (self.design.T * (expected * (1 - expected))) @ self.design + np.diag(self.pulls)
            step = np.linalg.solve(curvature, slope)
            size = float(np.abs(step).max())
            theta = theta - step * min(1.0, 2.0 / max(size, 1e-12))
            if size < 1e-8:
                break
        return theta

    def profiled(self, of: Floats, side: float, level: float) -> float:
        """Return how low (side -1) or high (1) the contrast `of` goes before the likelihood excludes it."""
        start = self.best(np.zeros(len(of)), np.zeros(len(of)))
        allowed = self.loss(start) + float(stats.chi2.ppf(level, 1)) / 2

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


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))
