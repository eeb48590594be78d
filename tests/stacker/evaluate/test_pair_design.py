import numpy as np
import pytest

from stacker.evaluate.pair_design import PairDesign, fit_pairs, logistic


def drawn(n=60, count=4, k=2, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, count, n)
    second = (first + rng.integers(1, count, n)) % count
    return PairDesign(first, second, rng.normal(size=(n, k)), count), rng


def test_sums_over_battles_are_those_of_the_matrix():
    design, rng = drawn()
    x, values, group = design.dense(), rng.random(60), rng.integers(0, 7, 60)
    np.testing.assert_allclose(design.gaps(np.arange(6.0)), x @ np.arange(6.0))
    np.testing.assert_allclose(design.total(values), x.T @ values)
    np.testing.assert_allclose(design.gram(values), x.T @ (x * values[:, None]), atol=1e-12)
    np.testing.assert_allclose(design.totals(values, group, 7), np.eye(7)[group].T @ (x * values[:, None]), atol=1e-12)
    np.testing.assert_array_equal(design.of(np.array([3, 1])).dense(), x[[3, 1]])


def test_the_slope_is_none_where_the_loss_is_least():
    design, rng = drawn()
    weight, target, pulls = rng.random(60), rng.normal(size=60), np.full(6, 0.1)
    theta, hessian = fit_pairs(design, weight, target, pulls)
    expected = logistic(design.gaps(theta))
    slope = design.total(weight * expected - target) + pulls * theta
    np.testing.assert_allclose(slope, 0.0, atol=1e-8)
    x = design.dense()
    np.testing.assert_allclose(hessian, x.T @ (x * (weight * expected * (1 - expected))[:, None]) + np.diag(pulls))


@pytest.mark.parametrize("wins", [1, 100_000])
def test_who_always_won_ends_where_the_pull_holds(wins):
    """A step of Newton's that is not held back would leave for infinity."""
    ones = np.ones(wins)
    design = PairDesign(np.zeros(wins, dtype=int), np.ones(wins, dtype=int), np.zeros((wins, 0)), 2)
    theta, _ = fit_pairs(design, ones, ones, np.full(2, 0.1))
    assert theta[0] == pytest.approx(-theta[1])
    assert wins * logistic(-2 * theta[:1])[0] == pytest.approx(0.1 * theta[0], rel=1e-6)
