from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stacker.judge.explain.group_effects import MOST_PLAYERS, coalitions, shapley_values

WORTHS = st.integers(0, 6).flatmap(lambda n: arrays(np.float64, (2**n, 2), elements=st.floats(-50, 50, width=32)))


def by_orders(worth):
    """The definition: the mean over all orders of what a player adds to those who came before."""
    players = len(worth).bit_length() - 1
    values = np.zeros((players, *worth.shape[1:]))
    orders = list(permutations(range(players)))
    for order in orders:
        there = 0
        for player in order:
            values[player] += worth[there | 1 << player] - worth[there]
            there |= 1 << player
    return values / len(orders)


def test_the_coalitions_are_the_binary_numbers():
    assert coalitions(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]
    assert coalitions(0).shape == (1, 0)
    for players in (-1, MOST_PLAYERS + 1):
        with pytest.raises(ValueError, match="exact values are for"):
            coalitions(players)


def test_the_glove_game_by_hand():
    # One left glove (player 0), two right ones; a pair is worth 1. Values 4/6, 1/6, 1/6 (Shapley, 1953).
    worth = np.array([float(row[0] and (row[1] or row[2])) for row in coalitions(3)])
    np.testing.assert_allclose(shapley_values(worth), [4 / 6, 1 / 6, 1 / 6], rtol=0, atol=1e-15)


def test_a_number_of_coalitions_that_cannot_be():
    for rows in (0, 3, 6):
        with pytest.raises(ValueError, match="power of 2"):
            shapley_values(np.zeros(rows))


@given(WORTHS)
@settings(max_examples=60, deadline=None)
def test_the_values_are_the_mean_over_all_orders(worth):
    np.testing.assert_allclose(shapley_values(worth), by_orders(worth), rtol=0, atol=1e-9)


@given(WORTHS)
@settings(deadline=None)
def test_the_values_add_up_and_turn_their_sign(worth):
    values = shapley_values(worth)
    np.testing.assert_allclose(values.sum(axis=0), worth[-1] - worth[0], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(shapley_values(-worth), -values)


@given(arrays(np.float64, (16,), elements=st.floats(-50, 50)), st.integers(0, 4))
@settings(deadline=None)
def test_a_player_who_changes_nothing_gets_nothing(worth, place):
    rows = np.arange(32)
    low = rows & ((1 << place) - 1)
    with_dummy = worth[(rows >> (place + 1) << place) | low]
    values = shapley_values(with_dummy)
    assert values[place] == 0
    np.testing.assert_allclose(np.delete(values, place), shapley_values(worth), rtol=0, atol=1e-9)
