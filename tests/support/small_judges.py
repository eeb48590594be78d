"""Small judges for tests: real learners, fitted in a second or two to made-up battles."""

from functools import cache

import numpy as np
import pandas as pd

from features.build import FeatureParams, build_features
from pipelines.battles.arrays import Floats32
from pipelines.battles.table import TEXT_COLUMNS
from stacker.judge.explain.explanation_baseline import baseline
from stacker.judge.judge import Judge
from stacker.judge.members import Member
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.linear.linear import LinearLearner, LinearParams
from stacker.learners.linear.sparse import SparseLearner, SparseParams
from stacker.learners.stacking.pool import Pool
from stacker.learners.trees.boosting import LightGBMParams, XGBoostParams
from stacker.learners.trees.lightgbm_trees import LightGBMLearner
from stacker.learners.trees.xgboost_trees import XGBoostLearner

WORDS = "the a tree river answer because number sorry great list of two ten and we never should always green".split()
SMALL_TREES = {
    "n_estimators": 12,
    "early_stopping_rounds": 12,
    "bags": 2,
    "learning_rate": 0.2,
    "min_child_samples": 5,
    "components": 2,
    "colsample_bytree": 1.0,
}


class Letters:
    """A stand-in encoder: unit rows from the counts of a few letters."""

    name = "embedding"
    version = "letters"
    columns: tuple[str, ...] = ("a", "e", "o", "other")

    def compute(self, texts: list[str]) -> Floats32:
        counts = np.array([[1 + t.count("a"), t.count("e"), t.count("o"), len(t)] for t in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class LettersEncoder:
    """What a judge needs of an encoder."""

    block = Letters()


def battles(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return made-up battles and outcomes: the longer answer tends to win, answers of like length tend to tie."""
    random = np.random.default_rng(seed)

    def text(length: int) -> str:
        sentence = " ".join(random.choice(WORDS, length)).capitalize()
        return f"{sentence}{random.choice(['.', '!', '?', ''])}"

    rows, outcomes = [], []
    for row in range(n):
        a, b = random.integers(3, 60, 2)
        rows.append(((f"Question {row % (n // 2 + 1)} about {text(5)}",), (text(a),), (text(b),)))
        gap = (a - b) / 12 + random.logistic()
        outcomes.append(2 if abs(gap) < 0.8 else int(gap < 0))
    return pd.DataFrame(rows, columns=list(TEXT_COLUMNS)), np.array(outcomes, dtype=np.int64)


@cache
def small_judge(embedding: bool = True, kinds: tuple[str, ...] = ("lightgbm", "xgboost", "linear", "sparse")) -> Judge:
    """Return a judge; the same one for the same arguments, so leave it as it is."""
    frame, outcome = battles(150)
    params = FeatureParams(embedding=embedding)
    encoder = LettersEncoder() if embedding else None
    built = build_features(frame, params, encoder_block=encoder.block if encoder else None)
    data = LearnerData(frame, built.pairs, built.embeddings)
    fit = Fit(outcome, np.ones(len(outcome)), np.arange(len(outcome)), seed=1)
    makers = {
        "lightgbm": lambda: LightGBMLearner(LightGBMParams(**SMALL_TREES)),
        "xgboost": lambda: XGBoostLearner(XGBoostParams(**SMALL_TREES)),
        "linear": lambda: LinearLearner(LinearParams(C=(0.01,), components=2)),
        "sparse": lambda: SparseLearner(SparseParams(words=200, characters=100, C=(1.0,))),
    }
    members = [Member(kind, kind, makers[kind]().fit(data, fit)) for kind in kinds]
    said = np.stack([member.learner.predict_proba(data) for member in members], axis=1)
    pool = Pool().fit(said, outcome, fit.weight)
    pool.temperature_ = 1.25
    return Judge(params, encoder, members, pool, {"battles": len(frame)}, baseline(members, data, said))
