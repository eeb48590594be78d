"""The leaderboard pages of a process: made in a thread and kept for a while, so that many visitors cost one reading."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from dashboard.pages.leaderboard.leaderboard import Of, leaderboard_page
from dashboard.sessions.concurrency import in_thread
from dashboard.texts import Language, Texts
from dashboard.votes.agreement import neutral_only, with_outcomes
from dashboard.votes.store import VoteStore

KEPT_S = 30.0
"""How long a page is shown before it is made anew."""


class Leaderboards:
    """Makes the pages.

    Parameters
    ----------
    neutral : bool
        Whether votes are left out where an answer named its own model.
    made_up : function
        Tells whether the votes were made up, which the page then says.
    clock : function
        Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        store: VoteStore,
        neutral: bool = True,
        clock: Callable[[], float] = monotonic,
        made_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.store, self.neutral, self._clock, self._made_up = store, neutral, clock, made_up
        self._kept: dict[tuple[Of, Language], tuple[float, str]] = {}
        self._making = asyncio.Lock()

    async def page(self, of: Of, language: Language) -> str:
        """Return the page of a ranking in a language, at most `KEPT_S` old; a `StoreFault` where none can be read."""
        async with self._making:  # whoever comes meanwhile waits for the same page
            made, page = self._kept.get((of, language), (float("-inf"), ""))
            if self._clock() - made >= KEPT_S:
                page = await in_thread(self._made, of, language)
                self._kept[of, language] = self._clock(), page
            return page

    def _made(self, of: Of, language: Language) -> str:
        votes = with_outcomes(self.store.votes())
        shown = neutral_only(votes) if self.neutral else votes
        return leaderboard_page(shown, of, Texts(language), datetime.now(UTC), self._made_up())
