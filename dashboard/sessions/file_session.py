"""One person's way through a file of battles: what comes next, its verdict, and the votes. Knows nothing of widgets."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.params import RANDOM_SHARE
from dashboard.sessions.battle_draw import drawn_row
from dashboard.sessions.battle_files import BattleFile
from dashboard.sessions.concurrency import in_store_thread, in_thread
from dashboard.sessions.file_verdicts import FileVerdicts, Opinion, Order, opinion_of
from dashboard.sessions.limits import SessionLimits
from dashboard.sessions.vote_session import VoteSession
from dashboard.votes.agreement import with_outcomes
from dashboard.votes.store import AlreadyVoted, StoreFault, VoteFilter, VoteStore
from dashboard.votes.vote_records import CHOICES, Battle, Choice, Draw, Side, file_battle_id

if TYPE_CHECKING:
    from dashboard.judges.judge_service import JudgeService
    from stacker.judge.judge import Judge


@dataclass(frozen=True)
class Progress:
    """Where one left off.

    Attributes
    ----------
    total, done : int
        Battles of the file, and those of them with a vote.
    rows : tuple of int
        Rows with a vote.
    tally : dict
        Votes by choice.
    """

    total: int
    done: int
    rows: tuple[int, ...]
    tally: dict[Choice, int]

    @property
    def share(self) -> float:
        """Return the share that is done, 0 to 1; 1 for a file without battles."""
        return self.done / self.total if self.total else 1.0


def progress(ids: Sequence[str], voted: Mapping[str, Choice]) -> Progress:
    """Count the votes on a file.

    Parameters
    ----------
    ids : sequence of str
        The file's battles; votes on others are not counted.
    voted : mapping
        What `VoteStore.voted` returned.
    """
    rows = tuple(row for row, name in enumerate(ids) if name in voted)
    votes = [voted[ids[row]] for row in rows]
    return Progress(len(ids), len(rows), rows, {choice: votes.count(choice) for choice in CHOICES})


class FileSession(VoteSession):
    """An open file. Its methods are for the server's loop: files, verdicts and store are asked in threads.

    Parameters
    ----------
    file : BattleFile
        The battles.
    store : VoteStore
        Where battles and votes go.
    judges : JudgeService
        Its judge in use gives the verdicts, where there is one.
    limits : SessionLimits
        Counts the votes.
    session : str
        The person.
    random_share : float
        How often the next battle is drawn at random from all that are left (`dashboard.sessions.battle_draw`).
    chance : Random, optional
        Draws; the system's by default.

    Attributes
    ----------
    battle : Battle or None
        The one that is shown; it is stored with its verdict before anybody can vote on it.
    done : Progress
        How far the person has come.
    judged : bool
        Whether there is a judge.
    begun : bool
        Whether the first verdicts are there, so that there is an order to go by. The others are those of `VoteSession`.
    """

    def __init__(
        self,
        file: BattleFile,
        store: VoteStore,
        judges: "JudgeService",
        limits: SessionLimits,
        session: str,
        random_share: float = RANDOM_SHARE,
        chance: random.Random | None = None,
    ) -> None:
        super().__init__(store, limits, session, "judging")
        self.file = file
        loaded = judges.current
        self.judged = loaded is not None
        self.verdicts = FileVerdicts(file.battles, None if loaded is None else _opinion(judges, loaded.judge))
        self.battle: Battle | None = None
        self.begun = False
        self.done = Progress(len(file.battles), 0, (), {})
        self._version = "" if loaded is None else loaded.version
        self._share, self._chance = random_share, chance or random.SystemRandom()
        self._row: int | None = None
        self._voted: dict[str, Choice] = {}
        self._passed: set[int] = set()
        self._step = asyncio.Event()

    async def open(self) -> None:
        """Find out where the person left off.

        Raises
        ------
        StoreFault
            When the store cannot be read.
        """
        self._voted = await in_store_thread(self.store.voted, self.file.origin, self.session)
        await self._count()

    async def judge_ahead(self) -> None:
        """Begin to judge, and wait for the first verdicts; without a judge there are none."""
        if self.judged:
            loop = asyncio.get_running_loop()

            def told() -> None:
                with suppress(RuntimeError):  # the server has ended
                    loop.call_soon_threadsafe(self._step.set)

            self.verdicts.start(told)
            await self._step.wait()
        self.begun = True

    async def verdicts_come(self) -> None:
        """Wait until there are more verdicts, or no more come."""
        self._step.clear()
        if not self.verdicts.over:
            await self._step.wait()

    async def next(self, order: Order) -> Battle | None:
        """Go on to the next battle; None where none is left, and those passed over come again after that.

        Raises
        ------
        StoreFault
            When the battle could not be stored.
        """
        self.battle = self.vote = self.fault = self._row = None
        self._to("judging")
        settled = {*self.done.rows, *self._passed}
        first = await in_thread(self.verdicts.next_row, order, settled)
        if first is None:
            self._passed.clear()
            return None
        row, drawn = drawn_row(first, settled, self.done.total, self._share, self.done.done, self._chance)
        battle = self._made(row, await in_thread(self.verdicts.of, row), drawn)
        try:
            await in_store_thread(self.store.add_battle, battle)
        except StoreFault as fault:
            # it was shown before, when another judge was in use: the verdict given then came first and stays
            if fault.code != "same_battle":
                raise
        self._row, self.battle, self.battle_id = row, battle, battle.id
        self._to("open")
        return battle

    @property
    def unvoted(self) -> bool:
        """Whether the person may go on to another battle without a vote on this one."""
        return self.begun and self.vote is None and not self.storing

    def skip(self) -> bool:
        """Pass the battle over for now, and return whether that was possible."""
        if self._row is None or not self.unvoted:
            return False
        self._passed.add(self._row)
        return True

    async def outcome(self) -> pd.Series:
        """Return the vote beside its verdict as the store has them: another judge may have been first.

        Raises
        ------
        StoreFault
            When the store cannot be read.
        """
        assert self.battle is not None
        stored = await in_store_thread(self.store.votes, VoteFilter(battle=self.battle.id))
        return with_outcomes(stored).iloc[-1]

    async def _counted(self, choice: Choice | None) -> None:
        assert self.battle is not None
        if choice is None:
            self._voted.pop(self.battle.origin_id, None)
        else:
            self._voted[self.battle.origin_id] = choice
        await self._count()

    async def _holds(self, fault: AlreadyVoted) -> bool:
        """Return True: there is a vote from another tab, say, and it counts."""
        await self._counted(fault.details["choice"])
        return True

    async def _count(self) -> None:
        self.done = await in_thread(lambda: progress(self.file.battles["id"].tolist(), dict(self._voted)))

    def _made(self, row: int, verdict: tuple[float, float, float] | None, drawn: Draw) -> Battle:
        cells, file = self.file.battles.iloc[row], self.file
        return Battle(
            file_battle_id(file.origin, cells["id"], self.session),
            self.session,
            cells["prompt"],
            Side(cells["response_a"], model=cells["model_a"]),
            Side(cells["response_b"], model=cells["model_b"]),
            verdict,
            judge=self._version,
            lang=cells["lang"],
            source="file",
            origin=file.origin,
            origin_id=cells["id"],
            drawn=drawn,
        )


def _opinion(judges: "JudgeService", judge: "Judge") -> Opinion:
    """Return the judge's opinion, asked in the judge's own thread: it is not made to be asked by two at once."""
    opinion = opinion_of(judge)
    return lambda battles: judges.do(lambda: opinion(battles)).result()
