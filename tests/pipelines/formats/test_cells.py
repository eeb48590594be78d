import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.formats.cells import cell_style, parse_turns, rescue_turns
from pipelines.formats.messages import BadTurnsError

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
        (("a", "b"), ("a", "b")),
        (np.array(["a", None], dtype=object), ("a", "")),
        ("['a', \"it's\", None]", ("a", "it's", "")),
        (str(["a\nb\t'\"\\", "\x00é字😀", ""]), ("a\nb\t'\"\\", "\x00é字😀", "")),
        (str(np.array(["a b", "it's", 'c "d"'], dtype=object)), ("a b", "it's", 'c "d"')),
    ],
)
def test_turns_by_hand(cell, turns):
    assert parse_turns(cell) == turns


@pytest.mark.parametrize(
    ("cell", "said", "rescued"),
    [
        ("['a', b]", "is not JSON", ("['a', b]",)),
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


@given(st.lists(st.none() | st.text(st.characters(), max_size=30), min_size=1, max_size=5), st.booleans())
def test_what_python_and_numpy_print_reads_back(turns, numpy):
    """`ast.literal_eval` would join what numpy prints without commas to one text."""
    expected = tuple(turn or "" for turn in turns)
    assert parse_turns(str(np.array(turns, dtype=object)) if numpy else str(turns)) == expected


@pytest.mark.parametrize(
    ("cell", "turns"),
    [
        (str([{"role": "user", "content": "it's"}, {"role": "user", "content": 'a "b"'}]), ("it's", 'a "b"')),
        (str(np.array([{"content": "a", "role": "user"}, {"content": "b", "role": "user"}])), ("a", "b")),
        (json.dumps([{"from": "human", "value": "a"}]), ("a",)),
    ],
)
def test_a_cell_of_messages_of_one_side_is_its_turns(cell, turns):
    assert parse_turns(cell) == turns == parse_turns(cell, side="asked")
    with pytest.raises(BadTurnsError, match="no message of an assistant"):
        parse_turns(cell, side="answered")


def test_messages_of_both_sides_are_not_guessed_at():
    both = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    with pytest.raises(BadTurnsError, match="both sides"):
        parse_turns(both)
    assert (parse_turns(both, side="asked"), parse_turns(both, side="answered")) == (("q",), ("a",))


@pytest.mark.parametrize(
    ("sample", "style"),
    [
        (['["a"]', '["b"]'], "turns"),
        (["['a']", '["it\'s"]', "['c']"], "turns"),
        (['["a"]', "oh", '["b"]', '["c"'], "turns"),
        (["a", "b"], "text"),
        (["a", "[b] is what I want", "[1, 2]", "[]", "c"], "text"),
        (["a", "b", "c", "d", '["sort", "me"]'], "text"),
        (["[[link]]", "[a](b)", "[ ] to do", "['] odd"], "text"),
        ([["a"], None, ""], "turns"),
        ([], "turns"),
        ([json.dumps([{"role": "user", "content": "q"}])] * 2, "turns"),
        (['[{"a": 1}]'] * 2, "text"),
        ([3, 4.0, "a"], "text"),
    ],
)
def test_how_a_column_is_written_is_told_by_all_of_it(sample, style):
    assert cell_style(sample) == style


def test_a_plain_text_stays_as_it_stands():
    cells = ["[b] is what", '["a"]', " a\n", 5, 5.0, 2.5, "['a']"]
    said = [parse_turns(cell, "text") for cell in cells]
    assert said == [("[b] is what",), ('["a"]',), (" a\n",), ("5",), ("5",), ("2.5",), ("['a']",)]
    assert parse_turns(["a", None], "text") == ("a", "")
    assert rescue_turns('["a"]', "text") == ('["a"]',)
    for empty in (None, "", " ", float("nan")):
        with pytest.raises(BadTurnsError, match="is empty"):
            parse_turns(empty, "text")


@pytest.mark.parametrize("hostile", ["['" + "\\" * 400_000, "[" + "'a' " * 200_000 + "b]", "['" * 200_000 + "]"])
def test_a_hostile_list_takes_time_that_grows_with_its_length(hostile):
    started = time.perf_counter()
    assert rescue_turns(hostile) == (hostile,)
    assert time.perf_counter() - started < 3
