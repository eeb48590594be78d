"""Every learner takes the least value that its settings allow, key by key: no library is handed what it cannot take."""

from functools import cache

import numpy as np
import pytest
from pydantic.fields import FieldInfo

from features.build import FeatureParams
from features.pairs import Embeddings
from pipelines.battles.built_in import sample_battles
from pipelines.battles.folds import prompt_groups
from pipelines.terminal.command_line import silent
from stacker.judge.judge import learner_data
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.linear.linear import LinearParams
from stacker.learners.linear.sparse import SparseParams
from stacker.learners.trees.boosting import LightGBMParams, XGBoostParams

ROWS = 40
QUICK = {"n_estimators": 4, "early_stopping_rounds": 2, "bags": 2, "min_child_samples": 2, "components": 2}
SETTINGS = {
    "lightgbm": LightGBMParams(**QUICK),
    "xgboost": XGBoostParams(**QUICK),
    "linear": LinearParams(C=(0.01,), components=2),
    "sparse": SparseParams(C=(1.0,)),
}
OTHERS = [
    ("linear", "C", (1e-9, 1e9)),
    ("sparse", "C", (1e-9, 1e9)),
    ("sparse", "word_ngrams", (5, 5)),
    ("sparse", "character_ngrams", (1, 4)),
    ("linear", "inner_folds", 50),
    ("sparse", "inner_folds", 50),
    ("lightgbm", "bags", 50),
    ("xgboost", "max_depth", 64),
    ("lightgbm", "l2", 1e8),
    ("xgboost", "l1", 1e8),
    ("lightgbm", "min_child_samples", 1e8),
    ("xgboost", "min_child_samples", 1e8),
    ("lightgbm", "learning_rate", 1.0),
    ("xgboost", "learning_rate", 1.0),
    ("linear", "components", 1024),
]


@cache
def battles() -> tuple[LearnerData, Fit]:
    table = sample_battles(ROWS).battles
    off = dict.fromkeys(("style", "sentiment", "readability", "embedding", "overlap", "turns"), False)
    data = learner_data(table, FeatureParams(**off), None, None, 1, silent)
    rows = np.random.default_rng(0).normal(size=(3, ROWS, 6)).astype(np.float32)
    data = LearnerData(data.texts, data.pairs, Embeddings(*rows))
    return data, Fit(table["outcome"].to_numpy(dtype=np.int64), np.ones(ROWS), prompt_groups(table["prompt"]), 0, 1)


def least(field: FieldInfo) -> float | None:
    """The lower bound of a number."""
    bounds = [bound.ge for bound in field.metadata if hasattr(bound, "ge")]
    return bounds[0] if bounds and field.annotation in (int, float) else None


LEAST = [
    (kind, key, bound)
    for kind, settings in SETTINGS.items()
    for key, field in type(settings).model_fields.items()
    if (bound := least(field)) is not None
]


@pytest.mark.parametrize(("kind", "key", "value"), [*LEAST, *OTHERS])
def test_a_learner_takes_the_bounds_of_its_settings(kind, key, value):
    data, fit = battles()
    settings = SETTINGS[kind].model_validate(SETTINGS[kind].model_dump() | {key: value})
    found = KINDS[kind](settings).fit(data, fit).predict_proba(data)
    assert np.isfinite(found).all() and np.allclose(found.sum(axis=1), 1)
    assert getattr(settings, key) == value
