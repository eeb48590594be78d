"""YAML that a person writes: a key that stands there twice, nests and aliases that take all memory, odd signs."""

import time

import pytest
import yaml

from pipelines.errors import UserError
from pipelines.files.plain_yaml import LONGEST, plain_yaml, yaml_fault
from pipelines.formats.columns.column_mapping import ColumnMapping, parse_columns

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


def said(text):
    with pytest.raises(yaml.YAMLError) as fault:
        plain_yaml(text)
    return yaml_fault(fault.value, "a.yaml")


def test_a_billion_laughs_are_one_sentence_at_once():
    # Catches: aliases that a copy of the content unfolds until memory ends.
    began = time.process_time()
    assert said(LAUGHS) == "a.yaml: unfolds to more than 100,000 values; write it without so many aliases."
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\nb: 2\na: 3\n", 3), ("s:\n  k: 1\n  k: 1\n", 3), ("{a: 1, 'a': 2}", 1)]
)
def test_a_key_that_stands_there_twice_is_named(text, line):
    # Catches: the first of two sections of one name, lost unsaid.
    assert f"a.yaml, line {line}: the key" in said(text) and "stands there twice" in said(text)


def test_what_is_merged_may_be_written_over():
    assert plain_yaml("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\n")["y"] == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: \0", "holds the sign U+0000"),
        ("&a [*a]", "levels"),
        ("a: " + "[" * 60 + "]" * 60, "levels"),
        ("[" * 400, "not valid YAML"),
        ("x" * (LONGEST + 1), f"{LONGEST:,} are the most"),
        ("a: 2020-13-45", "not valid YAML"),
        ("a:\n\tb: 1", "line 2: is not valid YAML"),
    ],
)
def test_what_is_not_taken_is_one_sentence(text, part):
    assert part in said(text) and "\n" not in said(text) and said(text).startswith("a.yaml")


def test_columns_on_the_command_line_are_read_as_carefully():
    with pytest.raises(UserError, match="is no object"):
        parse_columns(["{" + LAUGHS.replace("\n", ", ") + "}"])


def test_yes_and_no_mean_the_cells_that_say_so():
    # Catches: YAML's no, which is false, so that the cells "no" stay unknown.
    mapping = ColumnMapping.model_validate(plain_yaml("{winner: choice, values: {yes: a, no: b, 3: tie}}"))
    cells = ["yes", "no", "True", "False", "3"]
    assert [mapping.row({"choice": cell})["winner"] for cell in cells] == [
        *("model_a", "model_b", "model_a", "model_b", "tie")
    ]
