import re

import numpy as np
import pytest

from pipelines.battles.table import COLUMNS, battles_table, check, empty_table, text_of
from pipelines.errors import UserError


def table(**other):
    columns = {
        "id": ["1", "2"],
        "prompt": [("p",), ("p", "q")],
        "response_a": [("",), ("a", "\ud83d")],
        "response_b": [("b",), ("b", "b")],
        "model_a": ["m", ""],
        "model_b": ["n", ""],
        "outcome": [0, -1],
        "weight": [1.0, 0.5],
        "source": ["s", "s"],
        "lang": ["en", ""],
        "both_bad": [False, False],
        "annotator": ["", "ann"],
    }
    return battles_table({**columns, **other})


def test_a_sound_table_comes_back_as_it_is():
    sound = table()
    assert tuple(sound.columns) == COLUMNS
    assert check(sound) is sound
    assert check(sound.iloc[[1]])["prompt"].tolist() == [("p", "q")]
    assert len(check(empty_table())) == 0
    assert text_of(("a", "", "b")) == "a\n\n\n\nb"


def test_who_voted_and_both_bad_are_unknown_where_nobody_says_so():
    columns = {name: table()[name].tolist() for name in COLUMNS if name not in ("both_bad", "annotator")}
    made = check(battles_table(columns))
    assert made["both_bad"].tolist() == [False, False]
    assert made["annotator"].tolist() == ["", ""]


def test_tuples_of_one_length_stay_tuples():
    same = table(prompt=[("p", "q"), ("r", "s")])
    assert same["prompt"].tolist() == [("p", "q"), ("r", "s")]


def test_names_are_kept_but_for_lone_surrogates():
    assert table(model_a=["é\ud83d", "模"])["model_a"].tolist() == ["é?", "模"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (table().drop(columns="lang"), ["is missing the column lang"]),
        (table().assign(extra=1), ["the column 'extra' besides", "the columns are id, prompt"]),
        (table()[list(reversed(COLUMNS))], ["another order"]),
        (table(id=["1", "1"]), ["column id, row", "'1'", "no other row has"]),
        (table(id=["1", ""]), ["column id, row 1", "''", "not empty"]),
        (table(outcome=[0, 3]), ["column outcome, row 1", "3", "0, 1, 2 or -1"]),
        (table(weight=[1.0, 0.0]), ["column weight, row 1", "0.0", "above 0"]),
        (table(weight=[1.0, np.inf]), ["column weight, row 1", "finite"]),
        (table(weight=[np.nan, 1.0]), ["column weight"]),
        (table(prompt=[("p",), ["q"]]), ["column prompt, row 1", "['q']", "a tuple of turns"]),
        (table(prompt=[("p",), ()]), ["column prompt, row 1", "()", "at least one"]),
        (table(response_b=[("p", None), ("q",)]), ["column response_b, row 0", "('p', None)", "each a str"]),
        (table().assign(outcome=[0.0, 1.0]), ["column outcome", "float64"]),
        (table().drop(columns="both_bad"), ["is missing the column both_bad"]),
        (table().assign(both_bad=[0, 1]), ["column both_bad", "int64"]),
        (table().assign(annotator=[1, 2]), ["column annotator, row 0", "1", "a str"]),
        (table().assign(lang=[1, 2]), ["column lang, row 0", "1", "a str"]),
    ],
)
def test_what_is_wrong_with_a_table_is_named(changed, said):
    with pytest.raises(UserError) as fault:
        check(changed)
    sentence = str(fault.value)
    assert re.fullmatch(r"battles table: [^\n]+\.", sentence)
    for part in said:
        assert part in sentence
