"""LightGBM and XGBoost over pair features: both orders in training, the mean of both orders in prediction."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from features.blocks import Floats as Floats32
from features.pairs import PairMatrix
from features.reduce import EmbeddingReducer, with_reduced
from pipelines.folds import grouped_folds
from pipelines.section import Section
from stacker.learners.base import FLIP, Fit, Floats, Ints, LearnerData


class BoostingParams(Section):
    """Settings that both libraries share.

    `bags` models are trained, each on the rows outside one of `bags` inner folds and stopped early on the rows inside;
    their log-odds are averaged.
    """

    enabled: bool = True
    learning_rate: float = 0.03
    rounds: int = 1500
    stop_after: int = 60
    bags: int = 4
    leaves: int = 8
    depth: int = 4
    least_rows: float = 30
    row_share: float = 0.7
    column_share: float = 0.3
    l1: float = 0.0
    l2: float = 10.0
    components: int = 16


class LightGBMParams(BoostingParams):
    """Settings of LightGBM."""


class XGBoostParams(BoostingParams):
    """Settings of XGBoost."""


class Boosting(ABC):
    """A boosted-trees learner; subclasses train, apply and store one booster of their library."""

    name: ClassVar[str]
    suffix: ClassVar[str]
    settings: ClassVar[type[BoostingParams]]

    def __init__(self, params: BoostingParams) -> None:
        self.params = params

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fit the reducer on all rows given, then one booster per inner fold, several at a time."""
        self.reducer_ = None
        if data.embeddings is not None and self.params.components > 0:
            self.reducer_ = EmbeddingReducer(self.params.components, fit.seed).fit(data.embeddings)
        pairs = self.pairs(data)
        self.names_ = pairs.names
        inner = grouped_folds(fit.group, fit.outcome, max(self.params.bags, 2) if self.params.bags > 1 else 5, fit.seed)
        # A bag to a thread, not several threads to a bag: the libraries meet at a barrier for every leaf, which on few
        # rows takes longer than the leaf (1,173 battles on two busy cores: 2.7 s against 23 s for 100 rounds).
        at_once = min(fit.threads, self.params.bags)
        part = replace(fit, threads=max(fit.threads // at_once, 1))

        def bag(number: int) -> Any:
            held = inner == number
            train_rows, held_rows = np.flatnonzero(~held), np.flatnonzero(held)
            if len(train_rows) == 0 or len(held_rows) == 0:
                train_rows = held_rows = np.arange(len(fit.outcome))
            return self._train(pairs, part, train_rows, held_rows, fit.seed + number)

        with ThreadPoolExecutor(at_once, thread_name_prefix=self.name) as pool:
            self.boosters_: list[Any] = list(pool.map(bag, range(self.params.bags)))
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3): softmax of the log-odds averaged over both orders and all bags."""
        return self.predict_pairs(self.pairs(data))

    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return what `predict_proba` does, from the features that `pairs` gives."""
        # One order in memory at a time.
        straight = self._log_odds(pairs)
        return softmax((straight + self._log_odds(pairs.flip())[:, FLIP]) / 2)

    def save(self, folder: Path) -> None:
        """Write the boosters in their library's own text or JSON form, and the reducer as safetensors."""
        meta = {"params": self.params.model_dump(), "names": list(self.names_), "boosters": len(self.boosters_)}
        (folder / "learner.json").write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
        if self.reducer_ is not None:
            self.reducer_.save(folder / "reducer.safetensors")
        for bag, booster in enumerate(self.boosters_):
            self._write(booster, folder / f"booster_{bag}{self.suffix}")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        meta = json.loads((folder / "learner.json").read_text(encoding="utf-8"))
        learner = cls(cls.settings(**meta["params"]))
        learner.names_ = tuple(meta["names"])
        reducer = folder / "reducer.safetensors"
        learner.reducer_ = EmbeddingReducer.load(reducer) if reducer.exists() else None
        learner.boosters_ = [learner._read(folder / f"booster_{bag}{cls.suffix}") for bag in range(meta["boosters"])]
        return learner

    def pairs(self, data: LearnerData) -> PairMatrix:
        """Return the features that the boosters see: those of the blocks and the reduced embeddings."""
        return with_reduced(data.pairs, data.embeddings, self.reducer_)

    def _log_odds(self, pairs: PairMatrix) -> Floats:
        total = np.zeros((len(pairs), 3))
        for booster in self.boosters_:
            total += self._apply(booster, pairs.values)
        total /= len(self.boosters_)
        return total - total.mean(axis=1, keepdims=True)

    @abstractmethod
    def _train(self, pairs: PairMatrix, fit: Fit, train_rows: Ints, held_rows: Ints, seed: int) -> Any: ...

    @abstractmethod
    def _apply(self, booster: Any, values: Floats32) -> Floats: ...

    @abstractmethod
    def _write(self, booster: Any, path: Path) -> None: ...

    @abstractmethod
    def _read(self, path: Path) -> Any: ...


class LightGBMLearner(Boosting):
    """LightGBM, multiclass, histograms over float32 features."""

    name = "lightgbm"
    suffix = ".txt"
    settings = LightGBMParams

    def _train(self, pairs: PairMatrix, fit: Fit, train_rows: Ints, held_rows: Ints, seed: int) -> Any:
        import lightgbm

        p = self.params
        settings = {
            "objective": "multiclass",
            "num_class": 3,
            "metric": "None",
            "learning_rate": p.learning_rate,
            "num_leaves": p.leaves,
            "max_depth": p.depth,
            "min_data_in_leaf": max(int(2 * p.least_rows), 1),
            "bagging_fraction": p.row_share,
            "bagging_freq": 1 if p.row_share < 1 else 0,
            "feature_fraction": p.column_share,
            "lambda_l1": p.l1,
            "lambda_l2": p.l2,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": fit.threads,
            "verbosity": -1,
        }
        names = [f"f{number}" for number in range(len(pairs.names))]
        train, held = pairs.take(train_rows), pairs.take(held_rows)
        train_set = lightgbm.Dataset(
            [train.values, train.flip().values],
            both_orders(fit.outcome[train_rows]),
            weight=np.tile(fit.weight[train_rows], 2),
            feature_name=names,
            params={"verbosity": -1, "num_threads": fit.threads},
        )
        held_set = lightgbm.Dataset(
            [held.values, held.flip().values],
            both_orders(fit.outcome[held_rows]),
            weight=np.tile(fit.weight[held_rows], 2),
            reference=train_set,
        )
        outcome, weight = fit.outcome[held_rows], fit.weight[held_rows]

        def symmetric_loss(predicted: NDArray[Any], _: Any) -> tuple[str, float, bool]:
            return "log_loss", symmetric_log_loss(np.log(np.clip(predicted, 1e-12, 1)), outcome, weight), False

        return lightgbm.train(
            settings,
            train_set,
            p.rounds,
            valid_sets=[held_set],
            feval=symmetric_loss,
            callbacks=[lightgbm.early_stopping(p.stop_after, verbose=False)],
        )

    def _apply(self, booster: Any, values: Floats32) -> Floats:
        return np.asarray(booster.predict(values, raw_score=True), dtype=np.float64)

    def _write(self, booster: Any, path: Path) -> None:
        booster.save_model(path, num_iteration=booster.best_iteration)

    def _read(self, path: Path) -> Any:
        import lightgbm

        return lightgbm.Booster(model_file=path)


class XGBoostLearner(Boosting):
    """XGBoost, multi:softprob, histograms over float32 features."""

    name = "xgboost"
    suffix = ".ubj"
    settings = XGBoostParams

    def _train(self, pairs: PairMatrix, fit: Fit, train_rows: Ints, held_rows: Ints, seed: int) -> Any:
        import xgboost

        p = self.params
        settings = {
            "objective": "multi:softprob",
            "num_class": 3,
            "disable_default_eval_metric": True,
            "eta": p.learning_rate,
            "max_depth": p.depth,
            "max_leaves": p.leaves,
            "grow_policy": "lossguide",
            # The Hessian of a softmax is about p (1 - p), two ninths at the start, in XGBoost doubled.
            "min_child_weight": 2 * p.least_rows * 4 / 9,
            "subsample": p.row_share,
            "colsample_bytree": p.column_share,
            "alpha": p.l1,
            "lambda": p.l2,
            "tree_method": "hist",
            "seed": seed,
            "nthread": fit.threads,
            "verbosity": 0,
        }
        outcome, weight = fit.outcome[held_rows], fit.weight[held_rows]

        def symmetric_loss(predicted: NDArray[Any], _: Any) -> tuple[str, float]:
            return "log_loss", symmetric_log_loss(np.log(np.clip(predicted, 1e-12, 1)), outcome, weight)

        train_set = xgboost.QuantileDMatrix(_both_orders_iterator(pairs.take(train_rows), fit, train_rows))
        held_set = xgboost.QuantileDMatrix(_both_orders_iterator(pairs.take(held_rows), fit, held_rows), ref=train_set)
        booster = xgboost.train(
            settings,
            train_set,
            p.rounds,
            evals=[(held_set, "held")],
            custom_metric=symmetric_loss,
            early_stopping_rounds=p.stop_after,
            verbose_eval=False,
        )
        return booster[: booster.best_iteration + 1]

    def _apply(self, booster: Any, values: Floats32) -> Floats:

        return np.asarray(booster.inplace_predict(values, predict_type="margin"), dtype=np.float64)

    def _write(self, booster: Any, path: Path) -> None:
        booster.save_model(path)

    def _read(self, path: Path) -> Any:
        import xgboost

        return xgboost.Booster(model_file=path)


def _both_orders_iterator(pairs: PairMatrix, fit: Fit, rows: Ints) -> Any:
    import xgboost

    class BothOrders(xgboost.DataIter):  # type: ignore[misc]
        """Hands XGBoost one order at a time, so that both are never in memory together."""

        def __init__(self) -> None:
            self.order: Iterator[bool] = iter((False, True))
            super().__init__()

        def next(self, input_data: Any) -> bool:
            flipped = next(self.order, None)
            if flipped is None:
                return False
            outcome = fit.outcome[rows]
            input_data(
                data=pairs.flip().values if flipped else pairs.values,
                label=np.array(FLIP)[outcome] if flipped else outcome,
                weight=fit.weight[rows],
            )
            return True

        def reset(self) -> None:
            self.order = iter((False, True))

    return BothOrders()


def both_orders(outcome: Ints) -> Ints:
    """Return the outcomes of n battles followed by those of the same battles with the sides swapped, (2n,)."""
    return np.concatenate([outcome, np.array(FLIP)[outcome]])


def symmetric_log_loss(logs: Floats, outcome: Ints, weight: Floats) -> float:
    """Return the log loss of the prediction averaged over both orders.

    Parameters
    ----------
    logs : (2n, 3)
        Log-odds or log probabilities of n battles followed by those of the swapped battles.
    outcome, weight : (n,)
        Votes and weights of the battles in their own order.
    """
    n = len(outcome)
    p = softmax((logs[:n] + logs[n:][:, FLIP]) / 2)
    return float(np.average(-np.log(p[np.arange(n), outcome]), weights=weight))


def softmax(logs: Floats) -> Floats:
    """Return the softmax of each row of (n, 3) log-odds; swapping the first two swaps the result to the last bit."""
    e = np.exp(logs - logs.max(axis=1, keepdims=True))
    return e / ((e[:, 0] + e[:, 1]) + e[:, 2])[:, None]
