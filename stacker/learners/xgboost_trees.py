"""XGBoost as a boosted-trees learner."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.blocks import Floats as Floats32
from stacker.learners.base import FLIP, Floats
from stacker.learners.boosting import Bag, Boosting, Rows, XGBoostParams
from stacker.learners.focal import focal_objective

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
            "seed": bag.seed,
            "nthread": bag.threads,
            "verbosity": 0,
        }
        focal = None
        if bag.gamma is not None:
            focal = focal_objective(train.both_outcomes(), train.both_weights(), bag.gamma, HESSIAN_SCALE)

        def symmetric_loss(predicted: NDArray[Any], _: Any) -> tuple[str, float]:
            logs = np.log(np.clip(predicted, 1e-12, 1)) if focal is None else predicted
            return "log_loss", bag.loss(logs)

        train_set = xgboost.QuantileDMatrix(_both_orders_iterator(train))
        held_set = xgboost.QuantileDMatrix(_both_orders_iterator(bag.held), ref=train_set)
        booster = xgboost.train(
            settings,
            train_set,
            p.rounds,
            obj=focal,
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


def _both_orders_iterator(rows: Rows) -> Any:
    import xgboost

    class BothOrders(xgboost.DataIter):
        """Hands XGBoost one order at a time, so that both are never in memory together."""

        def __init__(self) -> None:
            self.order: Iterator[bool] = iter((False, True))
            super().__init__()

        def next(self, input_data: Any) -> bool:
            flipped = next(self.order, None)
            if flipped is None:
                return False
            input_data(
                data=rows.pairs.flip().values if flipped else rows.pairs.values,
                label=np.array(FLIP)[rows.outcome] if flipped else rows.outcome,
                weight=rows.weight,
            )
            return True

        def reset(self) -> None:
            self.order = iter((False, True))

    return BothOrders()
