import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.battles.arrays import FLIP
from pipelines.errors import UserError
from stacker.learners.balance import (
    UNSEEN,
    BalanceParams,
    Correction,
    class_shares,
    class_weights,
    prior_correction,
    tie_log_odds,
    tie_matched,
    weighted,
)


def probabilities(n, seed=0):
    e = np.exp(np.random.default_rng(seed).normal(scale=2, size=(n, 3)))
    return e / e.sum(axis=1, keepdims=True)


def test_class_weights_by_hand():
    """Of ten battles two are ties and five went to A: A and B count as four each."""
    outcome, weight = np.array([0] * 5 + [1] * 3 + [2] * 2), np.ones(10)
    # One battle more is counted, half as a tie, a quarter each as won by A and by B.
    shares = np.array([4.25, 4.25, 2.5]) / 11
    np.testing.assert_allclose(class_shares(outcome, weight), shares)
    found = class_weights(outcome, weight)
    np.testing.assert_allclose(found, 1 / (3 * shares))
    assert shares @ found == pytest.approx(1.0)


@pytest.mark.parametrize("outcome", [[0, 1, 1], [2, 2, 2]])
def test_a_class_without_battles_is_rare_and_not_impossible(outcome):
    outcome = np.array(outcome)
    shares = class_shares(outcome, np.ones(3))
    assert shares.min() > 0.05 and shares[0] == shares[1] and shares.sum() == pytest.approx(1)
    many = class_shares(np.tile(outcome, 100), np.ones(300))
    assert many.min() == pytest.approx(shares.min() * 4 / 301)
    assert tie_log_odds(outcome, np.ones(3)) == pytest.approx(np.log(shares[2] / shares[0]))
    weights = weighted(BalanceParams(method="weights"), outcome, np.ones(3))
    assert np.isfinite(weights.rows).all() and np.isfinite(weights.correction.tie)
    # With the battles that each class is counted with besides, the weighted classes are equal.
    counts = np.bincount(outcome, weights=weights.rows, minlength=3) + weights.unseen
    assert counts[0] + counts[1] == pytest.approx(2 * counts[2])


def test_the_correction_is_that_of_bayes():
    """A posterior under an equal prior, taken to a prior of 10 % ties, is the posterior under that prior."""
    likelihood = np.random.default_rng(1).uniform(0.1, 1, (50, 3))
    trained, real = np.full(3, 1 / 3), np.array([0.45, 0.45, 0.1])
    before = likelihood * trained / (likelihood * trained).sum(axis=1, keepdims=True)
    after = likelihood * real / (likelihood * real).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(prior_correction(trained, real).apply(before), after, rtol=1e-12)


@given(st.integers(0, 10_000), st.floats(-3, 3), st.sampled_from([0.0, 0.5, 2.0, 10.0]))
@settings(max_examples=60, deadline=None)
def test_a_correction_keeps_the_swap_exact_and_gives_probabilities(seed, tie, gamma):
    said = probabilities(30, seed)
    correction = Correction(tie, gamma)
    found = correction.apply(said)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert (found >= 0).all()
    np.testing.assert_array_equal(correction.apply(said[:, FLIP])[:, FLIP], found)
    np.testing.assert_array_equal((found[:, 0] > found[:, 1]), (said[:, 0] > said[:, 1]))


def test_a_focal_correction_holds_at_the_corners():
    corners = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1 - 1e-9, 1e-9, 0.0], [0.5, 0.5, 0.0]])
    found = Correction(gamma=2.0).apply(corners)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:2], np.eye(3)[:2], atol=1e-6)
    assert found[3, 0] == found[3, 1]


def test_no_correction_changes_no_bit():
    said = probabilities(5)
    assert Correction().apply(said) is said
    assert Correction.from_dict(None) == Correction()
    assert Correction.from_dict(json.loads(json.dumps(Correction(0.3, 2.0).to_dict()))) == Correction(0.3, 2.0)


def test_only_weights_change_the_weights():
    outcome, weight = np.array([0, 0, 1, 2]), np.array([1.0, 2.0, 1.0, 0.5])
    for method in ("none", "focal", "smote", "borderline_smote"):
        same = weighted(BalanceParams(method=method), outcome, weight)
        assert same.rows is weight and same.unseen is UNSEEN
        assert not same.correction
    found = weighted(BalanceParams(method="weights"), outcome, weight)
    np.testing.assert_allclose(found.rows / weight, class_weights(outcome, weight)[outcome])
    assert found.correction.tie == pytest.approx(np.log((0.5 + 0.5) / (2.0 + 0.25)))
    assert not weighted(BalanceParams(method="weights", prior_correction=False), outcome, weight).correction


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"method": "smot"}, "balance.method"), ({"gamma": -1}, "balance.gamma"), ({"k_neighbors": 0}, "k_neighbors")],
)
def test_a_mistake_is_named(settings, key):
    from stacker.training.params import parse_params

    with pytest.raises(UserError, match=key):
        parse_params({"balance": settings})


def test_matching_the_ties_takes_back_what_was_added():
    """Outcomes are drawn from the true probabilities; the tie log-odds were raised by .7."""
    true = probabilities(20000, 5)
    outcome = (np.random.default_rng(6).random(20000)[:, None] > true.cumsum(axis=1)).sum(axis=1)
    raised = Correction(0.7).apply(true)
    found = tie_matched(raised, outcome, np.ones(20000))
    assert found.tie == pytest.approx(-0.7, abs=0.06)
    assert found.apply(raised)[:, 2].mean() == pytest.approx(np.mean(outcome == 2), abs=1e-4)


@pytest.mark.parametrize("outcome", [[0, 1], [2, 2], [0, 2]])
def test_matching_the_ties_of_few_battles_is_bounded(outcome):
    outcome = np.array(outcome)
    sure = np.array([[1e-9, 1e-9, 1 - 2e-9]] * 2)
    assert tie_matched(sure, outcome, np.ones(2)).tie == -3.0
    even = np.full((2, 3), 1 / 3)
    assert tie_matched(even, outcome, np.ones(2)).apply(even)[0, 2] == pytest.approx((np.sum(outcome == 2) + 0.5) / 3)
