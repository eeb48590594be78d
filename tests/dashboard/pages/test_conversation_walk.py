"""Asking on, both answers anew and a prompt of one's own, by a person at a browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessible import findings
from dashboards import Person, RunningDashboard
from playwright.sync_api import Browser, expect
from talking_server import ANSWER, TalkingServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WORDS = {
    "en-GB": ("Why is the sky blue?", "And at sunset?", "Use <b>metric</b> units.", "3 questions at most", "Clear"),
    "zh-TW": ("為什麼天空是藍色的？", "那麼日落時呢？", "請用<b>公制</b>單位。", "最多 3 個問題", "清除"),
}


@pytest.fixture(scope="module")
def dashboard(
    judges: Path, talking_server: TalkingServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningDashboard]:
    common = {"generator": "openai", "base_url": talking_server.url}
    styles = {
        "a": common | {"name": "brief", "model": "talks", "system_prompt": "Be brief."},
        "b": common | {"name": "thorough", "model": "echoes"},
    }
    section = {"judges": str(judges), "styles": styles, "limits": {"turns": 3}}
    with RunningDashboard(section, tmp_path_factory.mktemp("conversation")) as running:
        yield running


@pytest.mark.parametrize(("language", "width", "scheme"), [("en-GB", 1280, "light"), ("zh-TW", 390, "dark")])
def test_a_person_asks_on_by_keyboard_and_votes_on_the_whole(
    browser: Browser, dashboard: RunningDashboard, language: str, width: int, scheme: str
) -> None:
    first, second, own, full, clear = WORDS[language]
    found = {}
    with Person(browser, dashboard.url, language, width, color_scheme=scheme) as person:
        page, further = person.page, person.page.locator("textarea[name=further]")
        page.locator(".own summary").press("Enter")
        page.locator("textarea[name=own]").fill(own)
        found["own"] = findings(page)
        person.ask(first)
        person.stage("open")
        expect(page.locator(".question .own")).to_contain_text(own)  # as text
        found["open"] = findings(page)
        for number, question in enumerate((second, second + second), 1):
            further.press_sequentially(question)
            further.press("Enter")
            expect(page.locator("details.turns [role=group]")).to_have_count(number)
            expect(page.locator(".question .asked").last).to_be_in_viewport()
            person.stage("open")
        person.sees(full)
        expect(further).to_be_hidden()
        found["full"] = findings(page)
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0
        page.keyboard.press("1")
        person.stage("voted")
        person.heading.wait_for()
        expect(page.locator("details.turns")).not_to_have_attribute("open", "")
        found["voted"] = findings(page)
        battle = dashboard.last_battle()
        turns = [first, second, second + second]
        said = {battle["model_a"]: battle["response_a"], battle["model_b"]: battle["response_b"]}
        assert json.loads(battle["prompt"]) == json.loads(said["echoes"]) == turns
        assert json.loads(said["talks"]) == [ANSWER] * 3
        assert battle["own_prompt"] == own
        assert dashboard.rows(f"SELECT choice FROM votes WHERE battle_id = '{battle['id']}'") == [("a",)]

        page.reload()  # what one tells the models is still there, until it is cleared
        person.field.wait_for()
        expect(page.locator(".own summary")).to_contain_text("<b>")
        page.locator(".own summary").click()
        page.get_by_role("button", name=clear).click()
        person.ask(first)
        person.stage("open")
        assert dashboard.last_battle()["own_prompt"] == ""
        assert person.faults == []
    assert {state: each for state, each in found.items() if each} == {}


def test_both_answers_are_written_anew_and_a_change_of_language_keeps_the_conversation(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with Person(browser, dashboard.url) as person:
        page = person.page
        person.ask(WORDS["en-GB"][0])
        person.stage("open")
        before = dashboard.last_battle()["id"]
        page.get_by_role("button", name="Write both anew").click()
        for _ in range(500):
            if dashboard.last_battle()["id"] != before:
                break
            page.wait_for_timeout(20)
        person.stage("open")
        page.locator("textarea[name=further]").fill("And at sunset?")
        page.get_by_role("button", name="Ask on").click()
        expect(page.locator("details.turns [role=group]")).to_have_count(1)
        person.stage("open")
        page.get_by_text("繁體中文").click()
        person.sees("先前的對話：1 輪")
        expect(page.locator(".question .asked").last).to_have_text("And at sunset?")
        page.keyboard.press("3")
        person.stage("voted")
        battle = dashboard.last_battle()
        assert len(json.loads(battle["prompt"])) == 2
        assert dashboard.rows(f"SELECT count(*) FROM battles WHERE id = '{before}'") == [(1,)]
        assert person.faults == []
