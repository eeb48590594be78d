"""Convolutions by fewer products: the sums of their definition, whatever their rows are, and nothing beyond them."""

import numpy as np
import pytest

from features.blocks.reading.parts.convolution import TILE, Convolution


def convolved(weights, x, count):
    """Return (count, d) rows, in memory that had other numbers before."""
    convolution = Convolution(weights)
    before, after = np.full((2, convolution.products * count // TILE, x.shape[1]), 7.0, dtype=np.float32)
    out = np.full((count, x.shape[1]), np.nan, dtype=np.float32)
    convolution.into(out, x, before, after)
    return out


def test_a_row_is_the_sum_of_its_neighbours_by_their_weights():
    """By hand: d is 1, weights are 1 and 10, so that row t is x[t] + 10 x[t + 1]."""
    x = np.array([[1], [2], [3], [4], [5]], dtype=np.float32)
    found = convolved(np.array([[[1]], [[10]]], dtype=np.float32), x, 4)
    np.testing.assert_allclose(found[:, 0], [21, 32, 43, 54], rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("count", [TILE, 12 * TILE])
def test_rows_are_those_of_the_definition(n, count):
    random = np.random.default_rng(10 * n + count)
    weights, x = (random.standard_normal(shape).astype(np.float32) for shape in ((n, 32, 32), (count + n + 5, 32)))
    expected = sum(x[k : k + count].astype(np.float64) @ weights[k] for k in range(n))
    found = convolved(weights, x, count)
    assert np.abs(found - expected).max() < 5e-6 * np.abs(expected).max()
    x[count + n - 1 :] = np.nan  # no output sees them
    assert convolved(weights, x, count).tobytes() == found.tobytes()


def test_of_zeros_comes_zero():
    weights = np.random.default_rng(0).standard_normal((5, 8, 8)).astype(np.float32)
    assert not convolved(weights, np.zeros((4 + TILE, 8), dtype=np.float32), TILE).any()
