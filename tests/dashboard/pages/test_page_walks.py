"""The pages of votes on a file, history and model, walked in headless Chromium against a real server."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from accessible import findings
from playwright.sync_api import Browser, Page
from small_run import fill_store, make_run

from dashboard.texts import Texts
from dashboard.votes.exports import kaggle_csv
from dashboard.votes.store import VoteFilter, VoteStore
from pipelines.battles.sources import read_battles

pytestmark = pytest.mark.browser
START_SECONDS, WAIT_MS = 90, 60_000
SCREENS = [
    ("en-US", 1280, "light"),
    pytest.param(("zh-TW", 390, "dark"), marks=pytest.mark.slow),
    pytest.param(("zh-TW", 1280, "dark"), marks=pytest.mark.slow),
    pytest.param(("zh-TW", 390, "light"), marks=pytest.mark.slow),
]


@dataclass(frozen=True)
class Site:
    url: str
    store: VoteStore
    battles: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A dashboard in a process of its own, with a judge, a folder of files and 60 votes."""
    folder = tmp_path_factory.mktemp("site")
    make_run(folder / "runs" / "small")
    store_url = f"sqlite:///{folder / 'votes.sqlite'}"
    votes = fill_store(store_url)
    (folder / "files").mkdir()
    (folder / "files" / "here.csv").write_bytes(kaggle_csv(votes[:5]))
    battles = folder / "dropped.csv"
    battles.write_bytes(kaggle_csv(votes[5:25].assign(prompt=[(f"Question {n}",) for n in range(20)])))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"judges": str(folder / "runs"), "files": str(folder / "files"), "find_ollama": False}
    settings |= {"store": {"url": store_url}, "server": {"port": port}}
    (folder / "params.yaml").write_text(json.dumps({"dashboard": settings}))
    url = f"http://localhost:{port}/"
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "dashboard", str(folder / "params.yaml")]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[3])
    store = VoteStore.open(store_url)
    try:
        _wait_for(url + "health", server, folder / "log")
        yield Site(url, store, battles)
    finally:
        store.close()
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the dashboard did not start:\n{log.read_text()}")


@pytest.fixture(params=SCREENS, ids=lambda screen: "-".join(map(str, screen)))
def page(request: pytest.FixtureRequest, site: Site, browser: Browser) -> Iterator[Page]:
    """A tab in one language and width, which must fetch nothing from elsewhere and run into no error."""
    locale, width, scheme = request.param
    context = browser.new_context(locale=locale, viewport={"width": width, "height": 850}, color_scheme=scheme)
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    strays: list[str] = []
    faults: list[str] = []
    tab.on("request", lambda asked: strays.append(asked.url) if not _own(asked.url, site.url) else None)
    tab.on("pageerror", lambda fault: faults.append(str(fault)))
    tab.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}"))
    tab.found = []
    tab.say = Texts("zh-Hant" if locale.startswith("zh") else "en")
    yield tab
    tab.found += findings(tab)
    wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if folder := os.environ.get("SCREENSHOTS"):
        tab.screenshot(path=f"{folder}/{request.node.name}.png".replace("[", "-").replace("]", ""), full_page=True)
    context.close()
    assert (strays, faults, wide) == ([], [], 0)
    assert not tab.found, "\n".join(tab.found)


def _own(url: str, site: str) -> bool:
    return url.startswith((site, site.replace("http", "ws"), "data:", "blob:"))


def _until(true: Callable[[], bool], page: Page) -> None:
    end = time.monotonic() + WAIT_MS / 1000
    while not true():
        assert time.monotonic() < end, "it never came"
        page.wait_for_timeout(50)


def test_history(page: Page, site: Site) -> None:
    say = page.say
    page.goto(site.url + "#history")
    rows = page.locator(".frame tbody tr")
    rows.first.wait_for()
    all_votes = len(site.store.votes())
    assert page.locator(".figures dd").first.inner_text().split()[0] == str(all_votes)
    assert page.locator(".chart.plane").count() == 1 and page.locator(".chart.confusion td.same").count() == 3
    # at every width: whether the judge agreed, and an arrow of the fields' own colour
    page.locator('td[data-column="agrees"]').first.wait_for()
    assert "black" not in page.locator("select").first.evaluate("field => getComputedStyle(field).backgroundImage")
    # sorting by another column, a press opens the row that was pressed
    page.get_by_role("button", name=say("history.column.question"), exact=True).click()
    page.locator('th[data-column="question"][aria-sort="ascending"]').wait_for()
    question = rows.nth(3).locator("button")
    assert rows.nth(0).locator("button").inner_text().startswith("<img")
    rows.nth(3).locator('[data-column="time"]').click()
    details = page.locator(".details .question")
    details.wait_for()
    page.found += findings(page)
    assert details.inner_text().strip() == question.inner_text().strip()
    # by keyboard: turn the page, and open its first row
    page.get_by_role("button", name=say("history.pager.next"), exact=True).press("Enter")
    page.locator('nav[aria-label] [aria-current="page"]', has_text="2").wait_for(state="attached")
    turned = page.get_by_role("button", name=say("history.pager.next"), exact=True)
    assert turned.evaluate("button => button.getRootNode().activeElement === button")
    opener = rows.nth(0).locator("button")
    opener.press("Enter")
    page.locator('tbody tr button[aria-expanded="true"]').wait_for()
    _until(lambda: details.inner_text().strip() == opener.inner_text().strip(), page)
    # filters
    page.get_by_label(say("history.language"), exact=True).select_option(label=say.language_name("zh"))
    chinese = len(site.store.votes(VoteFilter(lang="zh")))
    _until(lambda: page.locator(".figures dd").first.inner_text().split()[0] == str(chinese), page)
    # what is downloaded is what is shown, and can be trained on
    with page.expect_download() as waiting:
        page.get_by_text(say("history.export_as.kaggle")).click()
    assert waiting.value.suggested_filename == "votes.csv"
    path = Path(waiting.value.path()).with_suffix(".csv")
    shutil.copy(waiting.value.path(), path)
    battles, bad = read_battles(path, labelled=True)
    assert (len(battles), bad) == (chinese, [])


def test_model(page: Page, site: Site) -> None:
    say = page.say
    page.goto(site.url + "#model")
    page.locator("table.scores tr.stack").wait_for()
    assert say("model.stack") in page.locator("table.scores tr.stack").inner_text()
    assert page.locator("table.scores tr.baseline").count() == 1
    page.locator(".chart.rows").nth(2).wait_for()
    assert page.locator(".plane .dot.first").count() > 3
    page.get_by_text(say("group.length"), exact=True).first.wait_for()
    page.get_by_text(say.language_name("zh"), exact=True).first.wait_for()


@pytest.mark.slow
def test_voting_on_a_file(page: Page, site: Site) -> None:
    say = page.say
    before = len(site.store.votes())
    page.goto(site.url + "#model")
    page.get_by_text(re.compile(re.escape(say("model.in_use")))).first.wait_for(state="attached")  # the judge is loaded
    page.evaluate("location.hash = 'file'")
    page.locator(".drop input").set_input_files(str(site.battles))
    opened = page.locator('button[data-code="a"]:not([disabled]):visible')
    opened.wait_for()
    page.found += findings(page)
    first = page.locator(".text.question:visible").inner_text()
    page.keyboard.press("2")
    page.locator('button[data-code="next"]:visible').wait_for()
    votes = site.store.votes()
    assert len(votes) == before + 1
    stored = votes.iloc[-1]
    assert (stored["choice"], stored["source"], stored["prompt"]) == ("tie", "file", (first,))
    page.found += findings(page)
    assert stored["judge"].startswith("small@") and stored["p_a"] > 0
    assert say("history.agrees") in page.locator(".verdict:visible").inner_text() or (
        say("history.disagrees") in page.locator(".verdict:visible").inner_text()
    )
    page.keyboard.press("u")
    opened.wait_for()
    assert len(site.store.votes()) == before
    page.locator('button[data-code="both_bad"]:visible').click()
    page.locator('button[data-code="next"]:visible').click()
    opened.wait_for()
    assert page.locator(".text.question:visible").inner_text() != first
    assert page.locator("[role=progressbar]:visible").get_attribute("aria-valuenow") == "1"
    # after a reload one goes on where one left off
    page.reload()
    page.locator(".drop input").set_input_files(str(site.battles))
    opened.wait_for()
    assert page.locator("[role=progressbar]:visible").get_attribute("aria-valuenow") == "1"
    page.get_by_text(say("file.other")).click()
    page.get_by_label(say("file.or_choose")).select_option(label="here.csv")
    page.get_by_text(say("file.open"), exact=True).click()
    page.locator(".status b:visible", has_text="here.csv").wait_for()
    assert page.locator("[role=progressbar]:visible").get_attribute("aria-valuemax") == "5"
