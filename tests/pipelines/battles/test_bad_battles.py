"""Bad files, rows, parameters and submissions of the data layer, and the sentence that each gets."""

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipelines.battles.sources import DataParams, load
from pipelines.errors import UserError
from pipelines.formats.reading import read_battles
from pipelines.kaggle.submission import read_sample_ids, write_submission

HEAD = "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
T = '"[""x""]"'
GOOD = f"0,m,n,{T},{T},{T},1,0,0\n"
FIVE = {"id": "5", "prompt": ["p"], "response_a": ["a"], "response_b": ["b"], "winner": "tie"}
TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
ARENA = {"id": "5", "conversation_a": TALK, "conversation_b": TALK, "winner": "tie"}

ROWS = [
    # name, file name, content, reason of the one bad row
    ("no vote", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},{T},,,\n", "has no vote: the winner columns are empty"),
    ("no winner", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},{T},0,0,0\n", "has no vote: no winner is marked"),
    ("two winners", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},{T},1,0,1\n", "has two winners"),
    ("three winners", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},{T},1,1,1\n", "has three winners"),
    ("odd mark", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},{T},2,0,0\n", "winner_model_a is '2', neither 0 nor 1"),
    ("share as mark", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},{T},0.5,0.5,0\n", "winner_model_a is '0.5', neither"),
    ("broken JSON", "a.csv", f'{HEAD}{GOOD}5,m,n,"[""x",{T},{T},1,0,0\n', "prompt is not JSON (Unterminated string"),
    ("Python's list, broken", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},['x',{T},1,0,0\n", "response_a is not JSON"),
    ("plain text", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},hello,1,0,0\n", "response_b is not JSON"),
    ("empty cell", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},,{T},1,0,0\n", "response_a is empty"),
    (
        "number as turn",
        "a.csv",
        f"{HEAD}{GOOD}5,m,n,{T},[1],{T},1,0,0\n",
        "response_a has a number as turn 1, not text",
    ),
    ("few fields", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T}\n", "has 5 fields, the header has 9"),
    ("many fields", "a.csv", f"{HEAD}{GOOD}5,m,n,{T},{T},{T},1,0,0,0\n", "has 10 fields, the header has 9"),
    ("open quote", "a.csv", f'{HEAD}{GOOD}5,m,n,"[""x,{T},{T},1,0,0\n', "a quote on this line is not closed"),
    ("id again", "a.csv", f"{HEAD}{GOOD.replace('0,m', '5,m')}5,m,n,{T},{T},{T},1,0,0\n", "has the id of line 2 again"),
    ("no id", "a.csv", f"{HEAD}{GOOD},m,n,{T},{T},{T},1,0,0\n", "has no id"),
    ("broken line", "a.jsonl", '{"id": 5,\n', "is not JSON (Expecting property name"),
    ("list as line", "a.jsonl", json.dumps(FIVE | {"id": 0}) + "\n[5]\n", "is not a JSON object with a battle's keys"),
    (
        "missing key",
        "a.jsonl",
        "\n".join(map(json.dumps, (FIVE | {"id": 0}, {k: v for k, v in FIVE.items() if k != "prompt"}))),
        "is missing the column prompt",
    ),
    (
        "no winner key",
        "a.jsonl",
        "\n".join(map(json.dumps, (FIVE | {"id": 0}, {k: v for k, v in FIVE.items() if k != "winner"}))),
        "has no vote: winner is empty",
    ),
    ("null winner", "a.json", json.dumps([FIVE | {"winner": None}]), "has no vote: winner is empty"),
    ("text as record", "a.json", json.dumps([FIVE | {"id": 0}, "5"]), "is not a JSON object"),
    (
        "one conversation",
        "a.jsonl",
        json.dumps(ARENA | {"conversation_b": None}),
        "conversation_b is not a list of messages",
    ),
    ("no user", "a.jsonl", json.dumps(ARENA | {"conversation_a": TALK[1:]}), "conversation_a has no message of a user"),
    ("odd role", "a.jsonl", json.dumps(ARENA | {"conversation_a": [{"role": "cat", "content": "q"}]}), "role 'cat'"),
    (
        "no content",
        "a.jsonl",
        json.dumps(ARENA | {"conversation_a": [{"role": "user"}]}),
        "no role and content in message 1",
    ),
    (
        "image alone",
        "a.jsonl",
        json.dumps(ARENA | {"conversation_a": [{"role": "user", "content": 3}]}),
        "as content of message 1",
    ),
    (
        "two questions",
        "a.jsonl",
        json.dumps(ARENA | {"conversation_b": [{"role": "user", "content": "z"}]}),
        "conversation_a and conversation_b ask different things",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_bad_row_is_named_with_its_place_and_set_aside(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    table, bad = read_battles(path, labelled=True, max_rejected=1.0)
    assert len(bad) == 1 and not bad[0].rescued
    place = len(content.rstrip("\n").split("\n")) if name != "a.json" else len(json.loads(content))
    assert bad[0].place == place
    sentence = bad[0].sentence()
    assert sentence.startswith(f"{path}, {bad[0].unit} {place}")
    assert reason in sentence and sentence.endswith(".") and "\n" not in sentence
    assert bad[0].id in ("5", "")
    assert "5" not in set(table["id"]) or "again" in reason
    with pytest.raises(UserError) as fault:
        read_battles(path, labelled=True, on_bad_row="error")
    assert reason in str(fault.value)


FILES = [
    # name, file name, content (None: not there), parts of the sentence
    ("not there", "a.csv", None, ["there is no such file", "name one that exists"]),
    ("empty", "a.csv", b"", ["is empty"]),
    ("blank", "a.jsonl", b" \n\n", ["is empty"]),
    ("zip", "a.csv", b"PK\x03\x04abc", ["is a damaged zip archive", "pack it again"]),
    ("gzip", "a.jsonl", b"\x1f\x8babc", ["is a damaged gzip archive", "pack it again"]),
    ("UTF-16", "a.csv", HEAD.encode("utf-16")[:-1], ["is a damaged UTF-16 text"]),
    (
        "no prompt",
        "a.csv",
        b"id,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n",
        ["is missing the column prompt;"],
    ),
    (
        "unlabelled",
        "a.csv",
        b"id,prompt,response_a,response_b\n",
        ["is missing the column winner; it has id"],
    ),
    ("two marks", "a.csv", HEAD.replace(",winner_tie", "").encode(), ["is missing the column winner_tie"]),
    (
        "colons",
        "a.csv",
        HEAD.replace(",", ":").encode(),
        ["is of no known form", "it has id:model_a"],
    ),
    ("column twice", "a.csv", HEAD.replace("model_b", "prompt", 1).encode(), ["line 1", "the column prompt twice"]),
    ("half a conversation", "a.csv", b"id,conversation_a,winner\n", ["is missing the column conversation_b"]),
    (
        "unknown winner",
        "a.jsonl",
        json.dumps(FIVE | {"winner": "model_c"}).encode(),
        ["line 1", "winner is model_c", "tie (bothbad)"],
    ),
    (
        "number as winner",
        "a.json",
        json.dumps([FIVE | {"winner": 1}]).encode(),
        ["row 1", "winner is 1", "say what each number means"],
    ),
    ("no parquet", "a.parquet", b"PAR1 but no more", ["is not a parquet file that can be read"]),
    ("text as parquet", "a.parquet", HEAD.encode(), ["is not a parquet file that can be read"]),
    ("broken JSON", "a.json", b'[\n{"id": 5},\n{"id":\n]', ["line 4", "is not JSON", "column 1"]),
    ("Latin-1 JSON", "a.json", b'["\xe9"]', ["not UTF-8"]),
    ("JSON of columns", "a.json", b'{"id": {"0": 5}}', ["one object of columns"]),
    ("deep JSON", "a.json", b"[" * 100_000, ["is not JSON"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_a_bad_file_is_an_error_whatever_is_done_with_bad_rows(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as fault:
        read_battles(path, labelled=True)
    sentence = str(fault.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")
    for part in said:
        assert part in sentence


def test_a_parquet_file_that_is_cut_short_or_lacks_a_column(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame([FIVE]).to_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is not a parquet file that can be read"):
        read_battles(path, labelled=True)
    path.write_bytes(whole[:8] + b"\xff" * 40 + whole[48:])
    with pytest.raises(UserError, match="is not a parquet file that can be read"):
        read_battles(path, labelled=True)
    pd.DataFrame([FIVE]).drop(columns="response_a").to_parquet(path)
    with pytest.raises(UserError, match="is missing the column response_a;"):
        read_battles(path, labelled=True)


def test_a_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(UserError, match="is a folder; name a CSV"):
        read_battles(tmp_path, labelled=True)


def _kaggle(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return {"dir": folder}


PARAMS = [
    ("no folder", lambda here: {"dir": here / "none"}, ["data.dir", "there is no such folder"]),
    ("no train.csv", lambda here: _kaggle(here, test="id\n"), ["data.dir", "has no train.csv"]),
    ("header alone", lambda here: _kaggle(here, train=HEAD), ["train.csv", "holds no row"]),
    (
        "nothing usable",
        lambda here: _kaggle(here, train=f"{HEAD}5,m,n,{T},{T},{T},0,0,0\n"),
        ["1 of 1 rows cannot be used", "line 2 (id 5): has no vote"],
    ),
    (
        "one name twice",
        lambda here: {"sources": [{"path": here / "x" / "a.csv"}, {"path": here / "a.csv"}]},
        ["data.sources: 2 sources are called a", "a name of its own"],
    ),
    ("source not there", lambda here: {"sources": [{"path": here / "a.csv"}]}, ["a.csv", "there is no such file"]),
    (
        "sample without id",
        lambda here: _kaggle(here, train=HEAD + GOOD, sample_submission="x\n1\n"),
        ["is missing the column id"],
    ),
    ("sample empty", lambda here: _kaggle(here, train=HEAD + GOOD, sample_submission="id\n"), ["has no row"]),
    (
        "test without texts",
        lambda here: _kaggle(here, train=HEAD + GOOD, test="id\n1\n"),
        ["test.csv", "is of no known form; it has id;", "prompt, response_a, response_b"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("params", "said"), [row[1:] for row in PARAMS], ids=[row[0] for row in PARAMS])
def test_what_cannot_be_loaded_is_named(tmp_path, params, said):
    with pytest.raises(UserError) as fault:
        load(DataParams.model_validate(params(tmp_path)), tmp_path / "aside.jsonl")
    for part in said:
        assert part in str(fault.value)


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ({"on_bad_row": "skip"}, "on_bad_row"),
        ({"max_rows": 0}, "max_rows"),
        ({"sources": [{"path": "a.csv", "weight": 0}]}, "weight"),
        ({"sources": [{"path": "a.csv", "weight": float("inf")}]}, "weight"),
        ({"sources": [{"weight": 1}]}, "path"),
        ({"sources": [{"path": "a.csv", "format": "csv"}]}, "format"),
        ({"sample": {"rows": 0}}, "rows"),
        ({"sample": {"seed": -1}}, "seed"),
        ({"folder": "x"}, "folder"),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(params, key):
    with pytest.raises(ValidationError) as fault:
        DataParams.model_validate(params)
    assert fault.value.errors()[0]["loc"][-1] == key


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,winner_model_a\n5,1\n5,1\n", ["line 3", "the id 5 of line 2 again"]),
        ("id,winner_model_a\n5,1\n,1\n", ["line 3", "has no id"]),
    ],
)
def test_a_sample_submission_that_is_none(tmp_path, content, said):
    (tmp_path / "sample.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as fault:
        read_sample_ids(tmp_path / "sample.csv")
    for part in said:
        assert part in str(fault.value)


def test_a_submission_that_cannot_be_written(tmp_path):
    sound = np.full((1, 3), 1 / 3)
    with pytest.raises(UserError, match="there is no id to predict"):
        write_submission(tmp_path / "s.csv", [], [], sound[:0])
    with pytest.raises(UserError, match="the id 5 is asked for twice"):
        write_submission(tmp_path / "s.csv", ["5", "5"], ["5"], sound)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be written"):
        write_submission(tmp_path / "file" / "s.csv", ["5"], ["5"], sound)
    assert not (tmp_path / "s.csv").exists()
