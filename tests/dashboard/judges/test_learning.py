"""Learning from votes: which of them, by which run, compared on which, and nothing switched by itself."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from dashboards import make_judge
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from learnable import give_votes

from dashboard.judges import learning_service
from dashboard.judges.judge_service import JudgeService
from dashboard.judges.learned import JOB, LOCK, LOG, PARAMS, PLACE, VOTES, decide, decide_for, free_name, last_learned
from dashboard.judges.learning_service import LearningService
from dashboard.judges.learning_work import LEAST as LEAST_COMPARED
from dashboard.judges.learning_work import ProgressReporter, Steps, compared, learn
from dashboard.judges.saved_runs import LEARNED_FILE, SavedRun, saved_runs
from dashboard.judges.votes_to_learn import FEW, LEAST, run_params, seen_by, usable_votes
from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import Battle, Side
from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from stacker.evaluate import metrics
from stacker.judge.judge import Judge
from stacker.learners.judges.starter_prior import starter_folder
from stacker.training.params import Params, parse_params, read_params

SMALL = {
    "folds": {"count": 3},
    "features": {"embedding": False},
}
PATIENCE_S = 240.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VoteStore]:
    """An empty store."""
    opened = VoteStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}", undo_seconds=60)
    yield opened
    opened.close()


def params(folder: Path) -> Params:
    return parse_params({**SMALL, "run": {"cache": str(folder / "cache")}})


@pytest.fixture
def learning(tmp_path: Path, store: VoteStore) -> Iterator[LearningService]:
    """The service over an empty store and an empty folder of judges, with the starter in use."""
    judges = JudgeService(tmp_path / "runs", starter_folder())
    service = LearningService(params(tmp_path), store, judges)
    yield service
    service.stop()
    judges.close()


def until(true: object, what: str) -> None:
    """Wait for what another process or thread is about to do."""
    end, wait = time.monotonic() + PATIENCE_S, threading.Event()
    while not true():
        assert time.monotonic() < end, what
        wait.wait(0.05)


def add(store: VoteStore, name: str, choice: str, session: str = "s", prompt: str = "Why?", **sides: object) -> None:
    a, b = (Side([str(sides.get(side, side))], fault=str(sides.get(f"fault_{side}", ""))) for side in "ab")
    store.add_battle(Battle(name, session, [prompt], a, b, None))
    store.vote(name, choice, session)


def test_votes_that_can_teach(store: VoteStore) -> None:
    add(store, "decided", "a", prompt="1")
    add(store, "tie", "tie", prompt="2")
    add(store, "bad", "both_bad", prompt="3")
    add(store, "blank", "a", prompt="4", b=" \n")
    add(store, "broken", "b", prompt="5", fault_b="dropped")
    add(store, "cut", "b", prompt="6", fault_b="cut_off")  # long, but an answer
    add(store, "first", "a", prompt="7", a="x", b="y")
    add(store, "turned", "a", prompt="7", a="y", b="x")  # the same person changes her mind, with sides swapped
    add(store, "another", "a", prompt="7", session="t", a="x", b="y")
    add(store, "named", "a", prompt="9", a="I am ChatGPT, made by OpenAI.")
    add(store, "gone", "a", prompt="8")
    store.undo("gone", "s")
    found = usable_votes(store.votes())
    assert found.votes["battle_id"].tolist() == ["decided", "tie", "bad", "cut", "turned", "another"]
    assert (len(found), found.left_out, found.people, found.enough) == (6, 4, 2, False)
    assert "named" in usable_votes(store.votes(), neutral=False).votes["battle_id"].tolist()


def test_reasons_choose_votes_only_where_it_is_told(learning: LearningService, store: VoteStore) -> None:
    give_votes(store, 6)
    ids = store.votes()["battle_id"].tolist()
    choices = dict(zip(ids, store.votes()["choice"], strict=True))
    store.add_battle(Battle("bad", "s0", ["q"], Side(["a"]), Side(["b"]), None))
    store.vote("bad", "both_bad", "s0")
    store.give_reasons("bad", "s0", ["wrong"], "")
    decided = [each for each in ids if choices[each] != "tie"]
    store.give_reasons(decided[0], "s0", ["correct", "short"], "")
    store.give_reasons(decided[1], "s0", ["short"], "much shorter")
    found = learning.overview().usable
    assert (len(found), found.left_out) == (7, 0)
    assert found.aspects == {"any": 3, "correct": 2, "short": 2}
    assert sorted(learning.overview("correct").usable.votes["battle_id"]) == sorted(["bad", decided[0]])
    short = learning.overview("short").usable
    assert (short.votes["battle_id"].tolist(), short.left_out, short.aspects) == (decided[:2], 0, found.aspects)
    assert len(learning.overview("any").usable) == 3
    assert len(learning.overview("clear").usable) == 0


def test_no_votes_at_all(store: VoteStore) -> None:
    found = usable_votes(store.votes())
    assert (len(found), found.left_out, found.people, found.enough) == (0, 0, 0, False)


def test_the_run_has_the_votes_alone_and_begins_with_the_starter(tmp_path: Path) -> None:
    given_ = parse_params(
        {"data": {"dir": "kaggle"}, "features": {"style": False}, "run": {"seed": 7}, "folds": {"count": 4}}
    )
    few = run_params(given_, FEW - 1, tmp_path / VOTES, tmp_path, 3)
    assert [(each.path, each.name) for each in few.data.sources] == [(tmp_path / VOTES, "votes")]
    assert few.data.dir is None and few.stack.prior == "starter" and few.features.style and not few.report.enabled
    assert (few.run.folder, few.run.threads, few.run.seed, few.folds.count) == (tmp_path, 3, 7, 4)
    assert few.learners.lightgbm.enabled and few.learners.linear.enabled
    assert not few.learners.xgboost.enabled and not few.learners.sparse.enabled and not few.transformer.enabled
    many = run_params(given_, FEW, tmp_path / VOTES, tmp_path, 3)
    assert many.learners == given_.learners and many.transformer == given_.transformer
    assert many.stack.prior == "starter"


@given(st.lists(st.tuples(st.sampled_from(["surface", "overlap", "linear: folds", "odd"]), st.integers(0, 9))))
def test_progress_never_falls(moves: list[tuple[str, int]]) -> None:
    steps, before = Steps(Params()), 0.0
    for stage, done in moves:
        steps.moved(stage, done, 9)
        assert before <= steps.share <= 1.0
        before = steps.share
    steps.moved("comparison", 1, 1)
    assert (steps.step, steps.share) == ("comparing", 1.0)


def history(**columns: list) -> pd.DataFrame:
    frame = pd.DataFrame({"battle_id": ["b0", "b1", "b2", "b3"], "origin_id": "", **columns})
    return frame.assign(voted_at=pd.to_datetime([f"2026-03-0{day}" for day in (1, 2, 3, 4)], utc=True))


GROUP = np.array([0, 1, 0, 2])


def saved(folder: Path) -> SavedRun:
    return SavedRun("old", folder / "judge", datetime(2026, 3, 2, 12, tzinfo=UTC))


def test_the_starter_had_learnt_from_no_vote_here(tmp_path: Path) -> None:
    found = seen_by(saved(tmp_path), True, history(), GROUP)
    assert (found.rows.tolist(), found.why) == ([False] * 4, "none")


def test_a_judge_had_learnt_from_the_battles_in_its_table_and_so_knows_their_questions(tmp_path: Path) -> None:
    pd.DataFrame({"id": ["votes:b0", "other:x"]}).to_parquet(tmp_path / "out_of_fold.parquet")
    found = seen_by(saved(tmp_path), False, history(), GROUP)
    assert (found.rows.tolist(), found.why) == ([True, False, True, False], "ids")
    of_a_file = history(origin_id=["", "", "", "x"])
    assert seen_by(saved(tmp_path), False, of_a_file, GROUP).rows.tolist() == [True, False, True, True]


def test_without_a_table_older_votes_may_have_been_learnt_from(tmp_path: Path) -> None:
    found = seen_by(saved(tmp_path), False, history(), GROUP)
    assert (found.rows.tolist(), found.why) == ([True, True, True, False], "time")
    (tmp_path / "out_of_fold.parquet").write_bytes(b"no table")
    assert seen_by(saved(tmp_path), False, history(), GROUP).why == "time"


def test_before_and_after_by_hand() -> None:
    n = LEAST_COMPARED
    outcome, group = np.zeros(n, dtype=np.int64), np.arange(n)
    sure, unsure = np.tile([0.5, 0.3, 0.2], (n, 1)), np.tile([0.25, 0.5, 0.25], (n, 1))
    found = compared(sure, unsure, outcome, group)
    assert found["word"] == "better" and found["votes"] == n
    assert found["log_loss"]["difference"] == pytest.approx(np.log(0.25 / 0.5))
    assert found["new"] == {"log_loss": pytest.approx(np.log(2)), "accuracy": 1.0} and found["old"]["accuracy"] == 0.0
    assert found["accuracy"] == {"difference": 1.0, "low": 1.0, "high": 1.0}
    assert compared(unsure, sure, outcome, group)["word"] == "worse"
    assert compared(sure, sure, outcome, group)["word"] == "alike"
    told = compared(sure[1:], unsure[1:], outcome[1:], group[1:])
    assert (told["word"], told["new"], told["votes"]) == ("untold", None, n - 1)
    json.dumps(found, allow_nan=False)


def test_few_votes_are_not_learnt_from(learning: LearningService, store: VoteStore) -> None:
    give_votes(store, LEAST - 1)
    assert not learning.overview().offered
    with pytest.raises(UserError, match=f"are {LEAST - 1} votes to learn from, {LEAST} are needed"):
        learning.start()
    assert learning.status.state == "idle"


@pytest.mark.slow
def test_a_judge_from_votes_is_whole_offered_and_used_only_when_chosen(
    learning: LearningService, store: VoteStore, tmp_path: Path
) -> None:
    give_votes(store, LEAST + 20)
    overview = learning.overview()
    assert overview.offered and overview.new == LEAST + 20 and overview.last is None
    folder, told = learning._prepared(""), []
    learned = learn(folder, _Listening(read_params(folder / PARAMS), told))
    assert told == sorted(told) and told[-1] == 1.0
    assert not folder.exists() and learned.parent == tmp_path / "runs" and learned.name.startswith("my-votes-")
    assert not {JOB, PARAMS, LOG} & {path.name for path in learned.iterdir()}
    # what it says of before and after is what its own table says, cross-fitted
    overview = learning.overview()
    assert overview.last is not None and overview.new == 0 and not overview.offered
    about, table = overview.last.about, overview.last.run.out_of_fold()
    assert about["votes"] == LEAST + 20 == len(table) and about["old"]["starter"] and about["old"]["seen"] == 0
    stack, outcome = table[[f"stack: {each}" for each in OUTCOMES]].to_numpy(), table["outcome"].to_numpy()
    battles, votes = [table["id"].tolist(), store.votes().set_index("battle_id")]
    starter = Judge.load().predict_proba(votes.loc[battles, ["prompt", "response_a", "response_b"]])
    assert about["against_old"] == about["against_starter"]
    assert about["against_old"]["new"]["log_loss"] == pytest.approx(metrics.log_loss(stack, outcome))
    assert about["against_old"]["old"]["log_loss"] == pytest.approx(metrics.log_loss(starter, outcome))
    assert outcome.tolist() == [{"a": 0, "b": 1, "tie": 2}[votes.loc[each, "choice"]] for each in battles]
    # the run can be made again where it lies
    written = read_params(learned / "params.yaml")
    assert written.run.folder == learned and written.data.sources[0].path == learned / VOTES
    assert written.data.sources[0].path.exists()
    # nothing is switched by itself, not even by a new start; once chosen, it is
    run = overview.last.run
    assert run.offered and _used_after_start(tmp_path) == starter_folder()
    decide(run, "kept")
    assert run.offered and _used_after_start(tmp_path) == starter_folder()
    decide_for(run, saved_runs(tmp_path / "runs"))
    assert not run.offered and _used_after_start(tmp_path) == run.judge
    assert last_learned([run]).decision == "used"


@pytest.mark.slow
def test_against_a_judge_that_learnt_from_some_of_the_votes(
    learning: LearningService, store: VoteStore, tmp_path: Path
) -> None:
    give_votes(store, LEAST)
    make_judge(tmp_path / "runs")
    old = next(run for run in saved_runs(tmp_path / "runs") if run.name == "small")
    votes = store.votes()
    known = votes["battle_id"].tolist()[:30]
    pd.DataFrame({"id": known}).to_parquet(old.run / "out_of_fold.parquet")
    fair = votes[~votes["prompt"].isin(set(votes["prompt"][:30]))].reset_index(drop=True)
    assert LEAST_COMPARED < len(fair) < LEAST - 30  # some questions stand in several battles
    asyncio.run(learning.judges.use(old))
    about = _learnt(learning)
    left = LEAST - len(fair)
    assert about["old"] == {"name": "small", "judge": str(old.judge), "starter": False, "why": "ids", "seen": left}
    assert about["against_old"]["votes"] == len(fair) and about["against_starter"]["votes"] == LEAST
    said = Judge.load(old.judge).predict_proba(fair[["prompt", "response_a", "response_b"]])
    outcome = fair["choice"].map({"a": 0, "b": 1, "tie": 2}).to_numpy()
    assert about["against_old"]["old"]["log_loss"] == pytest.approx(metrics.log_loss(said, outcome))


@pytest.mark.slow
def test_in_a_process_of_its_own_it_is_followed_and_ends_with_a_judge(
    learning: LearningService, store: VoteStore
) -> None:
    give_votes(store, LEAST)
    learning.start()
    process = psutil.Process(learning._process.pid)
    assert learning.status.state == "running"
    with pytest.raises(UserError, match="already"):
        learning.start()
    until(lambda: learning.status.share > 0, "no progress was told")
    if os.name == "posix":
        assert process.nice() == 19
    until(lambda: learning.status.state != "running", "it did not end")
    assert learning.status.state == "done", learning.status.fault
    assert learning.overview().last.about["votes"] == LEAST
    assert [path.name for path in (learning.judges.folder / PLACE).iterdir()] in ([], [LOCK])


def test_stopped_it_leaves_nothing(learning: LearningService, store: VoteStore) -> None:
    give_votes(store, LEAST)
    learning.start()
    process = psutil.Process(learning._process.pid)
    learning.stop()
    assert learning.status.state == "stopped" and not process.is_running()
    until(lambda: not list((learning.judges.folder / PLACE).glob("run-*")), "the folder was not removed")
    assert saved_runs(learning.judges.folder) == [] and learning.overview().offered


def test_it_ends_when_the_dashboard_does(learning: LearningService, store: VoteStore) -> None:
    give_votes(store, LEAST)
    learning.start()
    process = learning._process
    process.stdin.close()  # what the operating system does when the dashboard is killed
    assert process.wait(PATIENCE_S) != 0
    until(lambda: learning.status.state == "failed", "nobody noticed")
    assert "broke off" in learning.status.fault
    assert saved_runs(learning.judges.folder) == []


def test_what_the_user_can_fix_is_one_sentence(learning: LearningService, store: VoteStore) -> None:
    give_votes(store, LEAST)
    blocked = learning.judges.folder.parent / "a file"
    blocked.write_text("")
    run = learning.params.run.model_copy(update={"cache": blocked / "cache"})
    learning.params = learning.params.model_copy(
        update={
            "run": run,
            "encoder": learning.params.encoder.model_copy(update={"model": "nobody/none", "fallback": None}),
        }
    )
    features = learning.params.features.model_copy(update={"embedding": True})
    learning.params = learning.params.model_copy(update={"features": features})
    learning.start()
    until(lambda: learning.status.state != "running", "it did not end")
    assert learning.status.state == "failed"
    assert "nobody/none" in learning.status.fault and "\n" not in learning.status.fault
    assert not list((learning.judges.folder / PLACE).glob("run-*"))


def test_two_dashboards_do_not_learn_at_once(learning: LearningService, store: VoteStore) -> None:
    give_votes(store, LEAST)
    place = learning.judges.folder / PLACE
    (place / "run-of-another").mkdir(parents=True)
    with FileLock(place / LOCK), pytest.raises(UserError, match="Another dashboard is learning"):
        learning.start()
    assert (place / "run-of-another").exists() and learning.status.state == "idle"


def test_why_a_process_ended_that_said_nothing() -> None:
    assert "signal 9" in learning_service._why(-9, "")
    assert "(ValueError: so)" in learning_service._why(1, "Traceback\n  File\nValueError: so\n\n")
    assert learning_service._why(1, "") == "The learning broke off; the server's log has more."


def test_names_and_what_cannot_be_read(tmp_path: Path) -> None:
    assert free_name(tmp_path, "2026-01-31").name == "my-votes-2026-01-31"
    (tmp_path / "my-votes-2026-01-31").mkdir()
    assert free_name(tmp_path, "2026-01-31").name == "my-votes-2026-01-31-2"
    run = saved(tmp_path)
    assert run.learned() is None and not run.offered and last_learned([run]) is None
    (tmp_path / LEARNED_FILE).write_text("{")
    assert run.offered and last_learned([run]) is None  # not used by itself where it cannot be told
    write_json(tmp_path / LEARNED_FILE, {"format": 99, "decision": None})
    assert last_learned([run]) is None


class _Listening(ProgressReporter):
    """Keeps the shares that are told."""

    def __init__(self, params: Params, told: list[float]) -> None:
        super().__init__(Steps(params))
        self.told = told

    def progress(self, stage: str, done: int, total: int) -> None:
        self.steps.moved(stage, done, total)
        self.told.append(self.steps.share)


def _learnt(learning: LearningService) -> dict:
    folder = learning._prepared("")
    learn(folder, _Listening(read_params(folder / PARAMS), []))
    return learning.overview().last.about


def _used_after_start(folder: Path) -> Path:
    judges = JudgeService(folder / "runs", starter_folder())
    try:
        judges.start()
        assert asyncio.run(judges.ready())
        return judges.current.run.judge
    finally:
        judges.close()
