"""Columns of parquet whose kind is not the usual one: what databases and other programs write for texts and marks."""

from decimal import Decimal

import pyarrow
import pytest
from pyarrow import parquet
from support.vote_files import BATTLES, OUTCOMES, expect_battles

from pipelines.errors import UserError
from pipelines.formats.reading import read_battles

TEXTS = [list(column) for column in zip(*BATTLES, strict=True)]
MARKS = [[int(outcome == place) for outcome in OUTCOMES] for place in range(3)]


def written(path, texts, votes):
    columns = dict(zip(("prompt", "response_a", "response_b"), texts, strict=True)) | votes
    parquet.write_table(pyarrow.table(columns), path)
    return path


def marks(kind, make=int):
    names = ("winner_model_a", "winner_model_b", "winner_tie")
    return {name: pyarrow.array(map(make, marked), kind) for name, marked in zip(names, MARKS, strict=True)}


KINDS = {
    "bytes": lambda texts: pyarrow.array([text.encode() for text in texts], pyarrow.binary()),
    "views": lambda texts: pyarrow.array(texts, pyarrow.string_view()),
    "lists of a fixed length": lambda texts: pyarrow.array(
        [[text] for text in texts], pyarrow.list_(pyarrow.string(), 1)
    ),
    "lists of views": lambda texts: pyarrow.array([[text] for text in texts], pyarrow.list_(pyarrow.string_view())),
}


@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_any_kind_are_texts(tmp_path, kind):
    # Catches: a file that is refused, or read as a list of bytes, for how a program stores texts.
    path = written(tmp_path / "a.parquet", [KINDS[kind](texts) for texts in TEXTS[:3]], {"winner": TEXTS[3]})
    expect_battles(read_battles(path, labelled=True)[0])


@pytest.mark.parametrize(
    "kind", [pyarrow.decimal128(1, 0), pyarrow.decimal128(38, 0), pyarrow.decimal128(5, 2), pyarrow.decimal256(40, 3)]
)
def test_marks_that_are_decimals_are_numbers(tmp_path, kind):
    # Catches: a database's export of 0 and 1 as DECIMAL that "cannot be read".
    path = written(tmp_path / "a.parquet", TEXTS[:3], marks(kind, Decimal))
    expect_battles(read_battles(path, labelled=True)[0])


def test_a_picture_next_to_the_texts_stays_bytes_and_costs_nothing(tmp_path):
    votes = {"winner": TEXTS[3], "image": pyarrow.array([b"\x89PNG\r\n\xff"] * 4, pyarrow.binary())}
    expect_battles(read_battles(written(tmp_path / "a.parquet", TEXTS[:3], votes), labelled=True)[0])


def test_a_kind_that_holds_no_text_is_still_named(tmp_path):
    when = pyarrow.array([0] * 4, pyarrow.timestamp("s"))
    with pytest.raises(UserError, match="has prompt as timestamp"):
        read_battles(written(tmp_path / "a.parquet", [when, *TEXTS[1:3]], {"winner": TEXTS[3]}), labelled=True)
