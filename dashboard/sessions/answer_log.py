"""How the generators have done lately: how soon and how fast their answers came, and in what they ended."""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

KEPT = 100
"""Answers of each model that are remembered."""
MOST_MODELS = 50
"""Models that are remembered; the longest unused are forgotten first."""
FEWEST_PIECES = 5
"""Pieces of an answer below which its speed says nothing."""
GIVEN_UP = "given_up"
"""Ends an answer that nobody waited for any longer."""


@dataclass(frozen=True)
class Written:
    """One answer.

    Attributes
    ----------
    waited, first, speed : float or None
        Seconds in the queue, seconds from its turn to its first word, and pieces a second from then on (most servers
        send a token in each); None where there was no word, or too few.
    fault : str
        The code of what it ended in; "" at its end.
    at : datetime
        When it ended, with its zone.
    """

    waited: float
    first: float | None
    speed: float | None
    fault: str
    at: datetime


@dataclass(frozen=True)
class Health:
    """What is known of one model that answers.

    Attributes
    ----------
    kind, model : str
        The kind of its generator, and its name.
    answers : int
        The last ones, at most `KEPT`.
    waited, first, speed : float or None
        Medians of `Written`.
    faults : dict
        How often each code ended one of them.
    last : Written
        The last one.
    """

    kind: str
    model: str
    answers: int
    waited: float | None
    first: float | None
    speed: float | None
    faults: dict[str, int]
    last: Written


class AnswerTimer:
    """Takes the time of one answer; made by `AnswerLog.begin`."""

    def __init__(
        self, clock: Callable[[], float], ended: Callable[[float, float | None, float | None, str], None]
    ) -> None:
        self._clock, self._ended = clock, ended
        self._asked = self._turn = clock()
        self._first: float | None = None
        self._last, self._pieces = 0.0, 0

    def turn(self) -> None:
        """Take note that the answer is being written from now on."""
        self._turn = self._clock()

    def piece(self) -> None:
        """Take note of a piece of the answer."""
        self._last = self._clock()
        self._pieces += 1
        if self._first is None:
            self._first = self._last

    def end(self, fault: str = "") -> None:
        """Take note of the end, by the code of a fault or without one."""
        first = None if self._first is None else self._first - self._turn
        took = 0.0 if self._first is None else self._last - self._first
        speed = (self._pieces - 1) / took if self._pieces >= FEWEST_PIECES and took > 0 else None
        self._ended(self._turn - self._asked, first, speed, fault)


class AnswerLog:
    """The last answers of all models; used on the server's loop alone.

    Parameters
    ----------
    clock : function
        Seconds on a clock that never goes back.
    now : function
        The time with its zone.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clock, self._now = clock, now
        self._kept: OrderedDict[tuple[str, str], deque[Written]] = OrderedDict()

    def begin(self, kind: str, model: str) -> AnswerTimer:
        """Return what takes the time of an answer that is asked for now."""

        def ended(waited: float, first: float | None, speed: float | None, fault: str) -> None:
            rows = self._kept.setdefault((kind, model), deque(maxlen=KEPT))
            rows.append(Written(waited, first, speed, fault, self._now()))
            self._kept.move_to_end((kind, model))
            while len(self._kept) > MOST_MODELS:
                self._kept.popitem(last=False)

        return AnswerTimer(self._clock, ended)

    def health(self) -> list[Health]:
        """Return what is known of each model, the one that answered last first."""
        return [_health(*key, list(rows)) for key, rows in reversed(self._kept.items())]


def _health(kind: str, model: str, rows: list[Written]) -> Health:
    faults = Counter(row.fault for row in rows if row.fault)
    return Health(
        kind,
        model,
        len(rows),
        _median([row.waited for row in rows]),
        _median([row.first for row in rows]),
        _median([row.speed for row in rows]),
        dict(faults.most_common()),
        rows[-1],
    )


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
