"""What the judge goes by over many battles: its learners, and inside the trees its features."""

from typing import Any

import numpy as np

from features.pairs import parsed
from pipelines.battles.arrays import Floats
from stacker.judge.explain.group_effects import group_of_feature
from stacker.judge.explain.learner_contributions import tree_contributions
from stacker.judge.judge import Judge
from stacker.learners.learner_interface import LearnerData
from stacker.learners.stacking.pool import margins_and_ties

BATTLES = 200
"""Battles over which the trees' effects are averaged."""
FEATURES = 25
MEANING = "meaning (directions of the embeddings)"


def importance(judge: Judge, data: LearnerData, probabilities: Floats) -> dict[str, Any]:
    """Average what learners and features add to the verdicts.

    Parameters
    ----------
    probabilities : (n, K, 3) float
        The learners' out-of-fold probabilities.

    Returns
    -------
    dict
        `learners`: `name`, `margin_weight`, `tie_weight`, and `margin` and `tie`, the mean size of what it adds to the
        log-odds of A against B and, less its mean, to the tie log-odds. `battles`: how many the rest is averaged over.
        `groups` and `features` of the trees, the largest first: `name`, `margin`, `tie`; a feature also has its
        `group`. A feature's forms (A, B, A - B, |A - B|) are added up before the size is taken.
    """
    pool = judge.pool
    margin, tie = margins_and_ties(probabilities)
    added = np.abs(margin * pool.margin_weights_ / pool.temperature_).mean(axis=0)
    tied = np.abs((tie - tie.mean(axis=0)) * pool.tie_weights_ / pool.temperature_).mean(axis=0)
    learners = [
        {
            "name": member.name,
            "margin_weight": float(pool.margin_weights_[place]),
            "tie_weight": float(pool.tie_weights_[place]),
            "margin": float(added[place]),
            "tie": float(tied[place]),
        }
        for place, member in enumerate(judge.members)
    ]
    rows = np.unique(np.linspace(0, len(data) - 1, min(BATTLES, len(data))).astype(np.int64))
    effects = tree_contributions([member.learner for member in judge.members], pool, data.take(rows))
    owners = np.array([group_of_feature(name) for name in effects.names], dtype=object)
    columns = np.array([_column(name) for name in effects.names], dtype=object)
    features = _sizes(columns, effects.margin, effects.tie)[:FEATURES]
    group_of = dict(zip(columns, owners, strict=True))
    return {
        "learners": learners,
        "battles": len(rows),
        "groups": _sizes(owners, effects.margin, effects.tie),
        "features": [{**each, "group": group_of[each["name"]]} for each in features],
    }


def _column(name: str) -> str:
    feature = parsed(name)
    if feature.is_direction:
        return MEANING
    asked = " (prompt)" if feature.kind == "prompt" else ""
    return f"{feature.block}: {feature.column}{asked}"


def _sizes(labels: np.ndarray, margin: Floats, tie: Floats) -> list[dict[str, Any]]:
    """Add up the columns of each label, and return the mean sizes of the sums, ties less their mean."""
    found = []
    for label in dict.fromkeys(labels.tolist()):
        own = labels == label
        ties = tie[:, own].sum(axis=1)
        sizes = {
            "margin": float(np.abs(margin[:, own].sum(axis=1)).mean()),
            "tie": float(np.abs(ties - ties.mean()).mean()),
        }
        found.append({"name": label, **sizes})
    return sorted(found, key=lambda each: (-each["margin"], -each["tie"], each["name"]))
