"""Boosted trees over pair features: both orders in training, the mean of both orders in prediction."""

from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from features.pairs import PairMatrix
from pipelines.battles.arrays import FLIP, Floats, Floats32, Ints
from pipelines.battles.folds import grouped_folds
from pipelines.files.saved_files import Names, Number, checking, read_bytes, read_object
from pipelines.settings import MOST_FOLDS, Components, Section
from stacker.learners.balance import (
    FARTHEST,
    SYNTHETIC,
    BalanceParams,
    Correction,
    focal_tie_log_odds,
    followed_correction,
    softmax,
    tie_log_odds,
    tie_matched,
    weighted,
)
from stacker.learners.learner_interface import SETTINGS, Fit, LearnerData, LearnerFile, OnPairs, write_settings
from stacker.learners.trees.bags import Bag, Rows, SizeDependentParams
from stacker.learners.trees.tree_balance import synthetic_battles

MOST_BOOSTERS = 100


class BoostingFile(LearnerFile):
    """Settings of the fit, and how many boosters lie beside; `names` are those of their features, in their order.

    `start` is the log-odds of a tie that the boosters begin from; those of earlier versions hold it themselves.
    """

    params: dict[str, Any]
    balance: BalanceParams = BalanceParams()
    correction: dict[str, Number] | None = None
    start: float = Field(0.0, ge=-FARTHEST, le=FARTHEST)
    names: Names
    boosters: int = Field(ge=1, le=MOST_BOOSTERS, strict=True)


class BoostingParams(Section):
    """Settings that both libraries share.

    `bags` models are trained, each on the rows outside one of `bags` inner folds and stopped early on the rows inside;
    their log-odds are averaged. Beyond `rate_from` battles the learning rate grows with the root of their number, up
    to `max_learning_rate`; from `many` battles on, two of the models must do (see `SizeDependentParams`). 0 switches
    either rule off. `min_child_samples` counts battles, each of which the trees see in both orders. `max_bin` is how
    many values of a feature a split can tell apart: a round on 1,172 of Kaggle's battles takes .6 (LightGBM) and .5
    (XGBoost) of its processor time with 63 instead of 255.
    """

    renamed = {
        "rounds": "n_estimators",
        "stop_after": "early_stopping_rounds",
        "leaves": "num_leaves",
        "depth": "max_depth",
        "least_rows": "min_child_samples",
        "row_share": "subsample",
        "column_share": "colsample_bytree",
        "rate_most": "max_learning_rate",
    }

    enabled: bool = True
    learning_rate: float = Field(0.1, ge=1e-6, le=1)
    rate_from: int = Field(5500, ge=0)
    max_learning_rate: float = Field(0.12, ge=1e-6, le=1)
    n_estimators: int = Field(1000, ge=1, le=1_000_000)
    early_stopping_rounds: int = Field(20, ge=1)
    bags: int = Field(4, ge=1, le=MOST_FOLDS)
    many: int = Field(20000, ge=0)
    num_leaves: int = Field(8, ge=2, le=4096)
    max_depth: int = Field(4, ge=0, le=64)
    min_child_samples: float = Field(30, ge=0, le=1e8)
    subsample: float = Field(0.7, ge=0.001, le=1)
    colsample_bytree: float = Field(0.3, ge=0.001, le=1)
    max_bin: int = Field(63, ge=2, le=255)
    l1: float = Field(0.0, ge=0, le=1e8)
    l2: float = Field(10.0, ge=0, le=1e8)
    components: Components = 16


FEW_ROWS = 256
"""Up to so many rows are predicted by one thread, in one call."""


class LightGBMParams(BoostingParams):
    """Settings of LightGBM."""


class XGBoostParams(BoostingParams):
    """Settings of XGBoost."""


class Boosting(OnPairs):
    """A boosted-trees learner; subclasses train, apply and store one booster of their library."""

    name: ClassVar[str]
    suffix: ClassVar[str]
    settings: ClassVar[type[BoostingParams]]

    def __init__(self, params: BoostingParams, balance: BalanceParams | None = None) -> None:
        self.params = params
        self.balance = balance or BalanceParams()
        self.correction_ = Correction()
        self.start_ = 0.0

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fit the reducer on all rows given, then one booster per inner fold, several at a time."""
        pairs = self.fit_pairs(data, fit)
        inner = grouped_folds(fit.group, fit.outcome, max(self.params.bags, 2) if self.params.bags > 1 else 5, fit.seed)
        # A bag to a thread, not several threads to a bag: the libraries meet at a barrier for every leaf, which on few
        # rows takes longer than the leaf (1,173 battles on two busy cores: 2.7 s against 23 s for 100 rounds).
        pace = SizeDependentParams.of(self.params, len(fit.outcome))
        at_once = min(fit.threads, pace.bags)
        threads = max(fit.threads // at_once, 1)

        def bag(number: int) -> tuple[Any, Correction, float]:
            held = inner == number
            train_rows, held_rows = np.flatnonzero(~held), np.flatnonzero(held)
            if len(train_rows) == 0 or len(held_rows) == 0:
                train_rows = held_rows = np.arange(len(fit.outcome))
            seed = fit.seed + number
            train, correction, start = self._balanced(_rows(pairs, fit, train_rows), seed)
            gamma = self.balance.gamma if self.balance.method == "focal" else None
            held_part = _rows(pairs, fit, held_rows)
            booster = self._train(train, Bag(held_part, start, gamma, correction, pace, seed, threads, number))
            if self.balance.method in SYNTHETIC:
                correction = self._moved(booster, held_part, start)
            return booster, correction, start

        with ThreadPoolExecutor(at_once, thread_name_prefix=self.name) as pool:
            found = list(pool.map(bag, range(pace.bags)))
        self.boosters_: list[Any] = [booster for booster, _, _ in found]
        # The bags' log-odds are averaged, and so are where they start from and the corrections.
        self.start_ = float(np.mean([start for _, _, start in found]))
        if self.balance.prior_correction:
            tie = float(np.mean([correction.tie for _, correction, _ in found]))
            self.correction_ = Correction(tie, found[0][1].gamma)
        return self

    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return (n, 3): softmax of the log-odds averaged over both orders and all bags, with its prior corrected."""
        pairs = pairs.select(self.names_)
        if len(pairs) <= FEW_ROWS:
            # Of few rows most of the time goes into the call.
            straight, swapped = np.split(self._log_odds(np.concatenate([pairs.values, pairs.flip().values])), 2)
        else:  # one order in memory at a time
            straight, swapped = self._log_odds(pairs.values), self._log_odds(pairs.flip().values)
        both = softmax((straight + swapped[:, FLIP]) / 2)
        return self.correction_.apply(both)

    def save(self, folder: Path) -> None:
        """Write the boosters in their library's own text or JSON form, and the reducer as safetensors."""
        meta = {
            "params": self.params.model_dump(),
            "balance": self.balance.model_dump(),
            "correction": self.correction_.to_dict(),
            "start": self.start_,
            "names": list(self.names_),
            "boosters": len(self.boosters_),
        }
        write_settings(folder, meta)
        self.save_reducer(folder)
        for bag, booster in enumerate(self.boosters_):
            self._write(booster, folder / f"booster_{bag}{self.suffix}")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; a `DamagedError` where a file is missing or damaged."""
        path = folder / SETTINGS
        with checking(path):
            meta = BoostingFile.model_validate(read_object(path))
            learner = cls(cls.settings(**meta.params), meta.balance)
            learner.correction_ = Correction.from_dict(meta.correction)
        learner.start_ = meta.start
        learner.names_ = meta.names
        learner.load_reducer(folder)
        learner.boosters_ = [learner._opened(folder / f"booster_{bag}{cls.suffix}") for bag in range(meta.boosters)]
        return learner

    def _opened(self, path: Path) -> Any:
        data = read_bytes(path)
        with checking(path):
            return self._read(data, len(self.names_))

    def _balanced(self, train: Rows, seed: int) -> tuple[Rows, Correction, float]:
        """Return the rows to train on, the correction that follows from their weights, and their tie log-odds."""
        # What is watched in training is corrected, whether the learner's own probabilities are to be or not.
        balance = self.balance.model_copy(update={"prior_correction": True})
        weights = weighted(balance, train.outcome, train.weight)
        correction = followed_correction(balance, train.outcome, train.weight)
        rows = replace(train, weight=weights.rows)
        if self.balance.method in SYNTHETIC:
            method, neighbours = self.balance.method, self.balance.k_neighbors
            made, outcome = synthetic_battles(train.pairs, train.outcome, method, neighbours, seed)
            if len(outcome):
                rows = rows.joined(made, outcome, np.full(len(outcome), _mean_weight(train, outcome[0])))
        start = 0.0 if self.balance.method == "weights" else tie_log_odds(rows.outcome, rows.weight)
        if self.balance.method == "focal":
            start = focal_tie_log_odds(start, self.balance.gamma)
        return rows.with_unseen(weights.unseen), correction, start

    def _moved(self, booster: Any, held: Rows, start: float) -> Correction:
        """Return the correction that gives the held battles as many ties as they have.

        Synthetic battles move the prior by less than their number: trees tell them from real ones. So it is not
        reckoned from their number but read off real battles that the booster did not learn from.
        """
        logs = self._apply(booster, held.pairs.values) + self._apply(booster, held.pairs.flip().values)[:, FLIP]
        return tie_matched(softmax(logs / 2 + [0.0, 0.0, start]), held.outcome, held.weight)

    def _log_odds(self, values: Floats32) -> Floats:
        total = np.zeros((len(values), 3))
        for booster in self.boosters_:
            total += self._apply(booster, values)
        total /= len(self.boosters_)
        total[:, 2] += self.start_
        return total - total.mean(axis=1, keepdims=True)

    @abstractmethod
    def contributions(self, booster: Any, values: Floats32) -> Floats:
        """Return (n, p + 1, 3): what each of p features adds to the log-odds by exact TreeSHAP, then the base."""

    @abstractmethod
    def gains(self, booster: Any) -> Floats:
        """Return the (p,) gain that the splits on each feature brought."""

    @abstractmethod
    def _train(self, train: Rows, bag: Bag) -> Any: ...

    @abstractmethod
    def _apply(self, booster: Any, values: Floats32) -> Floats: ...

    @abstractmethod
    def _write(self, booster: Any, path: Path) -> None: ...

    @abstractmethod
    def _read(self, data: bytes, features: int) -> Any:
        """Return the booster that a file holds; ValueError where its library could not be trusted with the bytes."""


def _rows(pairs: PairMatrix, fit: Fit, rows: Ints) -> Rows:
    return Rows(pairs.take(rows), fit.outcome[rows], fit.weight[rows])


def _mean_weight(train: Rows, outcome: int) -> float:
    """Return the mean weight of the battles of an outcome; A and B are one class, as both orders make them."""
    alike = train.outcome == 2 if outcome == 2 else train.outcome != 2
    return float(train.weight[alike].mean())
