"""The rows of a Bradley-Terry model without the matrix: sums over battles, and its penalised fit by Newton's method."""

from dataclasses import dataclass

import numpy as np

from pipelines.battles.arrays import Floats, Ints

STEPS = 200
MOST_STEP = 2.0
"""Log-odds that a step of Newton's method moves a coefficient at most: where all battles are won it would overshoot."""


@dataclass(frozen=True)
class PairDesign:
    """A design matrix of n battles and d = count + k coefficients: 1 and -1 for the two models, then k controls.

    Its (n, d) numbers are never laid out, so that 100,000 battles of 100 models take no more memory than themselves.

    Attributes
    ----------
    first, second : (n,) int
        The two models of each battle, numbered from 0.
    controls : (n, k) float
        Features of the first answer less those of the second.
    count : int
        Number of models.
    """

    first: Ints
    second: Ints
    controls: Floats
    count: int

    @property
    def size(self) -> int:
        """Return d."""
        return self.count + self.controls.shape[1]

    def of(self, rows: Ints) -> "PairDesign":
        """Return the design of some of the battles."""
        return PairDesign(self.first[rows], self.second[rows], self.controls[rows], self.count)

    def gaps(self, theta: Floats) -> Floats:
        """Return (n,) log-odds of the first model."""
        gap: Floats = theta[self.first] - theta[self.second] + self.controls @ theta[self.count :]
        return gap

    def total(self, values: Floats) -> Floats:
        """Return (d,): the sum of the rows, each times its one of (n,) values."""
        models = np.bincount(self.first, values, self.count) - np.bincount(self.second, values, self.count)
        return np.concatenate([models, self.controls.T @ values])

    def totals(self, values: Floats, group: Ints, groups: int) -> Floats:
        """Return (groups, d): `total` within each group, which (n,) ints number from 0."""
        found = np.empty((groups, self.size))
        cells = groups * self.count
        found[:, : self.count] = (
            np.bincount(group * self.count + self.first, values, cells)
            - np.bincount(group * self.count + self.second, values, cells)
        ).reshape(groups, self.count)
        for place in range(self.controls.shape[1]):
            found[:, self.count + place] = np.bincount(group, values * self.controls[:, place], groups)
        return found

    def gram(self, weights: Floats) -> Floats:
        """Return (d, d): the sum of the rows' outer products, each times its one of (n,) weights."""
        count, found = self.count, np.zeros((self.size, self.size))
        met = np.bincount(self.first * count + self.second, weights, count * count).reshape(count, count)
        found[:count, :count] = -met - met.T
        np.fill_diagonal(found[:count, :count], 0.0)
        found[np.arange(count), np.arange(count)] = (
            np.bincount(self.first, weights, count)
            + np.bincount(self.second, weights, count)
            - 2 * np.diag(met)  # a model against itself tells nothing
        )
        for place in range(self.controls.shape[1]):
            crossed = self.total(weights * self.controls[:, place])
            found[count + place], found[:, count + place] = crossed, crossed
        return found

    def dense(self) -> Floats:
        """Return the (n, d) matrix; for few battles."""
        named = np.eye(self.count)
        return np.concatenate([named[self.first] - named[self.second], self.controls], axis=1)


def logistic(x: Floats) -> Floats:
    """Return the probabilities of log-odds."""
    from scipy.special import expit

    return np.asarray(expit(x), dtype=np.float64)


def fit_pairs(design: PairDesign, weight: Floats, target: Floats, pulls: Floats) -> tuple[Floats, Floats]:
    """Minimise sum of weight log(1 + exp(gap)) - target gap over the battles, plus half of the pulled squares.

    With weight 1 and the scores as target it is Bradley and Terry's (1952) likelihood, ties as half a win each; other
    weights and targets make it the loss of prediction-powered inference (Angelopoulos, Duchi and Zrnic, 2023).

    Parameters
    ----------
    design : PairDesign
        n battles, d coefficients.
    weight : (n,) float
        Not below 0, so that the loss is convex.
    target : (n,) float
        What the first model got, times the weight it has.
    pulls : (d,) float
        Weights of the squared coefficients, above 0.

    Returns
    -------
    theta : (d,) float
        Where the loss is least.
    hessian : (d, d) float
        Its second derivatives there.
    """
    theta = np.zeros(design.size)

    def loss(at: Floats) -> float:
        gap = design.gaps(at)
        return float(np.sum(weight * np.logaddexp(0.0, gap) - target * gap) + 0.5 * at @ (pulls * at))

    value = loss(theta)
    for _ in range(STEPS):
        expected = logistic(design.gaps(theta))
        slope = design.total(weight * expected - target) + pulls * theta
        step = np.linalg.solve(design.gram(weight * expected * (1 - expected)) + np.diag(pulls), slope)
        size = float(np.abs(step).max(initial=0.0))
        share = min(1.0, MOST_STEP / max(size, 1e-12))
        while (moved := loss(theta - share * step)) > value + 1e-9 * (1 + abs(value)) and share > 1e-6:
            share /= 2
        theta, value = theta - share * step, moved
        if size < 1e-10:
            break
    expected = logistic(design.gaps(theta))
    return theta, design.gram(weight * expected * (1 - expected)) + np.diag(pulls)
