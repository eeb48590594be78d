import numpy as np
import pytest

from stacker.evaluate.strengths import Likelihood, order_agreement, strengths


def test_two_models_have_the_log_odds_of_their_wins():
    # 3 wins to 1 without a ridge: a gap of log 3, and a mean of 0.
    found = strengths(np.zeros(4, dtype=int), np.ones(4, dtype=int), np.array([1.0, 1.0, 1.0, 0.0]), 2, ridge=1e-9)
    np.testing.assert_allclose(found, [np.log(3) / 2, -np.log(3) / 2], atol=1e-4)


def test_swapping_the_sides_changes_no_strength():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    score = rng.choice([0.0, 0.5, 1.0], 200)
    np.testing.assert_allclose(strengths(first, second, score, 5), strengths(second, first, 1 - score, 5), atol=1e-5)


def test_a_model_that_won_every_battle_stays_finite():
    found = strengths(np.zeros(9, dtype=int), np.ones(9, dtype=int), np.ones(9), 2)
    assert np.isfinite(found).all()
    assert found[0] > found[1]


def ring(scores):
    """Five models; each meets each other ten times, the one with the higher score wins."""
    a, b, outcome = [], [], []
    for i in range(5):
        for j in range(5):
            if i != j:
                a += [f"model {i}"] * 10
                b += [f"model {j}"] * 10
                outcome += [0 if scores[i] > scores[j] else 1] * 10
    return a, b, np.array(outcome)


def test_kendalls_tau_of_the_same_and_of_the_opposite_order():
    a, b, outcome = ring([1, 2, 3, 4, 5])
    right = np.eye(3)[outcome] * 0.7 + 0.1
    assert order_agreement(a, b, right, outcome) == {"kendall_tau": pytest.approx(1.0), "models": 5}
    wrong = right[:, [1, 0, 2]]
    assert order_agreement(a, b, wrong, outcome)["kendall_tau"] == pytest.approx(-1.0)


def test_unnamed_models_and_too_few_models_have_no_order():
    p, y = np.full((3, 3), 1 / 3), np.array([0, 1, 2])
    assert order_agreement(["", "", ""], ["", "", ""], p, y) is None
    assert order_agreement(["x"] * 3, ["y"] * 3, p, y, least=1) is None


def test_a_profile_ends_where_the_penalised_likelihood_has_lost_its_due():
    # Five wins of six, as strengths of +s and -s with a ridge of .1: looked up on a grid.
    design, score = np.tile([1.0, -1.0], (6, 1)), np.array([1.0, 1, 1, 1, 1, 0])

    def loss(strength):
        return 5 * np.logaddexp(0, -2 * strength) + np.logaddexp(0, 2 * strength) + 0.1 * strength**2

    grid = np.linspace(-8, 8, 160001)
    inside = grid[2 * (loss(grid) - loss(grid).min()) <= 3.841459]
    profile = Likelihood(design, score, np.full(2, 0.1))
    ends = [profile.profiled(np.array([0.5, -0.5]), side, 0.95) for side in (-1.0, 1.0)]
    np.testing.assert_allclose(ends, [inside.min(), inside.max()], atol=1e-3)
