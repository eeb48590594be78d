"""Numbers from one answer to the other, as of a Likert question, and how much each counts."""

import pytest
import yaml
from support.vote_files import write_rows

from pipelines.errors import UserError
from pipelines.formats.columns.column_mapping import ColumnMapping, parse_columns
from pipelines.formats.columns.scales import Scale, parse_scale
from pipelines.formats.reading import read_battles
from pipelines.formats.reading_options import ReadingOptions
from pipelines.formats.records import Vote


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("1-5", Scale(1, 5)),
        ("-3..3", Scale(-3, 3)),
        ("7 to 1", Scale(7, 1)),
        ("-3-3", Scale(-3, 3)),
        ("0…10", Scale(0, 10)),
        (" 1 – 4 ", Scale(1, 4)),
    ],
)
def test_a_scale_is_written_from_a_to_b(text, scale):
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["", "5", "1-1", "a-b", "1-5-9", "1.5-2", "99999-1"])
def test_what_is_no_scale_is_refused(text):
    with pytest.raises(ValueError, match=r"is no scale; write .* as in 1-5 or -3\.\.3"):
        parse_scale(text)


def test_weights_by_hand():
    # 1 to 5: the middle is 3, the mean distance of the others 1.5
    found = [Scale(1, 5).vote("g", grade) for grade in (1, "2", 3.0, 4, 5.0)]
    assert found == [
        Vote(0, weight=2 / 1.5),
        Vote(0, weight=1 / 1.5),
        Vote(2),
        Vote(1, weight=1 / 1.5),
        Vote(1, weight=2 / 1.5),
    ]
    # 4 to 1 has no tie: distances 1.5 and .5, mean 1
    assert [Scale(4, 1).vote("g", grade) for grade in (4, 3, 2, 1)] == [
        *(Vote(0, weight=1.5), Vote(0, weight=0.5), Vote(1, weight=0.5), Vote(1, weight=1.5))
    ]


ROWS = [{"prompt": f"p{n}", "answer_1": "x", "answer_2": "y", "rating": grade} for n, grade in enumerate((1, 2, 3, 5))]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_column_of_ratings_is_the_vote_by_its_scale(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [*ROWS, ROWS[0] | {"rating": None}])
    columns = parse_columns(["winner=rating,scale=1-5"])
    table, bad = read_battles(path, labelled=True, columns=columns)
    # 1 and 2 are numbers of the answers, too: the scale goes before
    assert table["outcome"].tolist() == [0, 0, 2, 1] and [row.reason for row in bad] == ["has no vote: rating is empty"]
    table, _ = read_battles(path, labelled=True, columns=parse_columns(["winner=rating,scale=5-1,values.3=both_bad"]))
    assert table["outcome"].tolist() == [1, 1, 2, 0] and table["both_bad"].tolist() == [False, False, True, False]
    for given in (yaml.safe_load("{winner: rating, scale: 1-5}"), {"winner": "rating", "scale": [1, 5]}):
        assert ColumnMapping.model_validate(given) == columns
    assert ReadingOptions(columns).stamp() == {"winner": "rating", "scale": [1, 5]}
    assert read_battles(path, labelled=False, columns=columns)[0]["outcome"].eq(-1).all()


def test_numbers_beyond_the_scale_and_words_are_told_as_such(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [*ROWS, ROWS[0] | {"rating": 9}])
    with pytest.raises(UserError, match=r"line 5: rating is 9 \(beyond the scale\), which is unknown"):
        read_battles(path, labelled=True, columns=ColumnMapping(winner="rating", scale="1-5"))
    path = write_rows(tmp_path / "b.jsonl", [*ROWS, ROWS[0] | {"rating": "tie"}, ROWS[1] | {"rating": "no idea"}])
    with pytest.raises(UserError, match=r"line 6: rating is no idea, which is unknown"):
        read_battles(path, labelled=True, columns=ColumnMapping(winner="rating", scale="1-5"))
    with pytest.raises(UserError, match=r"--columns scale: .*is no scale"):
        parse_columns(["winner=rating,scale=5"])


def test_numbers_without_a_scale_are_not_guessed_and_the_sentence_names_both_ways(tmp_path):
    row = {"prompt": "p", "response_a": "x", "response_b": "y"}
    for numbers in ((0, 1, 2), (1, 2, 3), (-1, 0, 1), (1, 2)):
        path = write_rows(tmp_path / "a.jsonl", [row | {"label": number} for number in numbers])
        with pytest.raises(UserError, match=r"as scale: 1-5, or say what each number means, as in columns: \{.*\}\.$"):
            read_battles(path, labelled=True)


def test_places_in_lists_are_named_by_dots(tmp_path):
    row = {"info": {"post": "p"}, "summaries": [{"text": "x"}, {"text": "y"}], "choice": 1}
    columns = parse_columns(
        ["prompt=info.post,response_a=summaries.0.text,response_b=summaries.1.text,winner=choice,values.0=a,values.1=b"]
    )
    for suffix in ("csv", "jsonl", "parquet"):
        table, _ = read_battles(write_rows(tmp_path / f"a.{suffix}", [row]), labelled=True, columns=columns)
        assert table[["prompt", "response_a", "response_b", "outcome"]].values.tolist() == [[("p",), ("x",), ("y",), 1]]
    path = write_rows(tmp_path / "a.jsonl", [row])
    with pytest.raises(UserError, match="has no column summaries.2.text"):
        read_battles(path, labelled=True, columns=ColumnMapping(prompt="info.post", response_a="summaries.2.text"))
