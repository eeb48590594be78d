"""A vote store that hangs holds up those who wait for it, and nobody and nothing else."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from dashboards import Person, RunningDashboard
from page_contexts import csv_file
from playwright.sync_api import Browser, expect
from small_run import fill_store

from dashboard.server.routes import PATIENCE_S

LATE_S = 5.0
"""Far more than an answer needs that waits for no store, and far less than a store waits for a lock."""


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[RunningDashboard]:
    fill_store(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "here.csv").write_bytes(csv_file())
    with RunningDashboard({"files": str(tmp_path / "files")}, tmp_path) as running:
        yield running


def health(dashboard: RunningDashboard) -> tuple[int, dict[str, Any]]:
    """Ask for the health, and see that the answer does not wait for the store."""
    began = time.monotonic()
    try:
        with urlopen(f"{dashboard.url}health", timeout=60) as reply:
            found = reply.status, json.load(reply)
    except HTTPError as refused:
        with refused:
            found = refused.code, json.load(refused)
    assert time.monotonic() - began < LATE_S
    return found


def test_a_store_whose_every_call_hangs_leaves_the_health_an_answer(dashboard: RunningDashboard) -> None:
    gate = dashboard.services.store.gate = threading.Event()
    for _ in range(3):
        code, found = health(dashboard)
        assert (code, found["ok"], found["store"]["ok"], found["store"]["backend"]) == (503, False, False, "sqlite")
        assert found["store"]["milliseconds"] >= 1000 * PATIENCE_S
    gate.set()
    while health(dashboard)[0] != 200:
        pass


def open_file(person: Person) -> None:
    person.page.locator('nav a[href="#file"]').click()
    person.page.get_by_label("Or one that is here already").select_option(label="here.csv")
    person.page.get_by_text("Open", exact=True).click()
    person.stage("open")


@pytest.mark.browser
def test_while_one_person_waits_for_the_database_the_others_go_on(
    browser: Browser, dashboard: RunningDashboard
) -> None:
    with Person(browser, dashboard.url) as waits, Person(browser, dashboard.url) as other:
        open_file(waits)
        with closing(sqlite3.connect(dashboard.folder / "votes.sqlite", isolation_level=None)) as locked:
            locked.execute("BEGIN IMMEDIATE")
            waits.page.keyboard.press("1")
            waits.stage("voting")
            waits.sees("Storing your vote")
            assert health(dashboard)[0] == 503
            other.page.locator('nav a[href="#history"]').click()  # reading needs no lock
            expect(other.page.locator(".figures dd").first).to_contain_text("60")
            other.page.get_by_text("繁體中文").click()
            expect(other.page.locator(".figures dd").first).to_contain_text("其中 59 筆有模型判斷")
            waits.stage("voting")
            locked.execute("ROLLBACK")
        waits.stage("voted")
        assert dashboard.rows("SELECT count(*) FROM votes") == [(61,)]
        assert waits.faults == other.faults == []


@pytest.mark.slow
@pytest.mark.browser
def test_while_one_vote_hangs_other_tabs_vote(
    browser: Browser, dashboard: RunningDashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, gate, hanging = dashboard.services.store, threading.Event(), []
    vote = store.vote

    def slow(battle_id: str, choice: Any, session: str) -> Any:
        if not hanging:
            hanging.append(session)
            assert gate.wait(60)
        return vote(battle_id, choice, session)

    monkeypatch.setattr(store, "vote", slow)
    with Person(browser, dashboard.url) as waits, Person(browser, dashboard.url) as other:
        for person in (waits, other):
            open_file(person)
        waits.page.keyboard.press("1")
        waits.stage("voting")
        for _ in range(3):
            other.page.keyboard.press("3")
            other.stage("voted")
            other.page.keyboard.press("n")
            other.stage("open")
        assert health(dashboard)[0] == 200
        waits.stage("voting")
        gate.set()
        waits.stage("voted")
    choices = dashboard.rows(f"SELECT choice FROM votes WHERE session = '{hanging[0]}'")
    assert choices == [("a",)] and dashboard.rows("SELECT count(*) FROM votes") == [(64,)]
