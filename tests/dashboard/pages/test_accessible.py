"""The ask page in each of its states, and the page of accounts, without a finding of axe-core."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from accessible import findings
from dashboards import Person, RunningDashboard
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
QUESTION = {"en-GB": "Why was 1900 not a leap year when 2000 was?", "zh-TW": "珍珠奶茶到底是誰發明的？"}
LOOKS = [("en-GB", 1280, "light"), ("zh-TW", 390, "dark"), ("en-GB", 640, "dark"), ("zh-TW", 1280, "light")]
"""640 is a window of 1280 at 200 % zoom."""


@pytest.fixture(scope="module")
def dashboard(judges: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    section = {"judges": str(judges), "store": {"undo_seconds": 60}}
    with RunningDashboard(section, tmp_path_factory.mktemp("accessible")) as running:
        yield running


@pytest.mark.parametrize(("language", "width", "scheme"), LOOKS)
def test_asking_and_voting(
    browser: Browser, dashboard: RunningDashboard, language: str, width: int, scheme: str
) -> None:
    found = {}
    more = {"color_scheme": scheme, "reduced_motion": "reduce"}
    with Person(browser, dashboard.url, language, width, **more) as person:
        found["empty"] = findings(person.page)
        person.ask(QUESTION[language])
        person.stage("open")
        found["open"] = findings(person.page)
        person.page.keyboard.press("1")
        person.stage("voted")
        person.page.locator(".why [role=listitem]").first.wait_for()
        found["voted"] = findings(person.page)
        assert person.page.evaluate("document.getAnimations({subtree: true}).length") == 0
        assert person.page.locator("h1:visible").count() == 1
    assert {state: each for state, each in found.items() if each} == {}


@pytest.mark.parametrize(("language", "width", "scheme"), LOOKS[:2])
def test_the_page_of_accounts(browser: Browser, tmp_path: Path, language: str, width: int, scheme: str) -> None:
    (tmp_path / "accounts.json").write_text('{"ann": "a long password"}')
    section = {"server": {"accounts": str(tmp_path / "accounts.json")}, "accounts": {"admins": ["ann"]}}
    with RunningDashboard(section, tmp_path) as dashboard:
        context = browser.new_context(viewport={"width": width, "height": 800}, locale=language, color_scheme=scheme)
        page = context.new_page()
        page.goto(dashboard.url)
        page.locator("input[name=password]").wait_for()
        assert findings(page) == []
        context.close()
