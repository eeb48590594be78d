"""One answer as it is being written: streamed through the guard, its end or its fault kept."""

import asyncio
from collections.abc import Callable
from typing import Literal

from dashboard.generators import generator_for
from dashboard.generators.conversation import Turn
from dashboard.generators.generator import GenerationFault, guarded
from dashboard.params import StyleParams
from dashboard.sessions.answer_log import GIVEN_UP
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.votes.vote_records import Side

AnswerState = Literal["waiting", "writing", "done", "failed"]


class Answer:
    """One column of the page.

    Parameters
    ----------
    side : "a" or "b"
        The column: left or right.
    key : "a" or "b"
        The style that answers in it.
    style : StyleParams
        How the answer is made.
    changed : function
        Called with the answer whenever its text or state has changed.

    Attributes
    ----------
    text : str
        What has come so far.
    state : str
        `waiting` (no word yet), `writing`, `done`, or `failed` with a `fault`.
    place : int
        While others are written first: how many people's turn comes until this one's, itself included; 0 else.
    fault : GenerationFault or None
        What the answer ended in; one that is `usable` leaves an answer worth a vote.
    before : list of (str, str)
        The earlier turns of this column: what was asked, and what it answered.
    """

    def __init__(
        self, side: Literal["a", "b"], key: Literal["a", "b"], style: StyleParams, changed: Callable[["Answer"], None]
    ) -> None:
        self.side, self.key, self.style = side, key, style
        self.text = ""
        self.place = 0
        self.state: AnswerState = "waiting"
        self.fault: GenerationFault | None = None
        self.before: list[Turn] = []
        self._changed = changed

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "failed")

    @property
    def usable(self) -> bool:
        """Whether it is an answer that can be voted on."""
        return self.state == "done" or (self.state == "failed" and self.fault is not None and self.fault.usable)

    @property
    def source(self) -> str:
        """The key of the page's text that says where it comes from; "" says the model's name."""
        return generator_for(self.style, self.key).source

    @property
    def turns(self) -> list[str]:
        """All that was answered, a text each turn."""
        return [*(answered for _, answered in self.before), self.text]

    def go_on(self, question: str) -> None:
        """Keep the present answer as that to a question, and have nothing of the next one."""
        self.before.append((question, self.text))
        self.empty()

    def go_back(self) -> str:
        """Have the answer before this one again, in place of this one; return what it answered."""
        asked, self.text = self.before.pop()
        self.place, self.fault = 0, None
        self._to("done")
        return asked

    def empty(self) -> None:
        """Drop what was written."""
        self.text, self.fault, self.place = "", None, 0
        self._to("waiting")

    async def write(self, question: str, slots: AnswerSlots, longest: int, person: object = None) -> None:
        """Stream the answer from its beginning; faults end in `fault`, none is raised.

        Parameters
        ----------
        question : str
            What is answered.
        slots : AnswerSlots
            Waits here for its turn.
        longest : int
            Characters after which it is ended.
        person : object
            Whoever waits; None has a place in the queue of its own.
        """
        self.empty()
        writer = generator_for(self.style, self.key)
        timer = slots.log.begin(writer.kind, writer.describe(self.style).model)
        try:
            async with slots.turn(person or self, writer.kind, writer.at_once, self._queued):
                timer.turn()
                pieces = writer.stream(question, self.style, tuple(self.before))
                async for piece in guarded(pieces, self.style, longest):
                    timer.piece()
                    self.text += piece
                    self._to("writing")
            timer.end()
            self._to("done")
        except GenerationFault as fault:
            timer.end(fault.code)
            self.fault = fault
            self._to("failed")
        except asyncio.CancelledError:
            timer.end(GIVEN_UP)
            self.place = 0
            self._to("failed")
            raise

    def record(self) -> Side:
        """Return the column for the vote store."""
        told = generator_for(self.style, self.key).describe(self.style)
        fault = "" if self.fault is None else self.fault.code
        return Side(self.turns, self.style.name, told.model, told.settings, fault)

    def _queued(self, place: int) -> None:
        self.place = place
        self._to("waiting")

    def _to(self, state: AnswerState) -> None:
        self.state = state
        self._changed(self)
