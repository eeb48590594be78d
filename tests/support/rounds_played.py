"""A round played without a page: a generator and a judge that say what they are told to, and what waits for a stage."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dashboard.generators.generator import Description, GenerationFault, Notice
from dashboard.params import LimitParams, StyleParams, StylesParams
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.sessions.limits import SessionLimits
from dashboard.sessions.round import Round, RoundDependencies
from dashboard.votes.store import VoteStore
from stacker.judge.verdict import Verdict

VERDICT = Verdict(0.5, 0.3, 0.2)


class Talker:
    """A generator that answers as its style's model says."""

    kind, at_once = "talker", 0
    notice_told: Notice | None = None

    def describe(self, style: StyleParams) -> Description:
        return Description(style.model, {"kept": style.temperature})

    def notice(self, question: str) -> Notice | None:
        return self.notice_told

    async def stream(self, question: str, style: StyleParams, before: Sequence[tuple[str, str]] = ()) -> Any:
        for piece in ("An answer", " to ", question):
            await asyncio.sleep(0)
            yield piece
        if style.model == "breaks":
            raise GenerationFault("dropped")
        if style.model == "cut":
            raise GenerationFault("cut_off", tokens=9)


class Loaded:
    version = "judge@1"


class Judges:
    """A judge that says what it is told to."""

    state = "ready"

    def __init__(self, said: Any = VERDICT, reasons: Any = "because") -> None:
        self.said, self.reasons = said, reasons
        self.even: Any = None
        self.asked: list[tuple[Any, ...]] = []

    async def compare(self, *texts: Any) -> Any:
        self.asked.append(texts)
        if isinstance(self.said, Exception):
            raise self.said
        return None if self.said is None else (self.said, Loaded())

    async def even_style(self, by: Any, *texts: Any) -> Any:
        return self.even

    async def explain(self, by: Any, *texts: Any) -> Any:
        if isinstance(self.reasons, Exception):
            raise self.reasons
        return self.reasons


def styles(one: str = "fine", two: str = "fine") -> StylesParams:
    common = {"generator": "openai", "base_url": "http://x/v1"}
    return StylesParams.model_validate(
        {"a": common | {"name": "one", "model": one}, "b": common | {"name": "two", "model": two}}
    )


def desk(
    tmp_path: Path, judges: Any = None, chosen: StylesParams | None = None, own_prompt: str = "", **limits: int
) -> RoundDependencies:
    store = VoteStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    counts = SessionLimits(LimitParams(**limits))
    return RoundDependencies(
        chosen or styles(), store, judges or Judges(), counts, AnswerSlots(4), "s", own_prompt=own_prompt
    )


async def until(one: Round, stage: str) -> None:
    while one.stage != stage or (stage == "open" and not one.explained):
        await asyncio.sleep(0.002)


def play(steps: Any) -> None:
    asyncio.run(asyncio.wait_for(steps, 20))
