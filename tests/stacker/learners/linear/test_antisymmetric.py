import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from pipelines.battles.arrays import FLIP
from stacker.evaluate.metrics import log_loss
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic
from stacker.learners.stacking.pool import probabilities_of


def drawn(n, seed=0):
    rng = np.random.default_rng(seed)
    odd, even = rng.normal(size=(n, 3)), np.abs(rng.normal(size=(n, 2)))
    margin = 1.5 * odd[:, 0] - 0.5 * odd[:, 1]
    tie = 0.5 - 1.0 * even[:, 0]
    p_tie = 1 / (1 + np.exp(-tie))
    p_a = (1 - p_tie) / (1 + np.exp(-margin))
    p = np.stack([p_a, 1 - p_a - p_tie, p_tie], axis=1)
    outcome = (p.cumsum(axis=1) > rng.uniform(size=(n, 1))).argmax(axis=1)
    return odd, even, outcome, p


def fitted(odd, even, outcome, strengths=(1.0,)):
    n = len(outcome)
    return AntisymmetricLogistic(strengths).fit(odd, even, outcome, np.ones(n), np.arange(n) % 4)


def test_finds_the_coefficients_that_drew_the_votes():
    odd, even, outcome, p = drawn(20000)
    model = fitted(odd, even, outcome, (100.0,))
    np.testing.assert_allclose(model.margin_, [1.5, -0.5, 0.0], atol=0.1)
    np.testing.assert_allclose(model.tie_, [-1.0, 0.0], atol=0.1)
    assert model.offset_ == pytest.approx(0.5, abs=0.1)
    assert log_loss(model.predict_proba(odd, even), outcome) < log_loss(p, outcome) + 0.002


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_swap_is_exact(seed):
    odd, even, outcome, _ = drawn(40, seed)
    model = fitted(odd, even, outcome)
    np.testing.assert_allclose(model.predict_proba(-odd, even)[:, FLIP], model.predict_proba(odd, even), atol=1e-15)
    np.testing.assert_allclose(model.predict_proba(odd, even).sum(axis=1), 1.0)
    turned = fitted(-odd, even, np.array(FLIP)[outcome])
    np.testing.assert_allclose(turned.margin_, model.margin_, atol=1e-3)


@pytest.mark.parametrize("only", [0, 1, 2])
def test_votes_of_one_kind_alone(only):
    odd, even, _, _ = drawn(12)
    p = fitted(odd, even, np.full(12, only)).predict_proba(odd, even)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_sparse_rows_give_the_same_as_dense_ones():
    odd, even, outcome, _ = drawn(200)
    model = fitted(odd, even, outcome)
    thin = model.predict_proba(sparse.csr_array(odd), sparse.csr_array(even))
    np.testing.assert_allclose(thin, model.predict_proba(odd, even), atol=1e-9)


def test_the_strength_is_chosen_by_inner_folds():
    rng = np.random.default_rng(0)
    odd, even = rng.normal(size=(60, 50)), rng.normal(size=(60, 40))  # nothing to learn: the strongest penalty wins
    model = fitted(odd, even, rng.integers(0, 3, 60), (0.0001, 1.0, 100.0))
    assert model.margin_strength_ == 0.0001
    odd, even, outcome, _ = drawn(3000)
    assert fitted(odd, even, outcome, (0.0001, 1.0)).margin_strength_ == 1.0


def test_one_inner_fold_is_enough_where_battles_are_many(monkeypatch: pytest.MonkeyPatch):
    from sklearn.linear_model import LogisticRegression

    fits: list[int] = []
    fit = LogisticRegression.fit

    def counted(model: LogisticRegression, rows: np.ndarray, *args: object, **more: object) -> LogisticRegression:
        fits.append(len(rows))
        return fit(model, rows, *args, **more)

    monkeypatch.setattr(LogisticRegression, "fit", counted)
    odd, even, outcome, _ = drawn(300)
    few = fitted(odd, even, outcome, (0.01, 1.0))
    assert len(fits) == 2 * (2 * len(np.unique(np.arange(300) % 4)) + 1)
    fits.clear()
    monkeypatch.setattr("stacker.learners.linear.antisymmetric.ONE_FOLD_FROM", 50)
    many = fitted(odd, even, outcome, (0.01, 1.0))
    assert len(fits) == 2 * (2 + 1)
    if (few.margin_strength_, few.tie_strength_) == (many.margin_strength_, many.tie_strength_):
        np.testing.assert_array_equal(many.margin_, few.margin_)


def test_a_row_alone_gets_the_very_same_verdict():
    odd, even, outcome, _ = drawn(300)
    model = fitted(odd, even, outcome)
    whole = model.predict_proba(odd, even)
    np.testing.assert_array_equal(model.predict_proba(odd[7:8], even[7:8])[0], whole[7])


def test_its_form_is_that_of_the_pool():
    """Both take a verdict apart into a margin and tie log-odds; here those are of the tie against the rest."""
    odd, even, outcome, _ = drawn(100)
    model = fitted(odd, even, outcome)
    margin, tie = model.margins_and_ties(odd, even)
    p = model.predict_proba(odd, even)
    np.testing.assert_allclose(np.log(p[:, 0] / p[:, 1]), margin, atol=1e-9)
    np.testing.assert_allclose(np.log(p[:, 2] / (1 - p[:, 2])), tie, atol=1e-9)
    np.testing.assert_allclose(probabilities_of(margin, np.log(p[:, 2] / np.sqrt(p[:, 0] * p[:, 1]))), p, atol=1e-9)
