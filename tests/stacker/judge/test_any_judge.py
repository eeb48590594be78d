"""A judge by its folder, by its name, or by a file of verdicts."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.battles.built_in import sample_battles
from pipelines.errors import UserError
from stacker.judge.any_judge import open_judge
from stacker.judge.judge import Judge
from stacker.learners.judges.starter_prior import starter_folder


def test_a_folder_and_the_name_of_the_starter_judge_give_its_probabilities(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    battles = sample_battles(5).battles
    expected = Judge.load().predict_proba(battles)
    for path in ("starter", starter_folder()):
        judge = open_judge(path, threads=1)
        assert np.array_equal(judge.probabilities(battles), expected)
        assert judge.kind == "probabilities" and judge.ties and "votes" in judge.about


def test_a_file_of_verdicts_is_looked_up_by_id_and_missing_ones_are_nan(tmp_path):
    battles = sample_battles(4).battles
    ids = battles["id"].tolist()
    rows = [{"id": ids[2], "p_a": 0.2, "p_b": 0.3, "p_tie": 0.5}, {"id": "another", "p_a": 1, "p_b": 0, "p_tie": 0}]
    path = tmp_path / "other.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    judge = open_judge(path)
    found = judge.probabilities(battles)
    assert judge.name == "other.jsonl" and np.isnan(found[[0, 1, 3]]).all() and found[2].tolist() == [0.2, 0.3, 0.5]


def test_neither_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="there is no such judge; name its folder, a file of verdicts, or starter"):
        open_judge(tmp_path / "none")
    with pytest.raises(UserError, match="judge"):
        open_judge(Path(tmp_path))
