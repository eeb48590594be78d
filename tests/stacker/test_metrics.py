import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from sklearn.metrics import log_loss as sklearn_log_loss

from stacker import metrics

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


@given(predictions())
def test_agrees_with_scikit_learn(case):
    p, y = case
    assert metrics.log_loss(p, y) == pytest.approx(sklearn_log_loss(y, p, labels=[0, 1, 2]))
    predicted = p.argmax(axis=1)
    expected = f1_score(y, predicted, labels=[0, 1, 2], average="macro", zero_division=0)
    assert metrics.macro_f1(p, y) == pytest.approx(expected)


@given(predictions())
def test_swapping_the_sides_changes_no_score(case):
    p, y = case
    flip = np.array([1, 0, 2])
    straight, swapped = metrics.scores(p, y), metrics.scores(p[:, flip], flip[y])
    for name in ("log_loss", "bradley_terry_loss", "win_rate", "brier", "tie_recall", "log_loss_tie"):
        assert straight[name] == pytest.approx(swapped[name])
    assert straight["log_loss_a"] == pytest.approx(swapped["log_loss_b"])


@given(predictions(least=2), st.integers(0, 100))
def test_the_order_of_rows_changes_no_score(case, seed):
    p, y = case
    order = np.random.default_rng(seed).permutation(len(y))
    straight, shuffled = metrics.scores(p, y), metrics.scores(p[order], y[order])
    assert straight == pytest.approx(shuffled)


def test_bootstrap_draws_whole_groups():
    # Two groups whose differences are +1 and -1: every draw's mean is -1, 0 or 1, and one group alone has no spread.
    first, second = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    found = metrics.bootstrap_difference(first, second, np.array([0, 0, 1, 1]), draws=500)
    assert (found["difference"], found["low"], found["high"]) == (0.0, -1.0, 1.0)
    alone = metrics.bootstrap_difference(first, second, np.zeros(4, dtype=int), draws=100)
    assert alone == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_bootstrap_interval_is_about_that_of_the_normal_distribution():
    rng = np.random.default_rng(1)
    gap = rng.normal(0.1, 1.0, size=2000)
    found = metrics.bootstrap_difference(gap, np.zeros(2000), np.arange(2000))
    half = 1.96 * gap.std() / math.sqrt(2000)
    assert found["high"] - found["difference"] == pytest.approx(half, rel=0.1)
    assert found["difference"] - found["low"] == pytest.approx(half, rel=0.1)
