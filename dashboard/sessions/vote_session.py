"""A battle before a person who votes on it: the one way in which votes are stored and withdrawn. Knows no widgets."""

from collections.abc import Callable, Sequence
from typing import Literal

from dashboard.sessions.concurrency import in_store_thread
from dashboard.sessions.limits import SessionLimits
from dashboard.votes.store import AlreadyVoted, StoreFault, VoteStore
from dashboard.votes.vote_records import Choice, Voted, reasons_text, remark_text

Stage = Literal["answering", "unanswered", "broken", "judging", "unstored", "open", "voting", "voted"]


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
    reasons, remark : tuple of str, str
        Why the vote that holds was cast, as far as the person said it: words of `vote_records.REASONS`, and her own.
    reasons_kept : bool or None
        Whether the store has them; None while it is being asked, and as long as there are none.
    on_reasons : function
        Called when `reasons_kept` may have changed.
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
        self.reasons: tuple[str, ...] = ()
        self.remark = ""
        self.reasons_kept: bool | None = None
        self.on_reasons: Callable[[], None] = lambda: None
        self._undoing = False
        self._giving = False

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
            self.reasons, self.remark, self.reasons_kept = (), "", None
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

    async def give_reasons(self, reasons: Sequence[str], remark: str) -> None:
        """Store why the vote was cast, in place of what was said before; of what comes meanwhile, the last counts.

        Parameters
        ----------
        reasons : sequence of str
            Words of `vote_records.REASONS`; others are left out.
        remark : str
            In the person's own words.
        """
        if self.stage != "voted" or self.vote is None:
            return
        self.reasons = tuple(reasons_text(self.vote.choice, reasons).split())
        self.remark, self.reasons_kept = remark_text(remark), None
        self.on_reasons()
        if self._giving:
            return
        self._giving = True
        try:
            while self.vote is not None and self.reasons_kept is None:
                await self._keep_reasons(self.battle_id, self.reasons, self.remark)
        finally:
            self._giving = False
        self.on_reasons()

    async def _keep_reasons(self, battle_id: str, reasons: tuple[str, ...], remark: str) -> None:
        kept = True
        try:
            await in_store_thread(self.store.give_reasons, battle_id, self.session, reasons, remark)
        except StoreFault:
            kept = False
        if (battle_id, reasons, remark) == (self.battle_id, self.reasons, self.remark):
            self.reasons_kept = kept

    async def _counted(self, choice: Choice | None) -> None:
        """Take note of a vote that was stored, or of None in its place."""

    async def _holds(self, fault: AlreadyVoted) -> bool:
        """Return whether the vote that stands in the way of another is to be shown as the one that holds."""
        return self.vote is not None

    def _to(self, stage: Stage) -> None:
        self.stage = stage
        self.on_stage()
