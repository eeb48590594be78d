"""Two logistic regressions that make one verdict which cannot know the position.

The margin is linear, without a constant, in odd features (their sign turns with the sides); the tie log-odds are linear
in even features (they stay). p(tie) = s(tie), p(A) = (1 - p(tie)) s(margin), with s the logistic function.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from stacker.learners.balance import UNSEEN

Rows = Any
"""A (n, p) array or scipy CSR matrix."""


class AntisymmetricLogistic:
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

    def fit(
        self, odd: Rows, even: Rows, outcome: Ints, weight: Floats, inner: Ints, unseen: Floats = UNSEEN
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
        turned = _scale_rows(odd[decided], turn)
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
        self, rows: Rows, label: NDArray[np.bool_], weight: Floats, inner: Ints, unseen: Floats | None = None
    ) -> tuple[float, Any]:
        """Choose the strength and fit with it; with a constant where there are `unseen` battles of both labels."""
        from sklearn.linear_model import LogisticRegression

        if unseen is None and (len(label) == 0 or label.all() or not label.any()):
            return self.strengths[0], None

        def fitted(strength: float, chosen: NDArray[np.bool_]) -> Any:
            model = LogisticRegression(
                C=strength, fit_intercept=unseen is not None, max_iter=self.max_iter, solver="lbfgs"
            )
            seen, of, how_much = rows[chosen], label[chosen], weight[chosen]
            if unseen is not None:
                seen = _with_zeros(seen, 2)
                of = np.append(of, [True, False])
                how_much = np.append(how_much, [unseen[2], unseen[0] + unseen[1]])
            return model.fit(seen, of, sample_weight=how_much)

        best = self.strengths[len(self.strengths) // 2]
        if len(self.strengths) > 1:
            loss = np.zeros(len(self.strengths))
            for fold in np.unique(inner):
                train = inner != fold
                if unseen is None and (label[train].all() or not label[train].any()):
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


def _with_zeros(rows: Rows, count: int) -> Rows:
    zeros = np.zeros((count, rows.shape[1]), dtype=rows.dtype)
    if isinstance(rows, np.ndarray):
        return np.concatenate([rows, zeros])
    from scipy import sparse

    return sparse.vstack([rows, sparse.csr_array(zeros)], format="csr")


def _product(rows: Rows, coefficients: Floats) -> Floats:
    if isinstance(rows, np.ndarray):
        # Row by row in a fixed order: a matrix product may add in another order for another number of rows.
        return np.asarray(np.einsum("ij,j->i", rows.astype(np.float64), coefficients))
    return np.asarray(rows.astype(np.float64) @ coefficients)
