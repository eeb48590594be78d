"""The page of admins without a browser: what it shows, that names must be typed, and that others can do none of it."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loop_guard import WatchedStore
from page_contexts import Judges, context, on_a_loop

from dashboard.pages.admin import admin_cards as cards
from dashboard.pages.admin.admin import AdminPage
from dashboard.pages.page import Context
from dashboard.params import parse_dashboard
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.texts import LANGUAGES
from dashboard.votes.upkeep.upkeep import Upkeep
from dashboard.votes.vote_records import Battle, Side

HOSTILE = "<img src=x>\u202e"


def admin_context(store: WatchedStore, folder: Path, rights: str, language: str = "en") -> Context:
    names = {"a" * 16: "ann", "h" * 16: HOSTILE}
    section = {
        "store": {"url": f"sqlite:///{folder / 'votes.sqlite'}", "backups": str(folder / "copies")},
        "accounts": {"log": str(folder / "log")},
    }
    made = replace(context(store, Judges(folder, judge=False), language), params=parse_dashboard(section))
    upkeep = Upkeep(store, made.params, lambda: names, {})
    user = "root" if rights == "full" else ""
    return replace(made, slots=AnswerSlots(2), upkeep=upkeep, upkeep_rights=rights, user=user)  # type: ignore[arg-type]


def fill(store: WatchedStore) -> None:
    for number, session in enumerate(("a" * 16, "a" * 16, "h" * 16)):
        side = Side(["x"])
        store.add_battle(Battle(str(number), session, ["q"], side, side, None))
        store.vote(str(number), "a", session)


async def shown(page: AdminPage) -> None:
    """Read all of it again."""
    await page._read()


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_it_shows_people_disks_answers_and_what_was_done(store: WatchedStore, tmp_path: Path, language: str) -> None:
    fill(store)
    page = AdminPage(admin_context(store, tmp_path, "full", language))

    async def walk() -> None:
        page.panel()
        assert not page.body.visible
        page.context.slots.log.begin("openai", HOSTILE).end("stalled")
        page.upkeep.log.path.write_text('{"at": "?", "who": "<b>", "action": "odd", "x": "<i>\\u202e"}\n')
        await shown(page)

    on_a_loop(walk())
    assert page.body.visible
    assert [row[:2] for row in page.people.view.rows] == [["ann", "2"], ["<img src=x>⟦U+202E⟧", "1"]]
    html = page.answers.object + page.figures.object + page.disks.object + page.log.object
    assert page.say("admin.state.failing") in html and page.say("admin.code.stalled") in html and "odd" in html
    assert "<img" not in html and "<b>&lt;" not in html and "<i>" not in html and "\u202e" not in html


def test_a_person_is_erased_once_her_name_is_typed(store: WatchedStore, tmp_path: Path) -> None:
    fill(store)
    page = AdminPage(admin_context(store, tmp_path, "full"))

    async def walk() -> None:
        page.panel()
        await shown(page)
        page.people.view.press = {"open": 0, "number": 1}
        assert page.who.value == "ann" and not page.confirm.view.visible
        await page._count(None)
        assert "2 pairs" in page.confirm._what.object and page.confirm.view.visible
        for wrong in ("", "Ann", HOSTILE):
            page.confirm.field.value = wrong
            await page.confirm._pressed(None)
            assert page.confirm._wrong.visible and page.confirm.view.visible
        assert len(await asyncio.to_thread(store.votes)) == 3
        page.confirm.field.value = " ann "
        await page.confirm._pressed(None)
        assert "2 votes are erased" in page.erased.object and not page.confirm.view.visible
        await page.confirm._pressed(None)  # a second press finds nothing to do
        page.who.value = "nobody"
        await page._count(None)
        assert "nothing in the vote store" in page.erased.object

    on_a_loop(walk())
    assert store.people()["session"].tolist() == ["h" * 16]
    assert [row["action"] for row in page.upkeep.log.last(9)] == ["erase"]
    assert page.upkeep.log.last(1)[0]["who"] == "root" and "erased a person" in page.log.object


def test_a_copy_is_made_fetched_and_restored_once_its_name_is_typed(store: WatchedStore, tmp_path: Path) -> None:
    fill(store)
    page = AdminPage(admin_context(store, tmp_path, "full"))
    card: Any

    async def walk() -> None:
        nonlocal card
        page.panel()
        card = page.copies
        await shown(page)
        assert "no copy yet" in card.message.object and not card.chosen.visible
        await card._make(None)
        name = card.choice.value
        assert "3 votes are in" in card.message.object and f"/{name}" in card.link.object
        await asyncio.to_thread(store.erase, "a" * 16)
        await card._ask_restore(None)
        assert "holds 1 votes" in card.confirm._what.object
        card.confirm.field.value = "yes"
        await card.confirm._pressed(None)
        assert len(await asyncio.to_thread(store.votes)) == 1
        card.confirm.field.value = name
        await card.confirm._pressed(None)
        assert "3 votes of" in card.message.object and "before is in" in card.message.object
        await card._bring("x.sqlite", b"no copy")
        assert "sqlite" in card.message.object.lower()
        await card._bring("y.sqlite", (await asyncio.to_thread(page.upkeep.copies.path, name)).read_bytes())
        assert str(card.choice.value).startswith("brought-")

    on_a_loop(walk())
    make = page.context.offers.find(card._offered, str(card.choice.value))
    assert make is not None and b"".join(make()).startswith(b"SQLite")
    assert page.upkeep.log.last(1)[0]["action"] == "fetch"
    page.closed()
    assert page.context.offers.find(card._offered, str(card.choice.value)) is None
    assert len(store.votes()) == 3


def test_who_may_look_copies_and_nothing_else_whatever_a_browser_sends(store: WatchedStore, tmp_path: Path) -> None:
    fill(store)
    page = AdminPage(admin_context(store, tmp_path, "look"))

    async def walk() -> None:
        page.panel()
        await shown(page)
        assert "without accounts" in page.told.object and not page.copies.restore.visible
        await page.copies._make(None)
        name = page.copies.choice.value
        page.people.view.press = {"open": 0, "number": 1}
        page.who.value = "ann"
        await page._count(None)
        await page.copies._ask_restore(None)
        await page.copies._restore(name)
        await page.copies._bring("x.sqlite", (tmp_path / "copies" / name).read_bytes())
        await page._erase(await asyncio.to_thread(page.upkeep.erasure, "ann"))
        assert not page.confirm.view.visible and not page.copies.confirm.view.visible

    asyncio.run(walk())
    assert len(store.votes()) == 3 and len(page.upkeep.copies.found()) == 1 and not page.upkeep.log.path.exists()


def test_a_name_that_cannot_be_typed_may_be_typed_as_it_is_shown(store: WatchedStore, tmp_path: Path) -> None:
    fill(store)
    page = AdminPage(admin_context(store, tmp_path, "full"))

    async def walk() -> None:
        page.panel()
        await shown(page)
        page.people.view.press = {"open": 1, "number": 1}
        assert page.who.value == HOSTILE
        await page._count(None)
        page.confirm.field.value = "<img src=x>⟦U+202E⟧"
        await page.confirm._pressed(None)
        assert "1 votes are erased" in page.erased.object
        for press in ({"open": 99}, {"open": -1}, {"page": 10**9}, {"sort": "x"}, {"sort": ["x"]}, {"open": "0"}, {}):
            page.people.view.press = press | {"number": 2}

    on_a_loop(walk())
    assert store.people()["session"].tolist() == ["a" * 16]


def test_nobody_else_gets_the_page_at_all(store: WatchedStore, tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        AdminPage(admin_context(store, tmp_path, ""))


def test_a_store_that_cannot_be_read_is_said(store: WatchedStore, tmp_path: Path) -> None:
    page = AdminPage(admin_context(store, tmp_path, "full"))

    async def walk() -> None:
        page.panel()
        await asyncio.to_thread(lambda: (store.close(), (tmp_path / "votes.sqlite").write_bytes(b"x" * 9999)))
        await shown(page)

    asyncio.run(walk())
    assert "cannot be read" in page.told.object and page.body.visible


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (999_600, "1.0 MB"),
        (53_687_091_200, "53.7 GB"),
    ],
)
def test_sizes_for_people(count: int, told: str) -> None:
    assert cards.size(count) == told
