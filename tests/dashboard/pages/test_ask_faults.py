from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dashboards import Person, RunningDashboard
from playwright.sync_api import Browser, expect
from talking_server import ANSWER, TalkingServer

pytestmark = pytest.mark.browser
WATCH = """() => { const find = root => { for (const each of root.querySelectorAll("*")) {
      if (each.matches("section[data-stage]")) return each;
      const inside = each.shadowRoot && find(each.shadowRoot); if (inside) return inside; } };
  const bar = find(document); let left = false;
  new MutationObserver(() => { if (bar.dataset.stage !== "open") left = true;
    else if (left) console.log("judged anew"); }).observe(bar, {attributes: true}); }"""
"""Tells on the console when the vote bar has left the stage `open` and come back to it."""


@contextmanager
def talking(server: TalkingServer, folder: Path, one: str, two: str, **more: Any) -> Iterator[RunningDashboard]:
    style = {"generator": "openai", "base_url": server.url, "total_seconds": 30}
    # Who talks is not to be told for being slow where other work is about.
    stall = {model: {"model": model, "stall_seconds": 15 if model == "talks" else 3} for model in (one, two)}
    styles = {"a": style | {"name": "one"} | stall[one], "b": style | {"name": "two"} | stall[two]}
    with RunningDashboard({"styles": styles} | more, folder) as running:
        yield running


def column_of(person: Person, shown: str) -> Any:
    return person.page.locator("article", has_text=shown)


@pytest.mark.parametrize(
    ("model", "sentence", "kept"),
    [
        ("stalls", "No word for 3 seconds", "Two words"),
        ("silent", "No word for 3 seconds", ""),
        ("drops", "The connection broke", "Two words"),
        ("status-500", "answered with status 500", ""),
        ("status-401", "refuses the key", ""),
        ("empty", "ended without writing", ""),
        ("errs", "the model crashed", "Two words"),
        ("page", "is not OpenAI’s streaming protocol", ""),
    ],
)
def test_a_failing_answer_says_so_and_the_other_stays(
    browser: Browser, talking_server: TalkingServer, tmp_path: Path, model: str, sentence: str, kept: str
) -> None:
    with talking(talking_server, tmp_path, model, "talks") as running, Person(browser, running.url) as person:
        person.ask("Why?")
        person.stage("broken")
        failed = column_of(person, sentence)
        expect(failed).to_be_visible()
        expect(failed).to_contain_text(kept)
        expect(failed.locator(".again")).to_be_visible()
        expect(column_of(person, "Here is")).to_contain_text("an answer with 中文")
        person.page.keyboard.press("1")
        expect(person.page.locator('[data-code="a"]')).to_be_disabled()
        assert running.rows("SELECT id FROM battles") == []
        assert person.faults == []


def test_try_again_brings_the_answer_and_opens_the_vote(
    browser: Browser, talking_server: TalkingServer, tmp_path: Path
) -> None:
    talking_server.failed.discard("recovers")
    with talking(talking_server, tmp_path, "recovers", "talks") as running, Person(browser, running.url) as person:
        person.ask("Why?")
        person.stage("broken")
        column_of(person, "has no room now").locator(".again").click()
        person.stage("open")
        assert person.page.locator(".again:visible").count() == 0
        person.page.keyboard.press("3")
        person.stage("voted")
        battle = running.last_battle()
        assert (battle["fault_a"], battle["fault_b"]) == ("", "")
        assert ANSWER in battle["response_a"].encode().decode("unicode_escape")


def test_a_cut_off_answer_says_so_can_be_voted_on_or_tried_again(
    browser: Browser, talking_server: TalkingServer, tmp_path: Path
) -> None:
    with talking(talking_server, tmp_path, "long", "talks") as running, Person(browser, running.url, "zh-TW") as person:
        person.ask("為什麼？")
        person.stage("open")
        person.sees("個 token 處被截斷")
        first = running.last_battle()
        assert len(running.rows("SELECT id FROM battles")) == 1
        with person.page.expect_event("console", lambda said: said.text == "judged anew"):
            person.page.evaluate(WATCH)
            person.page.locator(".again:visible").click()
        person.page.keyboard.press("2")
        person.stage("voted")
        second = running.last_battle()
        assert {first["fault_a"], first["fault_b"]} == {"", "cut_off"}
        assert running.rows("SELECT battle_id, choice FROM votes") == [(second["id"], "tie")]
        assert person.page.locator(".again:visible").count() == 0


def test_limits_are_said_and_count_after_a_reload(
    browser: Browser, talking_server: TalkingServer, tmp_path: Path
) -> None:
    limits = {"questions_per_minute": 2, "question_characters": 40}
    with (
        talking(talking_server, tmp_path, "talks", "talks", limits=limits) as running,
        Person(browser, running.url) as person,
    ):
        person.field.fill("x" * 41)
        expect(person.page.get_by_role("button", name="Ask", exact=True)).to_be_disabled()
        person.sees("41 characters; at most 40")
        for _ in range(2):
            person.ask("Why?")
            person.stage("open")
            person.page.reload()
            person.field.wait_for()
        person.ask("Why?")
        person.sees("At most 2 questions")
        assert len(running.rows("SELECT id FROM battles")) == 2


def test_a_store_that_refuses_is_said_and_tried_again(
    browser: Browser, talking_server: TalkingServer, tmp_path: Path
) -> None:
    with talking(talking_server, tmp_path, "talks", "talks") as running, Person(browser, running.url) as person:
        running.rows("ALTER TABLE battles RENAME TO hidden")
        person.ask("Why?")
        person.stage("unstored")
        person.sees("could not be stored")
        running.rows("ALTER TABLE hidden RENAME TO battles")
        person.page.locator('[data-code="store"]').click()
        person.stage("open")
        running.rows("ALTER TABLE votes RENAME TO hidden")
        person.page.keyboard.press("1")
        person.sees("The vote store did not take it")
        running.rows("ALTER TABLE hidden RENAME TO votes")
        person.page.keyboard.press("1")
        person.stage("voted")
        assert [row[0] for row in running.rows("SELECT choice FROM votes")] == ["a"]


def test_a_local_ollama_is_offered_and_answers(
    browser: Browser, talking_server: TalkingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.generators import openai_server

    monkeypatch.setattr(openai_server, "OLLAMA", talking_server.address)
    monkeypatch.setattr(openai_server.find_models, "__defaults__", (talking_server.address, 5.0))
    monkeypatch.setattr(openai_server.styled, "__defaults__", (talking_server.address,))
    with RunningDashboard({"find_ollama": True}, tmp_path) as running, Person(browser, running.url) as person:
        choice = person.page.locator("select")
        choice.wait_for()
        assert choice.locator("option").all_inner_texts() == ["Recorded answers", "Ollama · qwen2.5:0.5b"]
        choice.select_option("qwen2.5:0.5b")
        person.ask("A question that nobody recorded?")
        person.stage("open")
        assert person.page.get_by_role("note").count() == 0
        assert running.last_battle()["model_a"] == "qwen2.5:0.5b"
