"""A real dashboard for the tests: its own server in a thread, a real small judge, and Chromium as the person."""

import asyncio
import socket
import sqlite3
import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
from loop_guard import WatchedStore, loop_of
from playwright.sync_api import Browser, Page, expect

from dashboard.params import parse_dashboard
from dashboard.server.server import build_server
from dashboard.server.services import Services
from features.build import FeatureParams
from pipelines.battles.built_in import sample_battles
from pipelines.battles.folds import prompt_groups
from pipelines.terminal.command_line import silent
from stacker.judge.explain.explanation_baseline import baseline
from stacker.judge.judge import Judge
from stacker.judge.members import Member, learner_data
from stacker.learners.learner_interface import Fit
from stacker.learners.learner_registry import KINDS
from stacker.learners.stacking.pool import Pool
from stacker.learners.trees.boosting import LightGBMParams

PATIENCE = 60_000
"""Milliseconds that a browser waits for what must come."""


def make_judge(folder: Path, rows: int = 120) -> Path:
    """Fit a judge on built-in battles and save it with a baseline below `folder`; takes about a second."""
    battles = sample_battles(rows, 0).battles
    params = FeatureParams(embedding=False, sentiment=False, readability=False)
    data = learner_data(battles, params, None, None, 1, silent)
    outcome = battles["outcome"].to_numpy(dtype=np.int64)
    fit = Fit(outcome, np.ones(rows), prompt_groups(battles["prompt"]), 0, 1)
    member = Member("lightgbm", "lightgbm", KINDS["lightgbm"](LightGBMParams(n_estimators=20, bags=1)).fit(data, fit))
    said = member.learner.predict_proba(data)[:, None]
    pool = Pool().fit(said, outcome, np.ones(rows))
    Judge(params, None, [member], pool, {"battles": rows}, baseline([member], data, said)).save(
        folder / "small" / "judge"
    )
    return folder


def free_port() -> int:
    """Return a TCP port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RunningDashboard:
    """Use as a context manager; `url` is its address, `services` what its people share."""

    def __init__(self, section: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        section = {"find_ollama": False, "judges": str(folder / "no-judges"), "starter": False} | section
        section["server"] = {"port": self.port, "secret_file": str(folder / "secret")} | section.get("server", {})
        section["store"] = {"url": f"sqlite:///{folder / 'votes.sqlite'}"} | section.get("store", {})
        section["limits"] = {"questions_per_minute": 1000, "questions_per_hour": 10_000, "votes_per_minute": 1000} | (
            section.get("limits", {})
        )
        self.services = Services(parse_dashboard(section))
        self.services.store.__class__ = WatchedStore
        self._guarded = [Path(section[name]) for name in ("judges", "files") if name in section]
        self._fault: AssertionError | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"

    def __enter__(self) -> Self:
        self.services.start()
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self.services.close()
        if self._fault is not None:
            raise self._fault

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the vote store behind the program's back."""
        connection = sqlite3.connect(self.folder / "votes.sqlite")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def last_battle(self) -> dict[str, Any]:
        """Return the newest battle's row, voted on or not."""
        connection = sqlite3.connect(self.folder / "votes.sqlite")
        connection.row_factory = sqlite3.Row
        try:
            return dict(connection.execute("SELECT * FROM battles ORDER BY created_at DESC LIMIT 1").fetchone())
        finally:
            connection.close()

    def _run(self) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        server = build_server(self.services)
        server.start()
        self._loop.call_soon(self._ready.set)
        try:
            with loop_of(*self._guarded):
                self._loop.run_forever()
        except AssertionError as fault:
            self._fault = fault
        server.stop()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


class Person:
    """Somebody before the page: what she does, and what she sees."""

    def __init__(self, browser: Browser, url: str, language: str = "en-GB", width: int = 1280, **more: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, locale=language, **more)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.fetched: list[str] = []
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on("request", lambda request: self.fetched.append(request.url))
        self.frames: list[str] = []
        self.page.on(
            "websocket", lambda socket: socket.on("framereceived", lambda frame: self.frames.append(str(frame)))
        )
        self.page.goto(url)
        self.field.wait_for()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    @property
    def field(self) -> Any:
        return self.page.locator("textarea[name=question]")

    def ask(self, question: str) -> None:
        """Type a question and press Enter."""
        self.field.fill(question)
        self.field.press("Enter")

    def stage(self, name: str) -> None:
        """Wait until the vote bar is in a stage."""
        self.page.locator(f'section[data-stage="{name}"]').wait_for()

    def answer(self, side: str) -> Any:
        """Return a column."""
        return self.page.locator(f'article[data-side="{side}"]').last  # below those of earlier turns

    @property
    def heading(self) -> Any:
        """The sentence of the comparison."""
        return self.page.locator(".comparison h2")

    def sees(self, text: str) -> None:
        """Wait until a text is there."""
        expect(self.page.get_by_text(text, exact=False).first).to_be_visible(timeout=PATIENCE)

    def elsewhere(self, home: str) -> list[str]:
        """Return what was fetched from anywhere but the server itself."""
        own = (home, home.replace("localhost", "127.0.0.1"), "data:", f"blob:{home}")
        return [url for url in self.fetched if not url.startswith(own)]
