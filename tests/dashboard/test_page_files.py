"""Files of battles, verdicts on them, saved runs, and the three pages without a browser."""

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_run import fill_store, make_run

from dashboard import battle_files
from dashboard.file_verdicts import FileVerdicts, opinion_of
from dashboard.judge_service import LoadedJudge
from dashboard.limits import SessionLimits
from dashboard.pages.base import Context
from dashboard.pages.file_votes import FileVotesPage
from dashboard.pages.history import HistoryPage
from dashboard.pages.model import ModelPage
from dashboard.pages.upload import Upload
from dashboard.params import DashboardParams
from dashboard.saved_runs import saved_runs
from dashboard.store import VoteFilter, VoteStore
from dashboard.texts import LANGUAGES, Texts
from pipelines.battles import UNLABELLED
from pipelines.errors import UserError
from pipelines.sample import sample_battles
from stacker.judge import Judge

BATTLES = sample_battles(30, 5).unlabelled()
# Panel 1.9.4 sorts its tables by a form that pandas 3.1 announces the end of
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "first")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VoteStore]:
    opened = VoteStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    yield opened
    opened.close()


class Judges:
    """The judge's service with work done at once."""

    def __init__(self, folder: Path, judge: bool = True) -> None:
        self.folder = folder
        self.starter = None
        self.refused = ()
        run = saved_runs(folder)[0] if judge else None
        self.current = None if run is None else LoadedJudge(run, "first@1", Judge.load(run.judge))
        self.state = "ready" if judge else "none"

    def runs(self) -> list:
        return saved_runs(self.folder)

    def do(self, work: object) -> SimpleNamespace:
        found = work()
        return SimpleNamespace(result=lambda: found)


def context(store: VoteStore, judges: Judges, language: str = "en", session: str = "s", **changes: object) -> Context:
    params = DashboardParams(**changes)
    return Context(params, store, judges, Texts(language), session, SessionLimits(params.limits), slots=None)


def csv_file(battles: pd.DataFrame = BATTLES) -> bytes:
    columns = battles[["id", "model_a", "model_b"]].copy()
    for name in ("prompt", "response_a", "response_b"):
        columns[name] = [pd.Series([list(turns)]).to_json(orient="values")[1:-1] for turns in battles[name]]
    return columns.to_csv(index=False).encode()


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
        ("x.exe", b"", "x.exe: is no .csv, .parquet, .jsonl or .json file"),
        ("x.csv", b"id,prompt\n1,2\n", "x.csv: lacks the columns response_a, response_b"),
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


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_voting_through_a_file_and_coming_back(store: VoteStore, runs_folder: Path, language: str) -> None:
    judges = Judges(runs_folder)
    page = FileVotesPage(context(store, judges, language))
    page.panel()
    page.opened()
    file = battle_files.uploaded("battles.csv", csv_file())
    page.begin(file)
    assert page.battle is not None and page.battle.verdict is not None
    whole = judges.current.judge.predict_proba(BATTLES)
    entropy = -(whole * np.log(whole)).sum(axis=1)
    assert entropy[page.row] == pytest.approx(entropy.max(), abs=1e-6)
    page.vote("b")
    stored = store.votes().iloc[0]
    assert (stored["choice"], stored["source"], stored["judge"]) == ("b", "file", "first@1")
    assert stored["created_at"] <= stored["voted_at"]
    assert (stored["p_a"], stored["p_b"], stored["p_tie"]) == page.battle.verdict
    assert page.say("choice.b") in page.room.outcome.object
    page.vote("a")  # locked
    assert len(store.votes()) == 1
    page.undo()
    assert store.votes().empty and page.progress().done == 0
    page.vote("tie")
    first = page.row
    page.show_next()
    second = page.row
    page.skip()
    third = page.row
    assert len({first, second, third}) == 3
    page.vote("both_bad")
    page.closed()
    back = FileVotesPage(context(store, judges, language))
    back.panel()
    back.begin(file)
    assert back.progress().done == 2
    assert back.row not in (first, third)
    stranger = FileVotesPage(context(store, judges, language, session="other"))
    stranger.panel()
    stranger.begin(file)
    assert stranger.progress().done == 0


def test_a_battle_seen_before_under_another_judge_keeps_its_first_verdict(store: VoteStore, runs_folder: Path) -> None:
    without = FileVotesPage(context(store, Judges(runs_folder, judge=False)))
    without.panel()
    file = battle_files.uploaded("battles.csv", csv_file(BATTLES[:1]))
    without.begin(file)
    assert without.battle.verdict is None
    page = FileVotesPage(context(store, Judges(runs_folder)))
    page.panel()
    page.begin(file)
    page.vote("a")
    assert np.isnan(store.votes().iloc[0]["p_a"])
    assert page.say("history.no_verdict") in page.room.outcome.object


def test_votes_that_come_too_fast_are_refused_with_a_sentence(store: VoteStore, runs_folder: Path) -> None:
    page = FileVotesPage(context(store, Judges(runs_folder), limits={"votes_per_minute": 1}))
    page.panel()
    page.begin(battle_files.uploaded("battles.csv", csv_file()))
    page.vote("a")
    page.show_next()
    page.vote("a")
    assert len(store.votes()) == 1
    assert page.room.bar.warns and page.room.bar.stage == "open" and "1" in page.room.bar.line


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_history_page_filters_and_exports_what_it_shows(tmp_path: Path, runs_folder: Path, language: str) -> None:
    url = f"sqlite:///{tmp_path / 'votes.sqlite'}"
    votes = fill_store(url)
    store = VoteStore.open(url)
    page = HistoryPage(context(store, Judges(runs_folder), language, session="s1"))
    page.panel()
    page.opened()
    assert len(page.table.value) == 60
    assert page.say("history.votes") in page._cards["figures"].object
    assert "<img" not in page._cards["figures"].object
    page.mine.value = True
    assert set(page.shown["session"]) == {"s1"}
    page.mine.value = False
    page.lang.value = "zh"
    assert set(page.shown["lang"]) == {"zh"}
    page.agrees.value = "yes"
    assert set(page.shown["agrees"]) == {True}
    page.agrees.value = page.lang.value = ""
    page.search.value = "BOIL AN"
    assert set(page.shown["lang"]) == {"en"} and 0 < len(page.shown) < 60
    kaggle = page.downloads[0].callback().read().decode("utf-8-sig")
    assert kaggle.count("\n") == len(page.shown) + 1
    page.search.value = "not there"
    assert page.shown.empty and page.body.visible
    page.search.value = ""
    page.ranked_by.value = "model"
    assert "large-model" in page._cards["ranking"].object
    page._open(SimpleNamespace(row=2))
    assert page.details.visible and "onerror" in page.details.object and "<img" not in page.details.object
    page._open(SimpleNamespace(row=600))
    assert len(votes) == len(store.votes(VoteFilter()))
    store.close()


def test_no_votes_are_said_to_be_none(store: VoteStore, runs_folder: Path) -> None:
    page = HistoryPage(context(store, Judges(runs_folder)))
    page.panel()
    page.opened()
    assert page.empty.visible and not page.body.visible


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_model_page_shows_the_run(store: VoteStore, runs_folder: Path, language: str) -> None:
    page = ModelPage(context(store, Judges(runs_folder), language))
    page.panel()
    page.opened()
    assert page.choice.value.name == "first" and page.switch.disabled
    assert all(page.panes[name].object for name in ("facts", "results", "calibration", "importances", "length"))
    assert page.say("language.zh") in page.panes["language"].object
    assert page.say("group.length") in page.panes["importances"].object
    assert "0.8900" in page.panes["results"].object
    assert not page.card.visible


def test_no_judges_are_said_to_be_none(store: VoteStore, tmp_path: Path) -> None:
    page = ModelPage(context(store, Judges(tmp_path, judge=False)))
    page.panel()
    page.opened()
    assert page.empty.visible and not page.body.visible


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
