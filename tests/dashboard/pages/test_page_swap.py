"""Going from page to page: at once, whatever the server does, and a page that is not ready yet says so."""

import threading
from collections.abc import Iterator

import pytest
from dashboards import PATIENCE, Person, RunningDashboard
from playwright.sync_api import Browser, expect
from small_run import fill_store

from dashboard.pages.history.history import HistoryPage
from dashboard.server.shell import PAGES

pytestmark = pytest.mark.browser
OPENING = {"en-GB": "Opening …", "zh-TW": "開啟中…"}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    folder = tmp_path_factory.mktemp("swap")
    fill_store(f"sqlite:///{folder / 'votes.sqlite'}")
    with RunningDashboard({}, folder) as running:
        yield running


@pytest.fixture
def gate(dashboard: RunningDashboard) -> Iterator[threading.Event]:
    """Closed: every call of the store waits until it is set."""
    gate = dashboard.services.store.gate = threading.Event()
    yield gate
    gate.set()


def go(person: Person, page: str) -> None:
    person.page.locator(f'nav a[href="#{page}"]').click()


@pytest.mark.parametrize("language", list(OPENING))
def test_a_page_that_waits_for_the_store_says_so(
    browser: Browser, dashboard: RunningDashboard, gate: threading.Event, language: str
) -> None:
    with Person(browser, dashboard.url, language) as person:
        opening = person.page.get_by_role("status").filter(has_text=OPENING[language])
        expect(opening).to_be_hidden()
        go(person, "history")
        person.page.locator(".votes").wait_for(state="attached")  # the server has made the page, without its content
        expect(opening).to_be_visible()
        expect(person.field).to_be_hidden()
        expect(person.page.locator("main")).to_have_attribute("aria-busy", "true")
        go(person, "ask")  # who does not want to wait goes on
        expect(opening).to_be_hidden()
        expect(person.field).to_be_visible()
        go(person, "history")
        gate.set()
        expect(person.page.locator(".figures dd").first).to_contain_text("60", timeout=PATIENCE)
        expect(opening).to_be_hidden()
        expect(person.page.locator("main")).to_have_attribute("aria-busy", "false")
        assert person.faults == []


def test_the_last_page_goes_out_of_view_also_while_the_server_does_not_answer(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        free.wait(60)

    with Person(browser, dashboard.url) as person:
        dashboard._loop.call_soon_threadsafe(hold)
        assert held.wait(60)
        for page in ("history", "model"):
            go(person, page)
            expect(person.field).to_be_hidden()
            expect(person.page.get_by_role("status").filter(has_text=OPENING["en-GB"])).to_be_visible()
        go(person, "ask")
        expect(person.field).to_be_visible()
        go(person, "history")
        free.set()
        expect(person.page.locator(".figures dd").first).to_contain_text("60", timeout=PATIENCE)


def test_the_address_opens_its_page_and_nothing_of_another_is_seen(
    browser: Browser, dashboard: RunningDashboard, gate: threading.Event
) -> None:
    seen = """() => { window.asked = false; const look = () => { requestAnimationFrame(look);
      if (document.querySelector("section:not([hidden])")?.dataset.page === "ask") window.asked = true; }; look(); }"""
    with Person(browser, dashboard.url) as person:
        person.page.add_init_script(f"addEventListener('DOMContentLoaded', {seen})")
        person.page.goto("about:blank")
        person.page.goto(f"{dashboard.url}#history")
        expect(person.page.locator('nav a[href="#history"]')).to_have_attribute("aria-current", "page")
        expect(person.page.get_by_role("status").filter(has_text=OPENING["en-GB"])).to_be_visible()
        gate.set()
        expect(person.page.locator(".figures dd").first).to_contain_text("60", timeout=PATIENCE)
        assert person.page.evaluate("window.asked") is False
        assert person.page.evaluate("document.documentElement.scrollTop") == 0
        go(person, "ask")
        expect(person.field).to_be_visible()
        assert person.field.evaluate("field => field.clientHeight >= field.scrollHeight") is True  # drawn out of view
        person.page.go_back()
        expect(person.page.locator(".figures dd").first).to_be_visible()


def test_the_keyboard_goes_on_from_where_it_was(browser: Browser, dashboard: RunningDashboard) -> None:
    """The link that was pressed keeps the focus, and what comes next by Tab is in the page that it opened."""

    def focused() -> str:
        return str(
            person.page.evaluate(
                """() => { let each = document.activeElement; while (each?.shadowRoot?.activeElement)
                   each = each.shadowRoot.activeElement; return each.getAttribute("href") ?? each.className ?? ""; }"""
            )
        )

    with Person(browser, dashboard.url) as person:
        link = person.page.locator('nav a[href="#history"]')
        link.focus()
        person.page.keyboard.press("Enter")
        expect(person.page.locator(".figures dd").first).to_contain_text("60", timeout=PATIENCE)
        expect(link).to_have_attribute("aria-current", "page")
        assert focused() == "#history"
        person.page.keyboard.press("Tab")
        assert focused() == "#model"
        # who sits at the machine may look after the dashboard; the bar's two buttons; the first filter of the page
        for name in ("#admin", "language", "theme", "bk-input"):
            person.page.keyboard.press("Tab")
            assert name in focused()
        person.page.locator("button.language").focus()
        person.page.keyboard.press("Enter")
        person.sees("一致率的變化")
        assert focused() == "language"


def test_a_page_that_breaks_says_so_and_the_others_go_on(
    browser: Browser, dashboard: RunningDashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(self: HistoryPage, *given: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(HistoryPage, "_made", breaks)
    with Person(browser, dashboard.url) as person:
        go(person, "history")
        expect(person.page.get_by_role("alert").filter(has_text="Something on this page did not work")).to_be_visible()
        monkeypatch.setattr(HistoryPage, "panel", breaks)
        person.page.get_by_text("繁體中文").click()
        expect(person.page.get_by_role("alert").filter(has_text="此頁面無法開啟")).to_be_visible()
        monkeypatch.undo()
        go(person, "ask")
        person.ask("Why is the sky blue?")
        person.stage("open")


def test_what_changes_while_a_page_is_being_drawn_is_not_lost(
    browser: Browser, dashboard: RunningDashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PAGES, "history", "late_page:LatePage")
    with Person(browser, dashboard.url) as person:
        go(person, "history")
        for words in ("now visible", "slow", "the end"):
            person.sees(words)
        assert person.page.locator("option").all_inner_texts() == ["first", "second"]
        assert person.faults == []


def test_the_exports_are_withdrawn_when_the_language_changes(browser: Browser, dashboard: RunningDashboard) -> None:
    with Person(browser, dashboard.url) as person:
        go(person, "history")
        link = person.page.locator(".links a").first
        link.wait_for()
        before = link.get_attribute("href")
        with person.page.expect_download() as waiting:
            link.click()
        assert waiting.value.suggested_filename == "votes.csv"
        person.page.get_by_text("繁體中文").click()
        person.sees("一致率的變化")
        expect(link).not_to_have_attribute("href", before)
        assert before.split("/")[1] not in dashboard.services.offers._offered
