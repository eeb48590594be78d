"""A battle before a person who votes on it: the one way in which votes are stored and withdrawn. Knows no widgets."""

from collections.abc import Callable
from typing import Literal

from dashboard.sessions.concurrency import in_store_thread
from dashboard.sessions.limits import SessionLimits
from dashboard.votes.store import AlreadyVoted, StoreFault, VoteStore
from dashboard.votes.vote_records import Choice, Voted

Stage = Literal["answering", "broken", "judging", "unstored", "open", "voting", "voted"]


class VoteSession:
    """Takes votes on one battle at a time, each stored with its verdict before anybody can vote on it.

    Its methods are for the server's loop: the store is asked in threads.

    Parameters
    ----------
    store : VoteStore
        Where battles and votes go.
    limits : SessionLimits
        Counts the votes.
    session : str
        The person.
    stage : str
        Where it begins.

    Attributes
    ----------
    stage : str
        Among others `judging`, until the battle is stored; `open` to votes; `voting`; `voted`.
    battle_id : str
        The battle that is voted on.
    vote : Voted or None
        The vote that holds.
    fault : StoreFault or None
        What the store last refused.
    on_stage : function
        Called when the stage, or what belongs to it, has changed.
    """

    def __init__(self, store: VoteStore, limits: SessionLimits, session: str, stage: Stage) -> None:
        self.store, self.limits, self.session = store, limits, session
        self.stage = stage
        self.battle_id = ""
        self.vote: Voted | None = None
        self.fault: StoreFault | None = None
        self.on_stage: Callable[[], None] = lambda: None
        self._undoing = False

    @property
    def storing(self) -> bool:
        """Whether a vote is being stored or withdrawn."""
        return self._undoing or self.stage == "voting"

    async def cast(self, choice: Choice) -> bool:
        """Store a vote; `stage` says whether it holds, `fault` why not. Return whether it was tried at all.

        Raises
        ------
        LimitReached
            When the session votes too fast.
        """
        if self.stage != "open" or self.storing:
            return False
        self.limits.vote()
        self._to("voting")
        stage: Stage = "voted"
        try:
            self.vote = await in_store_thread(self.store.vote, self.battle_id, choice, self.session)
            self.fault = None
            await self._counted(choice)
        except StoreFault as fault:
            self.fault = fault
            stage = "voted" if isinstance(fault, AlreadyVoted) and await self._holds(fault) else "open"
        self._to(stage)
        return True

    async def undo(self) -> bool:
        """Withdraw the vote, or leave in `fault` why not. Return whether it was tried at all."""
        if self.stage != "voted" or self.vote is None or self.storing:
            return False
        stage: Stage = "voted"
        self._undoing = True
        try:
            await in_store_thread(self.store.undo, self.battle_id, self.session)
            self.vote, self.fault, stage = None, None, "open"
            await self._counted(None)
        except StoreFault as fault:
            self.fault = fault
        finally:
            self._undoing = False
        self._to(stage)
        return True

    async def _counted(self, choice: Choice | None) -> None:
        """Take note of a vote that was stored, or of None in its place."""

    async def _holds(self, fault: AlreadyVoted) -> bool:
        """Return whether the vote that stands in the way of another is to be shown as the one that holds."""
        return self.vote is not None

    def _to(self, stage: Stage) -> None:
        self.stage = stage
        self.on_stage()
