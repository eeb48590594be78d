"""XGBoost as a boosted-trees learner."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import FLIP, Floats, Floats32
from stacker.learners.trees.bags import Bag, Rows, half_of_columns, starts
from stacker.learners.trees.boosting import Boosting, XGBoostParams
from stacker.learners.trees.native_boosters import NativeXGBoost, packaged
from stacker.learners.trees.tree_balance import focal_objective
from stacker.learners.trees.xgboost_model import check_model

LOOK_EVERY = 5
"""Rounds between two looks at the held battles at least: a small rate moves little in a few rounds."""
HALF = 0.5
MANY_COLUMNS = 100
"""Features from which a booster sees half of them: the library adds up the histograms of all that it has, not of those
alone that it drew for a tree, and that is most of its time: on Kaggle's battles a fit takes .6 to .7 of it."""
HESSIAN_SCALE = 2.0
"""XGBoost doubles the Hessian p (1 - p) of its softmax."""


class XGBoostLearner(Boosting):
    """XGBoost, multi:softprob, histograms over float32 features."""

    name = "xgboost"
    suffix = ".ubj"
    settings = XGBoostParams

    def _train(self, train: Rows, bag: Bag) -> Any:
        import xgboost

        p = self.params
        halved = len(train.pairs.names) >= MANY_COLUMNS and p.bags > 1 and p.colsample_bytree <= HALF
        unseen = ~half_of_columns(train.pairs.partner, bag.seed - bag.number, bag.number) if halved else None
        settings = {
            "objective": "multi:softprob",
            "num_class": 3,
            "disable_default_eval_metric": True,
            "eta": bag.pace.learning_rate,
            "max_depth": p.max_depth,
            "max_leaves": p.num_leaves,
            "grow_policy": "lossguide",
            # The Hessian of a softmax is about p (1 - p), two ninths at the start, in XGBoost doubled.
            "min_child_weight": 2 * p.min_child_samples * 4 / 9,
            "subsample": p.subsample,
            # A tree sees the same share of all features either way.
            "colsample_bytree": p.colsample_bytree / HALF if halved else p.colsample_bytree,
            "alpha": p.l1,
            "lambda": p.l2,
            "tree_method": "hist",
            "max_bin": p.max_bin,
            "seed": bag.seed,
            "nthread": bag.threads,
            "verbosity": 0,
            # The rows start from the margins that come with them; this is a constant of all three outcomes.
            "base_score": 0.5,
        }
        focal = None
        if bag.gamma is not None:
            focal = focal_objective(train.both_outcomes(), train.both_weights(), bag.gamma, HESSIAN_SCALE)

        binning = {"max_bin": p.max_bin, "nthread": bag.threads}
        train_set = xgboost.QuantileDMatrix(_both_orders_iterator(train, bag.start, unseen), **binning)
        held_set = xgboost.QuantileDMatrix(_both_orders_iterator(bag.held, bag.start, unseen), ref=train_set, **binning)
        # Both sets named here, so that a look at the held battles adds the trees since the last one only.
        booster = xgboost.Booster(settings, [train_set, held_set])
        best, least = 0, float("inf")
        for number in range(p.n_estimators):
            booster.update(train_set, number, focal)
            # The library's own early stopping looks after each round, which takes as long as the round.
            if (number + 1) % max(bag.pace.look_every, LOOK_EVERY) and number + 1 < p.n_estimators:
                continue
            predicted = booster.predict(held_set, output_margin=focal is not None)
            logs = np.log(np.clip(predicted, 1e-12, 1)) if focal is None else predicted
            # A gain of less than a millionth is none, as in the library's own early stopping.
            loss = round(bag.loss(logs), 6)
            if loss < least:
                best, least = number, loss
            elif number - best >= p.early_stopping_rounds:
                break
        return booster[: best + 1]

    def _apply(self, booster: Any, values: Floats32) -> Floats:
        if isinstance(booster, NativeXGBoost):
            return booster.raw(values)
        return np.asarray(booster.inplace_predict(values, predict_type="margin"), dtype=np.float64)

    def contributions(self, booster: Any, values: Floats32) -> Floats:
        """As `Boosting` says."""
        if isinstance(booster, NativeXGBoost):
            return booster.contributions(values)
        import xgboost

        found = booster.predict(xgboost.DMatrix(values), pred_contribs=True)
        return np.asarray(found, dtype=np.float64).transpose(0, 2, 1)

    def gains(self, booster: Any) -> Floats:
        """As `Boosting` says."""
        gains = np.zeros(len(self.names_))
        for name, gain in packaged(booster).get_score(importance_type="total_gain").items():
            gains[int(name.removeprefix("f"))] = gain
        return gains

    def _write(self, booster: Any, path: Path) -> None:
        packaged(booster).save_model(path)

    def _read(self, data: bytes, features: int) -> Any:
        check_model(data, features)
        return NativeXGBoost(data)


def _both_orders_iterator(rows: Rows, start: float, unseen: NDArray[np.bool_] | None) -> Any:
    """Return what gives the rows in both orders; features that are `unseen`, (p,), are so in all rows."""
    import xgboost

    margin = starts(start, len(rows.outcome))

    class BothOrders(xgboost.DataIter):
        """Hands XGBoost one order at a time, so that both are never in memory together."""

        def __init__(self) -> None:
            self.order: Iterator[bool] = iter((False, True))
            super().__init__()

        def next(self, input_data: Any) -> bool:
            flipped = next(self.order, None)
            if flipped is None:
                return False
            values = rows.pairs.flip().values if flipped else rows.pairs.values
            input_data(
                data=values if unseen is None else np.where(unseen, np.float32(np.nan), values),
                label=np.array(FLIP)[rows.outcome] if flipped else rows.outcome,
                weight=rows.weight,
                base_margin=margin,
            )
            return True

        def reset(self) -> None:
            self.order = iter((False, True))

    return BothOrders()
