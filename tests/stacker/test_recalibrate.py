"""`python -m stacker.recalibrate`: from a file of votes to a judge that says what it was given."""

import json

import numpy as np
import pandas as pd
import pytest
from small_judges import battles, small_judge

from stacker.judge.judge import Judge
from stacker.predict import main as predict
from stacker.recalibrate import main

SPELLED = ("model_a", "model_b", "tie")


def votes_file(path, n=80, seed=3, outcome=None):
    frame, own = battles(n, seed)
    texts = {name: [json.dumps(list(turns)) for turns in frame[name]] for name in frame}
    winners = [SPELLED[vote] for vote in (own if outcome is None else outcome)]
    table = {"id": [str(row) for row in range(n)], "model_a": "m1", "model_b": "m2", **texts, "winner": winners}
    pd.DataFrame(table).to_csv(path, index=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recalibrate") / "judge"
    small_judge(embedding=False, kinds=("lightgbm", "linear")).save(folder)
    return folder


def test_a_judge_is_recalibrated_and_predicts_with_its_threshold(saved, tmp_path, capsys):
    votes_file(tmp_path / "votes.csv", 300)
    main([str(saved), str(tmp_path / "votes.csv"), "--out", str(tmp_path / "new"), "--agreement", "0.4"])
    said = capsys.readouterr().out
    assert "95 % interval" in said and "with a confidence of 0.9" in said
    old, new = Judge.load(saved), Judge.load(tmp_path / "new")
    frame, _ = battles(20, 8)
    told = new.about["recalibrated"][0]
    assert told["votes"] == 300 and new.abstention.recalibration.temperature == told["temperature"]
    expected = new.abstention.recalibration.apply(old.predict_proba(frame))
    np.testing.assert_allclose(new.predict_proba(frame), expected, rtol=0, atol=1e-9)
    for suffix in ("csv", "jsonl", "parquet"):
        predict([str(tmp_path / "new"), str(tmp_path / "votes.csv"), "--out", str(tmp_path / f"out.{suffix}")])
    read = {
        "csv": pd.read_csv(tmp_path / "out.csv"),
        "jsonl": pd.read_json(tmp_path / "out.jsonl", lines=True),
        "parquet": pd.read_parquet(tmp_path / "out.parquet"),
    }
    for found in read.values():
        assert found.columns[-1] == "decided" and found["decided"].dtype == bool
        assert found["decided"].tolist() == read["csv"]["decided"].tolist() and 0 < found["decided"].mean() < 1


def test_too_few_votes_for_what_is_asked_leave_a_judge_without_a_threshold(saved, tmp_path, capsys):
    votes_file(tmp_path / "votes.csv", 25)
    main([str(saved), str(tmp_path / "votes.csv"), "--out", str(tmp_path / "new"), "--agreement", "0.99"])
    assert "No threshold" in capsys.readouterr().out
    assert Judge.load(tmp_path / "new").abstention is None


@pytest.mark.parametrize(
    ("outcome", "arguments", "words"),
    [
        ([2] * 30, [], "all 30 votes are ties"),
        ([0] * 30, [], "no vote of 30 is for B"),
        ([0, 1, 2], [], "holds 3 votes"),
        ([0, 1, 2] * 8, ["--agreement", "1.5"], "--agreement 1.5"),
        ([0, 1, 2] * 8, ["--level", "nan"], "--level nan"),
    ],
)
def test_votes_that_tell_nothing_end_with_one_sentence(saved, tmp_path, capsys, outcome, arguments, words):
    votes_file(tmp_path / "votes.csv", len(outcome), outcome=outcome)
    with pytest.raises(SystemExit) as ended:
        main([str(saved), str(tmp_path / "votes.csv"), "--out", str(tmp_path / "new"), *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and words in said and said.count("\n") == 1 and not (tmp_path / "new").exists()


def test_a_file_of_verdicts_is_no_judge_to_recalibrate(tmp_path, capsys):
    votes_file(tmp_path / "votes.csv", 30)
    rows = {"id": [str(row) for row in range(30)], "winner": ["model_a", "model_b", "tie"] * 10}
    pd.DataFrame(rows).to_csv(tmp_path / "verdicts.csv", index=False)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "verdicts.csv"), str(tmp_path / "votes.csv"), "--out", str(tmp_path / "new")])
    assert "only a saved judge can be recalibrated" in capsys.readouterr().err
