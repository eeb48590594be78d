"""Oddness: by how few real answers go as far, alone and next to the other one, whatever was done to the text."""

import numpy as np
import pytest
from pydantic import ValidationError

from features.pairs import PairMatrix
from stacker.learners.checks import odd_answers
from stacker.learners.checks.odd_answers import GLARING, SHARES, SIGNS, OddAnswers

NAMES = ("substance: words twice in a row", "substance: order of common words", "integrity: filler")


def pairs_of(a, b):
    """Return battles whose answers have these (n, 3) values of `NAMES`."""
    names = tuple(f"{name} ({side})" for side in "AB" for name in NAMES)
    values = np.concatenate([a, b], axis=1).astype(np.float32)
    return PairMatrix(values, names, np.array([3, 4, 5, 0, 1, 2]), np.ones(6, dtype=np.float32))


@pytest.fixture(scope="module")
def real():
    rng = np.random.default_rng(0)
    draw = lambda: np.column_stack([rng.exponential(0.01, 4000), rng.normal(1.0, 0.3, 4000), np.zeros(4000)])  # noqa: E731
    return pairs_of(draw(), draw())


@pytest.fixture(scope="module")
def odd(real):
    return OddAnswers.of(real, np.ones((2, 4000), dtype=bool))


def test_oddness_is_how_few_real_answers_go_as_far(odd, real):
    """Two signs that know nothing of each other are hardly ever both far out."""
    scores = odd.oddness(real)
    assert 0.3 < np.median(scores) < 1.5
    assert np.mean(scores > 4) < 0.005


def test_what_no_real_answer_shows_is_odd_and_the_more_so_the_farther(odd):
    usual, stutter, salad, both = [0.01, 1, 0], [0.5, 1, 0], [0.01, -1.5, 0], [0.5, -1.5, 0]
    scores = odd.oddness(pairs_of(np.array([usual] * 3), np.array([stutter, salad, both])))
    assert scores[0].max() < 2 < scores[1].min()
    assert scores[1, 2] > scores[1, :2].max()


def test_a_sign_that_no_real_answer_has_is_odd_at_once(odd):
    assert odd.oddness(pairs_of(np.array([[0.01, 1, 0]]), np.array([[0.01, 1, 0.2]])))[1, 0] > -np.log10(SHARES[-1])


def test_what_the_other_answer_does_as_well_is_not_odd(odd):
    """Else answers in another language, as the question asked for, would all be."""
    assert odd.oddness(pairs_of(np.array([[0.5, -1.5, 0.2]]), np.array([[0.5, -1.5, 0.2]]))).max() < 2


def test_one_glaring_sign_is_told_by_itself_and_no_other_one(odd):
    usual, stutter, salad = [0.01, 1, 0], [0.5, 1, 0], [0.01, -1.5, 0.2]
    found = odd.glaring(pairs_of(np.array([usual] * 2), np.array([stutter, salad])))
    assert found[1, 0] > -np.log10(SHARES[-1])
    assert found.max(axis=0)[1] < 1
    assert odd.glaring(pairs_of(np.array([stutter]), np.array([stutter]))).max() < 1
    assert GLARING.keys() <= SIGNS.keys()


def test_swapping_the_sides_swaps_oddness(odd, real):
    np.testing.assert_array_equal(odd.oddness(real.flip()), odd.oddness(real)[::-1])


def test_what_people_voted_down_is_no_measure(real):
    lost = np.zeros((2, 4000), dtype=bool)
    lost[0] = True
    worse = PairMatrix(real.values.copy(), real.names, real.partner, real.sign)
    worse.values[:, 3] += 0.5
    kept = OddAnswers.of(worse, lost)
    assert kept.own[0][-1] < 0.2 < OddAnswers.of(worse, ~lost).own[0][-1]


def test_stored_values_that_do_not_rise_or_are_too_few_are_refused(odd):
    wrong = odd.model_dump() | {"own": (tuple(range(len(SHARES), 0, -1)), *odd.own[1:])}
    with pytest.raises(ValidationError, match="do not rise"):
        OddAnswers.model_validate(wrong)
    with pytest.raises(ValidationError, match="not as many"):
        OddAnswers.model_validate(odd.model_dump() | {"apart": odd.apart[:-1]})
    assert set(NAMES) <= SIGNS.keys()


def test_signs_judged_at_once_are_those_judged_one_by_one():
    rng = np.random.default_rng(4)
    edges = [np.sort(rng.normal(size=len(SHARES)).round(1)) for _ in range(6)]  # some of them equal
    edges.append(np.zeros(len(SHARES)))
    tails = rng.uniform(0.1, 1.0, size=len(edges))
    values = np.stack([rng.choice([*each, *rng.normal(size=20)], size=(2, 50)) for each in edges], axis=-1)
    found = odd_answers._surprise(values, tuple(map(tuple, edges)), tuple(tails))
    for sign, rising in enumerate(edges):
        one = values[..., sign]
        distinct, first = np.unique(rising, return_index=True)
        inside = np.interp(one, distinct, odd_answers._LEVELS[first], left=0.0)
        last = rising.searchsorted(one) - 1
        above = np.where(last >= 0, odd_answers._LEVELS[last], 0.0)
        beyond = np.maximum(one - rising[-1], 0.0) / (tails[sign] * np.log(10.0))
        assert found[..., sign].tobytes() == (np.maximum(inside, above) + beyond).tobytes()
