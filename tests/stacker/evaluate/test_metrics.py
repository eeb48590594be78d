import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.metrics import log_loss as sklearn_log_loss

from stacker.evaluate import metrics

P = np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
Y = np.array([0, 1, 2, 1])


@st.composite
def predictions(draw, least=1):
    n = draw(st.integers(least, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return rng.dirichlet([1, 1, 1], size=n), rng.integers(0, 3, size=n)


def test_hand_computed_case():
    assert metrics.log_loss(P, Y) == pytest.approx(-math.log(0.5 * 0.6 * 0.7 * 0.3) / 4)
    assert metrics.accuracy(P, Y) == 0.75
    assert metrics.balanced_accuracy(P, Y) == pytest.approx((1 + 0.5 + 1) / 3)
    # F1 of A: precision 1/2, recall 1; of B: 1 and 1/2; of the tie: 1.
    assert metrics.macro_f1(P, Y) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    winners = [0.5 / 0.8, 0.6 / 0.8, 0.3 / 0.9]
    assert metrics.bradley_terry_loss(P, Y) == pytest.approx(-sum(math.log(w) for w in winners) / 3)
    assert metrics.win_rate(P, Y) == pytest.approx(2 / 3)
    first = 0.5**2 + 0.3**2 + 0.2**2
    second = 0.2**2 + 0.4**2 + 0.2**2
    third = 0.1**2 + 0.2**2 + 0.3**2
    fourth = 0.6**2 + 0.7**2 + 0.1**2
    assert metrics.brier(P, Y) == pytest.approx((first + second + third + fourth) / 4)
    assert metrics.tie_recall(P, Y) == 1.0
    assert metrics.class_log_loss(P, Y) == pytest.approx([-math.log(0.5), -math.log(0.18) / 2, -math.log(0.7)])


def test_calibration_error_of_a_hand_computed_case():
    # Both most probable outcomes are .6 and in one bin; one of two is right: |.6 - .5|.
    p = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]])
    assert metrics.expected_calibration_error(p, np.array([0, 1])) == pytest.approx(0.1)


def test_an_equal_pair_counts_half_a_win():
    assert metrics.win_rate(np.array([[0.4, 0.4, 0.2]]), np.array([0])) == 0.5


def test_only_ties_have_neither_win_rate_nor_bradley_terry_loss():
    p, y = np.full((3, 3), 1 / 3), np.array([2, 2, 2])
    assert metrics.win_rate(p, y) is None
    assert metrics.bradley_terry_loss(p, y) is None
    assert metrics.class_log_loss(p, y)[:2] == [None, None]
    assert metrics.scores(p, y)["log_loss"] == pytest.approx(math.log(3))


def test_a_certain_mistake_costs_what_kaggle_charges():
    assert metrics.log_loss(np.array([[1.0, 0.0, 0.0]]), np.array([1])) == pytest.approx(-math.log(1e-15))


@settings(deadline=None)
@given(predictions())
def test_agrees_with_scikit_learn(case):
    p, y = case
    assert metrics.log_loss(p, y) == pytest.approx(sklearn_log_loss(y, p, labels=[0, 1, 2]))
    predicted, there = p.argmax(axis=1), np.unique(y)
    expected = f1_score(y, predicted, labels=there, average="macro", zero_division=0)
    assert metrics.macro_f1(p, y) == pytest.approx(expected)
    assert metrics.accuracy(p, y) == pytest.approx(np.mean(predicted == y))
    assert metrics.balanced_accuracy(p, y) == pytest.approx(np.mean([np.mean(predicted[y == k] == k) for k in there]))
    np.testing.assert_allclose(metrics.confusion(p, y), confusion_matrix(y, predicted, labels=[0, 1, 2]))


@settings(deadline=None)
@given(predictions(), st.sampled_from([0, 1, 15]))
def test_swapping_the_sides_changes_no_score_however_many_battles_are_even(case, decimals):
    p, y = case
    # Rounded, many rows have equal probabilities for two outcomes or for all three.
    p = np.maximum(p.round(decimals), 0.1)
    p = p / ((p[:, 0] + p[:, 1]) + p[:, 2])[:, None]
    flip = np.array([1, 0, 2])
    straight, swapped = metrics.scores(p, y), metrics.scores(p[:, flip], flip[y])
    swapped |= {"log_loss_a": swapped["log_loss_b"], "log_loss_b": swapped["log_loss_a"]}
    assert straight == pytest.approx(swapped, abs=1e-12)
    table = metrics.confusion(p, y)
    np.testing.assert_allclose(metrics.confusion(p[:, flip], flip[y])[flip][:, flip], table, atol=1e-12)
    np.testing.assert_allclose(table.sum(axis=1), np.bincount(y, minlength=3))


def test_equally_probable_outcomes_share_the_credit():
    p = np.array([[0.4, 0.4, 0.2], [0.4, 0.2, 0.4], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.5, 0.3]])
    y = np.array([1, 2, 0, 1])
    assert metrics.hits(p, y).tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 3, 1])
    assert metrics.accuracy(p, y) == pytest.approx((1 / 2 + 1 / 2 + 1 / 3 + 1) / 4)
    rows = [[1 / 3, 1 / 3, 1 / 3], [1 / 2, 3 / 2, 0], [1 / 2, 0, 1 / 2]]
    np.testing.assert_allclose(metrics.confusion(p, y), rows)
    assert metrics.balanced_accuracy(p, y) == pytest.approx((1 / 3 + 3 / 4 + 1 / 2) / 3)
    called = [4 / 3, 11 / 6, 5 / 6]
    f1 = [2 / 3 / (1 + called[0]), 3 / (2 + called[1]), 1 / (1 + called[2])]
    assert metrics.macro_f1(p, y) == pytest.approx(sum(f1) / 3)
    assert metrics.tie_recall(p, y) == 0.5


def test_a_class_that_does_not_occur_is_no_part_of_macro_f1():
    p = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1]])
    y = np.array([0, 1, 0, 1])
    # A: one of two found, none called wrongly, 2/3; B: all found, 1. A tie that nobody voted is no third class.
    assert metrics.macro_f1(p, y) == pytest.approx((2 / 3 + 1) / 2)
    assert metrics.balanced_accuracy(p, y) == pytest.approx((1 / 2 + 1) / 2)


@settings(deadline=None)
@given(predictions(least=2), st.integers(0, 100))
def test_the_order_of_rows_changes_no_score(case, seed):
    p, y = case
    order = np.random.default_rng(seed).permutation(len(y))
    straight, shuffled = metrics.scores(p, y), metrics.scores(p[order], y[order])
    assert straight == pytest.approx(shuffled)
