"""Doubtful answers: what speaks for them is taken back to a hair, nothing more, and the same for either side."""

import numpy as np
import pytest
from pydantic import ValidationError

from features.pairs import PairMatrix
from stacker.learners.checks.certain_signs import OPPOSED, supported
from stacker.learners.checks.doubtful_answers import (
    APART,
    BEGINS,
    BEYOND,
    BLINDS,
    GLARES,
    NOTHING_SAID,
    SURELY,
    WHOLLY,
    DoubtfulAnswers,
    glaring_doubts,
    says_nothing,
    taken_back,
)
from stacker.learners.checks.odd_answers import SHARES

REAL = np.random.default_rng(0).normal(size=(20_000, 3))
DOUBTFUL = DoubtfulAnswers.of(REAL, 2.0)


def doubts(a, b):
    """Return what answers with this excess, bad and off the topic, are doubted by."""
    return DOUBTFUL.doubts(np.array([[[*a, 0.0]], [[*b, 0.0]]]))[:, 0]


def test_what_speaks_for_a_doubtful_answer_is_taken_back_until_it_loses_by_a_hair():
    margin = np.array([3.0, 1.0, 0.4, 0.1, -0.1, -2.0])
    found = taken_back(margin, np.stack([np.full(6, 1.5), np.zeros(6)]))
    np.testing.assert_allclose(found, [1.5, -BEYOND, -BEYOND, -BEYOND, -0.1, -2.0])


def test_the_other_side_is_held_to_the_same_to_the_last_bit():
    random = np.random.default_rng(1)
    margin, doubt = random.normal(size=500), random.exponential(size=(2, 500))
    margin[:5] = 0.0
    np.testing.assert_array_equal(taken_back(-margin, doubt[::-1]), -taken_back(margin, doubt))


def test_where_both_are_doubted_the_difference_counts():
    np.testing.assert_allclose(taken_back(np.array([2.0, -2.0]), np.array([[2.0, 2.0], [1.5, 1.5]])), [1.5, -2.0])


def test_a_glaring_sign_is_doubted_where_the_other_answer_does_not_show_it():
    glaring = np.array([[GLARES, BLINDS, BLINDS, 9.0, 1.0], [0.0, 0.0, BLINDS, 9.5, 0.5]])
    found = glaring_doubts(glaring)
    np.testing.assert_allclose(found, [[0, SURELY, 0, 0, 0], [0, 0, 0, SURELY, 0]])
    np.testing.assert_array_equal(glaring_doubts(glaring[::-1]), found[::-1])


def test_no_doubt_changes_nothing():
    margin = np.array([-1.0, 0.0, 1e-9, 2.0])
    np.testing.assert_array_equal(taken_back(margin, np.zeros((2, 4))), margin)


def test_doubt_begins_where_few_real_answers_are_and_is_whole_where_fewer_are():
    """By the quantiles of a normal distribution, which the real ones of this test follow."""
    at = {level: float(np.quantile(REAL[:, 0], 1 - 10**-level)) for level in (1.0, BEGINS, WHOLLY)}
    assert doubts((at[1.0], 0), (0, 0)).tolist() == [0, 0]
    assert doubts((at[BEGINS], 0), (0, 0))[0] < 0.15
    assert doubts((at[WHOLLY], 0), (0, 0))[0] == pytest.approx(2.0, abs=0.1)
    assert doubts((0, 9.0), (0, 0)).tolist() == [2.0, 0.0]


def test_of_two_bad_answers_neither_is_doubted_unless_it_is_the_worse_by_far():
    assert doubts((3.0, 0), (3.0, 0)).tolist() == [0, 0]
    assert doubts((2.4, 0), (0, 2.4)).max() < 2.0 * APART
    assert doubts((9.0, 0), (2.4, 0))[0] > 1.5


def test_values_that_do_not_rise_are_refused():
    falling = tuple(range(len(SHARES), 0, -1))
    with pytest.raises(ValidationError, match="rise"):
        DoubtfulAnswers(bad=falling, off_topic=falling, strength=1.0)


def test_what_says_nothing_is_told_by_what_the_other_one_says():
    values = np.array([[1, 0, 0, np.log1p(9)], [1, 0, 0, np.log1p(1)], [1, 1, 0, 0], [0, 0, 3, 3]], dtype=np.float32)
    pairs = PairMatrix(values, NOTHING_SAID, np.array([1, 0, 3, 2]), np.ones(4, dtype=np.float32))
    np.testing.assert_allclose(says_nothing(pairs), [[1, 0, 0, 0], [0, 0, 0, 0]], atol=1e-6)


def test_a_gap_counts_as_far_as_the_signs_say_the_same():
    """Else the order of sentences alone would make one of two answers of the same sentences the worse one."""
    gap, certain = np.array([1.0, 1.0, 1.0, -1.0, -1.0]), np.array([0.0, 9.0, -9.0, -0.1, 0.1])
    np.testing.assert_allclose(supported(gap, certain), [0, 1, 0, -0.1 * OPPOSED, 0])
