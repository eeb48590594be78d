"""The card "learn from my votes", walked in headless Chromium in both languages: from too few votes to a new judge."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dashboards import PATIENCE, RunningDashboard
from learnable import give_votes
from playwright.sync_api import Browser, Page, expect

from dashboard.judges.votes_to_learn import LEAST
from dashboard.texts import Texts
from stacker.training.params import parse_params

# Bokeh's page may describe a button anew when it is pressed soon after it came; its server takes note, with a warning.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:reference already known"),
]
WALK_MS = 5 * PATIENCE
"""How long a run of a few seconds may take on a machine that does much else."""
WALKS = [("en-US", 1280, "light", "take"), ("zh-TW", 390, "dark", "keep")]


@dataclass
class Walk:
    page: Page
    say: Texts
    dashboard: RunningDashboard
    decision: str
    name: str

    @property
    def card(self) -> Any:
        return self.page.locator(".card", has=self.page.get_by_role("heading", name=self.say("model.learn.title")))

    def button(self, key: str) -> Any:
        return self.page.get_by_role("button", name=self.say(f"model.learn.{key}"), exact=True)

    def sees(self, key: str, **fields: Any) -> None:
        expect(self.page.get_by_text(self.say(f"model.learn.{key}", **fields)).first).to_be_visible(timeout=WALK_MS)

    def again(self) -> None:
        """Come to the page of the model anew."""
        self.page.reload()

    def picture(self, what: str) -> None:
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=f"{folder}/learn-{self.name}-{what}.png", full_page=True)


@pytest.fixture(params=WALKS, ids=lambda walk: "-".join(map(str, walk)))
def walk(request: pytest.FixtureRequest, tmp_path: Path, browser: Browser) -> Iterator[Walk]:
    """A dashboard of its own with the starter judge and too few votes, and a tab on the page of the model."""
    locale, width, scheme, decision = request.param
    section = {"judges": str(tmp_path / "runs"), "starter": True}
    with RunningDashboard(section, tmp_path) as dashboard:
        small = {"folds": {"count": 3}, "features": {"embedding": False}, "run": {"cache": str(tmp_path / "cache")}}
        dashboard.services.learning.params = parse_params(small)
        give_votes(dashboard.services.store, LEAST - 10)
        context = browser.new_context(locale=locale, viewport={"width": width, "height": 850}, color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        say = Texts("zh-Hant" if locale.startswith("zh") else "en")
        page.goto(dashboard.url + "#model")
        yield Walk(page, say, dashboard, decision, f"{locale}-{width}-{scheme}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        context.close()
        assert (faults, wide) == ([], 0)


def test_from_votes_to_a_judge(walk: Walk) -> None:
    page, services = walk.page, walk.dashboard.services
    walk.sees("too_few", count=LEAST - 10, least=LEAST, missing=10)
    expect(page.get_by_text(walk.say("model.in_use")).first).to_be_attached(timeout=WALK_MS)  # the starter is loaded
    expect(walk.button("begin")).to_have_count(0)
    walk.picture("few")
    # enough votes: begun, followed, stopped, begun again
    give_votes(services.store, 20, first=LEAST - 10, session="s1")
    walk.again()
    walk.sees("ready", count=LEAST + 10)
    walk.sees("people", people=2)
    walk.button("begin").click()
    walk.button("stop").wait_for()
    bar = page.locator("[role=progressbar]:visible")
    expect(bar).to_have_count(1)
    walk.picture("running")
    walk.button("stop").click()
    walk.sees("stopped")
    assert services.judges.runs()[0].name == "starter_judge"
    walk.button("begin").click()
    walk.button("stop").wait_for()
    # the page closes meanwhile; another one finds the same work under way, or done
    page.goto("about:blank")
    page.goto(walk.dashboard.url + "#model")
    walk.sees("learnt", count=LEAST + 10)
    verdict = page.locator("p.verdict[data-word]")
    expect(verdict).to_have_count(1)
    about = services.learning.overview().last.about
    word = about["against_old"]["word"]
    assert verdict.get_attribute("data-word") == word
    starter = walk.say("model.learn.starter")
    assert verdict.inner_text() == walk.say(f"model.learn.word.{word}", count=LEAST + 10, old=starter)
    cells = page.locator("table.scores tr", has_text=walk.say("model.learn.new")).first
    assert f"{about['against_old']['new']['log_loss']:.4f}" in cells.inner_text()
    expect(walk.button("again")).to_have_count(0)  # no new votes since
    walk.picture("done")
    # nothing is switched by itself
    used = services.judges.current
    assert used.run.name == "starter_judge"
    walk.button(walk.decision).click()
    name = services.learning.overview().last.run.name
    if walk.decision == "take":
        walk.sees("used", name=name)
        assert services.judges.current.run.name == name
        decision = "used"
    else:
        walk.sees("in_list", name=name)
        assert services.judges.current is used
        decision = "kept"
    expect(walk.button("take")).to_have_count(0)
    written = json.loads((services.judges.folder / name / "learned.json").read_text())
    assert written["decision"] == decision
    # the new judge is in the list, with its results
    page.get_by_label(walk.say("model.choose"), exact=True).select_option(index=0)
    page.locator("table.scores tr.stack", has_text=walk.say("model.stack")).wait_for()
    # new votes: it can be learnt again
    give_votes(services.store, 5, first=LEAST + 10)
    walk.again()
    walk.sees("some_new", count=LEAST + 15, new=5)
    walk.button("again").wait_for()
    walk.picture("after")


def test_what_goes_wrong_is_one_sentence(walk: Walk) -> None:
    services = walk.dashboard.services
    give_votes(services.store, 10, first=LEAST - 10)
    learning = services.learning
    encoder = learning.params.encoder.model_copy(update={"model": "nobody/none", "fallback": None})
    features = learning.params.features.model_copy(update={"embedding": True})
    learning.params = learning.params.model_copy(update={"encoder": encoder, "features": features})
    walk.again()
    walk.button("begin").click()
    note = walk.page.get_by_role("status").filter(has_text="nobody/none")
    expect(note).to_be_visible(timeout=WALK_MS)
    assert note.inner_text().startswith(walk.say("model.learn.failed", why="").strip()[:8])
    walk.button("begin").wait_for()
    walk.picture("failed")
