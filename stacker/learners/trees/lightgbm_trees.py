"""LightGBM as a boosted-trees learner."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Floats32
from stacker.learners.trees.bags import Bag, Rows, starts
from stacker.learners.trees.boosting import FEW_ROWS, Boosting, LightGBMParams
from stacker.learners.trees.lightgbm_text import canonical_text
from stacker.learners.trees.native_boosters import NativeLightGBM, packaged
from stacker.learners.trees.tree_balance import focal_objective

HESSIAN_SCALE = 1.5
"""LightGBM multiplies the Hessian p (1 - p) of its softmax over K classes by K / (K - 1)."""

ROWS_FOR_BINS = 50_000
"""Rows that the limits of the histograms are taken from; the library holds them in float64 meanwhile."""


class LightGBMLearner(Boosting):
    """LightGBM, multiclass, histograms over float32 features."""

    name = "lightgbm"
    suffix = ".txt"
    settings = LightGBMParams

    def _train(self, train: Rows, bag: Bag) -> Any:
        import lightgbm

        p = self.params
        # Where no feature varies there is nothing to split, and the library refuses an objective of one's own.
        focal = bag.gamma is not None and _varies(train)
        settings = {
            "objective": focal_objective(train.both_outcomes(), train.both_weights(), bag.gamma, HESSIAN_SCALE)
            if focal and bag.gamma is not None
            else "multiclass",
            "num_class": 3,
            "metric": "None",
            "learning_rate": bag.pace.learning_rate,
            "num_leaves": p.num_leaves,
            "max_depth": p.max_depth,
            "min_data_in_leaf": max(int(2 * p.min_child_samples), 1) + 2 * train.unseen,
            # The library refuses a share of the rows that is less than one row.
            "bagging_fraction": min(max(p.subsample, 1 / len(train.outcome)), 1.0),
            "bagging_freq": 1 if p.subsample < 1 else 0,
            "feature_fraction": p.colsample_bytree,
            "lambda_l1": p.l1,
            "lambda_l2": p.l2,
            "seed": bag.seed,
            "deterministic": True,
            # By columns, the trees are bitwise identical and a round takes .4 of the time on 69,000 rows.
            "force_col_wise": True,
            "num_threads": bag.threads,
            "verbosity": -1,
        }
        binning = {
            "verbosity": -1,
            "num_threads": bag.threads,
            "bin_construct_sample_cnt": ROWS_FOR_BINS,
            "max_bin": p.max_bin,
        }
        if focal:
            binning["feature_pre_filter"] = False  # with few battles it would leave no feature
        names = [f"f{number}" for number in range(len(train.pairs.names))]

        def dataset(rows: Rows, **of: Any) -> Any:
            values, start = [rows.pairs.values, rows.pairs.flip().values], starts(bag.start, 2 * len(rows.outcome))
            weight = rows.both_weights()
            return lightgbm.Dataset(values, rows.both_outcomes(), weight=weight, init_score=start, params=binning, **of)

        train_set = dataset(train, feature_name=names)
        held_set = dataset(bag.held, reference=train_set)

        def symmetric_loss(predicted: NDArray[Any], _: Any) -> tuple[str, float, bool]:
            logs = predicted if focal else np.log(np.clip(predicted, 1e-12, 1))
            return "log_loss", bag.loss(logs), False

        return lightgbm.train(
            settings,
            train_set,
            p.n_estimators,
            valid_sets=[held_set],
            feval=symmetric_loss,
            callbacks=[lightgbm.early_stopping(p.early_stopping_rounds, verbose=False)],
        )

    def _apply(self, booster: Any, values: Floats32) -> Floats:
        if isinstance(booster, NativeLightGBM):
            return booster.raw(values)
        # Threads that wait for one another take longer than a few rows do, most of all on busy cores.
        few = {"num_threads": 1} if len(values) <= 2 * FEW_ROWS else {}
        return np.asarray(booster.predict(values, raw_score=True, **few), dtype=np.float64)

    def contributions(self, booster: Any, values: Floats32) -> Floats:
        """As `Boosting` says."""
        if isinstance(booster, NativeLightGBM):
            return booster.contributions(values)
        flat = np.asarray(booster.predict(values, pred_contrib=True), dtype=np.float64)
        return flat.reshape(len(values), 3, -1).transpose(0, 2, 1)

    def gains(self, booster: Any) -> Floats:
        """As `Boosting` says."""
        return np.asarray(packaged(booster).feature_importance("gain"), dtype=np.float64)

    def _write(self, booster: Any, path: Path) -> None:
        booster = packaged(booster)
        booster.save_model(path, num_iteration=booster.best_iteration)

    def _read(self, data: bytes, features: int) -> Any:
        return NativeLightGBM(canonical_text(data, features))


def _varies(rows: Rows) -> bool:
    """Return whether any feature has two values among the rows and their swaps."""
    first = rows.pairs.values[:1]
    for values in (rows.pairs.values, rows.pairs.flip().values[:1]):
        if np.any((values != first) & ~(np.isnan(values) & np.isnan(first))):
            return True
    return False
