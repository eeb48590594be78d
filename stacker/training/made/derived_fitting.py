"""Fits what tells which of two answers was made of the other: trees, and signs of certain direction against them."""

import numpy as np
import pandas as pd

from features.pairs import PairMatrix, parsed
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import TEXT_COLUMNS
from stacker.learners.checks.certain_signs import CertainSigns, cut, directions, signed_differences
from stacker.learners.checks.like_answers import made_of_each_other
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.trees.boosting import LightGBMParams
from stacker.learners.trees.lightgbm_trees import LightGBMLearner
from stacker.training.made.made_battles import weights_of

_DERIVED_BLOCKS = ("integrity", "derivation", "relevance", "substance", "coherence")
_CLOSE = 0.2
"""How far one answer must be made of the other to teach which of them was first."""
_TREES = LightGBMParams(
    n_estimators=200,
    rate_from=0,
    many=0,
    early_stopping_rounds=30,
    bags=2,
    learning_rate=0.08,
    num_leaves=10,
    min_child_samples=20,
    subsample=0.7,
    colsample_bytree=0.4,
    l2=5.0,
    components=0,
)
START = 0.3
"""What each sign weighs, in log-odds for one root mean square, before any made battle is looked at: a sign that no
made battle shows keeps it, so that a trick of a new kind finds it there."""
STRENGTH = 0.1
"""How strongly weights are held there, next to the mean log loss. Both were chosen on families held out."""
_NARROWEST = 1e-3


def fit_derived(
    made: pd.DataFrame,
    of_made: PairMatrix,
    of_real: PairMatrix,
    outcome: Ints,
    group: Ints,
    seed: int,
    threads: int,
    max_bin: int,
) -> LightGBMLearner:
    """Fit which of two answers is the one that the other was made of; real answers so near teach by their votes."""
    some = np.flatnonzero(made_of_each_other(of_made) > _CLOSE)
    voted = np.flatnonzero((made_of_each_other(of_real) > _CLOSE) & (outcome >= 0) & (outcome < 2))
    names = [name for name in of_made.names if parsed(name).block in _DERIVED_BLOCKS]
    pairs = _stacked(of_made.take(some).select(names), of_real.take(voted).select(names))
    weights = np.concatenate([weights_of(made["kind"].iloc[some]).astype(np.float64), np.ones(len(voted))])
    votes = np.concatenate([np.zeros(len(some), dtype=np.int64), outcome[voted]])
    groups = np.concatenate([made["group"].to_numpy()[some], group[voted]])
    texts = pd.DataFrame({name: [("",)] * len(votes) for name in TEXT_COLUMNS})
    fit = Fit(votes, weights / weights.mean(), groups, seed, threads)
    return LightGBMLearner(_TREES.model_copy(update={"max_bin": max_bin})).fit(LearnerData(texts, pairs, None), fit)


def _stacked(first: PairMatrix, second: PairMatrix) -> PairMatrix:
    return PairMatrix(np.concatenate([first.values, second.values]), first.names, first.partner, first.sign)


def fit_certain_signs(made: pd.DataFrame, of_made: PairMatrix, real: PairMatrix) -> CertainSigns:
    """Fit weights of 0 and more by a logistic regression that is drawn towards `START`.

    Parameters
    ----------
    made : DataFrame, m rows
        Made battles, whose answer A is the better one; those count of which one answer is made of the other.
    of_made : PairMatrix, m rows
        Their features.
    real : PairMatrix, n rows
        Real battles, which give the scales.
    """
    from scipy.optimize import minimize

    near = np.flatnonzero(made_of_each_other(of_made) > _CLOSE)
    weight = weights_of(made["kind"].iloc[near]).astype(np.float64)
    names = tuple(name for name in directions() if name in set(of_made.names))
    scales = np.full(len(names) + 1, 1.0)
    if len(real):
        scales = np.maximum(np.sqrt(np.mean(signed_differences(real, names) ** 2, axis=0)), _NARROWEST)
    rows = cut(signed_differences(of_made.take(near), names), scales)
    share = weight / max(weight.sum(), 1e-9)

    def objective(weights: Floats) -> tuple[float, Floats]:
        margin, apart = rows @ weights, weights - START
        loss = share @ np.logaddexp(0.0, -margin) + STRENGTH * (apart @ apart)
        return float(loss), 2 * STRENGTH * apart - (share / (1 + np.exp(np.clip(margin, -500, 500)))) @ rows

    start = np.full(len(scales), START)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start)).x
    return CertainSigns(names=names, scales=tuple(scales.tolist()), weights=tuple(found.tolist()))
