"""One question, and those that follow it, from the answers over the hidden verdict to the vote. Knows no widgets."""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dashboard.generators import GENERATORS, generator_for
from dashboard.generators.conversation import Turn, instructed
from dashboard.generators.generator import Notice
from dashboard.params import StyleParams, StylesParams
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.sessions.answering import Answer
from dashboard.sessions.concurrency import in_store_thread, in_thread
from dashboard.sessions.judged_session import JudgedSession
from dashboard.sessions.limits import SessionLimits
from dashboard.texts.languages import language_of
from dashboard.votes.store import StoreFault, VoteStore
from dashboard.votes.style_pairs import pair_chances, votes_between
from dashboard.votes.vote_records import Battle, Pairing

if TYPE_CHECKING:
    from dashboard.judges.judge_service import JudgeService

PATIENCE_S = 1.0
"""How long the votes are waited for by which two styles are drawn."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RoundDependencies:
    """What a round works with; the same for all rounds of a person.

    Attributes
    ----------
    styles : StylesParams
        Those that compete; each round draws two.
    neutral : bool
        Whether the draw passes over votes where an answer named its own model.
    own_prompt : str
        What the person tells all models after their style's system prompt; recorded answers do not hear it.
    """

    styles: StylesParams
    store: VoteStore
    judges: "JudgeService"
    limits: SessionLimits
    slots: AnswerSlots
    session: str
    neutral: bool = True
    own_prompt: str = ""


class Round(JudgedSession):
    """A conversation being answered, judged and voted on: one question, or several, each asked after the last answers.

    Whatever was judged is stored, one battle each: the vote is on the last of them, which holds all turns.

    Parameters
    ----------
    question : str
        What the person typed first.
    desk : RoundDependencies
        Store, judge, limits.
    swapped : bool or None
        Whether the second of the two styles stands left; None draws it.

    Attributes
    ----------
    question : str
        What the present answers answer; the earlier turns are in each answer's `before`.
    stage : str
        `answering`; `unanswered` where nobody here can answer the question; `broken` when an answer failed and none is
        being written; `judging`; `unstored` when the store did not take the battle; `open` to votes; `voting`; `voted`.
    answers : tuple of two Answer
        The left and the right column.
    prompt : str
        What the answers answer: the question, or the recorded question nearest to it.
    own_prompt : str
        What the person told the models besides.
    paired : Pairing or None
        With what chance the two styles met; None where there are no others.
    notice : Notice or None
        What must be said about the answers.
    refused : Notice or None
        Why the last further question was not taken.
    on_answer : function
        Called when an answer has changed; `on_stage` when anything else has. The others are those of `JudgedSession`.
    """

    def __init__(self, question: str, desk: RoundDependencies, swapped: bool | None = None) -> None:
        self.question = self.prompt = question
        super().__init__(desk.store, desk.limits, desk.session, desk.judges)
        self.desk = desk
        swapped = bool(secrets.randbits(1)) if swapped is None else swapped
        left, right = ("b", "a") if swapped else ("a", "b")
        self.own_prompt = "" if GENERATORS[desk.styles.a.generator].recorded else desk.own_prompt
        self._styles = desk.styles.changed(lambda style: instructed(style, self.own_prompt))
        styles: dict[str, StyleParams] = {"a": self._styles.a, "b": self._styles.b}  # those of more come in `_begin`
        self.answers = (
            Answer("a", left, styles[left], self._answer_changed),  # type: ignore[arg-type]
            Answer("b", right, styles[right], self._answer_changed),  # type: ignore[arg-type]
        )
        self.paired: Pairing | None = None
        self.notice: Notice | None = None
        self.refused: Notice | None = None
        self.on_answer: Callable[[Answer], None] = lambda answer: None
        self._lang = ""

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._tasks.start(self._begin())

    def retry(self, side: Literal["a", "b"]) -> None:
        """Write a failed or cut-off answer again, while nobody has voted.

        Raises
        ------
        LimitReached
            When the session has asked for too much.
        """
        answer = self.answers[0 if side == "a" else 1]
        if answer.state != "failed" or self.stage not in ("answering", "broken", "open"):
            return
        self.desk.limits.again()
        self._to("answering")
        self._tasks.start(self._write(answer))

    @property
    def earlier(self) -> list[str]:
        """The questions before the present one."""
        return [asked for asked, _ in self.answers[0].before]

    @property
    def recorded(self) -> bool:
        """Whether the answers are recorded ones: these are no conversation, and always the same."""
        return GENERATORS[self.answers[0].style.generator].recorded

    @property
    def full(self) -> str:
        """Why no further question is taken, as a key of the page's texts; "" where one is."""
        params = self.desk.limits.params
        if self.recorded:
            return "recorded"
        if len(self.earlier) + 1 >= params.turns:
            return "turns"
        longest = max(len(self.question) + len(each.text) + _length(each.before) for each in self.answers)
        return "characters" if longest >= params.conversation_characters else ""

    @property
    def forgotten(self) -> int:
        """How many of the earliest turns the answers leave out."""
        return max(GENERATORS[each.style.generator].forgets(each.before) for each in self.answers)

    async def ask_on(self, question: str) -> None:
        """Go on with both sides while nobody has voted; `refused` says why not, where it cannot be answered here.

        Raises
        ------
        LimitReached
            When the session has asked for too much, or the question is too long.
        """
        if not self._open() or self.full:
            return
        self.desk.limits.question(question)
        first = self.answers[0]
        notice = await asyncio.to_thread(generator_for(first.style, first.key).notice, question)
        if not self._open():
            return  # a vote came first
        self.refused = None if notice is None or notice.answered else notice
        if self.refused is not None:
            self.on_stage()
            return
        self.stage = "answering"  # before the answers say that they are empty
        for answer in self.answers:
            answer.go_on(self.question)
        self.question = self.prompt = question
        self._write_both()

    def leave_out(self) -> None:
        """Leave out the present question, whose answers did not come: the vote is on the turns before."""
        if self.stage != "broken" or not self.earlier:
            return
        self.stage = "judging"
        asked = [answer.go_back() for answer in self.answers]
        self.question = self.prompt = asked[0]
        self._tasks.start(self._judge())

    def write_anew(self) -> None:
        """Have both answers to the present question written anew, while nobody has voted.

        The sides are drawn again as long as there is no earlier turn to know them by. What was stored stays, without
        a vote.

        Raises
        ------
        LimitReached
            When the session has asked for too much.
        """
        if self.recorded or not (self._open() or self.stage == "broken"):
            return
        self.desk.limits.again()
        self.stage = "answering"
        if not self.earlier and secrets.randbits(1):
            left, right = self.answers
            left.key, left.style, right.key, right.style = right.key, right.style, left.key, left.style
        for answer in self.answers:
            answer.empty()
        self._write_both()

    def _open(self) -> bool:
        return self.stage == "open" and not self.storing

    def _write_both(self) -> None:
        self.refused = self.fault = None
        self.on_stage()
        for answer in self.answers:
            self._tasks.start(self._write(answer))

    def close(self) -> None:
        """End whatever still runs."""
        self.on_answer, self.on_stage = (lambda answer: None), (lambda: None)
        self._tasks.end()

    async def _draw_styles(self) -> None:
        """Draw the two styles that answer, by the votes so far; all pairs alike where the store is slow or away."""
        styles = self._styles
        if not styles.more:
            return
        names, chances = [style.name for style in styles.every], None
        try:
            counting = in_store_thread(votes_between, self.desk.store, names, self.desk.neutral)
            chances = await in_thread(pair_chances, await asyncio.wait_for(counting, PATIENCE_S))
        except (StoreFault, TimeoutError):
            _log.warning("the votes could not be read in time: the two styles are drawn from all pairs alike")
        if chances is None:
            chances = await in_thread(pair_chances, np.zeros((len(names), len(names), 3), dtype=np.int64))
        first, second, self.paired = chances.draw(random.SystemRandom())
        drawn = {"a": styles.every[first], "b": styles.every[second]}
        for answer in self.answers:
            answer.style = drawn[answer.key]

    async def _begin(self) -> None:
        await self._draw_styles()
        generator = generator_for(self.answers[0].style, self.answers[0].key)
        self.notice = await asyncio.to_thread(generator.notice, self.question)
        if self.notice is not None and self.notice.question:
            self.prompt, self._lang = self.notice.question, self.notice.lang
        else:
            self._lang = language_of(self.question)
        if self.notice is not None and not self.notice.answered:
            self._to("unanswered")
            return
        self._write_both()

    async def _write(self, answer: Answer) -> None:
        await answer.write(self.question, self.desk.slots, self.desk.limits.params.answer_characters, self)
        if self.stage != "answering" or not all(each.ended for each in self.answers):
            return
        if all(each.usable for each in self.answers):
            await self._judge()
        else:
            self._to("broken")

    def _battle(self) -> Battle:
        verdict = None if self.verdict is None else self.verdict.probabilities
        return Battle(
            self.battle_id,
            self.desk.session,
            self._texts()[0],
            self.answers[0].record(),
            self.answers[1].record(),
            verdict,
            "" if self.judge is None else self.judge.version,
            self._lang,
            asked=self.question if self.prompt != self.question else "",
            paired=self.paired,
            own_prompt=self.own_prompt,
        )

    def _texts(self) -> tuple[list[str], list[str], list[str]]:
        left, right = self.answers
        return [*self.earlier, self.prompt], left.turns, right.turns

    def _answer_changed(self, answer: Answer) -> None:
        self.on_answer(answer)


def _length(turns: list[Turn]) -> int:
    return sum(len(asked) + len(answered) for asked, answered in turns)
