"""One question from its two answers over the hidden verdict to the vote. Knows nothing of widgets."""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dashboard.generators import generator_for
from dashboard.generators.generator import Notice
from dashboard.params import StyleParams, StylesParams
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.sessions.answering import Answer
from dashboard.sessions.concurrency import Tasks, in_store_thread, in_thread
from dashboard.sessions.limits import SessionLimits
from dashboard.sessions.vote_session import VoteSession
from dashboard.texts.languages import language_of
from dashboard.votes.store import StoreFault, VoteStore
from dashboard.votes.style_pairs import pair_chances, votes_between
from dashboard.votes.vote_records import Battle, Pairing, new_battle_id
from pipelines.errors import UserError
from stacker.judge.explain.observations import Observation, observations

if TYPE_CHECKING:
    from dashboard.judges.judge_service import JudgeService, LoadedJudge
    from stacker.judge.explain.explanation import Explanation
    from stacker.judge.verdict import Verdict

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
    """

    styles: StylesParams
    store: VoteStore
    judges: "JudgeService"
    limits: SessionLimits
    slots: AnswerSlots
    session: str
    neutral: bool = True


class Round(VoteSession):
    """A question being answered, judged and voted on.

    Parameters
    ----------
    question : str
        What the person typed.
    desk : RoundDependencies
        Store, judge, limits.
    swapped : bool or None
        Whether the second of the two styles stands left; None draws it.

    Attributes
    ----------
    stage : str
        `answering`; `unanswered` where nobody here can answer the question; `broken` when an answer failed and none is
        being written; `judging`; `unstored` when the store did not take the battle; `open` to votes; `voting`; `voted`.
    answers : tuple of two Answer
        The left and the right column.
    prompt : str
        What the answers answer: the question, or the recorded question nearest to it.
    paired : Pairing or None
        With what chance the two styles met; None where there are no others.
    notice : Notice or None
        What must be said about the answers.
    verdict, judge, judge_fault : Verdict or None, LoadedJudge or None, str
        What the judge said before the vote; a fault where it could not.
    even_style, explanation : Verdict or None, Explanation or None
        What the judge says with style held equal, and why it said what it said, as soon as they are known.
    observed : tuple of Observation
        What anybody can check of the answers, as soon as it is known; it needs no judge.
    on_answer : function
        Called when an answer has changed; `on_stage` when anything else has. The others are those of `VoteSession`.
    """

    def __init__(self, question: str, desk: RoundDependencies, swapped: bool | None = None) -> None:
        self.question = self.prompt = question
        super().__init__(desk.store, desk.limits, desk.session, "answering")
        self.desk = desk
        swapped = bool(secrets.randbits(1)) if swapped is None else swapped
        left, right = ("b", "a") if swapped else ("a", "b")
        styles: dict[str, StyleParams] = {"a": desk.styles.a, "b": desk.styles.b}  # those of more are drawn in `_begin`
        self.answers = (
            Answer("a", left, styles[left], self._answer_changed),  # type: ignore[arg-type]
            Answer("b", right, styles[right], self._answer_changed),  # type: ignore[arg-type]
        )
        self.paired: Pairing | None = None
        self.notice: Notice | None = None
        self.verdict: Verdict | None = None
        self.judge: LoadedJudge | None = None
        self.judge_fault = ""
        self.even_style: Verdict | None = None
        self.explanation: Explanation | None = None
        self.observed: tuple[Observation, ...] = ()
        self.explained = False
        self.on_answer: Callable[[Answer], None] = lambda answer: None
        self._lang = ""
        self._tasks = Tasks()

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

    def store_again(self) -> None:
        """Try once more to store a battle that the store did not take."""
        if self.stage == "unstored":
            self._tasks.start(self._judge())

    def close(self) -> None:
        """End whatever still runs."""
        self.on_answer, self.on_stage = (lambda answer: None), (lambda: None)
        self._tasks.end()

    async def _draw_styles(self) -> None:
        """Draw the two styles that answer, by the votes so far; all pairs alike where the store is slow or away."""
        styles = self.desk.styles
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
        self.on_stage()
        for answer in self.answers:
            self._tasks.start(self._write(answer))

    async def _write(self, answer: Answer) -> None:
        await answer.write(self.question, self.desk.slots, self.desk.limits.params.answer_characters, self)
        if self.stage != "answering" or not all(each.ended for each in self.answers):
            return
        if all(each.usable for each in self.answers):
            await self._judge()
        else:
            self._to("broken")

    async def _judge(self) -> None:
        self._to("judging")
        self.verdict, self.judge, self.explanation, self.explained, self.judge_fault = None, None, None, False, ""
        self.even_style, self.observed = None, ()
        texts = [self.prompt], [self.answers[0].text], [self.answers[1].text]
        try:
            said = await self.desk.judges.compare(*texts)
            if said is not None:
                self.verdict, self.judge = said
        except UserError as fault:
            self.judge_fault = str(fault)
        except Exception as fault:
            # a judge is three libraries and what somebody trained: whatever breaks in it must not take the vote with it
            _log.exception("the judge failed")
            self.judge_fault = type(fault).__name__
        self.battle_id = new_battle_id()
        try:
            await in_store_thread(self.desk.store.add_battle, self._battle())
        except StoreFault as fault:
            self.fault = fault
            self._to("unstored")
            return
        self.fault = None
        self._to("open")
        await self._explain(*texts)

    async def _explain(self, *texts: list[str]) -> None:
        judge = self.judge
        observed = await in_thread(observations, *(turns[-1] for turns in texts))
        if judge is self.judge:
            self.observed = tuple(observed)
        if judge is not None:
            try:
                even_style = await self.desk.judges.even_style(judge, *texts)
                if judge is self.judge:
                    self.even_style = even_style
                found = await self.desk.judges.explain(judge, *texts)
                if judge is self.judge:
                    self.explanation = found
            except UserError:
                pass  # a judge without a baseline: the page says that there is nothing to explain from
            except Exception:
                # as above; the vote is open already, and the page says that there are no reasons
                _log.exception("the judge could not explain itself")
        self.explained = True
        self.on_stage()

    def _battle(self) -> Battle:
        verdict = None if self.verdict is None else self.verdict.probabilities
        return Battle(
            self.battle_id,
            self.desk.session,
            [self.prompt],
            self.answers[0].record(),
            self.answers[1].record(),
            verdict,
            "" if self.judge is None else self.judge.version,
            self._lang,
            asked=self.question if self.prompt != self.question else "",
            paired=self.paired,
        )

    def _answer_changed(self, answer: Answer) -> None:
        self.on_answer(answer)
