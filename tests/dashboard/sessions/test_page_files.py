"""Files of battles, verdicts on them, and saved runs."""

import base64
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_contexts import BATTLES, csv_file

from dashboard.components.upload import Upload
from dashboard.judges.saved_runs import saved_runs
from dashboard.sessions import battle_files
from dashboard.sessions.file_verdicts import FileVerdicts, opinion_of
from pipelines.battles.table import UNLABELLED
from pipelines.errors import UserError
from stacker.judge.judge import Judge


def test_an_upload_is_known_by_its_content() -> None:
    content = csv_file()
    one, again = battle_files.uploaded("a.csv", content), battle_files.uploaded("C:\\x\\a.csv", content)
    assert one.origin == again.origin
    assert one.origin != battle_files.uploaded("a.csv", content + b"\n").origin
    assert one.battles["prompt"].tolist() == BATTLES["prompt"].tolist()
    assert set(one.battles["outcome"]) == {UNLABELLED}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.exe", b"", "x.exe: is no .csv, .tsv, .tab, .parquet, "),
        ("x.csv", b"id,prompt\n1,2\n", "x.csv: is missing the columns response_a, response_b"),
        ("x.parquet", b"nothing", "x.parquet: is not a parquet file"),
        ("../../x.csv", b"id,prompt,response_a,response_b\n", "x.csv: holds no battle"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_without_a_path_of_this_machine(
    name: str, content: bytes, sentence: str
) -> None:
    with pytest.raises(UserError) as fault:
        battle_files.uploaded(name, content)
    assert str(fault.value).startswith(sentence)
    assert "/tmp" not in str(fault.value)


def test_only_files_inside_the_folder_are_opened(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    (folder / "deep").mkdir(parents=True)
    for path in (folder / "deep" / "b.csv", folder / ".hidden.csv", tmp_path / "secret.csv"):
        path.write_bytes(csv_file())
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "notes.txt").write_text("no battles")
    assert battle_files.open_files(folder) == ["deep/b.csv"]
    assert len(battle_files.from_folder(folder, "deep/b.csv").battles) == 30
    for name in ("../secret.csv", "link.csv", str(tmp_path / "secret.csv"), "gone.csv"):
        with pytest.raises(UserError, match="not a file in the folder"):
            battle_files.from_folder(folder, name)
    assert battle_files.open_files(tmp_path / "none") == []


def test_saved_runs_are_found_and_read(runs_folder: Path, tmp_path: Path) -> None:
    (run,) = saved_runs(runs_folder)
    assert run.name == "first"
    assert "stack" in run.results()["scores"]
    assert {"lang", "characters"} <= set(run.out_of_fold().columns)
    learners, weights = run.trees()
    assert len(learners) == len(weights) == 1
    assert len(battle_files.test_set(run).battles) == 12
    assert battle_files.test_set(run).origin == battle_files.test_set(run).origin
    assert saved_runs(tmp_path / "none") == []


def test_a_damaged_run_says_so(tmp_path: Path) -> None:
    (tmp_path / "run" / "judge").mkdir(parents=True)
    (tmp_path / "run" / "judge" / "judge.json").write_text("{")
    (tmp_path / "run" / "results.json").write_text("[1]")
    (tmp_path / "run" / "out_of_fold.parquet").write_text("no")
    (run,) = saved_runs(tmp_path)
    assert run.name == "run"
    for read in (run.about, run.results, run.out_of_fold):
        with pytest.raises(UserError, match="make it again by stacker.run"):
            read()


def test_verdicts_come_in_the_background_and_sharpen_the_order(runs_folder: Path) -> None:
    judge = Judge.load(runs_folder / "first" / "judge")
    verdicts = FileVerdicts(BATTLES, opinion_of(judge))
    assert verdicts.next_row("uncertain", ()) == 0  # nothing is known yet
    steps = []
    verdicts.start(lambda: steps.append(verdicts.done))
    assert verdicts.wait(60)
    assert steps == [8, 16, 24, 30, 30]
    whole = judge.predict_proba(BATTLES)
    entropy = -(whole * np.log(whole)).sum(axis=1)
    first = verdicts.next_row("uncertain", ())
    assert entropy[first] == pytest.approx(entropy.max(), abs=1e-6)
    second = verdicts.next_row("uncertain", {first})
    assert second != first
    assert verdicts.next_row("informative", set(range(29))) == 29
    assert verdicts.next_row("file", {0, 1}) == 2
    assert verdicts.next_row("uncertain", set(range(30))) is None
    assert verdicts.of(3) == pytest.approx(tuple(whole[3]), abs=1e-6)


def test_a_judge_that_fails_leaves_the_files_order() -> None:
    def opinion(battles: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        raise ValueError("broken")

    verdicts = FileVerdicts(BATTLES, opinion)
    ended = threading.Event()
    verdicts.start(ended.set)
    assert ended.wait(10) and verdicts.wait(10)
    assert verdicts.fault == "ValueError: broken"
    assert verdicts.next_row("uncertain", {0}) == 1
    assert FileVerdicts(BATTLES, None).of(0) is None


def test_a_file_is_put_together_from_its_pieces() -> None:
    upload = Upload(most_bytes=10)
    came: list[tuple[str, bytes]] = []
    upload.on_file(lambda name, content: came.append((name, content)))
    piece = {"kind": "piece", "number": 1}
    upload.sent = {"kind": "begin", "number": 1, "name": "a.csv", "size": 5}
    assert upload.answer == {"number": 1, "received": 0, "whole": False}
    upload.sent = piece | {"start": 0, "data": base64.b64encode(b"abc").decode()}
    assert upload.answer["received"] == 3 and not came
    upload.sent = piece | {"start": 3, "data": base64.b64encode(b"de").decode()}
    assert came == [("a.csv", b"abcde")]
    assert upload.answer["whole"]


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "begin", "number": 2, "name": "x", "size": 11},
        {"kind": "begin", "number": 2, "name": "x", "size": -1},
        {"kind": "begin", "number": 2, "name": "x", "size": "5"},
        {"kind": "piece", "number": 1, "start": 0, "data": base64.b64encode(b"more than five").decode()},
        {"kind": "piece", "number": 1, "start": 2, "data": base64.b64encode(b"x").decode()},
        {"kind": "piece", "number": 1, "start": 0, "data": "no base64!"},
        {"kind": "piece", "number": 7, "start": 0, "data": ""},
        {"number": "1"},
    ],
)
def test_what_was_not_announced_is_not_taken(sent: dict) -> None:
    upload = Upload(most_bytes=10)
    came: list[str] = []
    upload.on_file(lambda name, content: came.append(name))
    upload.sent = {"kind": "begin", "number": 1, "name": "a.csv", "size": 5}
    upload.sent = sent
    assert came == [] and len(upload._pieces) == 0
