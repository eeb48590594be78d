"""Terms counted once for all fits: vocabularies, weights and verdicts are those of fits that count by themselves."""

import pickle

import numpy as np
import pandas as pd
import pytest

from features.pairs import shared
from stacker.learners.learner_interface import Fit, LearnerData, SharedWork
from stacker.learners.linear import term_counts
from stacker.learners.linear.char_tfidf import CharTfidf
from stacker.learners.linear.sparse import SparseLearner, SparseParams
from stacker.learners.linear.term_counts import letter_counts, word_counts

WORDS = (
    "the sun air light waves short blue sky Sky is are scatter scatters more x ünïcode 天空 don't a_b 1234 …".split()
)
SMALL = SparseParams(words=60, characters=150, min_df=2, C=(1.0,))


def battles(n: int, seed: int = 0, odd: bool = True) -> LearnerData:
    """Make battles of random words; some answers occur several times, some are empty or one letter again and again."""
    rng = np.random.default_rng(seed)

    def text() -> tuple[str, ...]:
        return (" ".join(rng.choice(WORDS, size=rng.integers(1, 30))),)

    few = [text() for _ in range(5)] + ([("",), ("b" * 3000,), ("  \n",)] if odd else [])
    answers = [[few[rng.integers(len(few))] if rng.random() < 0.3 else text() for _ in range(n)] for _ in range(2)]
    texts = pd.DataFrame({"prompt": [("why?",)] * n, "response_a": answers[0], "response_b": answers[1]})
    return LearnerData(texts, shared("", (), np.zeros((n, 0), dtype=np.float32)), None)


def with_shared(data: LearnerData) -> LearnerData:
    return LearnerData(data.texts, data.pairs, data.embeddings, SharedWork(data.texts))


def told(n: int, seed: int = 1) -> Fit:
    outcome = np.random.default_rng(seed).integers(0, 3, n)
    return Fit(outcome, np.ones(n), np.arange(n), seed=0)


@pytest.mark.parametrize("params", [SMALL, SMALL.model_copy(update={"words": 10**5, "characters": 0})])
def test_a_fit_on_a_part_is_the_one_that_counts_by_itself(params):
    data, fit = battles(120), told(120)
    part = np.arange(0, 90)
    alone = SparseLearner(params).fit(data.take(part), fit.take(part))
    fitted = SparseLearner(params).fit(with_shared(data).take(part), fit.take(part))
    assert set(fitted._counted) == set(alone.vectorisers_)
    for name, vectoriser in alone.vectorisers_.items():
        assert fitted.vectorisers_[name].vocabulary_ == vectoriser.vocabulary_
        np.testing.assert_array_equal(fitted.vectorisers_[name].idf_, vectoriser.idf_)
    np.testing.assert_array_equal(fitted.predict_proba(data), alone.predict_proba(data))


def test_rows_from_counts_are_those_of_the_saved_vectorisers(tmp_path):
    data, fit = with_shared(battles(80)), told(80)
    fitted = SparseLearner(SMALL).fit(data, fit)
    (tmp_path / "sparse").mkdir()
    fitted.save(tmp_path / "sparse")
    loaded = SparseLearner.load(tmp_path / "sparse")
    assert not loaded._counted
    np.testing.assert_array_equal(loaded.predict_proba(data), fitted.predict_proba(data))
    strange = battles(10, seed=5)
    np.testing.assert_array_equal(loaded.predict_proba(strange), fitted.predict_proba(strange))


def test_swapping_the_sides_swaps_the_verdict():
    data, fit = with_shared(battles(80)), told(80)
    fitted = SparseLearner(SMALL).fit(data, fit)
    swapped = fitted.predict_proba(data.flip())[:, [1, 0, 2]]
    np.testing.assert_allclose(swapped, fitted.predict_proba(data), atol=1e-12)


def test_texts_that_a_fit_does_not_see_change_nothing_of_it():
    data, fit = battles(100), told(100)
    part = np.arange(60)
    other = battles(100, seed=9)
    mixed = pd.concat([data.texts.iloc[:60], other.texts.iloc[60:]], ignore_index=True)
    one = SparseLearner(SMALL).fit(with_shared(data).take(part), fit.take(part))
    two = SparseLearner(SMALL).fit(with_shared(LearnerData(mixed, data.pairs, None)).take(part), fit.take(part))
    np.testing.assert_array_equal(one.model_.margin_, two.model_.margin_)
    assert one.vectorisers_["words"].vocabulary_ == two.vectorisers_["words"].vocabulary_


def test_counts_of_letters_are_right_by_hand():
    counts = letter_counts(["aba ab", "ab", "", "ab"], (2, 3), 1, 1)
    chosen, places = CharTfidf((2, 3), 100, 1).chosen(
        counts.keys, counts.letters, *counts.frequencies(counts.rows(["aba ab", "ab"])), 2
    )
    often = dict(zip(chosen.vocabulary_, counts.frequencies(counts.rows(["aba ab"]))[0][places], strict=True))
    # " aba " and " ab ": pairs " a" "ab" "ba" "a ", " a" "ab" "b ", triples " ab" "aba" "ba ", " ab" "ab "
    assert often == {
        **{" a": 2, "ab": 2, "ba": 1, "a ": 1, "b ": 1},
        **{" ab": 2, "aba": 1, "ba ": 1, "ab ": 1},
    }
    assert counts.rows(["unseen"]) is None


def test_words_are_in_the_order_of_the_alphabet():
    counts = word_counts(["foo bar", "foobar foo", "foo bar baz"], (1, 2), 1)
    names = counts.names(counts.keys)
    assert names == sorted(names)
    assert {"foo bar", "foobar", "bar baz"} <= set(names)
    assert word_counts(["a phrase of three"], (1, 3), 1) is None


def test_what_is_shared_stays_in_its_process():
    data = pickle.loads(pickle.dumps(with_shared(battles(5))))  # noqa: S301 - as Ray sends it
    assert data.shared is None and len(data) == 5


def test_what_is_too_large_is_counted_by_each_fit(monkeypatch):
    monkeypatch.setattr(term_counts, "MOST_BYTES", 10)
    fitted = SparseLearner(SMALL).fit(with_shared(battles(40)), told(40))
    assert not fitted._counted
