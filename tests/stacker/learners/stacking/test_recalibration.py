"""Recalibration from few votes: what it finds, what it leaves alone, and that it knows no sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.battles.arrays import FLIP
from pipelines.errors import UserError
from stacker.evaluate.metrics import losses
from stacker.learners.stacking.pool import Pool, probabilities_of
from stacker.learners.stacking.recalibration import Recalibration, check_votes, fit_recalibration

LEVEL = -0.2


def verdicts(n, seed=0):
    rng = np.random.default_rng(seed)
    return probabilities_of(rng.normal(0, 0.8, n), rng.normal(LEVEL, 0.35, n))


def votes_of(probabilities, seed=0):
    drawn = np.random.default_rng(seed).random(len(probabilities))
    return np.minimum((drawn[:, None] > probabilities.cumsum(axis=1)).sum(axis=1), 2)


def test_what_moved_the_votes_is_found_from_many():
    said = verdicts(20_000)
    truth = Recalibration(1.6, 0.4)
    found = fit_recalibration(said, votes_of(truth.apply(said)))
    assert found.temperature == pytest.approx(1.6, rel=0.06) and found.tie_offset == pytest.approx(0.4, abs=0.05)


def test_twenty_votes_do_not_hurt_a_judge_that_is_right_and_help_one_that_is_wrong():
    said = verdicts(4_000)
    for truth, most in ((Recalibration(), 0.004), (Recalibration(1.0, 1.0), -0.03), (Recalibration(1.0, -3.0), -0.06)):
        true = truth.apply(said)
        changes = []
        for seed in range(40):
            rows = np.random.default_rng(seed).choice(len(said), 20, replace=False)
            after = fit_recalibration(said[rows], votes_of(true[rows], seed)).apply(said)
            changes.append(-np.sum(true * np.log(after / said), axis=1).mean())
        assert np.mean(changes) < most, truth


def test_without_information_the_judge_stays_as_it_was_to_the_bit():
    assert fit_recalibration(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)) == Recalibration(1.0, 0.0)
    even = np.full((30, 3), 1 / 3)
    assert fit_recalibration(even, np.arange(30) % 3) == Recalibration(1.0, 0.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 60))
def test_swapping_any_of_the_votes_changes_nothing_and_the_verdicts_flip_exactly(seed, n):
    said = verdicts(n, seed)
    outcome = votes_of(said, seed)
    turned = np.random.default_rng(seed).random(n) < 0.5
    flipped = np.where(turned[:, None], said[:, FLIP], said)
    found = fit_recalibration(said, outcome)
    assert fit_recalibration(flipped, np.where(turned, np.array(FLIP)[outcome], outcome)) == found
    np.testing.assert_array_equal(found.apply(said[:, FLIP]), found.apply(said)[:, FLIP])


def test_weights_are_shares_that_count_as_so_many_votes_as_their_inequality_leaves():
    said = verdicts(60)
    outcome = votes_of(Recalibration(1.0, 1.0).apply(said))
    plain = fit_recalibration(said, outcome)
    assert fit_recalibration(said, outcome, np.full(60, 7.0)).tie_offset == pytest.approx(plain.tie_offset, abs=1e-6)
    of_ten = fit_recalibration(said[:10], outcome[:10])
    one_sided = fit_recalibration(said, outcome, np.where(np.arange(60) < 10, 1.0, 1e-9))
    assert one_sided.tie_offset == pytest.approx(of_ten.tie_offset, abs=1e-4)


def test_a_level_1_model_takes_it_up_and_it_can_be_undone():
    rng = np.random.default_rng(3)
    said = np.stack([verdicts(50, seed) for seed in (1, 2)], axis=1)
    pool = Pool().fit(said, rng.integers(0, 3, 50), np.ones(50))
    pool.temperature_ = 1.3
    done = Recalibration(0.7, -0.6)
    before, after = pool.predict_proba(said), done.of_pool(pool).predict_proba(said)
    np.testing.assert_allclose(after, done.apply(before), rtol=0, atol=1e-12)
    np.testing.assert_allclose(done.undone(after), before, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [([0, 1, 2], "holds 3 votes"), ([2] * 30, "are ties"), ([0] * 20 + [2] * 5, "is for B"), ([1] * 20, "is for A")],
)
def test_votes_that_tell_nothing_are_refused_by_name(outcome, words):
    with pytest.raises(UserError, match=words):
        check_votes(np.array(outcome), "votes.csv")
    check_votes(np.array([0, 1] * 10), "votes.csv")  # votes without a tie tell enough


def test_votes_without_a_tie_leave_a_chance_of_ties():
    said = verdicts(20)
    after = fit_recalibration(said, np.arange(20) % 2).apply(said)
    assert 0.005 < after[:, 2].mean() < said[:, 2].mean()
    assert np.isfinite(losses(after, np.full(20, 2))).all()
