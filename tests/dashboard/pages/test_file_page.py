"""The page of votes on a file without a browser: each walk runs on a loop that is never held up."""

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loop_guard import WatchedStore
from page_contexts import BATTLES, Judges, context, csv_file, on_a_loop, opened, settled

from dashboard.pages.file.file import FileVotesPage
from dashboard.sessions import battle_files
from dashboard.texts import LANGUAGES
from dashboard.votes.store import VoteStore


@pytest.fixture
def file() -> battle_files.BattleFile:
    return battle_files.uploaded("battles.csv", csv_file())


async def press(page: FileVotesPage, *codes: str) -> None:
    """Press on the vote bar as the browser does, each time when the last press has been dealt with."""
    for number, code in enumerate(codes):
        page.room.bar.press = {"code": code, "number": number}
        await settled(page)


def votes_of(store: VoteStore) -> Any:
    """Read the votes in a thread, as the scenario itself runs on the loop."""
    return asyncio.to_thread(store.votes)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_voting_through_a_file_and_coming_back(
    store: WatchedStore, service: Judges, tmp_path: Path, language: str, file: battle_files.BattleFile
) -> None:
    whole = service.current.judge.predict_proba(BATTLES)
    entropy = -(whole * np.log(whole)).sum(axis=1)

    async def walk() -> None:
        page = FileVotesPage(context(store, service, language))
        await opened(page)
        page.begin(file)
        await settled(page)
        page.room.order.value = "file"
        page.room.order.value = "uncertain"
        await settled(page)
        shown = page.round.battle
        assert shown.verdict is not None and page.room.bar.stage == "open"
        first = BATTLES["id"].tolist().index(shown.origin_id)
        assert entropy[first] == pytest.approx(entropy.max(), abs=1e-6)
        await press(page, "b")
        (stored,) = (await votes_of(store)).to_dict("records")
        assert (stored["choice"], stored["source"], stored["judge"]) == ("b", "file", "first@1")
        assert stored["created_at"] <= stored["voted_at"]
        assert (stored["p_a"], stored["p_b"], stored["p_tie"]) == shown.verdict
        assert page.say("choice.b") in page.room.outcome.object and page.room.outcome.visible
        await press(page, "a")  # locked
        assert len(await votes_of(store)) == 1
        await press(page, "undo")
        assert (await votes_of(store)).empty and page.round.done.done == 0 and page.room.bar.stage == "open"
        await press(page, "tie", "next")
        second = page.round.battle
        page.skip()
        await settled(page)
        third = page.round.battle
        assert len({shown.id, second.id, third.id}) == 3
        await press(page, "both_bad")
        page.closed()
        back = FileVotesPage(context(store, service, language))
        await opened(back)
        back.begin(file)
        await settled(back)
        assert back.round.done.done == 2
        assert back.round.battle.id not in (shown.id, third.id)
        stranger = FileVotesPage(context(store, service, language, session="other"))
        await opened(stranger)
        stranger.begin(file)
        await settled(stranger)
        assert stranger.round.done.done == 0

    on_a_loop(walk(), tmp_path, service.folder)


def test_a_battle_seen_before_under_another_judge_keeps_its_first_verdict(
    store: WatchedStore, service: Judges, tmp_path: Path
) -> None:
    file = battle_files.uploaded("battles.csv", csv_file(BATTLES[:1]))

    async def walk() -> None:
        without = FileVotesPage(context(store, Judges(service.folder, judge=False)))
        await opened(without)
        without.begin(file)
        await settled(without)
        assert without.round.battle.verdict is None
        page = FileVotesPage(context(store, service))
        await opened(page)
        page.begin(file)
        await settled(page)
        await press(page, "a")
        assert np.isnan((await votes_of(store)).iloc[0]["p_a"])
        assert page.say("history.no_verdict") in page.room.outcome.object
        await press(page, "next")
        assert page.say("file.finished") in page.room.question.object and not page.room.bar.visible

    on_a_loop(walk(), tmp_path, service.folder)


def test_votes_that_come_too_fast_are_refused_with_a_sentence(
    store: WatchedStore, service: Judges, tmp_path: Path, file: battle_files.BattleFile
) -> None:
    async def walk() -> None:
        page = FileVotesPage(context(store, service, limits={"votes_per_minute": 1}))
        await opened(page)
        page.begin(file)
        await settled(page)
        await press(page, "a", "next", "a")
        assert len(await votes_of(store)) == 1
        assert page.room.bar.warns and page.room.bar.stage == "open" and "1" in page.room.bar.line

    on_a_loop(walk(), tmp_path, service.folder)


def test_while_the_store_hangs_the_loop_goes_on_and_a_second_press_is_no_second_vote(
    store: WatchedStore, service: Judges, tmp_path: Path, file: battle_files.BattleFile
) -> None:
    store.gate = threading.Event()
    store.gate.set()

    async def walk() -> None:
        page = FileVotesPage(context(store, Judges(service.folder, judge=False)))
        await opened(page)
        page.begin(file)
        await settled(page)
        store.gate.clear()
        page.room.bar.press = {"code": "a", "number": 1}
        page.room.bar.press = {"code": "b", "number": 2}
        while page.room.bar.stage != "voting":
            await asyncio.sleep(0)
        assert page.room.bar.line == page.say("file.voting")
        store.gate.set()
        await settled(page)
        assert (await votes_of(store))["choice"].tolist() == ["a"]
        # who leaves the file while her vote is on its way has voted all the same
        await press(page, "next")
        store.gate.clear()
        page.room.bar.press = {"code": "b", "number": 3}
        page.close()
        store.gate.set()
        await settled(page)
        assert (await votes_of(store))["choice"].tolist() == ["a", "b"]
        assert page.round is None and page.chooser.view.visible

    on_a_loop(walk(), tmp_path, service.folder)


def test_a_vote_is_compared_with_its_own_verdict_whatever_other_tabs_do(
    store: WatchedStore, service: Judges, tmp_path: Path, file: battle_files.BattleFile
) -> None:
    async def walk() -> None:
        pages = [FileVotesPage(context(store, service)) for _ in range(2)]
        for page in pages:
            await opened(page)
            page.begin(file)
            await settled(page)
        one, other = pages
        await press(one, "a")
        await press(other, "b")  # the same battle, in another tab
        assert other.room.bar.warns and other.room.bar.line == other.say("store.already_voted")
        await press(other, "next", "b")
        assert other.say("choice.b") in other.room.outcome.object
        assert (await one.round.outcome())["choice"] == "a"

    on_a_loop(walk(), tmp_path, service.folder)


def test_files_are_looked_for_and_read_beside_the_loop(store: WatchedStore, service: Judges, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "here.csv").write_bytes(csv_file())

    async def walk() -> None:
        page = FileVotesPage(context(store, service, files=str(folder)))
        await opened(page)
        names = page.chooser.choice.options
        assert {"here.csv", page.say("file.test_set", name="first")} < names.keys()
        page.chooser.choice.value = names["here.csv"]
        page.chooser._open()
        await settled(page)
        assert page.round.done.total == 30 and page.room.view.visible
        page.close()
        page.chooser.load(partial(battle_files.from_folder, folder, "gone.csv"))
        await settled(page)
        assert "not a file in the folder" in page.chooser.message.object

    on_a_loop(walk(), tmp_path, service.folder)
