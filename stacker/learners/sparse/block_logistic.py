"""Logistic regression over sparse rows in blocks, without a copy of them: scikit-learn's objective and stopping rule.

Rows that a fit must not see have weight 0, so that neither the folds of a choice nor the ties, which say nothing of
the margin, need a matrix of their own.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints

TOLERANCE = 1e-4
MAX_ITER = 300
ONE_FOLD_FROM = 20_000
"""Rows from which one inner fold is enough to choose the strength by."""


@dataclass(frozen=True)
class Blocks:
    """CSR float32 rows cut into blocks, (n, p) together.

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
