"""How much one session, and the server as a whole, may ask for."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from dashboard.params import LimitParams

MINUTE, HOUR = 60.0, 3600.0


class LimitReached(Exception):  # noqa: N818 - no fault, a stated bound
    """More than a session may ask for.

    Attributes
    ----------
    code : str
        `questions`, `votes` or `length`: a key of the page's texts (`limit.<code>`).
    details : dict
        Fields of the sentence: `most`, and `seconds` until there is room again or `length` of what was sent.
    """

    def __init__(self, code: str, **details: int) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


class RecentCount:
    """Counts what happened in the last `seconds`, at most `most` of it."""

    def __init__(self, code: str, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self.code, self.most, self.seconds, self._clock = code, most, seconds, clock
        self._times: deque[float] = deque(maxlen=most)

    def check(self) -> None:
        """Raise `LimitReached` where there is no room now."""
        now = self._clock()
        if len(self._times) == self.most and now - self._times[0] < self.seconds:
            raise LimitReached(self.code, most=self.most, seconds=int(self.seconds - (now - self._times[0])) + 1)

    def add(self) -> None:
        """Count one."""
        self._times.append(self._clock())


class SessionLimits:
    """What one session has asked for.

    Parameters
    ----------
    params : LimitParams
        The bounds.
    clock : function
        Seconds on a clock that never goes back.
    """

    def __init__(self, params: LimitParams, clock: Callable[[], float] = time.monotonic) -> None:
        self.params = params
        self._questions = (
            RecentCount("questions", params.questions_per_minute, MINUTE, clock),
            RecentCount("questions", params.questions_per_hour, HOUR, clock),
        )
        self._votes = RecentCount("votes", params.votes_per_minute, MINUTE, clock)

    def question(self, text: str) -> None:
        """Count a question, or raise `LimitReached` (`length`, `questions`) and count nothing."""
        if len(text) > self.params.question_characters:
            raise LimitReached("length", most=self.params.question_characters, length=len(text))
        self.again()

    def again(self) -> None:
        """Count another try at an answer as a question."""
        for count in self._questions:
            count.check()
        for count in self._questions:
            count.add()

    def vote(self) -> None:
        """Count a vote, or raise `LimitReached` (`votes`) and count nothing."""
        self._votes.check()
        self._votes.add()


class AnswerSlots:
    """Lets a fixed number of answers be written at a time; the others wait their turn.

    Parameters
    ----------
    most : int
        Answers at a time, over all sessions of the process.
    """

    def __init__(self, most: int) -> None:
        self._room = asyncio.Semaphore(most)

    async def __aenter__(self) -> None:
        await self._room.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._room.release()
