import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.blocks.interface import SHARE
from features.blocks.turns import Turns

TURNS = st.lists(st.text(st.characters(codec=None), max_size=30), max_size=4).map(tuple)


def test_a_conversation_of_two_turns():
    rows = Turns().compute([("abc", "abcdefghi")], [("abc", " ", "")])
    row = dict(zip(Turns.columns, rows[0].tolist(), strict=True))
    assert row == pytest.approx(
        {
            "turns": 2,
            "log characters of the last turn": math.log(10),
            "last turn share": 0.75,
            "log characters of the first turn": math.log(4),
            "log characters of the last answer": 0,
            "last answer share": 0,
            "empty answers": 2,
            "log growth from first to last answer": -math.log(4),
        }
    )


@given(st.lists(TURNS, max_size=5))
def test_every_number_is_finite_and_shares_are_shares(turns):
    rows = Turns().compute(turns, turns[::-1])
    assert rows.shape == (len(turns), len(Turns.columns)) and np.isfinite(rows).all()
    shares = rows[:, [place for place, column in enumerate(Turns.declared) if column.kind == SHARE]]
    assert shares.shape[1] == 2 and ((shares >= 0) & (shares <= 1)).all()
