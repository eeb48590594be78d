"""People and their votes by day, copies and their way back, erasures: each written down first, none of them half."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from dashboard.params import DashboardParams, parse_dashboard
from dashboard.votes.store import VoteStore
from dashboard.votes.upkeep import disk_use as disks
from dashboard.votes.upkeep.upkeep import Upkeep
from dashboard.votes.vote_records import Battle, Side
from pipelines.errors import UserError

NOW = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)
ANN, EVE = "a" * 16, "e" * 16


def params_of(url: str, folder: Path) -> DashboardParams:
    section = {"store": {"url": url, "backups": str(folder / "copies")}, "accounts": {"log": str(folder / "log")}}
    return parse_dashboard(section)


def cast(url: str, session: str, ago: float, name: str) -> None:
    """Store a battle with a vote on it, some hours ago."""
    store = VoteStore.open(url, clock=lambda: NOW - timedelta(hours=ago))
    side = Side([name])
    store.add_battle(Battle(name, session, ["q"], side, side, None))
    store.vote(name, "a", session)
    store.close()


def filled(url: str, folder: Path) -> Upkeep:
    store = VoteStore.open(url)
    for number, ago in enumerate((1, 5, 30, 24 * 8)):
        cast(url, ANN, ago, f"ann {number}")
    cast(url, EVE, 3, "eve")
    return Upkeep(store, params_of(url, folder), lambda: {ANN: "ann", "b" * 16: "bob"}, {"judges": folder}, lambda: NOW)


@pytest.fixture
def upkeep(tmp_path: Path) -> Iterator[Upkeep]:
    made = filled(f"sqlite:///{tmp_path / 'votes.sqlite'}", tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[Upkeep]:
    made = filled(postgres_url, tmp_path)
    yield made
    made.store.close()


def test_people_are_counted_by_days_of_their_own_zone(upkeep: Upkeep) -> None:
    check_people(upkeep)


def check_people(upkeep: Upkeep) -> None:
    found = upkeep.people("UTC").set_index("session")
    columns = ["name", "battles", "votes", "today", "week"]
    assert found.loc[ANN, columns].tolist() == ["ann", 4, 4, 1, 3]  # midnight was two and a half hours ago
    assert found.loc[EVE, columns].tolist() == ["", 1, 1, 0, 1]
    assert found.loc["b" * 16, columns].tolist() == ["bob", 0, 0, 0, 0] and pd.isna(found.loc["b" * 16, "last"])
    assert found.loc[ANN, "last"] == NOW - timedelta(hours=1)
    taipei = upkeep.people("Asia/Taipei").set_index("session")  # there midnight was ten and a half hours ago
    assert (taipei.loc[ANN, "today"], taipei.loc[EVE, "today"]) == (2, 1)


def test_a_copy_is_made_listed_and_put_back_and_all_of_it_is_written_down(upkeep: Upkeep) -> None:
    check_copies(upkeep)


@pytest.mark.slow
def test_the_same_with_postgresql(on_postgres: Upkeep) -> None:
    check_people(on_postgres)
    check_copies(on_postgres)
    (use, *_) = on_postgres.disk()
    assert use.name == "store" and use.size > 1_000_000 and use.free is None and use.where.startswith("postgresql")


def check_copies(upkeep: Upkeep) -> None:
    name, votes = upkeep.copy("root")
    again, _ = upkeep.copy("root")
    assert votes == 5 and again != name and {each.name for each in upkeep.copies.found()} == {name, again}
    content = b"".join(upkeep.copies.pieces(name))
    brought = upkeep.bring("root", "my copy", content)
    assert upkeep.erase("root", upkeep.erasure("ann")) == (4, 4)
    assert upkeep.store.people()["session"].tolist() == [EVE]
    votes, kept, back = upkeep.restore("root", brought)
    assert (votes, back) == (5, ["ann"]) and kept in {each.name for each in upkeep.copies.found()}
    assert len(upkeep.store.votes()) == 5
    assert [row["action"] for row in upkeep.log.last(9)][::-1] == ["copy", "copy", "bring", "erase", "restore"]
    assert all(row["who"] == "root" for row in upkeep.log.last(9))
    _, kept, _ = upkeep.restore("root", kept)
    assert upkeep.store.people()["session"].tolist() == [EVE]


def test_what_goes_is_told_before_by_account_or_pseudonym(upkeep: Upkeep) -> None:
    assert upkeep.erasure("ann") == upkeep.erasure(ANN)
    assert (upkeep.erasure(EVE).name, upkeep.erasure(EVE).battles) == (EVE, 1)
    for nobody in ("bob", "zoe", "", "x" * 500):
        with pytest.raises(UserError, match="nothing in the vote store"):
            upkeep.erasure(nobody)


def test_nothing_is_done_that_cannot_be_written_down(upkeep: Upkeep) -> None:
    name, _ = upkeep.copy("root")
    upkeep.log.path.unlink()
    upkeep.log.path.mkdir()
    for act in (
        lambda: upkeep.erase("root", upkeep.erasure("ann")),
        lambda: upkeep.restore("root", name),
        lambda: upkeep.copy("root"),
        lambda: upkeep.bring("root", "x", b""),
    ):
        with pytest.raises(UserError, match="so this is not done"):
            act()
    assert len(upkeep.store.votes()) == 5 and [each.name for each in upkeep.copies.found()] == [name]


def test_no_name_leads_out_of_the_folder(upkeep: Upkeep, tmp_path: Path) -> None:
    upkeep.copies.folder.mkdir()
    for name in (
        "../log",
        "../votes.sqlite",
        "no.sqlite",
        "",
        ".",
        "a/b",
        "..\\log",
        "x\0",
        f"{tmp_path}/votes.sqlite",
    ):
        with pytest.raises(UserError, match="holds no copy"):
            upkeep.restore("root", name)
        with pytest.raises(UserError, match="holds no copy"):
            b"".join(upkeep.copies.pieces(name))


def test_what_is_no_copy_is_not_kept(upkeep: Upkeep) -> None:
    with pytest.raises(UserError, match="name a copy of that store|is damaged|no vote store"):
        upkeep.bring("root", "x.sqlite", b"no copy")
    assert upkeep.copies.found() == [] and [row["action"] for row in upkeep.log.last(2)] == ["failed", "bring"]
    assert not [each for each in upkeep.copies.folder.iterdir()]


def test_disks_are_counted_and_a_large_folder_is_said_to_be(
    upkeep: Upkeep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * 1000)
    (tmp_path / "loop").symlink_to(tmp_path)
    found = {use.name: use for use in upkeep.disk()}
    assert set(found) == {"store", "judges"} and found["store"].size > 10_000
    inside = sum(each.stat().st_size for each in tmp_path.rglob("*") if each.is_file() and "loop" not in each.parts)
    assert found["judges"].size >= 1000 and found["judges"].whole and found["judges"].size <= inside
    assert found["judges"].free and ":" not in found["store"].where.partition("@")[0].partition("://")[2]
    monkeypatch.setattr(disks, "PATIENCE_S", -1)
    assert not next(use for use in upkeep.disk() if use.name == "judges").whole
