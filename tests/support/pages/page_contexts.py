"""What a page is given in a test without a browser."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
from loop_guard import loop_of, on_loop

from dashboard.judges.judge_service import LoadedJudge
from dashboard.judges.saved_runs import saved_runs
from dashboard.pages.page import Context
from dashboard.params import DashboardParams
from dashboard.sessions.limits import SessionLimits
from dashboard.texts import Texts
from dashboard.votes.store import VoteStore
from pipelines.battles.built_in import sample_battles
from stacker.judge.judge import Judge

PATIENCE = 60
BATTLES = sample_battles(30, 5).unlabelled()


class Judges:
    """The judge's service; what is done with the judge is done at once, but never on a loop."""

    def __init__(self, folder: Path, judge: bool = True) -> None:
        self.folder = folder
        self.starter, self.refused = None, ()
        run = saved_runs(folder)[0] if judge else None
        self.current = None if run is None else LoadedJudge(run, "first@1", Judge.load(run.judge))
        self.state = "ready" if judge else "none"

    def runs(self) -> list:
        return saved_runs(self.folder)

    def do(self, work: object) -> SimpleNamespace:
        assert not on_loop(), "the judge was asked on the server's loop"
        found = work()
        return SimpleNamespace(result=lambda: found)


def context(store: VoteStore, judges: Judges, language: str = "en", session: str = "s", **changes: object) -> Context:
    params = DashboardParams(**changes)
    return Context(params, store, judges, Texts(language), session, SessionLimits(params.limits), slots=None)


def on_a_loop(scenario: Coroutine[Any, Any, None], *folders: Path) -> None:
    """Run a scenario on a loop of its own; no file below the folders may be touched on it."""

    async def watched() -> None:
        with loop_of(*folders):
            async with asyncio.timeout(PATIENCE):
                await scenario

    asyncio.run(watched())


async def opened(page: Any) -> None:
    """Open a page and wait until it is there."""
    page.panel()
    page.opened()
    await settled(page)


async def settled(page: Any) -> None:
    """Wait until all that a page has begun has ended; what broke in it is raised."""
    while page.tasks.running:
        ended, _ = await asyncio.wait(page.tasks.running)
        for task in ended:
            if not task.cancelled():
                task.result()


def csv_file(battles: pd.DataFrame = BATTLES) -> bytes:
    columns = battles[["id", "model_a", "model_b"]].copy()
    for name in ("prompt", "response_a", "response_b"):
        columns[name] = [pd.Series([list(turns)]).to_json(orient="values")[1:-1] for turns in battles[name]]
    return columns.to_csv(index=False).encode()
