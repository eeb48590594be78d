"""Signs of certain direction: they speak for the better one alone, and only ever take a word back."""

import numpy as np
import pytest
from pydantic import ValidationError

from features.pairs import PairMatrix
from stacker.learners.checks.certain_signs import (
    FARTHEST,
    OPPOSED,
    CertainSigns,
    directions,
    signed_differences,
    unopposed,
)

WORSE, BETTER = "integrity: repeated sentences (A - B)", "substance: order of common words (A - B)"
SIDES = [
    "derivation: log words beyond the other answer",
    "derivation: filler beyond the other answer",
    "derivation: pleas beyond the other answer",
    "derivation: repetition beyond the other answer",
    "derivation: sentences of the other answer said again",
    "coherence: added sentences off the topic",
]


def pairs_of(worse=0.0, better=0.0, words=(0.0, 0.0), filler=(0.0, 0.0)):
    """Return one battle in which only these differ, A before B."""
    names = [WORSE, BETTER] + [f"{name} ({side})" for name in SIDES for side in "AB"]
    values = [worse, better, *np.log1p(words), *filler, *[0.0] * (2 * (len(SIDES) - 2))]
    partner = np.array([0, 1, *(place + (1 if place % 2 == 0 else -1) for place in range(2, len(names)))])
    sign = np.array([-1.0, -1.0, *[1.0] * (len(names) - 2)], dtype=np.float32)
    return PairMatrix(np.array([values], dtype=np.float32), tuple(names), partner, sign)


SIGNS = CertainSigns(names=(WORSE, BETTER), scales=(0.5, 1.0, 1.0), weights=(1.0, 2.0, 0.5))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (pairs_of(worse=0.5), -1.0),
        (pairs_of(better=0.5), 1.0),
        (pairs_of(worse=99.0), -FARTHEST),
        (pairs_of(words=(9.0, 0.0)), 0.5 * np.log(10)),
        (pairs_of(words=(9.0, 0.0), filler=(1.0, 0.0)), 0.0),
        (pairs_of(words=(9.0, 9.0), filler=(0.0, 1.0)), 0.5 * np.log(10)),
    ],
    ids=["worse", "better", "cut", "something new", "new filler", "filler against something new"],
)
def test_each_sign_speaks_in_its_direction(pairs, expected):
    assert SIGNS.margins(pairs)[0] == pytest.approx(expected, abs=1e-6)
    assert SIGNS.margins(pairs.flip())[0] == -SIGNS.margins(pairs)[0]


def test_what_does_not_apply_says_nothing():
    assert SIGNS.margins(pairs_of(worse=np.nan, better=np.nan))[0] == 0


def test_a_word_is_taken_back_where_signs_oppose_it_and_never_turned_round():
    margin, certain = np.array([2.0, 2.0, -2.0, 2.0, -2.0, 0.0]), np.array([1.0, -0.25, 0.25, -9.0, 9.0, 5.0])
    expected = [2.0, 2.0 - OPPOSED * 0.25, -2.0 + OPPOSED * 0.25, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(unopposed(margin, certain), expected)
    np.testing.assert_array_equal(unopposed(-margin, -certain), -unopposed(margin, certain))


def test_a_weight_below_nought_and_a_sign_of_no_direction_are_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        CertainSigns(names=(WORSE,), scales=(1.0, 1.0), weights=(-0.1, 0.0))
    with pytest.raises(ValidationError, match="no sign of certain direction"):
        CertainSigns(names=("surface: log words (A - B)",), scales=(1.0, 1.0), weights=(0.1, 0.0))
    with pytest.raises(ValidationError, match="not as many"):
        CertainSigns(names=(WORSE,), scales=(1.0,), weights=(0.1, 0.0))


def test_no_column_has_two_directions_and_length_is_none_of_them():
    assert len(set(directions())) == len(directions())
    assert not [name for name in directions() if name.startswith(("surface", "style"))]
    assert signed_differences(pairs_of(worse=1.0), (WORSE,))[0].tolist() == [-1.0, 0.0]
