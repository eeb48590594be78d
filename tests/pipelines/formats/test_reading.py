import csv
import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.battles.table import COLUMNS, UNLABELLED
from pipelines.errors import UserError
from pipelines.formats.containers.file_formats import format_of
from pipelines.formats.containers.raw_rows import NOT_UTF8
from pipelines.formats.reading import iter_battles, read_battles

KAGGLE = [
    "id",
    "model_a",
    "model_b",
    "prompt",
    "response_a",
    "response_b",
    "winner_model_a",
    "winner_model_b",
    "winner_tie",
]
TURNS = st.lists(st.none() | st.text(st.characters(), max_size=20), min_size=1, max_size=3)
# Python's writer leaves a lone carriage return without quotes, where it ends the row for every reader.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)
ROWS = st.lists(st.tuples(TURNS, TURNS, TURNS, NAMES, st.integers(0, 2)), min_size=1, max_size=6)


def kaggle_rows(rows):
    for number, (prompt, a, b, model, outcome) in enumerate(rows):
        marks = [int(outcome == place) for place in range(3)]
        yield [str(number), model, "m", json.dumps(prompt), json.dumps(a), json.dumps(b), *marks]


def write_csv(path, rows, header=KAGGLE, **how):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **how)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def conversation(asked, answered):
    messages = []
    for question, answer in zip(asked, answered, strict=True):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages


def turns(cells):
    return tuple(cell or "" for cell in cells)


def expect(table, rows):
    assert tuple(table.columns) == COLUMNS
    assert table["prompt"].tolist() == [turns(row[0]) for row in rows]
    assert table["response_a"].tolist() == [turns(row[1]) for row in rows]
    assert table["response_b"].tolist() == [turns(row[2]) for row in rows]
    assert table["model_a"].tolist() == [row[3] for row in rows]
    assert table["outcome"].tolist() == [row[4] for row in rows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_csv_reads_back_what_was_written(tmp_path, rows, ends, quoting):
    path = write_csv(tmp_path / "a.csv", kaggle_rows(rows), lineterminator=ends, quoting=quoting)
    table, bad = read_battles(path, labelled=True)
    assert bad == []
    expect(table, rows)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_json_lines_json_and_parquet_read_back_what_was_written(tmp_path, rows):
    records = [dict(zip(KAGGLE, row, strict=True)) for row in kaggle_rows(rows)]
    (tmp_path / "a.json").write_text(json.dumps(records), encoding="utf-8")
    pd.DataFrame(records).to_parquet(tmp_path / "a.parquet")
    write_lines(tmp_path / "a.jsonl", records)
    for name in ("a.json", "a.jsonl", "a.parquet"):
        table, bad = read_battles(tmp_path / name, labelled=True)
        assert bad == []
        expect(table, rows)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TURNS, NAMES, st.sampled_from(["model_a", "model_b", "tie"])), min_size=1, max_size=5))
def test_arena_records_read_back(tmp_path, rows):
    records = [
        {
            "question_id": f"q{number}",
            "model_a": model,
            "model_b": "n",
            "winner": winner,
            "conversation_a": conversation(asked, asked),
            "conversation_b": conversation(asked, asked[::-1]),
            "language": "English",
        }
        for number, (asked, model, winner) in enumerate(rows)
    ]
    table, bad = read_battles(write_lines(tmp_path / "a.jsonl", records), labelled=True)
    assert bad == []
    places = {"model_a": 0, "model_b": 1, "tie": 2}
    expect(table, [(asked, asked, asked[::-1], model, places[winner]) for asked, model, winner in rows])
    assert table["id"].tolist() == [record["question_id"] for record in records]
    assert set(table["lang"]) == {"English"}


@pytest.mark.parametrize(
    ("winner", "outcome"),
    [("model_a", 0), ("model_b", 1), ("tie", 2), ("tie (bothbad)", 2), ("both_bad", 2), (" Tie  (BothBad)", 2)],
)
def test_every_spelling_of_the_arenas_winner(tmp_path, winner, outcome):
    record = {
        "winner": winner,
        "conversation_a": [{"role": "system", "content": "be brief"}, *conversation(["q"], ["a"])],
        "conversation_b": [
            {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image", "image": "x"}]}
        ],
    }
    table, bad = read_battles(write_lines(tmp_path / "a.jsonl", [record]), labelled=True)
    assert bad == []
    assert table.iloc[0][["id", "prompt", "response_a", "response_b", "outcome"]].tolist() == [
        "line1", ("q",), ("a",), ("",), outcome,
    ]  # fmt: skip


def test_arena_conversations_in_parquet_are_lists_of_structs(tmp_path):
    records = [
        {
            "id": 7,
            "winner": "tie",
            "conversation_a": conversation(["q"], ["a"]),
            "conversation_b": conversation(["q"], ["b"]),
        }
    ]
    pd.DataFrame(records).to_parquet(tmp_path / "a.parquet")
    table, bad = read_battles(tmp_path / "a.parquet", labelled=True)
    assert (bad, table["id"].tolist(), table["response_b"].tolist()) == ([], ["7"], [("b",)])


def test_turns_may_be_lists_in_parquet_and_json(tmp_path):
    record = {"id": 1, "prompt": ["p"], "response_a": ["a", None], "response_b": [""], "winner": "model_b"}
    pd.DataFrame([record]).to_parquet(tmp_path / "a.parquet")
    write_lines(tmp_path / "a.jsonl", [record])
    for name in ("a.parquet", "a.jsonl"):
        table, bad = read_battles(tmp_path / name, labelled=True)
        assert (bad, table["response_a"].tolist(), table["outcome"].tolist()) == ([], [("a", "")], [1])


def row(number, prompt='["p"]', a='["a"]', b='["b"]', marks=(1, 0, 0)):
    return [str(number), "m", "n", prompt, a, b, *marks]


def test_texts_of_every_kind_load(tmp_path):
    rows = [
        row(1, a='["null"]', b='["NA"]'),
        row(2, a="[null]", b='[""]'),
        row(3, a=r'["\ud83d"]', b=json.dumps(["字" * 50_000])),
        row(
            4,
            a=json.dumps(['=cmd|"x"\t,;'], ensure_ascii=False),
            b=json.dumps(["नमस्ते مرحبا 👩‍👩‍👧 ﷽\0"], ensure_ascii=False),
        ),
        row(5, a='["same"]', b='["same"]'),
        row(6, a='["' + "x" * 200_000 + '"]'),
        row("NA"),
        row("null"),
    ]
    table, bad = read_battles(write_csv(tmp_path / "a.csv", rows), labelled=True)
    assert bad == []
    assert table["id"].tolist() == ["1", "2", "3", "4", "5", "6", "NA", "null"]
    assert table["response_a"].tolist()[:3] == [("null",), ("",), ("\ud83d",)]
    assert table["response_b"].tolist()[:4] == [("NA",), ("",), ("字" * 50_000,), ("नमस्ते مرحبا 👩‍👩‍👧 ﷽\0",)]
    assert len(table["response_a"][5][0]) == 200_000


def test_the_line_is_the_one_a_row_begins_on(tmp_path):
    pretty = '[\n"p",\n"q"\n]'
    rows = [
        row(1, pretty, pretty),
        row(2, "['x'"),
        row(3, pretty),
        row(4, "[", pretty),
        row(5),
        row(6, '["\r"]'),
        row(7, "oh"),
    ]
    path = write_csv(tmp_path / "a.csv", rows, lineterminator="\n")
    table, bad = read_battles(path, labelled=True)
    text = path.read_bytes().split(b"\n")
    assert table["id"].tolist() == ["1", "3", "5", "6"]
    assert [fault.id for fault in bad] == ["2", "4", "7"]
    for fault in bad:
        assert fault.unit == "line"
        assert text[fault.place - 1].startswith(f"{fault.id},m,n".encode())
    assert bad[0].sentence().startswith(f"{path}, line 9 (id 2): prompt is not JSON (")
    assert bad[1].raw.startswith('4,m,n,[,"[\n""p"",')


def test_a_quote_that_is_not_closed_costs_its_own_row(tmp_path):
    path = write_csv(tmp_path / "a.csv", [row(number, '["p, q"]') for number in range(1, 8)], lineterminator="\n")
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[3] = lines[3].replace('"]",1,0,0', '"],1,0,0')
    assert lines[3].count('"') % 2
    path.write_text("\n".join(lines), encoding="utf-8")
    table, bad = read_battles(path, labelled=True)
    assert table["id"].tolist() == ["1", "2", "4", "5", "6", "7"]
    assert [(fault.place, fault.id) for fault in bad] == [(4, "3")]
    assert "a quote on this line is not closed" in bad[0].reason
    assert bad[0].raw == lines[3]
    rescued, bad = read_battles(path, labelled=False, rescue=True)
    assert rescued["id"].tolist() == ["1", "2", "3", "4", "5", "6", "7"]
    assert rescued["prompt"][2] == ("p, q",)
    assert [fault.rescued for fault in bad] == [True]


def test_a_quote_that_is_not_closed_in_the_last_row(tmp_path):
    path = write_csv(tmp_path / "a.csv", [row(1), row(2)], lineterminator="\n")
    path.write_text(path.read_text(encoding="utf-8") + '3,m,n,"[""p', encoding="utf-8")
    table, bad = read_battles(path, labelled=True)
    assert (len(table), [(fault.place, fault.id) for fault in bad]) == (2, [(4, "3")])


def test_bytes_that_are_not_utf8_cost_their_row(tmp_path):
    path = write_csv(tmp_path / "a.csv", [row(1), row(2, '["caf?"]'), row(3, '["é"]')], lineterminator="\n")
    path.write_bytes(path.read_bytes().replace(b"caf?", b"caf\xe9"))
    table, bad = read_battles(path, labelled=True)
    assert table["id"].tolist() == ["1", "3"]
    assert bad[0].sentence() == f"{path}, line 3 (id 2): {NOT_UTF8}."
    table, bad = read_battles(path, labelled=False, rescue=True)
    assert table["prompt"].tolist() == [("p",), ("caf\udce9",), ("é",)]
    lines = write_lines(tmp_path / "a.jsonl", [dict(zip(KAGGLE, row(1, '["caf?"]'), strict=True))])
    lines.write_bytes(lines.read_bytes().replace(b"caf?", b"caf\xe9"))
    table, bad = read_battles(lines, labelled=True, max_rejected=1.0)
    assert (len(table), bad[0].place, "not UTF-8" in bad[0].reason) == (0, 1, True)


def test_parquet_texts_that_are_not_utf8_cost_their_row(tmp_path):
    import pyarrow
    from pyarrow import parquet

    columns = {name: pyarrow.array(["[]", "[]"]) for name in ("prompt", "response_a", "winner")}
    broken = pyarrow.array([b'["a"]', b'["\xe9"]'], pyarrow.binary()).view(pyarrow.string())
    table = pyarrow.table({"id": pyarrow.array([1, 2]), **columns, "response_b": broken})
    table = table.set_column(table.schema.get_field_index("winner"), "winner", pyarrow.array(["tie", "tie"]))
    parquet.write_table(table, tmp_path / "a.parquet")
    found, bad = read_battles(tmp_path / "a.parquet", labelled=True)
    assert (found["id"].tolist(), [(fault.unit, fault.place, fault.id) for fault in bad]) == (["1"], [("row", 2, "2")])


def test_streaming_gives_the_same_battles_in_pieces(tmp_path):
    rows = [row(number, "oh" if number % 7 == 3 else '["p"]') for number in range(50)]
    rows[44] = row(2)
    path = write_csv(tmp_path / "a.csv", rows)
    whole, bad = read_battles(path, labelled=True)
    pieces = list(iter_battles(path, 10, labelled=True))
    assert max(len(table) for table, _ in pieces) == 10
    joined = pd.concat([table for table, _ in pieces], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole)
    assert [fault.place for _, faults in pieces for fault in faults] == [fault.place for fault in bad]
    assert "has the id of line 4 again" in {fault.reason for fault in bad}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_streaming_takes_no_more_memory_for_more_rows(tmp_path, suffix):
    import tracemalloc

    def peak(rows):
        records = [dict(zip(KAGGLE, row(number, json.dumps(["p" * 2000])), strict=True)) for number in range(rows)]
        path = tmp_path / f"{rows}.{suffix}"
        if suffix == "csv":
            write_csv(path, [list(record.values()) for record in records])
        elif suffix == "jsonl":
            write_lines(path, records)
        elif suffix == "json":
            path.write_text(json.dumps(records), encoding="utf-8")
        else:
            pd.DataFrame(records).to_parquet(path, row_group_size=rows)
        tracemalloc.start()
        count = sum(len(table) for table, _ in iter_battles(path, 100))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return most

    peak(200)  # what is imported on the way
    assert peak(4000) < 1.2 * peak(500) + 4000 * 150  # an id met, and its place


def test_votes_are_not_looked_at_where_none_are_wanted(tmp_path):
    path = write_csv(tmp_path / "a.csv", [row(1, marks=("", "", "")), row(2, marks=(1, 1, 1))])
    table, bad = read_battles(path, labelled=False)
    assert (bad, table["outcome"].tolist()) == ([], [UNLABELLED] * 2)


def test_duplicates_with_other_votes_stay(tmp_path):
    path = write_csv(tmp_path / "a.csv", [row(1), row(2, marks=(0, 1, 0)), row(3)])
    table, bad = read_battles(path, labelled=True)
    assert (bad, table["outcome"].tolist()) == ([], [0, 1, 0])


def test_a_mark_at_the_files_start_and_blank_lines_do_no_harm(tmp_path):
    path = write_csv(tmp_path / "a.csv", [row(1)], lineterminator="\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\n\n"))
    assert read_battles(path, labelled=True)[0]["id"].tolist() == ["1"]
    lines = write_lines(tmp_path / "a.jsonl", [dict(zip(KAGGLE, row(1), strict=True))])
    lines.write_bytes(b"\xef\xbb\xbf" + lines.read_bytes() + b"\n \n")
    assert read_battles(lines, labelled=True)[0]["id"].tolist() == ["1"]


def test_the_content_tells_the_format_where_the_suffix_does_not(tmp_path):
    records = [dict(zip(KAGGLE, row(number), strict=True)) for number in (1, 2)]
    write_lines(tmp_path / "lines.json", records)
    (tmp_path / "list.jsonl").write_text(json.dumps(records), encoding="utf-8")
    (tmp_path / "list.data").write_text(json.dumps(records, indent=1), encoding="utf-8")
    write_csv(tmp_path / "table.txt", [row(1), row(2)])
    pd.DataFrame(records).to_parquet(tmp_path / "table.csv")
    (tmp_path / "one.json").write_text(json.dumps(records[0], indent=1), encoding="utf-8")
    kinds = {
        "lines.json": "jsonl",
        "list.jsonl": "json",
        "list.data": "json",
        "table.txt": "csv",
        "table.csv": "parquet",
    }
    for name, kind in kinds.items():
        assert format_of(tmp_path / name) == kind
        assert read_battles(tmp_path / name, labelled=True)[0]["id"].tolist() == ["1", "2"]
    assert read_battles(tmp_path / "one.json", labelled=True)[0]["id"].tolist() == ["1"]


def test_on_bad_row_error_stops_at_the_first(tmp_path):
    path = write_csv(tmp_path / "a.csv", [row(1), row(2, "oh"), row(3, "no")])
    with pytest.raises(UserError) as fault:
        read_battles(path, labelled=True, on_bad_row="error")
    assert str(fault.value) == (
        f"{path}, line 3 (id 2): prompt is not JSON (Expecting value at character 1); fix the row, or set "
        f"data.on_bad_row to quarantine."
    )


def test_a_file_of_which_most_is_lost_is_refused(tmp_path):
    path = tmp_path / "battles.csv"
    rows = list(kaggle_rows([(["q"], ["one"], ["two"], "m", 0)] * 12))
    write_csv(path, rows + [["x", "a"]] * 12)
    assert len(read_battles(path, labelled=True)[0]) == 12
    write_csv(path, rows + [["x", "a"]] * 13)
    with pytest.raises(UserError, match=r"13 of 25 rows cannot be used, too many to go on; .* line 14"):
        read_battles(path, labelled=True)


def test_who_voted_and_both_bad_stay_in_the_table(tmp_path):
    talk = conversation(["q"], ["a"])
    votes = [("model_a", "arena_user_1"), ("tie (bothbad)", "arena_user_2"), ("tie", "arena_user_1")]
    records = [
        {"question_id": f"q{number}", "winner": winner, "judge": who, "conversation_a": talk, "conversation_b": talk}
        for number, (winner, who) in enumerate(votes)
    ]
    path = write_lines(tmp_path / "a.jsonl", records)
    table, _ = read_battles(path, labelled=True)
    assert table["outcome"].tolist() == [0, 2, 2]
    assert table["both_bad"].tolist() == [False, True, False]
    assert table["annotator"].tolist() == ["arena_user_1", "arena_user_2", "arena_user_1"]
    unlabelled, _ = read_battles(path, labelled=False)
    assert not unlabelled["both_bad"].any()


def test_votes_may_be_read_where_there_are_any(tmp_path):
    rows = [{"prompt": ["p"], "response_a": ["a"], "response_b": ["b"], "id": str(i)} for i in range(4)]
    rows[1]["winner"], rows[2]["winner"], rows[3]["winner"] = "model_b", "", None
    battles, bad = read_battles(write_lines(tmp_path / "some.jsonl", rows), labelled=None)
    assert battles["outcome"].tolist() == [UNLABELLED, 1, UNLABELLED, UNLABELLED]
    assert bad == []
    kaggle = [
        row[:6] + marks for row, marks in zip(kaggle_rows([(["p"], ["a"], ["b"], "m", 0)] * 3), MARKS, strict=True)
    ]
    battles, bad = read_battles(write_csv(tmp_path / "some.csv", numbered(kaggle)), labelled=None)
    assert battles["outcome"].tolist() == [2, UNLABELLED]
    assert [row.reason for row in bad] == ["has two winners"]


MARKS = [[0, 0, 1], ["", "", ""], [1, 1, 0]]


def numbered(rows):
    return [[str(number), *row[1:]] for number, row in enumerate(rows)]
