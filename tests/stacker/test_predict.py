import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_judges import battles, small_judge
from travelling_tasks import TravellingTasks

from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError
from pipelines.formats.reading import read_battles
from pipelines.kaggle.submission import write_submission
from pipelines.terminal.cluster.tasks import LocalTasks
from pipelines.terminal.command_line import Screen
from stacker import predict
from stacker.judge.judge import Judge
from stacker.judge.verdict_control import with_checks
from stacker.predict import Options, predict_files

QUICK = Options(rows_at_once=7, threads=1)


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("predict") / "judge"
    small_judge(False, ("lightgbm", "linear", "sparse")).save(folder)
    return folder


def table(n: int, seed: int = 0, start: int = 0) -> pd.DataFrame:
    frame, _ = battles(n, seed)
    texts = {name: [json.dumps(list(turns)) for turns in frame[name]] for name in frame}
    return pd.DataFrame({"id": [str(start + row) for row in range(n)], "model_a": "m1", "model_b": "m2", **texts})


def run(judge, inputs, out, options=QUICK):
    return predict_files(judge, inputs, out, options, Screen())


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_kaggles_columns_are_those_of_a_submission_to_the_byte(judge, tmp_path):
    table(30).to_csv(tmp_path / "test.csv", index=False)
    done = run(judge, [tmp_path / "test.csv"], tmp_path / "out.csv")
    assert (done.battles, done.bad) == (30, 0)
    frame, _ = read_battles(tmp_path / "test.csv", labelled=False)
    ids = frame["id"].tolist()
    write_submission(tmp_path / "submission.csv", ids, ids, Judge.load(judge).predict_proba(frame))
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "submission.csv").read_bytes()
    assert left_in(tmp_path) == ["out.csv", "submission.csv", "test.csv"]


def test_every_format_holds_the_same_verdicts_of_many_files(judge, tmp_path):
    rows = [table(9, 1), table(20, 2, start=100), table(5, 3, start=200)]
    rows[0].to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[1].to_dict("records")))
    rows[2].to_parquet(tmp_path / "c.parquet", index=False)
    inputs = [tmp_path / name for name in ("a.csv", "b.jsonl", "c.parquet")]
    found = {}
    for suffix in ("csv", "jsonl", "parquet"):
        assert run(judge, inputs, tmp_path / f"out.{suffix}").battles == 34
    found["csv"] = pd.read_csv(tmp_path / "out.csv", dtype={"id": str})
    found["jsonl"] = pd.DataFrame([json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()])
    found["parquet"] = pd.read_parquet(tmp_path / "out.parquet")
    expected = Judge.load(judge).compare_many(
        pd.concat([read_battles(path, labelled=False)[0] for path in inputs], ignore_index=True)
    )
    for frame in found.values():
        assert list(frame.columns) == ["id", *OUTCOMES]
        assert frame["id"].tolist() == [name for part in rows for name in part["id"]]
        np.testing.assert_allclose(frame[list(OUTCOMES)], expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found["jsonl"][list(OUTCOMES)], found["parquet"][list(OUTCOMES)])
    options = Options("arena", 7, threads=1)
    run(judge, inputs, tmp_path / "arena.jsonl", options)
    arena = [json.loads(line) for line in (tmp_path / "arena.jsonl").read_text().splitlines()]
    assert list(arena[0]) == ["question_id", "model_a", "model_b", "winner", *OUTCOMES]
    spelled = {"winner_model_a": "model_a", "winner_model_b": "model_b", "winner_tie": "tie"}
    for row, winner in zip(arena, expected.idxmax(axis=1), strict=True):
        assert (row["model_a"], row["winner"]) == ("m1", spelled[winner])


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.terminal.cluster.tasks import LocalTasks
from pipelines.terminal.command_line import Screen
from stacker.predict import Options, predict_files

class Killer(Screen):
    def progress(self, stage, done, total):
        if done >= 15:
            os.kill(os.getpid(), signal.SIGKILL)

judge, out, *inputs = map(Path, sys.argv[1:])
predict_files(judge, inputs, out, Options(rows_at_once=7, threads=1), Killer())
"""


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_kill_in_the_middle_and_a_second_start_give_the_same_bytes(judge, tmp_path, suffix, monkeypatch):
    broken = table(24, 4)
    broken.loc[[2, 20], "response_a"] = "[not JSON"
    broken.to_csv(tmp_path / "a.csv", index=False)
    table(12, 5).to_parquet(tmp_path / "b.parquet", index=False)
    inputs = [tmp_path / "a.csv", tmp_path / "b.parquet"]
    whole = tmp_path / "whole"
    whole.mkdir()
    run(judge, inputs, whole / f"out.{suffix}")
    out = tmp_path / "out" / f"out.{suffix}"
    command = [sys.executable, "-c", KILLED, str(judge), str(out), *map(str, inputs)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not out.exists() and (out.parent / f".out.{suffix}.parts" / f"part-00000001.{suffix}").exists()
    asked = []
    ask = Judge.predict_proba
    monkeypatch.setattr(
        Judge, "predict_proba", lambda self, frame, **more: asked.append(len(frame)) or ask(self, frame, **more)
    )
    done = run(judge, inputs, out)
    assert done.bad == 2 and sum(asked) < 34 - 7
    assert left_in(out.parent) == left_in(whole) == [f"out.{suffix}", f"out.{suffix}.set_aside.jsonl"]
    for name in left_in(whole):
        assert (out.parent / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("other", ["battles", "code"])
def test_parts_of_other_work_are_not_used(judge, tmp_path, monkeypatch, other):
    table(20, 6).to_csv(tmp_path / "a.csv", index=False)
    out = tmp_path / "out.csv"
    ask = Judge.predict_proba

    def twice(self, frame, **more):
        if frame["id"].iloc[0] == "14":
            raise KeyboardInterrupt
        return ask(self, frame, **more)

    monkeypatch.setattr(Judge, "predict_proba", twice)
    with pytest.raises(KeyboardInterrupt):
        run(judge, [tmp_path / "a.csv"], out)
    assert (tmp_path / ".out.csv.parts" / "part-00000001.csv").exists()
    asked = []
    monkeypatch.setattr(Judge, "predict_proba", lambda self, frame, **more: asked.append(1) or ask(self, frame, **more))
    if other == "battles":
        table(20, 7).to_csv(tmp_path / "a.csv", index=False)
    else:
        monkeypatch.setattr(predict, "code_version", lambda *_: "other")
    run(judge, [tmp_path / "a.csv"], out)
    assert len(asked) == 3
    expected = Judge.load(judge).predict_proba(read_battles(tmp_path / "a.csv", labelled=False)[0])
    np.testing.assert_allclose(pd.read_csv(out)[list(OUTCOMES)], expected, rtol=0, atol=1e-12)


def test_rows_that_cannot_be_used_are_set_aside_or_rescued(judge, tmp_path):
    rows = table(10, 8)
    rows.loc[3, "response_b"] = "{{"
    rows.loc[6] = rows.loc[2]
    rows.to_csv(tmp_path / "a.csv", index=False)
    done = run(judge, [tmp_path / "a.csv"], tmp_path / "out.csv")
    assert (done.battles, done.bad) == (8, 2)
    aside = [json.loads(line) for line in done.set_aside.read_text().splitlines()]
    assert [row["id"] for row in aside] == ["3", "2"] and aside[0]["file"] == str(tmp_path / "a.csv")
    assert "not JSON" in aside[0]["reason"] and "{{" in aside[0]["raw"]
    assert set(pd.read_csv(tmp_path / "out.csv")["id"]) == {0, 1, 2, 4, 5, 7, 8, 9}
    rescued = run(judge, [tmp_path / "a.csv"], tmp_path / "out.csv", Options(rows_at_once=7, threads=1, rescue=True))
    assert rescued.battles == 9 and 3 in set(pd.read_csv(tmp_path / "out.csv")["id"])


def test_an_older_file_of_rows_set_aside_goes(judge, tmp_path):
    (tmp_path / "out.csv.set_aside.jsonl").write_text("old\n")
    table(3).to_csv(tmp_path / "a.csv", index=False)
    run(judge, [tmp_path / "a.csv"], tmp_path / "out.csv")
    assert left_in(tmp_path) == ["a.csv", "out.csv"]


def test_names_that_no_file_can_hold(judge, tmp_path):
    row = table(1).to_dict("records")[0] | {"id": "lone \ud800", "prompt": '["\ud800"]'}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    for suffix in ("csv", "jsonl", "parquet"):
        run(judge, [tmp_path / "a.jsonl"], tmp_path / f"out.{suffix}")
    assert pd.read_csv(tmp_path / "out.csv")["id"].tolist() == ["lone ?"]
    assert pd.read_parquet(tmp_path / "out.parquet")["id"].tolist() == ["lone ?"]


def test_a_file_with_a_head_alone_is_refused_and_leaves_nothing(judge, tmp_path):
    table(1)[:0].to_csv(tmp_path / "a.csv", index=False)
    for suffix in ("csv", "jsonl", "parquet"):
        with pytest.raises(UserError, match=r"a\.csv: holds no row"):
            run(judge, [tmp_path / "a.csv"], tmp_path / f"out.{suffix}")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.csv"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"out": "out.txt"}, r"--out .*out\.txt: ends in \.txt; end it in \.csv"),
        ({"out": "a.csv"}, "is one of the inputs"),
        ({"inputs": ["a.csv", "none.csv"]}, r"none\.csv: there is no such file"),
        ({"inputs": ["a.csv", "lacking.csv"]}, r"lacking\.csv: is missing the column response_b"),
        ({"judge": "."}, "holds no judge"),
        ({"rows": "0"}, "--rows-at-once 0: is not above 0"),
        ({"out": "a.csv/out.csv"}, r"out\.csv: cannot be written"),
    ],
)
def test_errors_are_one_sentence_and_leave_nothing(judge, tmp_path, change, says, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table(3).to_csv("a.csv", index=False)
    table(3).drop(columns="response_b").to_csv("lacking.csv", index=False)
    arguments = [change.get("judge", str(judge)), *change.get("inputs", ["a.csv"])]
    arguments += ["--out", change.get("out", "out.csv"), "--rows-at-once", change.get("rows", "7")]
    monkeypatch.setattr(Judge, "predict_proba", lambda *_, **__: pytest.fail("predicted"))
    with pytest.raises(SystemExit) as ended:
        predict.main(arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    with pytest.raises(UserError, match=says):
        raise UserError(line)
    assert left_in(tmp_path) == ["a.csv", "lacking.csv"]


def test_the_command_line(judge, tmp_path, capsys):
    rows = table(8)
    rows.loc[1, "prompt"] = "?"
    rows.to_csv(tmp_path / "a.csv", index=False)
    arguments = [str(judge), str(tmp_path / "a.csv"), "--out", str(tmp_path / "out.parquet"), "--format", "arena"]
    predict.main([*arguments, "--cache", str(tmp_path / "cache"), "--threads", "1", "--device", "cpu"])
    told = capsys.readouterr().out
    assert "Verdicts on 7 battles: " in told and "Set aside: 1 rows" in told
    assert told.startswith(f"{judge}: trained on ") and "of unknown origin" in told.splitlines()[0]
    assert pd.read_parquet(tmp_path / "out.parquet").shape == (7, 7)
    assert list((tmp_path / "cache" / "blocks").glob("surface-*.sqlite"))


def test_two_commands_do_not_write_the_same_file(judge, tmp_path):
    from filelock import FileLock

    table(3).to_csv(tmp_path / "a.csv", index=False)
    with FileLock(tmp_path / ".out.csv.lock"), pytest.raises(UserError, match="another command is writing it"):
        run(judge, [tmp_path / "a.csv"], tmp_path / "out.csv")


def test_votes_alone_are_asked_where_checks_are_left_out(tmp_path):
    table(4).to_csv(tmp_path / "test.csv", index=False)
    predict.main([str(tmp_path / "test.csv"), "--votes-only", "--threads", "1", "--out", str(tmp_path / "out.csv")])
    frame, _ = read_battles(tmp_path / "test.csv", labelled=False)
    expected = with_checks(Judge.load(), None).predict_proba(frame)
    np.testing.assert_allclose(pd.read_csv(tmp_path / "out.csv")[list(OUTCOMES)], expected, rtol=0, atol=1e-12)


def test_a_judge_asked_on_the_nodes_of_a_cluster_writes_the_same_bytes(judge, tmp_path, monkeypatch):
    tasks = TravellingTasks()
    monkeypatch.setattr(predict, "tasks_at", lambda address: LocalTasks() if address is None else tasks)
    table(30).to_csv(tmp_path / "test.csv", index=False)
    run(judge, [tmp_path / "test.csv"], tmp_path / "here.csv")
    on_nodes = replace(QUICK, cluster="auto")
    run(judge, [tmp_path / "test.csv"], tmp_path / "there.csv", on_nodes)
    assert len(tasks.done) == 5
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


def test_a_cache_is_that_of_this_machine_though_the_nodes_compute(judge, tmp_path, monkeypatch):
    tasks = TravellingTasks()
    monkeypatch.setattr(predict, "tasks_at", lambda address: LocalTasks() if address is None else tasks)
    table(30).to_csv(tmp_path / "test.csv", index=False)
    kept = {}
    for name, cluster in (("here", None), ("there", "auto")):
        how = replace(QUICK, cluster=cluster, cache=tmp_path / name)
        run(judge, [tmp_path / "test.csv"], tmp_path / f"{name}.csv", how)
        kept[name] = {path.name: sorted(rows_in(path)) for path in (tmp_path / name / "blocks").glob("*.sqlite")}
    assert kept["here"] and kept["here"] == kept["there"]
    sent = []
    monkeypatch.setattr("features.carried_rows.CarriedRows.put", lambda _, block, keys, rows: sent.append(block.name))
    run(judge, [tmp_path / "test.csv"], tmp_path / "again.csv", how)
    assert sent == [] and (tmp_path / "here.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


def rows_in(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT key, row FROM numbers").fetchall()
