import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.battles.arrays import FLIP
from stacker.evaluate.metrics import log_loss
from stacker.learners.learner_interface import Fit
from stacker.learners.stacking.pool import Pool, margins_and_ties, probabilities_of
from stacker.learners.stacking.stack import StackParams, cross_fitted, fit_stack, fit_temperature, scaled


def battles(n, seed=0, learners=3):
    """True odds, votes drawn from them, and learners that see the odds with noise of their own."""
    rng = np.random.default_rng(seed)
    margin, tie = rng.normal(size=n), rng.normal(-0.3, 0.5, size=n)
    truth = probabilities_of(margin, tie)
    outcome = np.array([rng.choice(3, p=row) for row in truth])
    noisy = [
        probabilities_of(margin + rng.normal(size=n), tie + rng.normal(scale=0.7, size=n)) for _ in range(learners)
    ]
    return truth, np.stack(noisy, axis=1), outcome


def fit_of(outcome, seed=0):
    n = len(outcome)
    return Fit(outcome, np.ones(n), np.arange(n), seed)


@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=1, max_size=5))
def test_odds_and_probabilities_are_two_ways_to_say_one_thing(odds):
    margin, tie = np.array(odds).T
    p = probabilities_of(margin, tie)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(probabilities_of(-margin, tie), p[:, FLIP])
    kept = (p > 1e-5).all(axis=1)
    again_margin, again_tie = margins_and_ties(p)
    np.testing.assert_allclose(again_margin[kept], margin[kept], atol=1e-6)
    np.testing.assert_allclose(again_tie[kept], tie[kept], atol=1e-6)


def test_hand_computed_verdict():
    p = probabilities_of(np.array([np.log(4.0)]), np.array([0.0]))
    # e^(m/2) : e^(-m/2) : e^t = 2 : 1/2 : 1.
    np.testing.assert_allclose(p, [[2 / 3.5, 0.5 / 3.5, 1 / 3.5]])


@pytest.mark.parametrize("form", ["pool", "logistic"])
def test_the_pool_is_better_than_each_learner(form):
    _, found, outcome = battles(4000)
    half = 2000
    pool = Pool(form).fit(found[:half], outcome[:half], np.ones(half))
    own = log_loss(pool.predict_proba(found[half:]), outcome[half:])
    assert own < min(log_loss(found[half:, k], outcome[half:]) for k in range(3)) - 0.01


def test_pool_weights_are_not_negative_and_ignore_a_learner_that_knows_nothing():
    _, found, outcome = battles(4000)
    rng = np.random.default_rng(5)
    found[:, 2] = rng.dirichlet([5, 5, 5], size=len(found))
    pool = Pool("pool", shrink=1.0).fit(found, outcome, np.ones(len(outcome)))
    assert (pool.margin_weights_ >= 0).all()
    assert (pool.tie_weights_ >= 0).all()
    assert pool.margin_weights_[2] < 0.05 < pool.margin_weights_[0]


def test_few_battles_give_about_equal_weights():
    _, found, outcome = battles(12)
    pool = Pool("pool", shrink=1000.0).fit(found, outcome, np.ones(12))
    np.testing.assert_allclose(pool.margin_weights_, 1 / 3, atol=0.02)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_swap_is_exact_in_fitting_and_in_prediction(seed):
    _, found, outcome = battles(60, seed)
    weight = np.random.default_rng(seed).uniform(0.5, 2, size=60)
    pool = Pool().fit(found, outcome, weight)
    swapped = Pool().fit(found[:, :, FLIP], np.array(FLIP)[outcome], weight)
    np.testing.assert_allclose(pool.margin_weights_, swapped.margin_weights_, atol=1e-6)
    np.testing.assert_array_equal(pool.predict_proba(found)[:, FLIP], pool.predict_proba(found[:, :, FLIP]))


def test_a_row_alone_gets_the_very_same_verdict():
    _, found, outcome = battles(200)
    pool = fit_stack(StackParams(), found, fit_of(outcome), np.arange(200) % 5)
    whole = pool.predict_proba(found)
    for row in (0, 57, 199):
        np.testing.assert_array_equal(pool.predict_proba(found[row : row + 1])[0], whole[row])


def test_a_stored_pool_is_the_same_pool():
    _, found, outcome = battles(300)
    pool = fit_stack(StackParams(), found, fit_of(outcome), np.arange(300) % 5)
    again = Pool.from_dict(json.loads(json.dumps(pool.to_dict())))
    np.testing.assert_array_equal(pool.predict_proba(found), again.predict_proba(found))


def test_no_fold_takes_part_in_its_own_verdict():
    _, found, outcome = battles(500)
    folds = np.arange(500) % 5
    straight = cross_fitted(StackParams(), found, fit_of(outcome), folds)
    changed = outcome.copy()
    changed[folds == 2] = (changed[folds == 2] + 1) % 3
    other = cross_fitted(StackParams(), found, fit_of(changed), folds)
    np.testing.assert_array_equal(straight[folds == 2], other[folds == 2])
    assert np.abs(straight[folds != 2] - other[folds != 2]).max() > 1e-3


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_found_again(temperature):
    rng = np.random.default_rng(0)
    truth = rng.dirichlet([2, 2, 2], size=20000)
    outcome = (truth.cumsum(axis=1) > rng.uniform(size=(20000, 1))).argmax(axis=1)
    shown = scaled(truth, 1 / temperature)
    assert fit_temperature(shown, outcome, np.ones(20000)) == pytest.approx(temperature, rel=0.05)


@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_temperature_keeps_sums_order_and_the_swap(seed, temperature):
    p = np.random.default_rng(seed).dirichlet([1, 1, 1], size=4)
    found = scaled(p, temperature)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_array_equal(found.argmax(axis=1), p.argmax(axis=1))
    np.testing.assert_array_equal(scaled(p[:, FLIP], temperature), found[:, FLIP])
    np.testing.assert_allclose(scaled(p, 1.0), p, atol=1e-9)


def test_the_temperature_calms_learners_that_are_too_sure():
    _, found, outcome = battles(3000, learners=2)
    sure = np.stack([scaled(found[:, k], 0.3) for k in range(2)], axis=1)
    folds, fit = np.arange(3000) % 5, fit_of(outcome)
    stiff = StackParams(shrink=1e9)  # weights stay at 1 / K, so that the temperature has something to fix
    with_it = cross_fitted(stiff, sure, fit, folds)
    without = cross_fitted(stiff.model_copy(update={"temperature": False}), sure, fit, folds)
    assert log_loss(with_it, outcome) < log_loss(without, outcome) - 0.05
