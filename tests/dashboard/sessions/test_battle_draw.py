"""Any battle of a file has a known chance above 0 to be shown next."""

import random
from collections import Counter

import pytest

from dashboard.sessions.battle_draw import drawn_row


def test_the_chances_are_those_with_which_rows_come_and_add_up_to_one():
    chance, settled = random.Random(0), {0, 5}
    drawn = [drawn_row(3, settled, 8, 0.3, 2, chance) for _ in range(20_000)]
    seen = Counter(row for row, _ in drawn)
    assert set(seen) == {1, 2, 3, 4, 6, 7}
    told = {row: draw for row, draw in drawn}
    assert sum(draw.chance for draw in told.values()) == pytest.approx(1.0)
    for row, draw in told.items():
        assert (draw.step, draw.of) == (2, 6) and draw.chance == pytest.approx(0.05 + 0.7 * (row == 3))
        assert seen[row] / len(drawn) == pytest.approx(draw.chance, abs=0.012)


def test_the_last_battle_comes_surely():
    row, draw = drawn_row(4, {0, 1, 2, 3}, 5, 0.25, 4, random.Random(1))
    assert row == 4 and draw.chance == pytest.approx(1.0)
