"""The two answers of the ask page: drawn while they are being written, and revealed after the vote."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from dashboard.answering import Answer
from dashboard.components import AnswerColumn
from dashboard.pages.comparison import written_by
from dashboard.pages.not_shown import not_shown
from dashboard.render import render
from dashboard.round import Round
from dashboard.texts import Texts

SHORTEST_PAUSE = 0.06
"""Seconds between two drawings of an answer that is being written; long answers, slow to draw, wait longer."""
PAUSE_FACTOR = 8
SIDES: tuple[Literal["a", "b"], ...] = ("a", "b")


class AnswerColumns:
    """Draws the answers of one question after another.

    Parameters
    ----------
    say : Texts
        The page's language.
    again : function
        Called with a side when the person wants its answer written again.

    Attributes
    ----------
    views : dict of AnswerColumn
        What stands on the page, by side.
    """

    def __init__(self, say: Texts, again: Callable[[Literal["a", "b"]], None]) -> None:
        self.say, self._again = say, again
        self.views = {side: self._column(side) for side in SIDES}
        self._drawing: dict[str, asyncio.TimerHandle] = {}
        self._slowest = dict.fromkeys(SIDES, 0.0)
        self._round: Round | None = None

    def follow(self, one: Round) -> None:
        """Draw the answers of a question as they stand, and from now on as they change."""
        self._round = one
        self._slowest = dict.fromkeys(SIDES, 0.0)
        one.on_answer = self._changed
        for answer in one.answers:
            self._draw(answer)

    def reveal(self, answers: Iterable[Answer]) -> None:
        """Show who wrote what where the vote has been cast, and what can be tried again before."""
        for answer in answers:
            self.views[answer.side].param.update(**self._revealed(answer))

    def refuse(self, side: Literal["a", "b"], sentence: str) -> None:
        """Say in a column why its answer is not written again."""
        self.views[side].note = sentence
        self.views[side].param.trigger("words")

    def close(self) -> None:
        """Draw nothing more."""
        for handle in self._drawing.values():
            handle.cancel()
        self._drawing.clear()

    def _column(self, side: Literal["a", "b"]) -> AnswerColumn:
        say = self.say
        words = {state: say(f"ask.{state}") for state in ("waiting", "writing", "done", "failed")}
        column = AnswerColumn(
            side=side,
            words={"name": say(f"ask.answer_{side}"), "again": say("ask.again"), **words},
            sizing_mode="stretch_width",
            margin=0,
        )
        column.param.watch(lambda _: self._again(side), "again")
        return column

    def _changed(self, answer: Answer) -> None:
        """Draw at once what ends an answer, and what is being written at intervals that leave time for others."""
        waiting = self._drawing.get(answer.side)
        if answer.state != "writing":
            if waiting is not None:
                waiting.cancel()
                del self._drawing[answer.side]
            self._draw(answer)
        elif waiting is None:
            pause = max(SHORTEST_PAUSE, PAUSE_FACTOR * self._slowest[answer.side])
            self._drawing[answer.side] = asyncio.get_running_loop().call_later(pause, self._draw_later, answer)

    def _draw_later(self, answer: Answer) -> None:
        self._drawing.pop(answer.side, None)
        self._draw(answer)

    def _draw(self, answer: Answer) -> None:
        started = time.perf_counter()
        shown = render(answer.text)
        self._slowest[answer.side] = time.perf_counter() - started
        notes = [not_shown(shown, self.say)]
        if answer.fault is not None:
            notes.insert(0, self.say(f"ask.fault.{answer.fault.code}", **answer.fault.details))
        elif answer.state == "failed":
            notes.insert(0, self.say("ask.stopped"))
        self.views[answer.side].param.update(
            html=shown.html,
            state="done" if answer.usable else answer.state,
            note=" ".join(filter(None, notes)),
            failed=answer.fault is not None,
            **self._revealed(answer),
        )

    def _revealed(self, answer: Answer) -> dict[str, Any]:
        """Return what a column shows beside its text: who wrote it stays hidden until the vote."""
        one = self._round
        if one is None or one.stage != "voted" or one.vote is None:
            can_retry = answer.state == "failed" and (one is None or one.stage in ("answering", "broken", "open"))
            return {"who": "", "chosen": "", "can_retry": can_retry}
        chosen = "" if one.vote.choice in ("tie", "both_bad") else "won" if one.vote.choice == answer.side else "lost"
        who = " · ".join(written_by(answer, self.say))
        return {"who": who, "chosen": chosen, "can_retry": False}
