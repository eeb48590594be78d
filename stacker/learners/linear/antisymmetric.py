"""Two logistic regressions that make one verdict which cannot know the position, over rows in memory or in blocks.

The margin is linear, without a constant, in odd features (their sign turns with the sides); the tie log-odds are linear
in even features (they stay). p(tie) = s(tie), p(A) = (1 - p(tie)) s(margin), with s the logistic function.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from stacker.learners.balance import UNSEEN

Rows = Any
"""A (n, p) array or scipy CSR matrix."""
TOLERANCE = 1e-4
MAX_ITER = 300
ONE_FOLD_FROM = 20_000
"""Rows from which one inner fold is enough to choose the strength by."""


class AntisymmetricLogistic:
    """Margin from odd features, tie from even ones; each strength of the penalty chosen on inner folds.

    Parameters
    ----------
    strengths : sequence of float
        Candidates for scikit-learn's `C` (inverse penalty); with one candidate no inner folds are run.
    """

    def __init__(self, strengths: Sequence[float]) -> None:
        self.strengths = tuple(strengths)

    def fit(
        self, odd: Floats, even: Floats, outcome: Ints, weight: Floats, inner: Ints, unseen: Floats = UNSEEN
    ) -> "AntisymmetricLogistic":
        """Fit both regressions.

        Parameters
        ----------
        odd : (n, p)
            Features whose sign turns with the sides.
        even : (n, q)
            Features that stay.
        outcome, weight : (n,)
            Votes and weights.
        inner : (n,) int
            Inner fold of each row, for the choice of the strengths.
        unseen : (3,) float
            Weight of the battles that A, B and tie are counted with besides, at 0 of every even feature: the tie
            log-odds have bounds however rare ties are.
        """
        decided = np.flatnonzero(outcome < 2)
        # Every other battle is turned round, so that both classes occur whatever the votes; the loss is the same.
        turn = np.where(np.arange(len(decided)) % 2 == 0, 1.0, -1.0)
        turned = odd[decided]
        turned *= turn[:, None]
        won = (outcome[decided] == 0) == (turn > 0)
        self.margin_strength_, margin = self._fit_one(turned, won, weight[decided], inner[decided])
        self.margin_ = np.zeros(odd.shape[1]) if margin is None else margin.coef_[0].astype(np.float64)
        self.tie_strength_, tie = self._fit_one(even, outcome == 2, weight, inner, unseen)
        self.tie_, self.offset_ = tie.coef_[0].astype(np.float64), float(tie.intercept_[0])
        return self

    def margins_and_ties(self, odd: Rows, even: Rows) -> tuple[Floats, Floats]:
        """Return log p(A) / p(B) and log p(tie) / p(not tie), each (n,)."""
        return _product(odd, self.margin_), _product(even, self.tie_) + self.offset_

    def predict_proba(self, odd: Rows, even: Rows) -> Floats:
        """Return (n, 3) probabilities."""
        margin, tie = self.margins_and_ties(odd, even)
        p_tie = _logistic(tie)
        decided = _logistic(-tie)
        return np.stack([decided * _logistic(margin), decided * _logistic(-margin), p_tie], axis=1)

    def _fit_one(
        self, rows: Floats, label: NDArray[np.bool_], weight: Floats, inner: Ints, unseen: Floats | None = None
    ) -> tuple[float, Any]:
        """Choose the strength and fit with it; with a constant where there are `unseen` battles of both labels."""
        from sklearn.linear_model import LogisticRegression

        if unseen is None and (len(label) == 0 or label.all() or not label.any()):
            return self.strengths[0], None

        def seen(chosen: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_], Floats]:
            if unseen is None:
                return rows[chosen], label[chosen], weight[chosen]
            count = int(chosen.sum())
            more = np.zeros((count + 2, rows.shape[1]), dtype=rows.dtype)
            np.compress(chosen, rows, axis=0, out=more[:count])
            weights = np.append(weight[chosen], [unseen[2], unseen[0] + unseen[1]])
            return more, np.append(label[chosen], [True, False]), weights

        def fitted(strength: float, some: Floats, of: NDArray[np.bool_], how_much: Floats) -> Any:
            model = LogisticRegression(C=strength, fit_intercept=unseen is not None, max_iter=MAX_ITER, solver="lbfgs")
            return model.fit(some, of, sample_weight=how_much)

        best = self.strengths[len(self.strengths) // 2]
        # Not LogisticRegressionCV: to it folds count alike whatever their battles weigh, and it has no `unseen` ones.
        if len(self.strengths) > 1:
            loss = np.zeros(len(self.strengths))
            folds = np.unique(inner)
            for fold in folds[:1] if len(label) >= ONE_FOLD_FROM else folds:
                train = inner != fold
                if unseen is None and (label[train].all() or not label[train].any()):
                    continue
                some, held = seen(train), rows[~train]
                for place, strength in enumerate(self.strengths):
                    odds = fitted(strength, *some).decision_function(held)
                    loss[place] += weight[~train] @ np.logaddexp(0.0, np.where(label[~train], -odds, odds))
                del some, held  # room for the next
            best = self.strengths[int(loss.argmin())]
        return best, fitted(best, *seen(np.ones(len(label), dtype=bool)))


def _logistic(x: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -x))


def _product(rows: Rows, coefficients: Floats) -> Floats:
    if isinstance(rows, np.ndarray):
        # Row by row in a fixed order: a matrix product may add in another order for another number of rows, and so may
        # einsum where the rows do not lie whole in memory, one after the other.
        return np.asarray(np.einsum("ij,j->i", np.ascontiguousarray(rows, dtype=np.float64), coefficients))
    return np.asarray(rows.astype(np.float64) @ coefficients)


@dataclass(frozen=True)
class Blocks:
    """CSR float32 rows cut into blocks, (n, p) together, which no fit makes a copy of.

    Rows that a fit must not see have weight 0, so that neither the folds of a choice nor the ties, which say nothing of
    the margin, need a matrix of their own.

    Attributes
    ----------
    blocks : list of CSR arrays
        In the order of the rows.
    apply : callable
        `map` over the blocks, on one core or several.
    """

    blocks: Sequence[Any]
    apply: Callable[..., Iterator[Any]] = map

    def margins(self, coefficients: Floats) -> Floats:
        """Return the (n,) products of rows and coefficients."""
        # In float32: otherwise scipy would make a float64 copy of the rows.
        narrow = coefficients.astype(np.float32)
        return np.concatenate(list(self.apply(lambda block: (block @ narrow).astype(np.float64), self.blocks)))

    def gradient(self, residuals: Floats) -> Floats:
        """Return the (p,) sum of the rows weighted by (n,) residuals."""
        ends = np.cumsum([block.shape[0] for block in self.blocks])
        parts = np.split(residuals.astype(np.float32), ends[:-1])
        total = np.zeros(self.blocks[0].shape[1])
        for part in self.apply(lambda block, part: block.T @ part, self.blocks, parts):
            total += part
        return total

    def absolute(self) -> None:
        """Replace every number by its absolute value, in place."""
        for block in self.blocks:
            np.abs(block.data, out=block.data)


@contextmanager
def blocks_of(parts: Sequence[Any], threads: int) -> Iterator[Blocks]:
    """Yield the blocks, worked on by `threads` cores."""
    if threads <= 1:
        yield Blocks(parts)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="blocks") as pool:
        yield Blocks(parts, pool.map)


def fit_logistic(
    rows: Blocks,
    label: NDArray[np.bool_],
    weight: Floats,
    strength: float,
    unseen: tuple[float, float] | None = None,
    start: Floats | None = None,
) -> Floats:
    """Return (p + 1,) coefficients, the constant last.

    Minimises the weighted mean of log(1 + exp(-margin)) plus |coefficients|^2 / (2 C sum of weights), as
    `LogisticRegression(C=strength, solver="lbfgs")` does. With `unseen` there is a constant, and two more rows that are
    0 in every column, with these weights, of the labels true and false; without, the constant stays 0.
    """
    from scipy.optimize import minimize

    sign = np.where(label, 1.0, -1.0)
    constant = unseen is not None
    with_label, without = unseen or (0.0, 0.0)
    total = weight.sum() + with_label + without
    penalty = 1 / (strength * total)

    def loss(x: Floats) -> tuple[float, Floats]:
        margin = sign * (rows.margins(x[:-1]) + x[-1])
        residual = -sign * weight / total * np.exp(-np.logaddexp(0.0, margin))
        rate = float(np.exp(-np.logaddexp(0.0, -x[-1])))
        pull = (without * rate - with_label * (1 - rate)) / total
        gradient = np.append(rows.gradient(residual) + penalty * x[:-1], residual.sum() + pull if constant else 0.0)
        apart = with_label * np.logaddexp(0.0, -x[-1]) + without * np.logaddexp(0.0, x[-1])
        value = (weight @ np.logaddexp(0.0, -margin) + apart) / total + 0.5 * penalty * (x[:-1] @ x[:-1])
        return float(value), gradient

    begin = np.zeros(rows.blocks[0].shape[1] + 1) if start is None else start
    options = {"maxiter": MAX_ITER, "maxls": 50, "gtol": TOLERANCE, "ftol": 64 * np.finfo(float).eps}
    return np.asarray(minimize(loss, begin, jac=True, method="L-BFGS-B", options=options).x, dtype=np.float64)


def chosen_logistic(
    rows: Blocks,
    label: NDArray[np.bool_],
    weight: Floats,
    strengths: Sequence[float],
    inner: Ints,
    unseen: tuple[float, float] | None = None,
) -> tuple[float, Floats | None]:
    """Choose the strength on inner folds and fit with it on all rows; rows of weight 0 count for nothing.

    Returns
    -------
    tuple
        The strength, and (p + 1,) coefficients; None where all rows have one label and there are none `unseen`.
    """

    def of_one_label(seen: Floats) -> bool:
        there = label[seen > 0]
        return unseen is None and (len(there) == 0 or bool(there.all()) or not there.any())

    if of_one_label(weight):
        return strengths[0], None
    best, start = strengths[len(strengths) // 2], None
    if len(strengths) > 1:
        losses = np.zeros(len(strengths))
        folds = np.unique(inner)
        for fold in folds[:1] if len(label) >= ONE_FOLD_FROM else folds:
            train, held = np.where(inner == fold, 0.0, weight), np.where(inner == fold, weight, 0.0)
            if of_one_label(train):
                continue
            found: Floats | None = None
            for place, strength in enumerate(strengths):
                found = fit_logistic(rows, label, train, strength, unseen, found)
                odds = rows.margins(found[:-1]) + found[-1]
                losses[place] += held @ np.logaddexp(0.0, np.where(label, -odds, odds))
            start = found
        best = strengths[int(losses.argmin())]
    return best, fit_logistic(rows, label, weight, best, unseen, start)
