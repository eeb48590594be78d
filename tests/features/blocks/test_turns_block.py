import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.blocks.turns import ANSWER_COLUMNS, BATTLE_COLUMNS, answer_turns, battle_turns

TURNS = st.lists(st.text(st.characters(codec=None), max_size=30), max_size=4).map(tuple)


def test_a_conversation_of_two_turns():
    row = dict(zip(BATTLE_COLUMNS, battle_turns([("abc", "abcdefghi")])[0].tolist(), strict=True))
    assert row == pytest.approx(
        {
            "turns": 2,
            "log characters of the last turn": math.log(10),
            "last turn share": 0.75,
            "log characters of the first turn": math.log(4),
        }
    )
    row = dict(zip(ANSWER_COLUMNS, answer_turns([("abc", " ", "")])[0].tolist(), strict=True))
    assert row == pytest.approx(
        {
            "log characters of the last answer": 0,
            "last answer share": 0,
            "empty answers": 2,
            "log growth from first to last answer": -math.log(4),
        }
    )


@given(st.lists(TURNS, max_size=5))
def test_every_number_is_finite_and_shares_are_shares(turns):
    for rows, columns in ((battle_turns(turns), BATTLE_COLUMNS), (answer_turns(turns), ANSWER_COLUMNS)):
        assert rows.shape == (len(turns), len(columns)) and np.isfinite(rows).all()
        shares = rows[:, [place for place, name in enumerate(columns) if name.endswith("share")]]
        assert ((shares >= 0) & (shares <= 1)).all()
