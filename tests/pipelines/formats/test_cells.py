import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.formats.cells import BadTurnsError, parse_turns, rescue_turns

# Any code point, lone surrogates as well.
TURNS = st.lists(st.none() | st.text(st.characters(), max_size=30), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(TURNS, st.booleans())
def test_what_json_wrote_reads_back(turns, in_ascii):
    expected = tuple(turn or "" for turn in turns) or ("",)
    assert parse_turns(json.dumps(turns, ensure_ascii=in_ascii)) == expected
    assert parse_turns(turns) == expected
    assert rescue_turns(json.dumps(turns, ensure_ascii=in_ascii)) == expected


@given(st.text(st.characters(), max_size=40) | JSON | JSON.map(json.dumps))
def test_whatever_a_cell_holds_it_is_turns_or_named_and_can_be_rescued(cell):
    try:
        found = parse_turns(cell)
    except BadTurnsError as fault:
        assert str(fault)
        found = rescue_turns(cell)
    assert isinstance(found, tuple) and found and all(type(turn) is str for turn in found)


@pytest.mark.parametrize(
    ("cell", "turns"),
    [
        ('["a","b"]', ("a", "b")),
        ("[]", ("",)),
        ('[""]', ("",)),
        ("[null]", ("",)),
        ('["a",null,"b"]', ("a", "", "b")),
        (r'["\ud83d"]', ("\ud83d",)),
        (r'["\ud83d\ude00"]', ("😀",)),
        ('["null","NA","nan"]', ("null", "NA", "nan")),
        ('["a\nb\tc"]', ("a\nb\tc",)),
        (r'["\/ \u0000"]', ("/ \0",)),
        ('["' + "字" * 50_000 + '"]', ("字" * 50_000,)),
        (["a", None], ("a", "")),
    ],
)
def test_turns_by_hand(cell, turns):
    assert parse_turns(cell) == turns


@pytest.mark.parametrize(
    ("cell", "said", "rescued"),
    [
        ("['a', 'b']", "is not JSON", ("['a', 'b']",)),
        ("__import__('os').getcwd()", "is not JSON", ("__import__('os').getcwd()",)),
        ('["a', "is not JSON (Unterminated string starting at at character 2)", ('["a',)),
        ("", "is empty", ("",)),
        ("  ", "is empty", ("  ",)),
        (None, "is empty", ("",)),
        ("null", "is null, not a list of turns", ("null",)),
        ('"a"', "is a text, not a list of turns", ('"a"',)),
        ("3", "is a number, not a list of turns", ("3",)),
        ("true", "is true or false, not a list of turns", ("true",)),
        ('{"a": 1}', "is an object, not a list of turns", ('{"a": 1}',)),
        ('["a", 3]', "has a number as turn 2, not text", ("a", "3")),
        ('["a", ["b"]]', "has a list as turn 2, not text", ("a", '["b"]')),
        ("[" * 100_000, "is not JSON", ("[" * 100_000,)),
        (f"[{'9' * 5000}]", "is not JSON that can be read", (f"[{'9' * 5000}]",)),
    ],
)
def test_what_is_no_list_of_turns_is_named_and_taken_as_it_stands(cell, said, rescued):
    with pytest.raises(BadTurnsError) as fault:
        parse_turns(cell)
    assert said in str(fault.value)
    assert rescue_turns(cell) == rescued
