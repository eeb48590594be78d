"""A linear learner over the pair features: little to fit, so it leads where votes are few."""

import json
from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import load_file, save_file

from features.pairs import PairMatrix
from features.reduce import EmbeddingReducer, with_reduced
from pipelines.folds import grouped_folds
from pipelines.section import Section
from stacker.balance import BalanceParams, weighted
from stacker.learners.base import Fit, Floats, LearnerData
from stacker.learners.odd_even import OddEvenLogistic

CAP = 5.0
"""Scaled features are cut at this many typical sizes: one answer of 50,000 characters must not rule the verdict."""


class LinearParams(Section):
    """Settings of the linear learner; `strengths` are scikit-learn's C, chosen on inner folds."""

    enabled: bool = True
    strengths: tuple[float, ...] = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
    inner_folds: int = 4
    components: int = 16


class LinearLearner:
    """Logistic regressions on A - B (margin) and on |A - B| and what both sides share (tie)."""

    name = "linear"

    def __init__(self, params: LinearParams, balance: BalanceParams | None = None) -> None:
        self.params = params
        self.balance = balance or BalanceParams()

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fit scales, reducer and both regressions."""
        self.reducer_ = None
        if data.embeddings is not None and self.params.components > 0:
            self.reducer_ = EmbeddingReducer(self.params.components, fit.seed).fit(data.embeddings)
        pairs = self.pairs(data)
        self.names_ = pairs.names
        self.odd_, self.even_ = odd_and_even(pairs)
        self.centre_ = np.nan_to_num(_nanmean(pairs.values)).astype(np.float64)
        self.centre_[self.odd_] = 0.0
        spread = np.sqrt(_nanmean((pairs.values - self.centre_) ** 2))
        self.spread_ = np.where(np.isfinite(spread) & (spread > 1e-9), spread, np.inf)
        inner = grouped_folds(fit.group, fit.outcome, self.params.inner_folds, fit.seed)
        scaled = self._scaled(pairs)
        weights = weighted(self.balance, fit.outcome, fit.weight)
        self.model_ = OddEvenLogistic(self.params.strengths).fit(
            scaled[:, self.odd_], scaled[:, self.even_], fit.outcome, weights.rows, inner, weights.unseen
        )
        self.model_.offset_ += weights.correction.tie
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities; the swap is exact by form."""
        return self.predict_pairs(self.pairs(data))

    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return what `predict_proba` does, from the features that `pairs` gives."""
        scaled = self._scaled(pairs)
        return self.model_.predict_proba(scaled[:, self.odd_], scaled[:, self.even_])

    def save(self, folder: Path) -> None:
        """Write settings and names as JSON, numbers as safetensors."""
        meta = {"params": self.params.model_dump(), "names": list(self.names_), "offset": self.model_.offset_}
        (folder / "learner.json").write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
        numbers = {
            "odd": self.odd_,
            "even": self.even_,
            "centre": self.centre_,
            "spread": self.spread_,
            "margin": self.model_.margin_,
            "tie": self.model_.tie_,
        }
        save_file(numbers, folder / "linear.safetensors")
        if self.reducer_ is not None:
            self.reducer_.save(folder / "reducer.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        meta = json.loads((folder / "learner.json").read_text(encoding="utf-8"))
        stored = load_file(folder / "linear.safetensors")
        learner = cls(LinearParams(**meta["params"]))
        learner.names_ = tuple(meta["names"])
        learner.odd_, learner.even_ = stored["odd"], stored["even"]
        learner.centre_, learner.spread_ = stored["centre"], stored["spread"]
        learner.model_ = OddEvenLogistic(learner.params.strengths)
        learner.model_.margin_, learner.model_.tie_ = stored["margin"], stored["tie"]
        learner.model_.offset_ = meta["offset"]
        reducer = folder / "reducer.safetensors"
        learner.reducer_ = EmbeddingReducer.load(reducer) if reducer.exists() else None
        return learner

    def pairs(self, data: LearnerData) -> PairMatrix:
        """Return the features that the regressions see: those of the blocks and the reduced embeddings."""
        return with_reduced(data.pairs, data.embeddings, self.reducer_)

    def _scaled(self, pairs: PairMatrix) -> Floats:
        return np.clip(np.nan_to_num((pairs.values - self.centre_) / self.spread_), -CAP, CAP)


def odd_and_even(pairs: PairMatrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns whose sign turns with the sides, and those that stay; A and B alone are neither."""
    own = pairs.partner == np.arange(len(pairs.partner))
    return np.flatnonzero(own & (pairs.sign < 0)), np.flatnonzero(own & (pairs.sign > 0))


def _nanmean(values: np.ndarray) -> Floats:
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=0, dtype=np.float64)
    count = known.sum(axis=0)
    return np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)
