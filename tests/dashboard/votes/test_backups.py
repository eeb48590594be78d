"""A copy of the store while people vote, the way back, and one person's votes erased."""

import json
import threading
from pathlib import Path

import pandas as pd
import pytest

from dashboard.params import read_dashboard
from dashboard.server.services import kept_secret
from dashboard.votes.__main__ import main
from dashboard.votes.backups import restore_backup, write_backup
from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import Battle, Side, pseudonym
from pipelines.errors import UserError


def cast(store: VoteStore, names: list[str], session: str = "s") -> None:
    for name in names:
        said = Side([name * 300])
        store.add_battle(Battle(name, session, ["why?"], said, said, (0.2, 0.3, 0.5)))
        store.vote(name, "a", session)


def test_a_copy_made_while_people_vote_is_the_store_at_one_moment(store_url: str, tmp_path: Path) -> None:
    store, copy = VoteStore.open(store_url), tmp_path / "copy"
    cast(store, [f"first {n}" for n in range(20)])
    going, told = threading.Event(), []

    def people() -> None:
        number = 0
        while not going.is_set():
            cast(store, [f"later {number}"])
            told.append(f"later {number}")
            number += 1

    voting = threading.Thread(target=people)
    voting.start()
    try:
        while len(told) < 3:
            pass
        assert write_backup(store_url, "", copy) >= 23
        known = len(told)
        while len(told) < known + 3:
            pass
    finally:
        going.set()
        voting.join()
    whole = store.votes()
    assert len(whole) == 20 + len(told) and store.health()["ok"]
    # put back under the store that is open; what was voted after the copy was made is in the one that is kept
    with pytest.raises(UserError, match=f"holds {len(whole)} votes.*--replace"):
        restore_backup(store_url, "", copy)
    count, kept = restore_backup(store_url, "", copy, replace=True)
    back = store.votes()
    assert 23 <= count == len(back) < len(whole)
    pd.testing.assert_frame_equal(back, whole.head(count))
    cast(store, ["after"])
    assert restore_backup(store_url, "", kept, replace=True)[0] == len(whole)
    pd.testing.assert_frame_equal(store.votes(), whole)
    store.close()


def test_a_new_store_is_made_from_a_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, params = f"sqlite:///{tmp_path / 'votes.sqlite'}", tmp_path / "params.yaml"
    store = VoteStore.open(url)
    cast(store, ["one", "two"])
    params.write_text(f"dashboard:\n  store:\n    url: {url}\n")
    main(["backup", str(tmp_path / "copy.sqlite"), "--params", str(params)])
    new = f"sqlite:///{tmp_path / 'elsewhere' / 'new.sqlite'}"
    params.write_text(f"dashboard:\n  store:\n    url: {new}\n")
    main(["restore", str(tmp_path / "copy.sqlite"), "--params", str(params)])
    restored = VoteStore.open(new, create=False)
    pd.testing.assert_frame_equal(restored.votes(), store.votes())
    assert "2 votes of" in capsys.readouterr().out
    assert sorted(each.name for each in tmp_path.glob("copy*")) == ["copy.sqlite"]
    restored.close()
    store.close()


@pytest.mark.parametrize("what", ["missing", "text", "other", "cut", "archive", "newer"])
def test_what_is_no_copy_is_told_so_and_changes_nothing(what: str, tmp_path: Path) -> None:
    url, source = f"sqlite:///{tmp_path / 'votes.sqlite'}", tmp_path / "copy"
    store = VoteStore.open(url)
    cast(store, [f"battle {n}" for n in range(50)])
    write_backup(url, "", source)
    whole = source.read_bytes()
    cast(store, ["since then"])
    if what == "newer":
        other = VoteStore.open(f"sqlite:///{source}")
        with other._engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO schema_steps VALUES (999, 'x', 'y')")
        other.close()
    else:
        source.unlink()
        if what != "missing":
            other = {"text": b"id,choice\n", "other": b"", "cut": whole[: len(whole) // 2 // 4096 * 4096]}
            source.write_bytes(other.get(what, b"PGDMP and more"))
    with pytest.raises(UserError, match=f"{source.name}: .*;"):
        restore_backup(url, "", source, replace=True)
    assert len(store.votes()) == 51
    store.close()


def test_a_store_is_not_copied_over_itself_and_none_is_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'votes.sqlite'}"
    with pytest.raises(UserError, match="no such file"):
        write_backup(url, "", tmp_path / "copy")
    VoteStore.open(url).close()
    with pytest.raises(UserError, match="is the vote store itself"):
        write_backup(url, "", tmp_path / "votes.sqlite")
    assert not (tmp_path / "copy").exists()


def test_one_persons_votes_are_erased_and_nobody_elses(store_url: str, tmp_path: Path) -> None:
    store = VoteStore.open(store_url)
    cast(store, ["mine 1", "mine 2"], "me")
    store.undo("mine 2", "me")
    cast(store, ["yours"], "you")
    assert store.people()[["session", "battles", "votes"]].to_numpy().tolist() == [["me", 2, 1], ["you", 1, 1]]
    assert store.people()["last"].max() == store.votes()["voted_at"].max()
    assert store.erase("me") == (2, 2)
    assert list(store.votes()["battle_id"]) == ["yours"] and store.erase("me") == (0, 0)
    if store.backend == "sqlite":
        assert all(b"mine" not in each.read_bytes() for each in tmp_path.iterdir())
    store.close()


def test_the_command_counts_first_and_finds_an_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, params = f"sqlite:///{tmp_path / 'votes.sqlite'}", tmp_path / "params.yaml"
    section = {"store": {"url": url}, "server": {"secret_file": str(tmp_path / "secret")}}
    params.write_text(json.dumps({"dashboard": section}))
    secret = kept_secret(read_dashboard(params).server)
    store = VoteStore.open(url)
    cast(store, ["one", "two"], pseudonym("Ann", secret))
    cast(store, ["other"])
    main(["erase", "Ann", "--account", "--params", str(params)])
    assert "2 battles and 2 votes are of Ann; --yes erases them." in capsys.readouterr().out
    main(["erase", "Ann", "--account", "--yes", "--params", str(params)])
    assert "erased" in capsys.readouterr().out and list(store.votes()["battle_id"]) == ["other"]
    with pytest.raises(SystemExit):
        main(["erase", "Ann", "--account", "--yes", "--params", str(params)])
    assert "Ann: nothing in" in capsys.readouterr().err
    store.close()
