"""Exact Shapley values of a few players, from the worth of every coalition of them."""

from math import factorial

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats

MOST_PLAYERS = 12
"""More players make more coalitions (4,096) than one explanation may cost."""


def coalitions(players: int) -> NDArray[np.bool_]:
    """Return who takes part in each coalition.

    Parameters
    ----------
    players : int
        Number of players, 0 to 12.

    Returns
    -------
    (2 ** players, players) bool
        Row r holds player i where bit i of r is set: the first row is empty, the last one holds everybody.

    Raises
    ------
    ValueError
        When there are too many players.
    """
    if not 0 <= players <= MOST_PLAYERS:
        raise ValueError(f"{players} players: exact values are for 0 to {MOST_PLAYERS}; join some of them to groups")
    rows = np.arange(2**players)
    return (rows[:, None] >> np.arange(players) & 1).astype(bool)


def shapley_values(worth: Floats) -> Floats:
    """Return each player's mean gain over all orders in which the players can come together (Shapley, 1953).

    The values add up to the worth of everybody less that of nobody; a player that changes no coalition's worth gets
    exactly 0; where every worth is negated, so is every value, to the last bit.

    Parameters
    ----------
    worth : (2 ** players, ...) float
        Worth of the coalitions in the order of `coalitions`; further axes are games of their own.

    Returns
    -------
    (players, ...) float
        Values in the units of the worth.

    Raises
    ------
    ValueError
        When the number of coalitions is no power of 2.
    """
    players = len(worth).bit_length() - 1
    if len(worth) != 2**players:
        raise ValueError(f"{len(worth)} coalitions: must be a power of 2")
    sizes = coalitions(players).sum(axis=1)
    whole = factorial(players)
    share = np.array([factorial(size) * factorial(players - size - 1) / whole for size in range(players)])
    rows = np.arange(2**players)
    values = np.zeros((players, *worth.shape[1:]))
    for player in range(players):
        without = rows[rows >> player & 1 == 0]
        gain = worth[without | 1 << player] - worth[without]
        weight = share[sizes[without]].reshape(-1, *[1] * (gain.ndim - 1))
        values[player] = (weight * gain).sum(axis=0)
    return values
