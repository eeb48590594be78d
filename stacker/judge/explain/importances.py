"""What a judge's trees look at, over all battles: the share of their gain by feature and by group."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.pairs import parsed
from pipelines.battles.arrays import Floats
from stacker.judge.explain.groups import group_of_feature
from stacker.judge.explain.wording import MEANING
from stacker.learners.learner_interface import Learner
from stacker.learners.trees.boosting import Boosting


def tree_gains(learners: Sequence[Learner], weights: Sequence[float]) -> pd.DataFrame:
    """Return how much of the trees' gain each feature brought.

    A feature's forms (A, B, A - B, |A - B|) are put together, and so are the directions of the embeddings. Each
    learner's gain is first made a share of 1, then weighted.

    Parameters
    ----------
    learners : sequence of K learners
        Those that are no trees are passed over.
    weights : K floats
        How much the judge's verdict goes by each.

    Returns
    -------
    DataFrame
        `block`, `column`, `group` (`stacker.judge.explain.groups`), `share` (they add up to 1), the largest
        first; empty for a judge without trees.
    """
    found: dict[tuple[str, str, str], float] = {}
    for learner, weight in zip(learners, weights, strict=True):
        if not isinstance(learner, Boosting):
            continue
        gains = np.sum([_gains(booster, len(learner.names_)) for booster in learner.boosters_], axis=0)
        for name, gain in zip(learner.names_, gains / (gains.sum() or 1.0), strict=True):
            feature = parsed(name)
            column = MEANING if feature.is_direction else feature.column
            key = (feature.block, column, group_of_feature(name))
            found[key] = found.get(key, 0.0) + float(gain * max(weight, 0.0))
    total = sum(found.values()) or 1.0
    rows = [(*key, gain / total) for key, gain in found.items() if gain > 0]
    table = pd.DataFrame(rows, columns=["block", "column", "group", "share"])
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def by_group(gains: pd.DataFrame) -> pd.DataFrame:
    """Return `group` and `share`, the largest first."""
    grouped = gains.groupby("group", sort=True)["share"].sum().reset_index()
    return grouped.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _gains(booster: Any, count: int) -> Floats:
    """Return the gain of each of `count` features, whichever library the booster is of."""
    if hasattr(booster, "feature_importance"):
        return np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    gains = np.zeros(count)
    for name, gain in booster.get_score(importance_type="total_gain").items():
        gains[int(name.removeprefix("f"))] = gain
    return gains
