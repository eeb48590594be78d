"""Two logistic regressions that make one verdict which cannot know the position.

The margin is linear, without a constant, in odd features (their sign turns with the sides); the tie log-odds are linear
in even features (they stay). p(tie) = s(tie), p(A) = (1 - p(tie)) s(margin), with s the logistic function.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stacker.learners.base import Floats, Ints

Rows = Any
"""A (n, p) array or scipy CSR matrix."""


class OddEvenLogistic:
    """Margin from odd features, tie from even ones; each strength of the penalty chosen on inner folds.

    Parameters
    ----------
    strengths : sequence of float
        Candidates for scikit-learn's `C` (inverse penalty); with one candidate no inner folds are run.
    max_iter : int
        Bound on the solver's steps.
    """

    def __init__(self, strengths: Sequence[float], max_iter: int = 300) -> None:
        self.strengths = tuple(strengths)
        self.max_iter = max_iter

    def fit(self, odd: Rows, even: Rows, outcome: Ints, weight: Floats, inner: Ints) -> "OddEvenLogistic":
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
        """
        decided = np.flatnonzero(outcome < 2)
        # Every other battle is turned round, so that both classes occur whatever the votes; the loss is the same.
        turn = np.where(np.arange(len(decided)) % 2 == 0, 1.0, -1.0)
        turned = _scale_rows(odd[decided], turn)
        won = (outcome[decided] == 0) == (turn > 0)
        self.margin_strength_, margin = self._fit_one(turned, won, weight[decided], inner[decided], False)
        self.tie_strength_, tie = self._fit_one(even, outcome == 2, weight, inner, True)
        p, q = odd.shape[1], even.shape[1]
        self.margin_ = np.zeros(p) if margin is None else margin.coef_[0].astype(np.float64)
        self.tie_ = np.zeros(q) if tie is None else tie.coef_[0].astype(np.float64)
        share = float(np.average(outcome == 2, weights=weight))
        constant = np.log(max(share, 1e-3) / max(1 - share, 1e-3))
        self.offset_ = float(constant if tie is None else tie.intercept_[0])
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
        self, rows: Rows, label: NDArray[np.bool_], weight: Floats, inner: Ints, constant: bool
    ) -> tuple[float, Any]:
        from sklearn.linear_model import LogisticRegression

        if len(label) == 0 or label.all() or not label.any():
            return self.strengths[0], None

        def fitted(strength: float, chosen: NDArray[np.bool_]) -> Any:
            model = LogisticRegression(C=strength, fit_intercept=constant, max_iter=self.max_iter, solver="lbfgs")
            return model.fit(rows[chosen], label[chosen], sample_weight=weight[chosen])

        best = self.strengths[len(self.strengths) // 2]
        if len(self.strengths) > 1:
            loss = np.zeros(len(self.strengths))
            for fold in np.unique(inner):
                train = inner != fold
                if label[train].all() or not label[train].any():
                    continue
                for place, strength in enumerate(self.strengths):
                    odds = fitted(strength, train).decision_function(rows[~train])
                    loss[place] += weight[~train] @ np.logaddexp(0.0, np.where(label[~train], -odds, odds))
            best = self.strengths[int(loss.argmin())]
        return best, fitted(best, np.ones(len(label), dtype=bool))


def _logistic(x: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -x))


def _scale_rows(rows: Rows, factor: Floats) -> Rows:
    if isinstance(rows, np.ndarray):
        return rows * factor[:, None]
    from scipy import sparse

    return sparse.diags_array(factor.astype(rows.dtype)).tocsr() @ rows


def _product(rows: Rows, coefficients: Floats) -> Floats:
    if isinstance(rows, np.ndarray):
        # Row by row in a fixed order: a matrix product may add in another order for another number of rows.
        return np.asarray(np.einsum("ij,j->i", rows.astype(np.float64), coefficients))
    return np.asarray(rows.astype(np.float64) @ coefficients)
