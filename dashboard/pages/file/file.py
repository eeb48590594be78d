"""The page of voting through a file: choose one, then battle after battle, from where one left off."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import panel as pn

from dashboard.components.look import stacked
from dashboard.pages.file.file_chooser import FileChooser
from dashboard.pages.file.file_room import FileRoom
from dashboard.pages.page import Context
from dashboard.sessions.battle_files import BattleFile
from dashboard.sessions.file_session import FileSession
from dashboard.sessions.limits import LimitReached
from dashboard.votes.store import StoreFault
from dashboard.votes.vote_records import CHOICES, Battle, Choice
from pipelines.errors import UserError


class FileVotesPage:
    """The page of one person (see `dashboard.pages.page`)."""

    name = "file"

    def __init__(self, context: Context) -> None:
        self.context, self.say, self.tasks = context, context.say, context.tasks
        self.round: FileSession | None = None
        self._moving: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    def panel(self) -> pn.viewable.Viewable:
        """Return what is shown."""
        self.chooser = FileChooser(self.context, self.begin)
        self.room = FileRoom(self.say, self._pressed, self._order_changed, self.skip, self.close, self.tasks.start)
        self._open_room(False)
        return stacked(self.chooser.view, self.room.view)

    def opened(self) -> None:
        """Look again for what can be opened; after a change of language, go on with the file that was open."""
        self.chooser.refresh()
        kept = self.context.memory.get(self.name)
        if self.round is None and isinstance(kept, BattleFile):
            self.begin(kept)

    def closed(self) -> None:
        """End the verdicts that are on their way, and the reading of a file."""
        self.chooser.stop()
        if self.round is not None:
            self.round.verdicts.stop()
        for task in (self._moving, self._following):
            if task is not None:
                task.cancel()

    def begin(self, file: BattleFile) -> None:
        """Open a file, and show its first battle without a vote once the first verdicts are there."""
        self.closed()
        context = self.context
        settings = (context.limits, context.session, context.params.random_share)
        self.round = FileSession(file, context.store, context.judges, *settings)
        self.round.on_stage = self._stage_changed
        context.memory[self.name] = file
        self.room.order.disabled = not self.round.judged
        self._open_room(True)
        self._clear()
        self.room.line("judging", self.say("file.first_verdicts") if self.round.judged else "")
        self._move(self._begin(self.round))

    def close(self) -> None:
        """Leave the file and choose another."""
        self.closed()
        self.round = None
        self.context.memory.pop(self.name, None)
        self._open_room(False)
        self.chooser.refresh()

    def skip(self) -> None:
        """Pass the battle over for now."""
        one = self.round
        if one is not None and one.skip():
            self._move(self._next(one))

    async def _begin(self, one: FileSession) -> None:
        try:
            await one.open()
        except StoreFault as fault:
            self.room.line("judging", self._why(fault), warns=True)
            return
        self._show_head()
        await one.judge_ahead()
        if one.judged:
            self._following = self.tasks.start(self._follow(one))
        await self._next(one)

    async def _follow(self, one: FileSession) -> None:
        """Tell how far the verdicts are; the battle on the page stays: a person may be reading it."""
        while not one.verdicts.over:
            self._show_head()
            await one.verdicts_come()
        self._show_head()

    async def _next(self, one: FileSession) -> None:
        """Show the next battle."""
        self.room.lock()
        try:
            battle = await one.next(self.room.order.value)
        except UserError as fault:
            self.room.line("judging", self._why(fault), warns=True)
            return
        await self._show()
        if battle is None:
            self.room.show_nothing(one.done.done >= one.done.total)

    async def _vote(self, one: FileSession, choice: Choice) -> None:
        """Vote on the battle that is shown; the page says so only once the vote is stored."""
        try:
            if not await one.cast(choice) or self.round is not one:
                return
        except LimitReached as reached:
            self.room.line("open", self.say(f"limit.{reached.code}", **reached.details), warns=True)
            return
        if one.fault is not None:
            self.room.line(one.stage, self._why(one.fault), warns=True)
        else:
            await self._show_outcome(one)

    async def _show_outcome(self, one: FileSession) -> None:
        try:
            row = await one.outcome()
        except StoreFault:
            row = None  # the vote is stored, and that is said; there is nothing to compare it with
        if self.round is one and one.battle is not None and one.vote is not None:
            with pn.io.hold():
                self._show_head()
                self.room.show_outcome(one.battle, one.vote, row)
                self.room.reasons.show(one)

    async def _undo(self, one: FileSession) -> None:
        """Withdraw the vote just cast."""
        if not await one.undo() or self.round is not one:
            return
        if one.fault is not None:
            self.room.line(one.stage, self._why(one.fault), warns=True)
        else:
            await self._show()

    def _stage_changed(self) -> None:
        if self.round is not None and self.round.stage == "voting":
            self.room.line("voting", self.say("file.voting"))

    def _move(self, work: Coroutine[Any, Any, None]) -> None:
        """Go on to another battle; what was on its way to one before is given up."""
        if self._moving is not None:
            self._moving.cancel()
        self._moving = self.tasks.start(work)

    def _pressed(self, code: Any) -> None:
        if self.round is None:
            return
        if code == "next" and not self.round.storing:
            self._move(self._next(self.round))
        elif code == "undo":
            self.tasks.start(self._undo(self.round))
        elif code in CHOICES:
            self.tasks.start(self._vote(self.round, code))

    def _order_changed(self) -> None:
        one = self.round
        if one is not None and one.unvoted:
            self._move(self._next(one))

    def _open_room(self, opened: bool) -> None:
        self.chooser.view.visible, self.room.view.visible = not opened, opened

    async def _show(self) -> None:
        """Show the present battle, open to a vote as soon as its texts are there, or none."""
        battle = self._clear()
        if battle is not None:
            await self.room.show_battle(battle)

    def _clear(self) -> Battle | None:
        """Show the head, and the places of a battle's texts without what was in them; return the present battle."""
        battle = None if self.round is None else self.round.battle
        with pn.io.hold():
            self._show_head()
            self.room.clear(battle)
        return battle

    def _show_head(self) -> None:
        if self.round is not None:
            shown = (self.round.file, self.round.done, self.round.verdicts)
            self.room.show_head(*shown, self.context.params.random_share)

    def _why(self, fault: UserError) -> str:
        key = f"store.{fault.code}" if isinstance(fault, StoreFault) else ""
        return self.say(key, **fault.details) if isinstance(fault, StoreFault) and key in self.say else str(fault)
