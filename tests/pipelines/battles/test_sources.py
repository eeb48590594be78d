import json

import numpy as np
import pandas as pd
import pytest

from pipelines.battles.sources import DataParams, load
from pipelines.errors import UserError
from pipelines.formats.containers.raw_rows import NOT_UTF8

HEAD = "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
T = '"[""x""]"'


def train_row(number, marks="1,0,0", text=T):
    return f"{number},m,n,{text},{T},{T},{marks}\n"


def kaggle(folder, train, test=None, sample=None):
    folder.mkdir(exist_ok=True)
    for name, content in (("train", train), ("test", test), ("sample_submission", sample)):
        if content is not None:
            (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return folder


def test_kaggles_folder_with_its_three_files(tmp_path):
    test = f"id,prompt,response_a,response_b\n9,{T},{T},{T}\n7,{T},{T},{T}\n"
    folder = kaggle(tmp_path / "k", HEAD + train_row(1) + train_row(2, "0,0,1"), test, "id,winner_model_a\n7,1\n9,1\n")
    loaded = load(DataParams(dir=folder), tmp_path / "aside.jsonl")
    assert loaded.train["id"].tolist() == ["1", "2"]
    assert loaded.train["outcome"].tolist() == [0, 2]
    assert loaded.test is not None and loaded.test["id"].tolist() == ["9", "7"]
    assert loaded.test["outcome"].tolist() == [-1, -1]
    assert loaded.sample_ids == ["7", "9"]
    assert (loaded.set_aside, loaded.notes, loaded.bayes_log_loss) == (0, [], None)
    assert not (tmp_path / "aside.jsonl").exists()


def test_without_a_sample_the_tests_own_ids_are_wanted_and_without_a_test_nothing_is(tmp_path):
    test = f"id,prompt,response_a,response_b\n9,{T},{T},{T}\n7,{T},{T},{T}\n"
    assert load(DataParams(dir=kaggle(tmp_path / "k", HEAD + train_row(1), test)), tmp_path / "q").sample_ids == [
        "9",
        "7",
    ]
    bare = load(DataParams(dir=kaggle(tmp_path / "l", HEAD + train_row(1))), tmp_path / "q")
    assert (bare.test, bare.sample_ids) == (None, None)


def test_a_sample_whose_ids_are_floats_is_that_of_the_test_file_and_one_of_others_is_refused(tmp_path):
    test = f"id,prompt,response_a,response_b\n9,{T},{T},{T}\n7,{T},{T},{T}\n"
    folder = kaggle(tmp_path / "k", HEAD + train_row(1), test)
    (folder / "sample_submission.csv").write_text("id,winner_model_a\n7.0,0\n9.0,0\n", encoding="utf-8")
    loaded = load(DataParams(dir=folder), tmp_path / "q")
    assert (loaded.sample_ids, loaded.notes) == (["7.0", "9.0"], [])
    (folder / "sample_submission.csv").write_text("id,winner_model_a\n70.0,0\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"sample_submission\.csv: none of its 1 ids is among those to predict"):
        load(DataParams(dir=folder), tmp_path / "q")


def test_rows_are_set_aside_with_their_reason_and_an_older_file_goes(tmp_path):
    aside = tmp_path / "run" / "aside.jsonl"
    broken = kaggle(tmp_path / "k", HEAD + train_row(1) + train_row(2, "1,1,0") + train_row(3) + train_row(3))
    raw = (broken / "train.csv").read_bytes().replace(b"3,m,n", b"3,m\xe9,n", 1)
    (broken / "train.csv").write_bytes(raw)
    loaded = load(DataParams(dir=broken), aside)
    assert loaded.train["id"].tolist() == ["1", "3"]
    assert loaded.set_aside == 2
    lines = [json.loads(line) for line in aside.read_text(encoding="ascii").splitlines()]
    assert [(line["place"], line["id"], line["reason"]) for line in lines] == [
        (3, "2", "has two winners"),
        (4, "3", NOT_UTF8),
    ]
    assert {line["file"] for line in lines} == {str(broken / "train.csv")} and {line["unit"] for line in lines} == {
        "line"
    }
    assert lines[1]["raw"].encode("utf-8", "surrogateescape") == raw.split(b"\n")[3]
    assert [note.startswith(f"{broken / 'train.csv'}, line ") for note in loaded.notes] == [True, True]
    load(DataParams(dir=kaggle(tmp_path / "k", HEAD + train_row(1))), aside)
    assert list(aside.parent.iterdir()) == []


def test_an_error_leaves_an_older_file_alone(tmp_path):
    aside = tmp_path / "aside.jsonl"
    aside.write_text("old", encoding="utf-8")
    folder = kaggle(tmp_path / "k", HEAD + train_row(1) + train_row(2, "1,1,0"))
    with pytest.raises(UserError, match=r"train\.csv, line 3 \(id 2\): has two winners; fix the row"):
        load(DataParams(dir=folder, on_bad_row="error"), aside)
    assert aside.read_text(encoding="utf-8") == "old"


def test_a_test_row_that_is_hard_to_read_is_predicted_all_the_same(tmp_path):
    test = f'id,prompt,response_a,response_b\n1,"[""x",plain,{T}\n2,{T},,{T}\n3,{T}\n'
    test += f"4,{T},{T},{T}\n4,{T},{T},{T}\n,{T},{T},{T}\n"
    ids = "id\n5\n4\n3\n2\n1\n"
    folder = kaggle(tmp_path / "k", HEAD + train_row(1), test, ids)
    loaded = load(DataParams(dir=folder, on_bad_row="error"), tmp_path / "aside.jsonl")
    assert loaded.test is not None and loaded.test["id"].tolist() == ["1", "2", "3", "4"]
    assert loaded.test["prompt"].tolist() == [('["x',), ("x",), ("x",), ("x",)]
    assert loaded.test["response_a"].tolist() == [("plain",), ("",), ("",), ("x",)]
    assert loaded.sample_ids == ["5", "4", "3", "2", "1"]
    assert loaded.set_aside == 2
    told = "\n".join(loaded.notes)
    for part in (
        "line 2 (id 1): prompt is not JSON",
        "it is predicted from what can be read",
        "line 6 (id 4): has the id of line 5 again",
        "line 7: has no id",
        "1 ids are not in test.csv (the first is 5); they get the class shares",
    ):
        assert part in told


def test_several_sources_have_weights_names_and_ids_of_their_own(tmp_path):
    folder = kaggle(tmp_path / "k", HEAD + train_row(1) + train_row(2))
    record = {
        "id": 1,
        "prompt": ["p"],
        "response_a": ["a"],
        "response_b": ["b"],
        "winner": "tie",
        "source": "x",
        "annotator": "y",
    }
    (tmp_path / "votes.jsonl").write_text(json.dumps(record), encoding="utf-8")
    pd.DataFrame([record]).to_parquet(tmp_path / "more.parquet")
    sources = [{"path": tmp_path / "votes.jsonl", "weight": 3.0}, {"path": tmp_path / "more.parquet", "name": "kept"}]
    loaded = load(DataParams.model_validate({"dir": folder, "sources": sources}), tmp_path / "q")
    assert loaded.train["id"].tolist() == ["k:1", "k:2", "votes:1", "kept:1"]
    assert loaded.train["weight"].tolist() == [1.0, 1.0, 3.0, 1.0]
    assert loaded.train["source"].tolist() == ["k", "k", "votes", "kept"]
    assert loaded.train["outcome"].tolist() == [0, 0, 2, 2]


def test_most_rows_are_chosen_whatever_their_order(tmp_path):
    rows = [train_row(number) for number in range(50)]
    first = load(DataParams(dir=kaggle(tmp_path / "k", HEAD + "".join(rows)), max_rows=20), tmp_path / "q")
    second = load(DataParams(dir=kaggle(tmp_path / "k", HEAD + "".join(reversed(rows))), max_rows=20), tmp_path / "q")
    assert len(first.train) == 20
    assert first.train["id"].tolist() == second.train["id"].tolist()[::-1]
    assert "20 of 50 battles are used" in first.notes[0]
    all_of_them = load(DataParams(dir=tmp_path / "k", max_rows=50), tmp_path / "q")
    assert len(all_of_them.train) == 50 and all_of_them.notes == []


def test_without_a_name_the_built_in_battles_are_used(tmp_path):
    loaded = load(DataParams.model_validate({"sample": {"rows": 300, "test_rows": 20, "seed": 4}}), tmp_path / "q")
    assert len(loaded.train) == 300 and loaded.test is not None and len(loaded.test) == 20
    assert loaded.sample_ids == loaded.test["id"].tolist()
    assert set(loaded.test["outcome"]) == {-1}
    assert "teach nothing about real answers" in loaded.notes[0]
    assert loaded.bayes_log_loss is not None and 0.7 < loaded.bayes_log_loss < 1.05
    fewer = load(DataParams.model_validate({"sample": {"rows": 300, "test_rows": 0}, "max_rows": 100}), tmp_path / "q")
    assert (len(fewer.train), fewer.test, fewer.sample_ids) == (100, None, None)
    assert fewer.bayes_log_loss is not None and np.isfinite(fewer.bayes_log_loss)


def test_an_archive_in_a_folder_without_its_file_is_named(tmp_path):
    for names, said in (
        (
            ["llm-classification-finetuning.zip"],
            "llm-classification-finetuning.zip is there: unpack what holds train.csv.",
        ),
        (["a.zip", "train.csv.gz"], "a.zip, train.csv.gz are there: unpack what holds train.csv."),
    ):
        folder = tmp_path / names[0]
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"PK")
        with pytest.raises(UserError) as fault:
            load(DataParams(dir=folder), tmp_path / "aside.jsonl")
        assert str(fault.value) == f"data.dir {folder}: has no train.csv; {said}"
