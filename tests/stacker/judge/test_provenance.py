import json
from pathlib import Path

import pytest

from stacker.judge.provenance import read_provenance, trained_on
from stacker.learners.judges.starter_prior import starter_folder


def judge(folder: Path, about: object, results: object = None) -> Path:
    (folder / "judge").mkdir(parents=True)
    (folder / "judge" / "judge.json").write_text(json.dumps({"about": about}), encoding="utf-8")
    if results is not None:
        (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder / "judge"


WRITTEN = {"battles": 1500, "sources": {"built-in": 1500}, "trained_on": trained_on(True, "2026-03-01")}


@pytest.mark.parametrize(
    ("about", "results", "kind", "battles"),
    [
        (WRITTEN, None, "built-in", 1500),
        # of before it was written down: by its sources, and by the best possible loss, known of built-in battles alone
        ({"battles": 9, "sources": {"built-in": 9}}, None, "built-in", 9),
        ({"battles": 9, "sources": {"built-in": 9}}, {"bayes_log_loss": 0.9}, "built-in", 9),
        ({"battles": 9, "sources": {"built-in": 9}}, {"bayes_log_loss": None}, "votes", 9),  # somebody's built-in.csv
        ({"battles": 9, "sources": {"kaggle": 9}}, {"bayes_log_loss": None}, "votes", 9),
        ({"battles": 9}, {"bayes_log_loss": 0.9}, "built-in", 9),
        ({}, {"bayes_log_loss": None, "battles": 7}, "votes", 7),
        ({"battles": 9}, None, "unknown", 9),
        ({}, None, "unknown", None),
        # what somebody has edited
        ([], [], "unknown", None),
        ({"battles": "many", "sources": {"a": "b"}, "trained_on": {"kind": 3, "date": 4}}, {}, "unknown", None),
        ({"battles": True, "sources": [1], "trained_on": 5}, None, "unknown", None),
    ],
)
def test_what_a_judge_was_trained_on_is_read_from_every_age_of_folder(tmp_path, about, results, kind, battles):
    found = read_provenance(judge(tmp_path / "run", about, results))
    assert (found.kind, found.battles) == (kind, battles)


def test_a_folder_without_a_judge_is_unknown(tmp_path):
    assert read_provenance(tmp_path / "none").kind == "unknown"
    (tmp_path / "judge.json").write_bytes(b"\xff{")
    assert read_provenance(tmp_path).kind == "unknown"


def test_the_sentence_names_number_and_sources(tmp_path):
    starter = read_provenance(starter_folder())
    assert str(starter).startswith("trained on 17,363 votes (hh_rlhf_test, ")
    assert "4 more" in str(starter)
    made_up = read_provenance(judge(tmp_path / "run", WRITTEN))
    assert "1,500 built-in battles" in str(made_up) and "nothing about real answers" in str(made_up)
    assert made_up.date == "2026-03-01"


def test_what_a_stranger_wrote_is_short_and_hides_nothing(tmp_path):
    about = {
        "battles": 10**30,
        "sources": {"\u202eevil": 5, "x" * 100_000: 4},
        "trained_on": {"kind": "votes", "date": "<b>\u202e" + "D" * 5000},
    }
    (tmp_path / "judge.json").write_text(json.dumps({"about": about}), encoding="utf-8")
    found = read_provenance(tmp_path)
    assert found.battles is None and found.date == "" and len(str(found)) < 200
    assert [name[:12] for name in found.sources] == ["⟦U+202E⟧evil", "x" * 12]
