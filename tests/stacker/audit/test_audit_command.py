"""`python -m stacker.audit`: what it prints and writes, and what it refuses."""

import json

import pandas as pd
import pytest
from graded_battles import graded_battles

from stacker.audit.__main__ import main
from stacker.judge.judge import Judge


@pytest.fixture
def battles(tmp_path):
    made = graded_battles(40, prompts=30)
    rows = made[["id", "model_a", "model_b"]].assign(
        **{
            name: made[name].map(lambda turns: json.dumps(list(turns)))
            for name in ("prompt", "response_a", "response_b")
        },
        **{
            f"winner_{who}": (made["outcome"] == place).astype(int)
            for place, who in enumerate(("model_a", "model_b", "tie"))
        },
    )
    rows.to_csv(tmp_path / "battles.csv", index=False)
    return tmp_path / "battles.csv"


def ended(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and said.count("\n") == 1
    return said


def test_a_judge_is_audited_and_everything_is_written(battles, tmp_path, capsys):
    out, page, judge = tmp_path / "audit.json", tmp_path / "audit.html", Judge.load()
    judge.checks = judge.even_style = None  # what is left goes by length, and padding moves it
    judge.save(tmp_path / "judge")
    written = ["--json", str(out), "--page", str(page)]
    main([str(tmp_path / "judge"), str(battles), "--rows", "30", "--probes", "padding,filler", *written])
    said, found = capsys.readouterr().out, json.loads(out.read_text())
    assert "Moved by padding: the changed answer wins" in said and "False alarms" in said
    assert found["battles"] == 30 and found["findings"] and found["effects"][0]["name"] == "same_text"
    assert {"padding", "filler", "sides", "longer"} <= {effect["name"] for effect in found["effects"]}
    html = page.read_text()
    assert "padding" in html and "<script" not in html and "http" not in html.replace("http-equiv", "")


def test_export_names_the_next_command(battles, tmp_path, capsys):
    main(["--export", str(tmp_path / "q.jsonl"), str(battles), "--rows", "5", "--seed", "2", "--probes", "padding"])
    said = capsys.readouterr().out
    assert "questions about 5 battles" in said and f"VERDICTS {battles} --seed 2 --probes padding" in said
    first = json.loads((tmp_path / "q.jsonl").read_text().splitlines()[0])
    assert list(first) == ["id", "prompt", "response_a", "response_b"]


def test_what_can_be_fixed_is_said_in_one_sentence(battles, tmp_path, capsys):
    assert "paddling" in ended(["starter", battles, "--probes", "paddling"], capsys)
    assert "two are needed" in ended([battles], capsys)
    assert "below 0" in ended(["starter", battles, "--rows", "-1"], capsys)
    assert ".jsonl" in ended(["--export", tmp_path / "q.txt", battles], capsys)
    assert "is one of the inputs" in ended(["starter", battles, "--json", battles], capsys)
    assert "no such judge" in ended([tmp_path / "none", battles], capsys)
    verdicts = pd.DataFrame({"id": ["b1", "b1"], "judge": ["ant", "bee"], "winner": ["A", "B"]})
    verdicts.to_csv(tmp_path / "v.csv", index=False)
    assert "--judge-model" in ended([tmp_path / "v.csv", battles], capsys)
    verdicts.assign(id="x", judge="ant").to_csv(tmp_path / "v.csv", index=False)
    assert "none of the battles' ids" in ended([tmp_path / "v.csv", battles], capsys)
    (tmp_path / "bad.csv").write_text(battles.read_text().splitlines()[0] + "\n" + "1,2\n" * 30)
    ended(["starter", tmp_path / "bad.csv"], capsys)
