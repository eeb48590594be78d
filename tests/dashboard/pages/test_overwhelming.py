"""Texts that overwhelm what draws them, on a real server: other pages go on, and each battle can be voted on."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from dashboards import PATIENCE, Person, RunningDashboard
from hostile_texts import OVERWHELMING
from playwright.sync_api import Browser, Locator, expect
from talking_server import TalkingServer
from voters import Voter

from dashboard.texts import Texts

SAY = Texts("en")
LONGEST_WAIT = 1.0
"""Seconds within which the server says how it is, whatever it is given to draw: of this process, which is the server's
too, so that other programs on the machine do not count."""
FENCE = "`" * 3
CARD = f"# The card\n\nIt was **written** by a stranger.\n\n{FENCE}tnt\n(("


@contextmanager
def watched(url: str) -> Iterator[list[float]]:
    """Ask the server all the while how it is; yield the seconds that each answer took."""
    took: list[float] = []
    ended = Event()

    def watch() -> None:
        while not ended.wait(0.02):
            began = time.process_time()
            with urllib.request.urlopen(f"{url}health", timeout=60) as answer:
                assert answer.status == 200
            took.append(time.process_time() - began)

    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(watch)
        try:
            yield took
        finally:
            ended.set()
        watching.result()


def test_whatever_is_asked_or_answered_the_server_goes_on_and_a_vote_can_be_given(
    talking_server: TalkingServer, judges: Path, tmp_path: Path
) -> None:
    texts = list(OVERWHELMING.values())
    talking_server.texts[:] = texts
    style = {"generator": "openai", "base_url": talking_server.url, "max_tokens": 100_000}
    a, b = style | {"name": "one", "model": "hostile-asked"}, style | {"name": "two", "model": "echoes"}
    limits = {"question_characters": 100_000}
    section = {"judges": str(judges), "styles": {"a": a, "b": b}, "limits": limits}

    async def vote_on_all(voter: Voter) -> None:
        await voter.open()
        for place, text in enumerate(texts):
            talking_server.hostile_place = place
            await voter.ask_and_vote(text)
        voter.close()

    with RunningDashboard(section, tmp_path) as running:
        asyncio.run(running.services.judges.ready())
        with watched(running.url) as took:
            asyncio.run(vote_on_all(Voter(running.url, "hostile", 0)))
        votes = running.rows("SELECT prompt, p_a FROM votes JOIN battles ON battle_id = battles.id ORDER BY votes.id")
    assert [json.loads(prompt) for prompt, _ in votes] == [[text] for text in texts]
    assert all(verdict is not None for _, verdict in votes)
    assert len(took) > 20
    assert max(took) < LONGEST_WAIT, sorted(took)[-5:]


def said(where: Locator, text: str) -> None:
    expect(where).to_contain_text(text, timeout=PATIENCE)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_a_battle_of_a_file_its_vote_in_the_history_and_a_model_card_are_read_and_say_what_is_not_drawn(
    browser: Browser, judges: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    answer = f"**before** {OVERWHELMING['nesting']}\n\n| a |\n|---|\n| b | lost |"
    battle = {"id": "1", "prompt": [CARD], "response_a": [OVERWHELMING["marks without end"]], "response_b": [answer]}
    (folder / "battles.json").write_text(json.dumps([battle]))
    card = next(judges.rglob("judge.json")).parent / "MODEL_CARD.md"
    card.write_text(CARD)
    section = {"judges": str(judges), "files": str(folder)}
    try:
        with RunningDashboard(section, tmp_path) as running, Person(browser, running.url) as person:
            page = person.page
            page.evaluate("location.hash = 'file'")
            page.get_by_label(SAY("file.or_choose")).select_option(label="battles.json")
            with watched(running.url) as took:
                page.get_by_text(SAY("file.open"), exact=True).click()
                person.stage("open")
                a, b = (page.locator(f'article[data-side="{side}"]:visible') for side in ("a", "b"))
                said(page.locator(".text.question:visible strong"), "written")
                said(a.locator("footer"), "could not be formatted")
                said(a.locator("pre.source"), "*_*_*_")
                said(b.locator("footer"), "Parts of this text")
                said(b.locator("pre.source").last, "| b | lost |")
                page.keyboard.press("1")
                person.stage("voted")
            page.evaluate("location.hash = 'history'")
            page.locator("tbody tr").first.click()
            said(page.locator(".details .text .hint").first, "could not be formatted")
            page.evaluate("location.hash = 'model'")
            said(page.locator(".text h3.level-1:visible"), "The card")
            assert person.faults == []
    finally:
        card.unlink()
    assert running.rows("SELECT choice FROM votes") == [("a",)]
    assert max(took) < LONGEST_WAIT, sorted(took)[-5:]
