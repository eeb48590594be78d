import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.battles.folds import FoldParams, fold_hash, grouped_folds, normalised, prompt_groups


def drawn(rows, groups, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(groups, size=rows), random.integers(3, size=rows)


@settings(max_examples=60, deadline=None)  # the first call imports scikit-learn
@given(st.integers(1, 120), st.integers(1, 60), st.integers(2, 8), st.integers(0, 1000))
def test_a_group_is_never_split_and_no_fold_is_left_out(rows, groups, count, seed):
    group, outcome = drawn(rows, groups, seed)
    folds = grouped_folds(group, outcome, count, seed)
    assert folds.shape == (rows,) and folds.dtype == np.int64
    for number in np.unique(group):
        assert len(np.unique(folds[group == number])) == 1
    assert folds.min() == 0 and folds.max() < count
    assert (folds == grouped_folds(group, outcome, count, seed)).all()


def test_outcomes_are_in_proportion_in_every_fold():
    group, outcome = drawn(3000, 2500)
    folds = grouped_folds(group, outcome, 5, 1)
    shares = np.bincount(outcome) / len(outcome)
    for fold in range(5):
        held = outcome[folds == fold]
        assert abs(len(held) - 600) < 20
        assert np.abs(np.bincount(held) / len(held) - shares).max() < 0.02


def test_the_seed_decides_and_nobody_can_change_what_is_remembered():
    group, outcome = drawn(300, 250)
    folds = grouped_folds(group, outcome, 5, 1)
    kept = folds.copy()
    folds[:] = 0
    assert (grouped_folds(group, outcome, 5, 1) == kept).all()
    assert (grouped_folds(group, outcome, 5, 2) != kept).any()


def test_few_groups_and_rare_outcomes():
    one = grouped_folds(np.zeros(9, dtype=np.int64), np.arange(9) % 3, 5, 0)
    assert (one == 0).all()
    three = grouped_folds(np.arange(9) // 3, np.arange(9) % 3, 5, 0)
    assert sorted(np.unique(three)) == [0, 1, 2]
    rare = grouped_folds(np.arange(40), np.array([0] * 39 + [2]), 5, 0)
    assert np.bincount(rare).tolist() == [8] * 5
    each_its_own = grouped_folds(np.arange(3), np.array([0, 1, 2]), 3, 0)
    assert sorted(each_its_own) == [0, 1, 2]


def test_swapping_the_sides_of_every_battle_keeps_groups_whole_and_folds_even():
    group, outcome = drawn(400, 300)
    swapped = np.array([1, 0, 2])[outcome]
    folds = grouped_folds(group, swapped, 5, 3)
    assert np.bincount(folds).tolist() == np.bincount(grouped_folds(group, outcome, 5, 3)).tolist()
    assert all(len(np.unique(folds[group == number])) == 1 for number in np.unique(group))


def test_prompts_that_differ_in_case_space_or_unicode_form_are_one_group():
    alike = [("Ｈow  are\nyou?",), ("how are you?",), ("HOW ARE YOU?  ",), ("how", "are you?")]
    composed = [("caf\u00e9",), ("cafe\u0301",)]
    wide = [("ｶﾞ①",), ("ガ1",)]
    sharp = [("STRASSE",), ("straße",)]
    other = [("how are you",), ("",), ("\ud83d",)]
    groups = prompt_groups([*alike, *composed, *wide, *sharp, *other])
    assert groups.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6]
    assert groups.dtype == np.int64
    assert prompt_groups([]).shape == (0,)


@given(st.text(st.characters(), max_size=30))
def test_what_is_normalised_once_is_normalised(text):
    # Not for every character: the NFKC form of a casefolded one may be another that casefolds on.
    once = normalised((text,))
    assert normalised((text.replace(" ", " \n\t"),)) == once
    assert normalised((f"  {text}\n",)) == once


def test_the_hash_of_an_assignment_changes_with_ids_folds_and_order():
    first = fold_hash(["a", "b"], np.array([0, 1]))
    # printf 'a\\t0\\nb\\t1\\n' | sha256sum
    assert first == "27a5556067d793ae78d892a88957ab5fe58af20e6ebabc27ea66b2aa1aa210f9"
    others = [
        fold_hash(["b", "a"], np.array([1, 0])),
        fold_hash(["a", "b"], np.array([1, 1])),
        fold_hash(["a", "c"], np.array([0, 1])),
        fold_hash(["a", "\ud83d"], np.array([0, 1])),
    ]
    assert len({first, *others}) == 5
    with pytest.raises(ValueError, match="zip"):
        fold_hash(["a"], np.array([0, 1]))


@pytest.mark.parametrize("count", [1, 0, 51, "many"])
def test_too_few_or_too_many_folds_are_refused(count):
    with pytest.raises(ValidationError):
        FoldParams(count=count)
