import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from dashboard.votes import database as migrations
from dashboard.votes.store import AlreadyVoted, StoreFault, VoteFilter, VoteStore
from dashboard.votes.vote_records import (
    DRAWN,
    LONGEST_REMARK,
    PAIRED,
    Battle,
    Pairing,
    Side,
    file_battle_id,
    new_battle_id,
    pseudonym,
)
from pipelines.errors import UserError

SAVED = Path(__file__).parents[1] / "saved_stores"
"""Stores as they were written at each version of the schema, and the votes that they hold."""
TIMES = ("created_at", "voted_at", "undone_at")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def battle(name: str = "one", session: str = "s", **changes: object) -> Battle:
    sides = {
        "a": Side(["short"], "brief", "m-1", {"temperature": 0.5}),
        "b": Side(["long\ud800\0", "再見"], "thorough", "m-2", {}, "cut_off"),
    }
    common = {"id": name, "session": session, "prompt": ["why?"], "verdict": (0.2, 0.5, 0.3)}
    return Battle(**{**common, **sides, **changes})


def test_what_goes_in_comes_out(store_url: str) -> None:
    clock = Clock()
    store = VoteStore.open(store_url, clock=clock)
    store.add_battle(battle(judge="j-1", lang="en", asked="hm\0?"))
    clock.now += timedelta(seconds=5)
    voted = store.vote("one", "both_bad", "s")
    assert (voted.choice, voted.undo_until - voted.voted_at) == ("both_bad", timedelta(seconds=10))
    row = store.votes().iloc[0]
    assert row["prompt"] == ("why?",)
    assert row["response_b"] == ("long\ud800\0", "再見")
    assert (row["p_a"], row["p_b"], row["p_tie"]) == (0.2, 0.5, 0.3)
    assert row["settings_a"] == {"temperature": 0.5}
    assert (row["style_a"], row["model_b"], row["fault_b"], row["judge"]) == ("brief", "m-2", "cut_off", "j-1")
    assert (row["choice"], row["session"], row["asked"]) == ("both_bad", "s", "hm\ufffd?")
    assert row["created_at"] == NOON
    assert row["voted_at"] == NOON + timedelta(seconds=5)
    store.close()


def test_a_second_vote_is_refused_and_says_what_the_first_was(store_url: str) -> None:
    store = VoteStore.open(store_url)
    store.add_battle(battle())
    store.vote("one", "a", "s")
    with pytest.raises(AlreadyVoted, match="already has a vote: a") as fault:
        store.vote("one", "b", "s")
    assert fault.value.details["choice"] == "a"
    for _ in range(200):  # while it recovers, the server may still refuse a further connection
        try:
            found = list(store.votes()["choice"])
            break
        except StoreFault:
            threading.Event().wait(0.05)
    assert found == ["a"]
    store.close()


def test_undo_keeps_the_row_and_lets_one_vote_again(store_url: str) -> None:
    clock = Clock()
    store = VoteStore.open(store_url, undo_seconds=10, clock=clock)
    store.add_battle(battle())
    store.vote("one", "a", "s")
    clock.now += timedelta(seconds=10)
    assert store.undo("one", "s") == "a"
    assert store.votes().empty
    store.vote("one", "b", "s")
    clock.now += timedelta(seconds=10.1)
    with pytest.raises(StoreFault, match="within 10 seconds") as fault:
        store.undo("one", "s")
    assert fault.value.code == "too_late"
    kept = store.votes(VoteFilter(undone=True))
    assert list(kept["choice"]) == ["a", "b"]
    assert kept["undone_at"].notna().tolist() == [True, False]
    store.close()


def test_reasons_stand_with_the_vote_that_holds_and_only_its_own(store_url: str) -> None:
    store = VoteStore.open(store_url)
    store.add_battle(battle(paired=Pairing(6, 0.25)))
    with pytest.raises(StoreFault) as fault:
        store.give_reasons("one", "s", ["correct"], "")
    assert fault.value.code == "no_vote"
    store.vote("one", "a", "s")
    assert store.votes()[["reasons", "remark"]].iloc[0].tolist() == ["", ""]
    with pytest.raises(StoreFault):
        store.give_reasons("one", "somebody else", ["correct"], "")
    store.give_reasons("one", "s", ["short", "wrong", "<b>", "correct"], f"  it\0 is\n\nright \ud800 {'x' * 9_000}")
    row = store.votes().iloc[0]
    assert row["reasons"] == "correct short"
    assert row["remark"].startswith("it\ufffd is right ? xxx")
    assert len(row["remark"]) == LONGEST_REMARK
    assert (row["pair_of"], row["pair_chance"]) == (6, 0.25)
    store.give_reasons("one", "s", [], "")
    assert store.votes()[["reasons", "remark"]].iloc[0].tolist() == ["", ""]
    store.give_reasons("one", "s", ["clear"], "")
    store.undo("one", "s")
    store.vote("one", "both_bad", "s")
    store.give_reasons("one", "s", ["clear", "wrong"], "neither")
    assert store.votes(VoteFilter(undone=True))["reasons"].tolist() == ["clear", "wrong"]
    store.close()


def test_faults_have_codes(store_url: str) -> None:
    store = VoteStore.open(store_url)
    store.add_battle(battle())
    cases = [
        ("unknown_battle", lambda: store.vote("none", "a", "s")),
        ("other_session", lambda: store.vote("one", "a", "t")),
        ("nothing_to_undo", lambda: store.undo("one", "s")),
        ("same_battle", lambda: store.add_battle(battle(prompt=["what?"]))),
    ]
    for code, act in cases:
        with pytest.raises(StoreFault) as fault:
            act()
        assert fault.value.code == code
    store.add_battle(battle())  # the very same once more is no fault
    assert store.votes().empty
    store.close()


def test_votes_are_filtered_on_the_server(store_url: str) -> None:
    clock = Clock()
    store = VoteStore.open(store_url, clock=clock)
    for number in range(6):
        zh = number % 2 == 1
        source = {"source": "file", "origin": "f.csv", "origin_id": str(number)} if zh else {}
        store.add_battle(battle(str(number), f"s{number % 3}", lang="zh" if zh else "en", **source))
        store.vote(str(number), "a" if number < 3 else "tie", f"s{number % 3}")
        clock.now += timedelta(hours=1)
    chosen = [
        (VoteFilter(session="s0"), "03"),
        (VoteFilter(battle="4"), "4"),
        (VoteFilter(lang="zh"), "135"),
        (VoteFilter(source="file", choice="tie"), "35"),
        (VoteFilter(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3)), "12"),
        (VoteFilter(last=2), "45"),
        (VoteFilter(style="brief"), "012345"),
        (VoteFilter(style="odd"), ""),
    ]
    for filters, ids in chosen:
        assert "".join(store.votes(filters)["battle_id"]) == ids, filters
    assert store.voted("f.csv", "s1") == {"1": "a"}
    store.close()


def test_twenty_sessions_at_once_store_each_vote_once(store_url: str) -> None:
    store = VoteStore.open(store_url)
    shared = "shared"
    store.add_battle(battle(shared, "all"))
    refused: list[str] = []

    def person(session: str) -> None:
        for number in range(10):
            name = store.add_battle(battle(f"{session}-{number}", session))
            store.vote(name, "a", session)
        try:
            store.vote(shared, "b", "all")
        except AlreadyVoted as fault:
            refused.append(fault.code)

    people = [threading.Thread(target=person, args=(f"p{number}",)) for number in range(20)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(store.votes()) == 201
    assert refused == ["already_voted"] * 19
    store.close()


VOTER = """
import sys
from dashboard.votes.vote_records import DRAWN, Battle, Side
from dashboard.votes.store import VoteStore
store = VoteStore.open(sys.argv[1])
for number in range(100_000):
    name = f"battle-{number}"
    store.add_battle(Battle(name, "s", ["q"], Side(["x" * 2000]), Side(["y" * 2000]), (0.2, 0.3, 0.5)))
    store.vote(name, "a", "s")
    print(name, flush=True)
"""


def test_kill_9_loses_no_acknowledged_vote(store_url: str) -> None:
    voter = subprocess.Popen([sys.executable, "-c", VOTER, store_url], stdout=subprocess.PIPE, text=True, cwd=_root())
    assert voter.stdout is not None
    told = [next(voter.stdout).strip() for _ in range(40)]
    voter.send_signal(signal.SIGKILL)
    told += [line.strip() for line in voter.stdout if line.endswith("\n")]
    voter.stdout.close()
    assert voter.wait() == -signal.SIGKILL
    store = VoteStore.open(store_url)
    kept = list(store.votes()["battle_id"])
    assert kept[: len(told)] == told
    assert len(kept) in (len(told), len(told) + 1)
    assert store.health()["ok"]
    store.close()


def _root() -> Path:
    return Path(migrations.__file__).parent.parent


def test_who_only_reads_makes_no_store_and_reads_one_that_is_there(store_url: str) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match=r"there is no such file|: is no vote store"):
            VoteStore.open(store_url, create=False)
    VoteStore.open(store_url).close()
    store = VoteStore.open(store_url, create=False)
    assert store.votes().empty
    store.close()


def test_an_older_file_is_upgraded_without_losing_a_vote(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = migrations.STEPS
    monkeypatch.setattr(migrations, "STEPS", steps[:1])
    VoteStore.open(store_url).close()
    engine = create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for number in range(50):
            row = {"id": f"b{number}", "at": "2026-01-01 00:00:00+00:00"}
            if engine.dialect.name == "sqlite":
                row["at"] = "2026-01-01 00:00:00.000000"
            connection.execute(
                text(
                    "INSERT INTO battles VALUES (:id, :at, 's', 'ask', 'en', '[\"q\"]', '[\"x\"]', '[\"y\"]', "
                    "'brief', 'thorough', 'm', 'n', '{}', '{}', '', '', 0.1, 0.2, 0.7, 'old')"
                ),
                row,
            )
            connection.execute(
                text("INSERT INTO votes (battle_id, session, choice, voted_at) VALUES (:id, 's', 'tie', :at)"), row
            )
    engine.dispose()
    later = (*steps, ("a later one", lambda connection: connection.execute(text("CREATE TABLE more (x INTEGER)"))))
    for wanted in (steps, later, later):
        monkeypatch.setattr(migrations, "STEPS", wanted)
        store = VoteStore.open(store_url)
        found = store.votes()
        assert len(found) == 50
        assert set(found["choice"]) == {"tie"}
        assert set(found["asked"]) == {""}
        assert store.health()["schema"] == len(wanted)
        store.close()
    monkeypatch.setattr(migrations, "STEPS", steps)
    with pytest.raises(Exception, match="schema version 8, this program knows 7: update the program"):
        VoteStore.open(store_url)


def test_a_failing_step_leaves_the_store_as_it_was(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = VoteStore.open(store_url)
    store.add_battle(battle())
    store.vote("one", "a", "s")
    store.close()

    def fails(connection: object) -> None:
        connection.execute(text("CREATE TABLE half (x INTEGER)"))
        connection.execute(text("ALTER TABLE nowhere ADD COLUMN y INTEGER"))

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", (*migrations.STEPS, ("fails", fails)))
        with pytest.raises(StoreFault, match="nowhere"):
            VoteStore.open(store_url)
    store = VoteStore.open(store_url)
    assert list(store.votes()["choice"]) == ["a"]
    with store._reading() as connection:
        assert not connection.dialect.has_table(connection, "half")
    store.close()


def test_many_processes_may_open_a_new_store_together(store_url: str) -> None:
    faults: list[BaseException] = []

    def opens() -> None:
        try:
            VoteStore.open(store_url).close()
        except StoreFault as fault:
            faults.append(fault)

    threads = [threading.Thread(target=opens) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("votes.sqlite", "no database address"),
        ("mysql://x/y", "cannot be a mysql"),
        ("sqlite:///:memory:", "as memory forgets"),
        ("sqlite:///votes.sqlite?timeout=x", "without host and options"),
        ("sqlite://host/votes.sqlite", "without host and options"),
        ("sqlite+foo:///votes.sqlite", "names the driver foo"),
        ("postgresql+asyncpg://x/y", "names the driver asyncpg"),
        ("postgresql://me@host:port/votes", "no database address"),
        ("sqlite://", "memory forgets"),
        ("sqlite:////proc/none/votes.sqlite", "did not do it"),
        ("postgresql://u:geheim@127.0.0.1:1/x", "127.0.0.1"),
    ],
)
def test_wrong_addresses_get_a_sentence_without_the_password(url: str, sentence: str) -> None:
    with pytest.raises(StoreFault, match=sentence) as fault:
        VoteStore.open(url)
    assert "geheim" not in str(fault.value)


def test_a_file_that_is_no_store_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and no database at all\n" * 100)
    with pytest.raises(StoreFault, match="not a database"):
        VoteStore.open(f"sqlite:///{path}")
    assert path.read_text().startswith("these are my notes")


def test_health_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    store = VoteStore.open(f"sqlite:///{path}")
    assert store.health() | {"milliseconds": 0} == {
        "ok": True, "backend": "sqlite", "schema": 7, "votes": 0, "message": "", "milliseconds": 0
    }  # fmt: skip
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE votes")
    other.close()
    assert store.health()["ok"] is False
    assert "votes" in store.health()["message"]
    store.close()


def test_ids_and_pseudonyms() -> None:
    assert new_battle_id() != new_battle_id()
    assert file_battle_id("f", "1", "s") == file_battle_id("f", "1", "s") != file_battle_id("f", "1", "t")
    assert pseudonym("ada", b"k") == pseudonym("ada", b"k")
    assert len({pseudonym("ada", b"k"), pseudonym("ada", b"l"), pseudonym("bob", b"k")}) == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.text(st.characters(exclude_categories=()), max_size=30), max_size=3))
def test_any_text_comes_back_as_it_was(tmp_path: Path, turns: list[str]) -> None:
    store = VoteStore.open(f"sqlite:///{tmp_path / 'any.sqlite'}")
    name = store.add_battle(battle(new_battle_id(), a=Side(turns)))
    store.vote(name, "a", "s")
    assert store.votes(VoteFilter(last=1)).iloc[0]["response_a"] == tuple(turns)
    store.close()


def test_kill_9_of_the_database_server_is_survived(postgres_server: str, postgres_url: str) -> None:
    """Ends one of the server's own processes hard: it restarts, the store goes on, no vote is lost."""
    store = VoteStore.open(postgres_url)
    store.add_battle(battle())
    store.vote("one", "a", "s")
    with store._reading() as connection:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    os.kill(process, signal.SIGKILL)
    for _ in range(1_200):
        health = store.health()
        if health["ok"]:
            break
        threading.Event().wait(0.05)
    assert list(store.votes()["choice"]) == ["a"]
    store.close()


@pytest.mark.parametrize("saved", sorted(SAVED.glob("*.sqlite")), ids=lambda path: path.stem)
def test_a_store_written_earlier_opens_and_gives_all_its_votes(saved: Path, tmp_path: Path) -> None:
    copy = shutil.copy(saved, tmp_path / "votes.sqlite")
    store = VoteStore.open(f"sqlite:///{copy}", create=False)
    try:
        found = store.votes(VoteFilter(undone=True)).to_dict("records")
        now = battle("a new one")
        store.add_battle(now)
        store.vote(now.id, "a", now.session)
        assert len(store.votes()) == len([row for row in found if pd.isna(row["undone_at"])]) + 1
    finally:
        store.close()
    for row in found:
        row |= {name: "" if pd.isna(row[name]) else row[name].isoformat() for name in TIMES}
        row |= {name: None if pd.isna(row[name]) else row[name] for name in ("p_a", "p_b", "p_tie", *DRAWN, *PAIRED)}
    expected = json.loads(saved.with_suffix(".json").read_text(encoding="utf-8"))
    # what steps after it have added is empty
    later = {name: None if name in (*DRAWN, *PAIRED) else "" for name in found[0]}
    assert json.loads(json.dumps(found)) == [later | each for each in expected]


BROKEN = [
    ("UPDATE battles SET prompt = 'why?'", "battle one has why? as prompt"),
    ("UPDATE battles SET response_b = '[1]'", "battle one has [1] as response_b"),
    ("UPDATE battles SET settings_a = '[]'", "battle one has [] as settings_a"),
    ("UPDATE votes SET choice = 'c'", "battle one has c as choice"),
    ("UPDATE votes SET voted_at = 'yesterday'", "yesterday"),
    ("UPDATE battles SET p_a = 'much'", "much"),
]


@pytest.mark.parametrize(("change", "said"), BROKEN)
def test_a_row_that_no_program_wrote_is_told_in_a_sentence(tmp_path: Path, change: str, said: str) -> None:
    # Catches: a page of History, or an export, that ends in a traceback for one row that somebody edited.
    path = tmp_path / "votes.sqlite"
    store = VoteStore.open(f"sqlite:///{path}")
    store.add_battle(battle())
    store.vote("one", "a", "s")
    with closing(sqlite3.connect(path)) as by_hand:
        by_hand.execute("PRAGMA ignore_check_constraints = 1")
        by_hand.execute(change)
        by_hand.commit()
    with pytest.raises(StoreFault, match="holds what cannot be read") as fault:
        store.votes()
    assert said in str(fault.value) and fault.value.code == "unavailable"
    store.close()


def test_votes_on_a_file_of_any_name_are_found_again(tmp_path: Path) -> None:
    # Catches: a file whose name no database can hold, of which every battle is shown again, or none.
    store = VoteStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    name = "votes\0\udcff.csv abc"
    store.add_battle(battle(origin=name, origin_id="7", source="file"))
    store.vote("one", "tie", "s")
    assert store.voted(name, "s") == {"7": "tie"}
    store.close()
