"""The pages of votes on a file, history and model without a browser: each walk runs on a loop that is never held up."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loop_guard import WatchedStore
from page_contexts import BATTLES, Judges, context, csv_file, on_a_loop, settled
from small_run import fill_store

from dashboard import battle_files
from dashboard.analysis.votes import with_outcomes
from dashboard.learning.service import LearningService
from dashboard.learning.usable import LEAST
from dashboard.pages.file_votes import FileVotesPage
from dashboard.pages.history import HistoryPage
from dashboard.pages.model import ModelPage
from dashboard.pages.vote_table import PAGE_ROWS, Sorting, sorted_rows
from dashboard.records import CHOICES
from dashboard.store import StoreFault, VoteFilter, VoteStore
from dashboard.texts import LANGUAGES
from stacker.params import Params


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    opened = WatchedStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def file() -> battle_files.BattleFile:
    return battle_files.uploaded("battles.csv", csv_file())


@pytest.fixture
def service(runs_folder: Path) -> Judges:
    return Judges(runs_folder)


async def opened(page: Any) -> None:
    page.panel()
    page.opened()
    await settled(page)


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
        assert page.say("file.finished") in page.room.question.object

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


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_history_page_filters_and_exports_what_it_shows(
    tmp_path: Path, store: WatchedStore, service: Judges, language: str
) -> None:
    votes = fill_store(f"sqlite:///{tmp_path / 'votes.sqlite'}")

    async def walk() -> None:
        page = HistoryPage(context(store, service, language, session="s1"))
        page.panel()
        assert not page.body.visible and not page.nothing.visible  # so the browser says that it is being opened
        page.opened()
        await settled(page)
        assert page.body.visible and len(page.table.rows) == 60 and len(page.table.view.rows) == PAGE_ROWS
        assert page.say("history.votes") in page._cards["figures"].object
        assert "<img" not in page._cards["figures"].object
        filters = page.filters
        filters.mine.value = True
        await settled(page)
        assert set(page.shown["session"]) == {"s1"}
        filters.mine.value = False
        filters.lang.value = "zh"
        await settled(page)
        assert set(page.shown["lang"]) == {"zh"}
        filters.agrees.value = "yes"
        await settled(page)
        assert set(page.shown["agrees"]) == {True}
        filters.agrees.value = filters.lang.value = ""
        filters.search.value = "BOIL AN"
        await settled(page)
        assert set(page.shown["lang"]) == {"en"} and 0 < len(page.shown) < 60
        kaggle = page.offers.find(page._offered, "votes.csv")
        raw = await asyncio.to_thread(lambda: b"".join(kaggle()))
        assert raw.decode("utf-8-sig").count("\n") == len(page.shown) + 1
        filters.search.value = "not there"
        await settled(page)
        assert page.shown.empty and page.body.visible and page.table.view.rows == []
        filters.search.value = ""
        page.ranked_by.value = "model"
        await settled(page)
        assert "large-model" in page._cards["ranking"].object
        page.table.view.press = {"open": 0, "number": 1}
        await settled(page)
        assert page.details.visible and "onerror" in page.details.object and "<img" not in page.details.object
        page.closed()
        assert page.offers.find(page._offered, "votes.csv") is None

    on_a_loop(walk(), tmp_path, service.folder)
    assert len(votes) == len(store.votes(VoteFilter()))


def test_no_votes_are_said_to_be_none(store: WatchedStore, service: Judges, tmp_path: Path) -> None:
    async def walk() -> None:
        page = HistoryPage(context(store, service))
        await opened(page)
        assert page.nothing.visible and not page.body.visible
        assert "There are no votes yet" in page.nothing.object

    on_a_loop(walk(), tmp_path, service.folder)


def test_votes_that_cannot_be_read_are_said_to_be_so(service: Judges, tmp_path: Path) -> None:
    class Broken:
        def votes(self) -> None:
            raise StoreFault("unavailable", "The vote store x did not do it: no <disk>.", reason="no <disk>")

    async def walk() -> None:
        page = HistoryPage(context(Broken(), service))
        await opened(page)
        assert page.nothing.visible and "could not be read: no &lt;disk&gt;" in page.nothing.object

    on_a_loop(walk(), tmp_path, service.folder)


def test_the_table_of_votes_sorts_turns_and_opens_whatever_is_pressed(
    tmp_path: Path, store: WatchedStore, service: Judges
) -> None:
    fill_store(f"sqlite:///{tmp_path / 'votes.sqlite'}")

    async def walk() -> None:
        page = HistoryPage(context(store, service))
        await opened(page)
        table, view = page.table, page.table.view

        async def pressed(**content: Any) -> None:
            view.press = content
            await settled(page)

        newest = page.shown["voted_at"].max()
        assert view.rows[0][0] == f"{newest:%Y-%m-%d %H:%M}" and (view.page, view.pages) == (1, 4)
        await pressed(sort="question")
        questions = [row[1] for row in view.rows]
        assert questions == sorted(questions) and (view.sort, view.descending) == ("question", False)
        await pressed(page=2)
        assert view.page == 2 and len(view.rows) == PAGE_ROWS
        opened_row = view.rows[3]
        await pressed(open=3)
        assert view.opened == 3 and opened_row[1][:10] in page.details.object.replace("&lt;", "<")
        await pressed(page=1)
        assert view.opened == -1
        await pressed(page=2)
        assert view.opened == 3
        await pressed(sort="question")
        assert view.descending and view.page == 1
        before = (view.rows, view.page, table.sorting)
        for hostile in ({"page": 0}, {"page": 9}, {"page": "2"}, {"open": 15}, {"open": -1}, {"sort": "session"}, {}):
            await pressed(**hostile)
            assert (view.rows, view.page, table.sorting) == before
        # a filter changes the rows, and keeps the sorting
        page.filters.lang.value = "zh"
        await settled(page)
        assert view.sort == "question" and not page.details.visible

    on_a_loop(walk(), tmp_path, service.folder)


def test_equal_rows_come_latest_first_and_case_does_not_count(tmp_path: Path) -> None:
    votes = with_outcomes(fill_store(f"sqlite:///{tmp_path / 'votes.sqlite'}", 4))
    rows = votes.assign(question=["b", "A", "a", "B"], time="")
    assert sorted_rows(rows, Sorting()) == [3, 2, 1, 0]
    assert sorted_rows(rows, Sorting("time", False)) == [0, 1, 2, 3]
    assert sorted_rows(rows, Sorting("question", False)) == [2, 1, 3, 0]
    assert sorted_rows(rows, Sorting("question", True)) == [3, 0, 2, 1]


def test_a_filter_gives_up_what_was_being_computed_for_the_last_one(
    tmp_path: Path, store: WatchedStore, service: Judges, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_store(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    computed: list[str] = []
    whole = HistoryPage._made

    def noted(self: HistoryPage, every: Any, wishes: Any, *rest: Any) -> Any:
        computed.append(wishes.choice)
        return whole(self, every, wishes, *rest)

    monkeypatch.setattr(HistoryPage, "_made", noted)

    async def walk() -> None:
        page = HistoryPage(context(store, service))
        await opened(page)
        computed.clear()
        for choice in CHOICES:
            page.filters.choice.value = choice
        await settled(page)
        assert computed == ["both_bad"] and set(page.shown["choice"]) == {"both_bad"}

    on_a_loop(walk(), tmp_path, service.folder)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_model_page_shows_the_run(store: WatchedStore, service: Judges, language: str, tmp_path: Path) -> None:
    async def walk() -> None:
        learning = LearningService(Params(), store, service)
        page = ModelPage(replace(context(store, service, language), learning=learning))
        page.panel()
        assert not any(part.visible for part in (page.empty, page.head, page.body, page.learn.view))
        page.opened()
        await settled(page)
        assert page.choice.value.name == "first" and page.switch.disabled
        assert all(page.panes[name].object for name in ("facts", "results", "calibration", "importances", "length"))
        assert page.say("language.zh") in page.panes["language"].object
        assert page.say("group.length") in page.panes["importances"].object
        assert "0.8900" in page.panes["results"].object
        assert not page.card.visible and page.learn.view.visible
        assert page.say("model.learn.too_few", count=0, least=LEAST, missing=LEAST) in page.learn.votes.object

    on_a_loop(walk(), tmp_path, service.folder)


def test_no_judges_are_said_to_be_none(store: WatchedStore, tmp_path: Path) -> None:
    async def walk() -> None:
        page = ModelPage(context(store, Judges(tmp_path, judge=False)))
        await opened(page)
        assert page.empty.visible and not page.body.visible

    on_a_loop(walk(), tmp_path)


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
        page.chooser.load(lambda: battle_files.from_folder(folder, "gone.csv"))
        await settled(page)
        assert "not a file in the folder" in page.chooser.message.object

    on_a_loop(walk(), tmp_path, service.folder)


def test_the_guard_sees_a_file_that_is_read_on_the_loop(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("")

    async def careless() -> None:
        (tmp_path / "here").read_text()

    with pytest.raises(AssertionError):
        on_a_loop(careless(), tmp_path)
