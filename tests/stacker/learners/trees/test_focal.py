import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from pipelines.battles.arrays import FLIP
from stacker.learners.balance import Correction
from stacker.learners.trees.tree_balance import LEAST_CURVATURE, focal_derivatives, focal_objective


def points(n, seed=0, size=3.0):
    random = np.random.default_rng(seed)
    return random.normal(scale=size, size=(n, 3)), random.integers(0, 3, n)


def focal_loss(logs, outcome, gamma):
    p = softmax(logs, axis=1)[np.arange(len(logs)), outcome]
    return -((1 - p) ** gamma) * np.log(p)


def test_by_hand():
    """p = 1/2 for the vote, gamma 2: the loss is (1/2)^2 log 2."""
    logs = np.log([[0.5, 0.25, 0.25]])
    assert focal_loss(logs, np.array([0]), 2.0)[0] == pytest.approx(0.25 * np.log(2))
    gradient, curvature = focal_derivatives(logs, np.array([0]), 0.0)
    np.testing.assert_allclose(gradient[0], [-0.5, 0.25, 0.25])
    np.testing.assert_allclose(curvature[0], [0.25, 0.1875, 0.1875])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.7])
def test_derivatives_are_those_of_finite_differences(gamma):
    logs, outcome = points(200)
    gradient, curvature = focal_derivatives(logs, outcome, gamma)
    step = 1e-5
    for column in range(3):
        move = np.zeros(3)
        move[column] = step
        slope = (focal_loss(logs + move, outcome, gamma) - focal_loss(logs - move, outcome, gamma)) / (2 * step)
        np.testing.assert_allclose(gradient[:, column], slope, atol=1e-5)
        up, _ = focal_derivatives(logs + move, outcome, gamma)
        down, _ = focal_derivatives(logs - move, outcome, gamma)
        np.testing.assert_allclose(curvature[:, column], (up - down)[:, column] / (2 * step), atol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0, 5.0])
def test_nothing_overflows_however_sure_the_model_is(gamma):
    logs = np.array([[800.0, 0, 0], [0, 800.0, 0], [0, 0, -800.0], [40.0, -40.0, 0], [0, 0, 0]])
    for outcome in range(3):
        gradient, curvature = focal_derivatives(logs, np.full(5, outcome), gamma)
        assert np.isfinite(gradient).all()
        assert np.isfinite(curvature).all()
        np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-12)


def test_the_objective_is_positive_weighted_and_floored():
    logs, outcome = points(500, size=4.0)
    _, exact = focal_derivatives(logs, outcome, 2.0)
    assert (exact < 0).any()
    weight = np.linspace(0.5, 2.0, 500)
    gradient, curvature = focal_objective(outcome, weight, 2.0, 1.5)(logs, None)
    assert gradient.dtype == curvature.dtype == np.float32
    expected = np.maximum(1.5 * exact, LEAST_CURVATURE) * weight[:, None]
    np.testing.assert_allclose(curvature, expected, rtol=1e-6)
    assert curvature.min() > 0


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 2.0]))
@settings(max_examples=30, deadline=None)
def test_swapping_the_sides_swaps_the_derivatives(seed, gamma):
    logs, outcome = points(20, seed)
    turned = focal_derivatives(logs[:, FLIP], np.array(FLIP)[outcome], gamma)
    for one, other in zip(focal_derivatives(logs, outcome, gamma), turned, strict=True):
        np.testing.assert_allclose(one, other[:, FLIP], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 4.0])
def test_the_correction_finds_the_probabilities_whose_expected_focal_loss_is_least(gamma):
    """The model that minimises the expected focal loss says something else than the truth; the truth comes back."""
    from scipy import optimize

    for truth in (np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.2, 0.6]), np.array([0.34, 0.33, 0.33])):

        def expected(logs, truth=truth):
            rows = np.tile(np.append(logs, 0.0), (3, 1))
            return truth @ focal_loss(rows, np.arange(3), gamma)

        logs = np.append(optimize.minimize(expected, np.zeros(2), tol=1e-12).x, 0.0)
        said = np.exp(logs) / np.exp(logs).sum()
        assert np.abs(said - truth).max() > 0.01 or truth[0] == 0.34
        np.testing.assert_allclose(Correction(gamma=gamma).apply(said[None])[0], truth, atol=1e-4)
