"""Who may switch the judge, teach one, and export everybody's votes; and under which address a person is counted."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from dashboards import RunningDashboard
from page_contexts import opened, settled
from small_run import fill_store, make_run
from test_login import Visitor as Browser

from dashboard.judges.judge_service import JudgeService
from dashboard.judges.learned import Learned
from dashboard.judges.learning_service import Overview, Status
from dashboard.judges.saved_runs import saved_runs
from dashboard.judges.votes_to_learn import usable_votes
from dashboard.pages.history.history import HistoryPage
from dashboard.pages.model.model import ModelPage
from dashboard.pages.page import Context
from dashboard.params import DashboardParams, ServerParams
from dashboard.server.server import server_options
from dashboard.server.shell import Visitor
from dashboard.server.shell import visitor as visitor_of
from dashboard.sessions.limits import SessionLimits
from dashboard.texts import LANGUAGES, Language, Texts
from dashboard.votes import exports
from dashboard.votes.store import VoteStore
from pipelines.errors import UserError

# Panel 1.9.4 sorts its tables by a form that pandas 3.1 announces the end of
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "first")
    make_run(folder / "second")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoteStore]:
    url = f"sqlite:///{tmp_path_factory.mktemp('votes') / 'votes.sqlite'}"
    fill_store(url)
    opened = VoteStore.open(url)
    yield opened
    opened.close()


class Learning:
    """Writes down what it is asked to do."""

    def __init__(self, store: VoteStore, last: Learned) -> None:
        self.status, self.asked = Status(), list[str]()
        self._overview = Overview(usable_votes(store.votes()), last, 60)

    def overview(self, about: str = "") -> Overview:
        return self._overview

    def start(self, about: str = "") -> None:
        self.asked.append("start")

    def stop(self) -> None:
        self.asked.append("stop")


def learned(folder: Path) -> Learned:
    """A judge that waits for a decision."""
    gap = {"votes": 9, "new": None, "old": None, "log_loss": None, "accuracy": None, "word": "untold"}
    old = {"name": "x", "judge": "x", "starter": True, "why": "none", "seen": 0}
    about = {"votes": 60, "people": 3, "battles": [], "old": old, "against_old": gap, "against_starter": gap}
    run = saved_runs(folder)[0]
    (run.run / "learned.json").write_text(json.dumps({**about, "format": 1, "decision": None}), encoding="utf-8")
    return Learned(run, about)


def context(store: VoteStore, judges: Any, language: Language, admin: bool, learning: Any = None) -> Context:
    params = DashboardParams()
    limits = SessionLimits(params.limits)
    return Context(
        params, store, judges, Texts(language), "s1", limits, slots=None, learning=learning, admin=admin  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("admin", [True, False])
def test_only_an_admin_switches_and_teaches_whatever_a_browser_sends(
    store: VoteStore, runs_folder: Path, language: Language, admin: bool
) -> None:
    judges = JudgeService(runs_folder)
    learning = Learning(store, learned(runs_folder))

    async def presses() -> None:
        page = ModelPage(context(store, judges, language, admin, learning))
        await opened(page)
        assert page.learn is not None
        told = page.message.object + page.learn.note.object
        assert (Texts(language)("admin.switch") in told, Texts(language)("admin.learn") in told) == (not admin,) * 2
        buttons = (page.switch, page.learn.take, page.learn.keep)
        assert [button.visible for button in buttons] == [admin, True, True] and page.learn.decision.visible == admin
        # as a browser's events arrive, for buttons that are hidden too
        await page.learn._begin(None)
        await page.learn._stop(None)
        await page._use(None)
        await page.learn._take(None)
        await page.learn._keep(None)
        await settled(page)

    try:
        asyncio.run(presses())
        assert learning.asked == (["start", "stop"] if admin else [])
        assert (judges.current is not None) == admin
        written = json.loads((learned_file := saved_runs(runs_folder)[0].run / "learned.json").read_text())
        assert (written["decision"] is not None) == admin
    finally:
        judges.close()
        learned_file.unlink()


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_others_take_their_own_votes_along_and_are_told_so(
    store: VoteStore, runs_folder: Path, language: Language
) -> None:
    judges = SimpleNamespace(runs=list, current=None, starter=None)
    exported = {}
    for admin in (True, False):
        page = HistoryPage(context(store, judges, language, admin))
        view = page.panel()

        async def walk(page: HistoryPage) -> None:
            page.opened()
            await settled(page)

        asyncio.run(walk(page))
        texts = "".join(str(each.object) for each in view.select() if hasattr(each, "object"))
        assert (Texts(language)("admin.export") in texts) == (not admin)
        _, arena, parquet = (b"".join(page._pieces(kind)) for kind in exports.FORMATS)
        exported[admin] = pd.read_parquet(io.BytesIO(parquet))
        assert len(arena.decode().splitlines()) == len(exported[admin])
    assert set(exported[True]["session"]) == {"s0", "s1", "s2"}
    assert set(exported[False]["session"]) == {"s1"}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Visitor]:
    """Whom the server took those for that open its page."""
    found: list[Visitor] = []

    def visitor(services: Any) -> Visitor:
        found.append(visitor_of(services))
        return found[-1]

    monkeypatch.setattr("dashboard.server.shell.visitor", visitor)
    return found


def test_with_accounts_only_those_named_are_admins(tmp_path: Path, seen: list[Visitor]) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text('{"ada": "lovelace-1815", "bob": "bob-is-a-guest"}', encoding="utf-8")
    section = {"server": {"accounts": str(accounts)}, "accounts": {"admins": ["ada"]}}
    with RunningDashboard(section, tmp_path) as running:
        for user, password in (("ada", "lovelace-1815"), ("bob", "bob-is-a-guest")):
            Browser().get(f"{running.url}login", {"username": user, "password": password})
    assert [(each.user, each.admin, each.address) for each in seen] == [("ada", True, None), ("bob", False, None)]
    assert len({each.session for each in seen}) == 2


def test_without_accounts_everybody_is_and_addresses_are_believed_from_trusted_proxies_alone(
    tmp_path: Path, seen: list[Visitor]
) -> None:
    for section in ({}, {"server": {"trusted_proxies": ["127.0.0.0/8"]}}):
        with RunningDashboard(section, tmp_path) as running:
            request = Request(running.url, headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})
            for cookie in ("", "person=" + "a" * 16):
                if cookie:
                    request.add_header("Cookie", cookie)
                with urlopen(request, timeout=60) as reply:
                    reply.read()
    assert [each.address for each in seen] == ["127.0.0.1", "127.0.0.1", "198.51.100.7", "198.51.100.7"]
    assert all(each.admin for each in seen)
    assert seen[1].session == seen[3].session != seen[0].session


def test_an_admin_without_an_account_is_a_mistake_that_is_named(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text('{"ada": "lovelace-1815"}', encoding="utf-8")
    server = ServerParams(accounts=str(accounts))
    assert server_options(server, ["ada"])["basic_auth"] == str(accounts)
    with pytest.raises(UserError, match="admins: 'eve' has no account"):
        server_options(server, ["ada", "eve"])
    with pytest.raises(UserError, match="admins: names people, but nobody needs an account"):
        server_options(ServerParams(), ["ada"])
