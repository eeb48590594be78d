"""Which battle of a file is shown next, and with what chance: the first of the order, or any, drawn at random.

Battles that are voted on because the judge is unsure of them say little of the others. A share of those that are shown
is therefore drawn from all that are left, so that each battle had a known chance above 0
(`dashboard.votes.vote_weights`).
"""

import random
from collections.abc import Collection

from dashboard.votes.vote_records import Draw


def drawn_row(
    first: int, settled: Collection[int], count: int, share: float, voted: int, chance: random.Random
) -> tuple[int, Draw]:
    """Return the row to show next and how it was drawn.

    Parameters
    ----------
    first : int
        What the order has first, of the rows that are not settled.
    settled : collection of int
        Rows with a vote, and those that were passed over.
    count : int
        Rows of the file; at least one is not settled.
    share : float
        How often the row is drawn from all that are left, above 0 and at most 1.
    voted : int
        Battles of the file that this person has voted on.
    chance : Random
        Draws; it must not be one that anybody can foresee.
    """
    left = [row for row in range(count) if row not in settled]
    row = chance.choice(left) if chance.random() < share else first
    return row, Draw(voted, len(left), share / len(left) + (1.0 - share) * (row == first))
