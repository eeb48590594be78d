"""A run with a language model as judge from its settings to verdicts, explanations and a cascade."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from judging_server import JudgingServer
from small_runs import small_params, small_run

from pipelines.battles.built_in import sample_battles
from stacker.judge.judge import Judge
from stacker.predict import main as predict

pytestmark = pytest.mark.slow
FEW = dict.fromkeys(("style", "sentiment", "readability", "overlap", "turns"), False)
ALONE = {name: {"enabled": False} for name in ("lightgbm", "xgboost", "sparse")}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    with JudgingServer() as server:
        entry = {"name": "llm", "base_url": server.url, "model": "judges", "principles": ["correct"]}
        report = {"enabled": True, "learning_curve": False, "ablation": False}
        params = small_params(folder, learners={**ALONE, "judges": [entry]}, features=FEW, report=report)
        found, shown = small_run(params)
        yield folder / "run", found, shown, server


def write_battles(path, battles):
    texts = {name: [json.dumps(turns) for turns in battles[name]] for name in ("prompt", "response_a", "response_b")}
    battles.assign(**texts)[["id", "prompt", "response_a", "response_b"]].to_csv(path, index=False)
    return path


def test_a_run_asks_and_tells_and_its_test_battles_too(judged):
    folder, found, shown, server = judged
    assert found["learners"] == ["linear", "llm"] and found["outside"][0]["calls"] == 480
    assert "llm: 480 questions to judges, 0 of them answered before" in shown
    assert "llm: 60 questions to judges" in shown  # of 15 battles to predict
    assert "favours the answer that it sees first by +1.5" in shown
    assert len(found["cascade"]) == 21 and "Cascade: " in shown and found["stack"]["cascade"]["keep"] == 0.9
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "What asking language models brings" in page and "4,000" in page  # calls for 1,000 battles
    assert len(server.asked) == 540 and found["swap_error"]["stack"] < 1e-9


def test_a_verdict_is_explained_by_what_the_model_was_asked(judged):
    battle = sample_battles(120).battles[["prompt", "response_a", "response_b"]].iloc[3]
    found = Judge.load(judged[0] / "judge").explain(*battle)
    part = next(part for part in found.groups if part.group == "language models")
    assert "what the language model was asked" in part.text
    assert [each.question for each in found.questions] == ["overall", "correct"]
    assert sum(each.margin for each in found.questions) == pytest.approx(part.margin)
    assert "What language models were asked:" in str(found) and "which answer is more correct (llm)" in str(found)


def test_a_saved_judge_asks_once_and_goes_without_where_it_is_told_to(judged, tmp_path, capsys):
    folder, _, _, server = judged
    new = sample_battles(6, seed=5).battles
    path = write_battles(tmp_path / "new.csv", new)
    call = [str(folder / "judge"), str(path), "--out", str(tmp_path / "out.csv"), "--cache", str(tmp_path / "cache")]
    before = len(server.asked)
    predict(call)
    assert len(server.asked) == before + 24 and "llm: 24 questions to judges" in capsys.readouterr().out
    asked = pd.read_csv(tmp_path / "out.csv")
    predict(call)
    assert len(server.asked) == before + 24 and pd.read_csv(tmp_path / "out.csv").equals(asked)
    predict([*call, "--without", "llm"])
    alone = pd.read_csv(tmp_path / "out.csv")
    assert len(server.asked) == before + 24 and not np.allclose(alone["winner_model_a"], asked["winner_model_a"])
    with pytest.raises(SystemExit):
        predict([*call, "--without", "lmm"])
    said = "--without lmm: the judge has no such learner from elsewhere; those that it can go without are llm."
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_cascade_asks_only_about_battles_that_the_others_are_unsure_of(judged, tmp_path, capsys):
    folder, _, _, server = judged
    record = json.loads((folder / "judge" / "judge.json").read_text())
    record["pool"]["cascade"] = {"threshold": 0.45, "share": 0.5, "keep": 0.9}
    shutil.copytree(folder / "judge", tmp_path / "judge")
    (tmp_path / "judge" / "judge.json").write_text(json.dumps(record))
    new = sample_battles(12, seed=7).battles
    path = write_battles(tmp_path / "new.csv", new)
    call = [str(tmp_path / "judge"), str(path), "--out", str(tmp_path / "out.csv"), "--cache", str(tmp_path / "cache")]
    predict([*call, "--without", "llm"])
    free = pd.read_csv(tmp_path / "out.csv")
    before = len(server.asked)
    predict([*call, "--cascade"])
    assert "Cascade: asking about 50% of the battles keeps 90% of what" in " ".join(capsys.readouterr().out.split())
    found = pd.read_csv(tmp_path / "out.csv")
    unsure = (free.drop(columns="id").max(axis=1) < 0.45).to_numpy()
    assert 0 < unsure.sum() < 12 and len(server.asked) == before + 4 * unsure.sum()
    assert (found[~unsure] == free[~unsure]).all(axis=None) and (found[unsure] != free[unsure]).any(axis=None)
