"""An admin's walk in the browser, by keyboard where it matters, and axe-core on what admins and strangers see."""

import json
from pathlib import Path

import pytest
from accessible import findings
from dashboards import PATIENCE, RunningDashboard
from playwright.sync_api import Browser, Page, expect

from dashboard.votes.vote_records import Battle, Side

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    # Bokeh tells the server of the pressed button what the server knows already
    pytest.mark.filterwarnings("ignore:reference already known"),
]
LOOKS = [("en-GB", 1280, "light"), ("zh-TW", 390, "dark"), ("zh-TW", 1280, "light"), ("en-GB", 390, "dark")]


def fill(running: RunningDashboard) -> None:
    for person in ("ann", "bob"):
        session = running.services.pseudonym(person)
        for number in range(6):
            names = ("brief", "thorough", "a very long name of a model " * 2)[number % 3], "other"
            sides = (Side(["x"], name, name) for name in names)
            running.services.store.add_battle(Battle(f"{person}{number}", session, [f"q{number}"], *sides, None))
            running.services.store.vote(f"{person}{number}", "ab"[number % 2], session)


def running_dashboard(tmp_path: Path) -> RunningDashboard:
    accounts = {"ann": "a long password", "bob": "another password"}
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))
    return RunningDashboard(
        {
            "server": {"accounts": str(tmp_path / "accounts.json")},
            "accounts": {"admins": ["ann"], "log": str(tmp_path / "log")},
            "store": {"backups": str(tmp_path / "copies")},
            "share_leaderboard": True,
        },
        tmp_path,
    )


def signed_in(browser: Browser, url: str, language: str, width: int, scheme: str) -> tuple[Page, list[str]]:
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=language, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(url)
    page.locator("input[name=username]").fill("ann")
    page.locator("input[name=password]").fill("a long password")
    page.keyboard.press("Enter")
    page.locator("textarea[name=question]").wait_for()
    page.goto(f"{url}admin")
    page.locator(".people tbody tr").first.wait_for()
    return page, faults


def test_copying_erasing_and_restoring_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    with running_dashboard(tmp_path) as running:
        fill(running)
        page, faults = signed_in(browser, running.url, "en-GB", 1280, "light")
        page.locator(".copy button").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("12 votes are in")).to_be_visible(timeout=PATIENCE)
        (copy,) = (tmp_path / "copies").iterdir()
        with page.expect_download() as fetched:
            page.get_by_role("link", name=f"Fetch {copy.name}").click()
        assert Path(fetched.value.path()).read_bytes() == copy.read_bytes()
        page.get_by_role("button", name="bob").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".who input")).to_have_value("bob")
        page.locator(".count button").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("6 pairs with questions and answers, and 6 votes")).to_be_visible(timeout=PATIENCE)
        field = page.locator(".erase-confirm input")
        field.fill("ann")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").get_by_text("This is not bob")).to_be_visible(timeout=PATIENCE)
        assert len(running.rows("SELECT id FROM votes")) == 12
        field.fill("bob")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("6 pairs and 6 votes are erased")).to_be_visible(timeout=PATIENCE)
        assert len(running.rows("SELECT id FROM votes")) == 6
        page.locator(".restore button").click()
        page.locator(".restore-now-confirm input").fill(copy.name)
        page.locator(".restore-now button").click()
        expect(page.get_by_text("Erased before, and in the store again: bob")).to_be_visible(timeout=PATIENCE)
        assert len(running.rows("SELECT id FROM votes")) == 12
        actions = [json.loads(line)["action"] for line in (tmp_path / "log").read_text().splitlines()]
        assert actions == ["copy", "fetch", "erase", "restore"]
        expect(page.get_by_text("restored a copy")).to_be_visible(timeout=PATIENCE)
        assert faults == []
        page.context.close()


@pytest.mark.parametrize(("language", "width", "scheme"), LOOKS)
def test_without_a_finding_of_axe(browser: Browser, tmp_path: Path, language: str, width: int, scheme: str) -> None:
    with running_dashboard(tmp_path) as running:
        fill(running)
        running.services.slots.log.begin("openai", "a model").end("stalled")
        page, faults = signed_in(browser, running.url, language, width, scheme)
        page.locator(".copy button").click()
        page.locator(".links a").wait_for()
        page.locator(".people tbody button").first.click()
        page.locator(".count button").click()
        page.locator(".restore button").click()
        for kind in ("erase", "restore-now"):
            page.locator(f".{kind} button").wait_for()
        page.locator(".erase button").click()
        page.get_by_role("alert").first.wait_for()
        found = {"admin": findings(page)}
        assert page.locator("h1:visible").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for of in ("style", "model"):
            page.goto(f"{running.url}leaderboard?of={of}")
            found[of] = findings(page)
            assert page.locator("html").get_attribute("lang") == ("en" if language == "en-GB" else "zh-Hant")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert {name: each for name, each in found.items() if each} == {}
        assert faults == []
        page.context.close()
