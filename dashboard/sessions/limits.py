"""How much one person, everybody at one address, and the server as a whole may ask for."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from dashboard.params import LimitParams

MINUTE, HOUR = 60.0, 3600.0
MOST_REMEMBERED = 10_000
"""Persons, and as many addresses, whose counts are remembered; the longest unseen are forgotten first."""
Clock = Callable[[], float]


class LimitReached(Exception):  # noqa: N818 - no fault, a stated bound
    """More than a person may ask for.

    Attributes
    ----------
    code : str
        `questions_minute`, `questions_hour`, `votes` or `length`, or the first three after `address_`: a key of the
        page's texts (`limit.<code>`).
    details : dict
        Fields of the sentence: `most`, and `seconds` until there is room again or `length` of what was sent.
    """

    def __init__(self, code: str, **details: int) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


class RecentCount:
    """Counts what happened in the last `seconds`, at most `most` of it."""

    def __init__(self, code: str, most: int, seconds: float, clock: Clock) -> None:
        self.code, self.most, self.seconds, self._clock = code, most, seconds, clock
        self._times: deque[float] = deque(maxlen=most)

    def check(self) -> None:
        """Raise `LimitReached` where there is no room now."""
        now = self._clock()
        if len(self._times) == self.most and now - self._times[0] < self.seconds:
            raise LimitReached(self.code, most=self.most, seconds=int(self.seconds - (now - self._times[0])) + 1)

    def add(self) -> None:
        """Count one, and forget what no longer counts."""
        now = self._clock()
        while self._times and now - self._times[0] >= self.seconds:
            self._times.popleft()
        self._times.append(now)


class Counts:
    """What one person, or everybody at one address, has asked for.

    Parameters
    ----------
    params : LimitParams
        The bounds of one person.
    people : int
        How many persons' bounds hold.
    prefix : str
        Begins the codes of `LimitReached`.
    clock : function
        Seconds on a clock that never goes back.
    """

    def __init__(self, params: LimitParams, people: int, prefix: str, clock: Clock) -> None:
        minute, hour, votes = params.questions_per_minute, params.questions_per_hour, params.votes_per_minute
        self.questions = (
            RecentCount(f"{prefix}questions_minute", people * minute, MINUTE, clock),
            RecentCount(f"{prefix}questions_hour", people * hour, HOUR, clock),
        )
        self.votes = (RecentCount(f"{prefix}votes", people * votes, MINUTE, clock),)
        self.seen = clock()


class Limits:
    """All counts of a process.

    Parameters
    ----------
    params : LimitParams
        The bounds.
    clock : function
        Seconds on a clock that never goes back.
    """

    def __init__(self, params: LimitParams, clock: Clock = time.monotonic) -> None:
        self.params, self._clock = params, clock
        self._persons: OrderedDict[str, Counts] = OrderedDict()
        self._addresses: OrderedDict[str, Counts] = OrderedDict()

    def of(self, session: str, address: str | None = None) -> "SessionLimits":
        """Return the limits of a person.

        Parameters
        ----------
        session : str
            Her pseudonym; all her tabs have the same counts, also after a reload.
        address : str or None
            Where she comes from (see `dashboard.server.addresses`), where the pseudonym is a cookie, which she can
            drop; None for an account.
        """
        return SessionLimits(self.params, self._clock, shared=self, session=session, address=address)

    def counts(self, session: str, address: str | None) -> list[Counts]:
        """Return what is counted for a person now."""
        found = [self._kept(self._persons, session, 1, "")]
        if address is not None:
            found.append(self._kept(self._addresses, address, self.params.people_per_address, "address_"))
        return found

    def _kept(self, kept: OrderedDict[str, Counts], key: str, people: int, prefix: str) -> Counts:
        """Return the counts of a key; forget whoever was not seen for an hour, or longest where there are too many."""
        found = kept.setdefault(key, Counts(self.params, people, prefix, self._clock))
        found.seen = self._clock()
        kept.move_to_end(key)
        while len(kept) > MOST_REMEMBERED or found.seen - next(iter(kept.values())).seen > HOUR:
            kept.popitem(last=False)
        return found


class SessionLimits:
    """What one person may ask for: her own bounds, and those of her address.

    Parameters
    ----------
    params : LimitParams
        The bounds.
    clock : function
        Seconds on a clock that never goes back.
    shared : Limits or None
        The counts of the process, see `Limits.of`; None counts for itself.
    session, address : str, str or None
        See `Limits.of`.
    """

    def __init__(
        self,
        params: LimitParams,
        clock: Clock = time.monotonic,
        *,
        shared: Limits | None = None,
        session: str = "",
        address: str | None = None,
    ) -> None:
        self.params = params
        self._shared = shared or Limits(params, clock)
        self._session, self._address = session, address

    def question(self, text: str) -> None:
        """Count a question, or raise `LimitReached` (`length`, `questions_...`) and count nothing."""
        if len(text) > self.params.question_characters:
            raise LimitReached("length", most=self.params.question_characters, length=len(text))
        self.again()

    def again(self) -> None:
        """Count another try at an answer as a question."""
        _count([each for counts in self._counts() for each in counts.questions])

    def vote(self) -> None:
        """Count a vote, or raise `LimitReached` (`votes`) and count nothing."""
        _count([each for counts in self._counts() for each in counts.votes])

    def _counts(self) -> list[Counts]:
        return self._shared.counts(self._session, self._address)


def _count(counts: list[RecentCount]) -> None:
    for count in counts:
        count.check()
    for count in counts:
        count.add()
