import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from stacker.learners.linear.antisymmetric import Blocks, blocks_of, chosen_logistic, fit_logistic
from stacker.learners.linear.char_tfidf import CharTfidf

WORD = st.one_of(
    st.sampled_from("the a good answer is bad, I'd İstanbul ß 我们 😀 don't x".split()),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=6),
)
TEXT = st.builds(
    lambda words, gap: gap.join(words), st.lists(WORD, max_size=12), st.sampled_from([" ", "  ", "\n", "\t "])
)


@given(st.lists(TEXT, min_size=1, max_size=8), st.integers(1, 3), st.sampled_from([(1, 4), (2, 4), (3, 3), (1, 1)]))
@settings(max_examples=150, deadline=None)
def test_the_numbers_are_scikit_learn_s_own(texts, least, lengths):
    theirs = TfidfVectorizer(analyzer="char_wb", ngram_range=lengths, min_df=least, sublinear_tf=True, dtype=np.float32)
    ours = CharTfidf(lengths, 10**6, least)
    try:
        expected = theirs.fit_transform(texts)
    except ValueError:
        with pytest.raises(ValueError, match="no sequence"):
            ours.fit(texts)
        return
    found = ours.fit(texts).transform(texts)
    assert set(ours.vocabulary_) == set(theirs.vocabulary_)
    places = [ours.vocabulary_[term] for term in theirs.get_feature_names_out()]
    np.testing.assert_allclose(found.toarray()[:, places], expected.toarray(), atol=1e-6)


def test_the_most_frequent_sequences_are_kept():
    ours = CharTfidf((1, 2), 3, 1).fit(["aaaa bbb c", "aa"])
    # Spaces around each word: " " 8 times, "a" 6, "aa" 4, "b" 3.
    assert set(ours.vocabulary_) == {" ", "a", "aa"}


def test_letters_that_were_not_met_are_in_no_sequence():
    ours = CharTfidf((1, 2), 100, 1).fit(["ab ab", "ab"])
    rows = ours.transform(["zz", "ab", ""])
    assert rows[[0]].toarray()[0, ours.vocabulary_[" "]] == pytest.approx(1)
    assert rows.shape == (3, len(ours.vocabulary_)) and rows[[2]].nnz == 0


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1 to 4"):
        CharTfidf((2, 5), 10, 1)


def _rows(n: int, p: int, seed: int = 0) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rows = sparse.random_array((n, p), density=0.2, rng=random, dtype=np.float32, format="csr")
    label = random.random(n) < 1 / (1 + np.exp(-(rows @ random.normal(size=p) * 3)))
    return sparse.csr_array(rows), label, random.random(n) + 0.5


@pytest.mark.parametrize("unseen", [None, (2.0, 0.5)])
@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
def test_coefficients_are_those_of_scikit_learn(unseen: tuple[float, float] | None, strength: float, monkeypatch):
    monkeypatch.setattr("stacker.learners.linear.antisymmetric.TOLERANCE", 1e-6)
    rows, label, weight = _rows(400, 30)
    weight[::7] = 0
    there = [rows[weight > 0].astype(np.float64)], [label[weight > 0]], [weight[weight > 0]]
    if unseen:
        for part, more in zip(there, (sparse.csr_array((2, 30)), [True, False], unseen), strict=True):
            part.append(more)
    expected = LogisticRegression(C=strength, fit_intercept=unseen is not None, tol=1e-8, max_iter=2000)
    expected.fit(sparse.vstack(there[0]), np.concatenate(there[1]), sample_weight=np.concatenate(there[2]))
    cut = [rows[start : start + 100] for start in range(0, 400, 100)]
    for threads in (1, 2):
        with blocks_of(cut, threads) as blocks:
            found = fit_logistic(blocks, label, weight, strength, unseen)
        np.testing.assert_allclose(found[:-1], expected.coef_[0], atol=0.02)
        assert found[-1] == pytest.approx(expected.intercept_[0] if unseen else 0, abs=0.02)


def test_the_strength_is_chosen_by_the_loss_of_held_out_rows():
    random = np.random.default_rng(1)
    noise = sparse.csr_array(random.normal(size=(200, 50)).astype(np.float32))
    label = random.random(200) < 0.5
    inner = np.arange(200) % 2
    strength, _ = chosen_logistic(Blocks([noise]), label, np.ones(200), (1e-4, 100.0), inner, (0.5, 0.5))
    assert strength == 1e-4  # noise says nothing: the heaviest penalty is best
    rows, label, weight = _rows(200, 10)
    strength, found = chosen_logistic(Blocks([rows]), label, weight, (1e-4, 10.0), inner, (0.5, 0.5))
    assert strength == 10.0 and found is not None


def test_one_label_alone_has_no_coefficients_unless_others_are_counted_with_it():
    rows, label, weight = _rows(20, 3)
    alike = np.ones(20, dtype=bool)
    assert chosen_logistic(Blocks([rows]), alike, weight, (1.0,), np.zeros(20))[1] is None
    assert chosen_logistic(Blocks([rows]), label, np.zeros(20), (1.0,), np.zeros(20))[1] is None
    _, found = chosen_logistic(Blocks([rows]), alike, weight, (0.001,), np.zeros(20), (0.5, 0.5))
    assert found is not None
    assert found[-1] == pytest.approx(np.log((weight.sum() + 0.5) / 0.5), abs=0.05)
