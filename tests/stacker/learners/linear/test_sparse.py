import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.pairs import PairMatrix
from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.battles.folds import prompt_groups
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.linear import antisymmetric as block_logistic
from stacker.learners.linear.sparse import SparseLearner, SparseParams

SMALL = SparseParams(words=300, characters=500, C=(0.3, 3.0), inner_folds=2)


def learner_data(texts: pd.DataFrame) -> LearnerData:
    nothing = PairMatrix(np.zeros((len(texts), 0), np.float32), (), np.zeros(0, np.int64), np.zeros(0, np.float32))
    return LearnerData(texts[["prompt", "response_a", "response_b"]].reset_index(drop=True), nothing, None)


def fit_of(battles: pd.DataFrame, outcome: np.ndarray | None = None, threads: int = 1) -> Fit:
    given = battles["outcome"].to_numpy(dtype=np.int64) if outcome is None else outcome
    return Fit(given, np.ones(len(battles)), prompt_groups(battles["prompt"]), 0, threads)


@pytest.fixture(scope="module")
def battles() -> pd.DataFrame:
    return sample_battles(300).battles


@pytest.fixture(scope="module")
def learner(battles: pd.DataFrame) -> SparseLearner:
    return SparseLearner(SMALL).fit(learner_data(battles), fit_of(battles))


def test_it_learns_something_and_its_verdicts_are_probabilities(battles, learner):
    found = learner.predict_proba(learner_data(battles))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    outcome = battles["outcome"].to_numpy()
    loss = -np.log(found[np.arange(len(outcome)), outcome]).mean()
    share = np.bincount(outcome, minlength=3) / len(outcome)
    assert loss < -(share * np.log(share)).sum() - 0.02


def test_a_swap_swaps_the_verdict_and_a_row_stands_alone_to_the_bit(battles, learner):
    data = learner_data(battles)
    found = learner.predict_proba(data)
    assert learner.predict_proba(data.flip())[:, FLIP].tobytes() == np.ascontiguousarray(found).tobytes()
    for row in (0, 7, 299):
        assert learner.predict_proba(data.take(np.array([row]))).tobytes() == found[row].tobytes()


def test_stored_and_read_again_it_gives_the_same_bytes(battles, learner, tmp_path: Path):
    learner.save(tmp_path)
    again = SparseLearner.load(tmp_path)
    data = learner_data(battles)
    assert again.predict_proba(data).tobytes() == learner.predict_proba(data).tobytes()
    for name, vectoriser in learner.vectorisers_.items():
        assert again.vectorisers_[name].vocabulary_ == vectoriser.vocabulary_


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads_change_nothing(battles, learner, monkeypatch, threads: int):
    monkeypatch.setattr("stacker.learners.linear.sparse.ROWS_AT_ONCE", 64)
    cut = SparseLearner(SMALL).fit(learner_data(battles), fit_of(battles, threads=threads))
    data = learner_data(battles)
    np.testing.assert_allclose(cut.predict_proba(data), learner.predict_proba(data), atol=2e-3)
    assert (cut.difference(data) != learner.difference(data)).nnz == 0


def test_the_vocabulary_of_many_battles_comes_from_some_of_them(battles, monkeypatch):
    monkeypatch.setattr("stacker.learners.linear.sparse.VOCABULARY_BATTLES", 100)
    monkeypatch.setattr(block_logistic, "ONE_FOLD_FROM", 200)
    some = SparseLearner(SMALL).fit(learner_data(battles), fit_of(battles))
    found = some.predict_proba(learner_data(battles))
    outcome = battles["outcome"].to_numpy()
    assert -np.log(found[np.arange(len(outcome)), outcome]).mean() < np.log(3)


@pytest.mark.parametrize("outcomes", [[0], [1], [2], [0, 1], [0, 2]])
def test_votes_of_one_kind_are_learnt_from_too(battles, outcomes):
    given = np.resize(np.array(outcomes, dtype=np.int64), len(battles))
    found = SparseLearner(SMALL).fit(learner_data(battles), fit_of(battles, given)).predict_proba(learner_data(battles))
    assert np.isfinite(found).all()
    mean = found.mean(axis=0)
    for missing in {0, 1, 2} - {*outcomes} - ({0, 1} if {0, 1} & {*outcomes} else set()):
        assert mean[missing] < 0.4


def test_answers_without_a_common_term_and_no_battles():
    texts = pd.DataFrame({"prompt": [("a",)] * 6, "response_a": [("",)] * 6, "response_b": [("",)] * 6})
    fit = Fit(np.array([0, 1, 2, 0, 1, 2]), np.ones(6), np.arange(6), 0)
    learner = SparseLearner(SMALL).fit(learner_data(texts), fit)
    np.testing.assert_allclose(learner.predict_proba(learner_data(texts)), 1 / 3, atol=0.05)
    assert learner.predict_proba(learner_data(texts.iloc[:0])).shape == (0, 3)


def test_texts_with_lone_surrogates_and_emoji_can_be_stored(tmp_path: Path):
    odd = [(f"good \ud800\ud801 answer 😀😀 number {place}",) for place in range(8)]
    texts = pd.DataFrame({"prompt": [("a",)] * 8, "response_a": odd, "response_b": [("bad",)] * 8})
    learner = SparseLearner(SMALL).fit(learner_data(texts), Fit(np.arange(8) % 3, np.ones(8), np.arange(8), 0))
    learner.save(tmp_path)
    json.loads((tmp_path / "learner.json").read_text(encoding="utf-8"))
    again = SparseLearner.load(tmp_path)
    assert again.predict_proba(learner_data(texts)).tobytes() == learner.predict_proba(learner_data(texts)).tobytes()
    assert any("😀" in term for term in again.vectorisers_["characters"].vocabulary_)
