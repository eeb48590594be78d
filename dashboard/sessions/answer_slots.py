"""A fixed number of answers is written at a time; the others queue, and each is told how many people are before it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dashboard.sessions.answer_log import AnswerLog


@dataclass(eq=False)
class _Ticket:
    person: object
    kind: str
    most: int
    tell: Callable[[int], None]
    turn: "asyncio.Future[None]"
    place: int = 0


class AnswerSlots:
    """Turns, first come, first served.

    Parameters
    ----------
    most : int
        Answers at a time, over all sessions of the process.

    Attributes
    ----------
    log : AnswerLog
        How those that were written lately have done.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.log = AnswerLog()
        self._writing: Counter[str] = Counter()
        self._queue: list[_Ticket] = []

    @property
    def writing(self) -> int:
        """Return how many answers are being written."""
        return self._writing.total()

    @property
    def people_waiting(self) -> int:
        """Return how many people wait for their turn."""
        return len({id(ticket.person) for ticket in self._queue})

    @asynccontextmanager
    async def turn(
        self, person: object, kind: str = "", most: int = 0, tell: Callable[[int], None] = lambda place: None
    ) -> AsyncIterator[None]:
        """Wait for a turn, and have it for as long as the block runs.

        Parameters
        ----------
        person : object
            Whoever asks; answers to one question share a place in the queue.
        kind : str
            What writes, which may have a bound of its own.
        most : int
            Answers that this kind writes at a time; 0 for no bound but that of all.
        tell : function
            Called with the place in the queue, from 1, whenever it changes, and with 0 at the turn.
        """
        ticket = _Ticket(person, kind, most or self._most, tell, asyncio.get_running_loop().create_future())
        self._queue.append(ticket)
        self._admit()
        try:
            await ticket.turn
            yield
        finally:
            if ticket in self._queue:
                self._queue.remove(ticket)
            else:
                self._writing[ticket.kind] -= 1
            self._admit()

    def _admit(self) -> None:
        """Give turns to those for whom there is room, in order, and tell the others their places."""
        for ticket in list(self._queue):
            if self._writing.total() >= self._most:
                break
            if self._writing[ticket.kind] < ticket.most:
                self._queue.remove(ticket)
                self._writing[ticket.kind] += 1
                if not ticket.turn.done():
                    ticket.turn.set_result(None)
                self._tell(ticket, 0)
        people: dict[str, dict[int, int]] = {}
        for ticket in self._queue:
            before = people.setdefault(ticket.kind, {})
            self._tell(ticket, before.setdefault(id(ticket.person), len(before) + 1))

    def _tell(self, ticket: _Ticket, place: int) -> None:
        if ticket.place != place:
            ticket.place = place
            ticket.tell(place)
