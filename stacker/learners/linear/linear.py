"""A linear learner over the pair features: little to fit, so it leads where votes are few."""

from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import save_file

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats, Floats32, Ints
from pipelines.battles.folds import grouped_folds
from pipelines.files.saved_files import Names, Number, Tensors, read_model
from pipelines.settings import Components, InnerFolds, Section, Strengths
from stacker.learners.balance import BalanceParams, weighted
from stacker.learners.learner_interface import SETTINGS, Fit, LearnerData, LearnerFile, OnPairs, write_settings
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic

CAP = 5.0
"""Scaled features are cut at this many typical sizes: one answer of 50,000 characters must not rule the verdict."""
_ROWS, _COLUMNS = 4096, 64
"""Worked on at once: temporary copies of a full-size set would take a gigabyte."""


class LinearParams(Section):
    """Settings of the linear learner; `C` are scikit-learn's C, chosen on inner folds."""

    renamed = {"strengths": "C"}

    enabled: bool = True
    C: Strengths = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
    inner_folds: InnerFolds = 4
    components: Components = 16


class _Saved(LearnerFile):
    """What learner.json holds."""

    params: LinearParams
    names: Names
    offset: Number


class LinearLearner(OnPairs):
    """Logistic regressions on A - B (margin) and on |A - B| and what both sides share (tie)."""

    name = "linear"

    def __init__(self, params: LinearParams, balance: BalanceParams | None = None) -> None:
        self.params = params
        self.balance = balance or BalanceParams()

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fit scales, reducer and both regressions."""
        pairs = self.fit_pairs(data, fit)
        self.odd_, self.even_ = odd_and_even(pairs)
        self.centre_ = np.nan_to_num(_nanmean(pairs.values)).astype(np.float64)
        self.centre_[self.odd_] = 0.0
        spread = np.sqrt(_nanmean(pairs.values, self.centre_))
        self.spread_ = np.where(np.isfinite(spread) & (spread > 1e-9), spread, np.inf)
        inner = grouped_folds(fit.group, fit.outcome, self.params.inner_folds, fit.seed)
        weights = weighted(self.balance, fit.outcome, fit.weight)
        self.model_ = AntisymmetricLogistic(self.params.C).fit(
            self._scaled(pairs, self.odd_),
            self._scaled(pairs, self.even_),
            fit.outcome,
            weights.rows,
            inner,
            weights.unseen,
        )
        self.model_.offset_ += weights.correction.tie
        return self

    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return what `predict_proba` does, from features among which those that `pairs` gives are found by name."""
        pairs = pairs.select(self.names_)
        return self.model_.predict_proba(self._scaled(pairs, self.odd_), self._scaled(pairs, self.even_))

    def save(self, folder: Path) -> None:
        """Write settings and names as JSON, numbers as safetensors."""
        meta = {"params": self.params.model_dump(), "names": list(self.names_), "offset": self.model_.offset_}
        write_settings(folder, meta)
        numbers = {
            "odd": self.odd_,
            "even": self.even_,
            "centre": self.centre_,
            "spread": self.spread_,
            "margin": self.model_.margin_,
            "tie": self.model_.tie_,
        }
        save_file(numbers, folder / "linear.safetensors")
        self.save_reducer(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; a `DamagedError` where a file is missing or damaged."""
        meta = read_model(folder / SETTINGS, _Saved)
        stored = Tensors(folder / "linear.safetensors", "odd|even|centre|spread|margin|tie")
        learner = cls(meta.params)
        learner.names_ = meta.names
        count = len(meta.names)
        learner.odd_, learner.even_ = stored.places("odd", count), stored.places("even", count)
        learner.centre_ = stored.floats("centre", count)
        learner.spread_ = stored.floats("spread", count, least=1e-30, most=np.inf)
        learner.model_ = AntisymmetricLogistic(learner.params.C)
        learner.model_.margin_ = stored.floats("margin", len(learner.odd_))
        learner.model_.tie_ = stored.floats("tie", len(learner.even_))
        learner.model_.offset_ = meta.offset
        learner.load_reducer(folder)
        return learner

    def _scaled(self, pairs: PairMatrix, columns: Ints) -> Floats:
        """Return the scaled columns, (n, len(columns)); a part of the rows at once, without copies of all of them."""
        scaled = np.empty((len(pairs.values), len(columns)))
        centre, spread = self.centre_[columns], self.spread_[columns]
        for start in range(0, len(scaled), _ROWS):
            part = scaled[start : start + _ROWS]
            np.subtract(pairs.values[start : start + _ROWS, columns], centre, out=part)
            part /= spread
            np.clip(np.nan_to_num(part, copy=False), -CAP, CAP, out=part)
        return scaled


def odd_and_even(pairs: PairMatrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns whose sign turns with the sides, and those that stay; A and B alone are neither."""
    own = pairs.partner == np.arange(len(pairs.partner))
    return np.flatnonzero(own & (pairs.sign < 0)), np.flatnonzero(own & (pairs.sign > 0))


def _nanmean(values: Floats32, centre: Floats | None = None) -> Floats:
    """Return the mean of each column, or of its squared distance from a centre; a few columns at once."""
    found = np.full(values.shape[1], np.nan)
    # Parts of even size: a part of one column would be added up in another order.
    ends = np.linspace(0, values.shape[1], -(-values.shape[1] // _COLUMNS) + 1).astype(int)
    for columns in map(slice, ends[:-1], ends[1:]):
        part = values[:, columns] if centre is None else (values[:, columns] - centre[columns]) ** 2
        known = np.isfinite(part)
        total = np.where(known, part, 0).sum(axis=0, dtype=np.float64)
        count = known.sum(axis=0)
        np.divide(total, count, out=found[columns], where=count > 0)
    return found
