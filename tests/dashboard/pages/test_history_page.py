"""The history page without a browser: each walk runs on a loop that is never held up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from loop_guard import WatchedStore
from page_contexts import Judges, context, on_a_loop, opened, settled
from small_run import fill_store

from dashboard.pages.history.history import HistoryPage
from dashboard.pages.history.history_cards import PAGE_ROWS, Sorting, sorted_rows
from dashboard.texts import LANGUAGES
from dashboard.votes.agreement import with_outcomes
from dashboard.votes.store import StoreFault, VoteFilter
from dashboard.votes.vote_records import CHOICES


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
        assert f">{page.say.style_name('brief')}<" in page._cards["ranking"].object  # in the page's own language
        filters = page.filters
        filters.mine.value = filters.session
        await settled(page)
        assert set(page.shown["session"]) == {"s1"}
        filters.mine.value = ""
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
