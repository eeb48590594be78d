"""The page of voting through a file: choose one, then battle after battle, from where one left off."""

from typing import Any

import panel as pn

from dashboard.analysis.order import Order
from dashboard.analysis.progress import Progress, progress
from dashboard.analysis.votes import with_outcomes
from dashboard.battle_files import BattleFile
from dashboard.file_verdicts import FileVerdicts, Opinion, opinion_of
from dashboard.limits import LimitReached
from dashboard.pages.aside import aside
from dashboard.pages.base import Context
from dashboard.pages.cards_look import stacked
from dashboard.pages.file_chooser import FileChooser
from dashboard.pages.file_room import FileRoom
from dashboard.records import CHOICES, Battle, Choice, Side, Voted, file_battle_id
from dashboard.store import AlreadyVoted, StoreFault, VoteFilter
from pipelines.errors import UserError
from stacker.judge import Judge

Verdict = tuple[float, float, float]
PATIENCE = 600.0
"""Seconds that the verdicts may take where there is no page to come back to."""


class FileVotesPage:
    """The page of one person (see `dashboard.pages.base`)."""

    name = "file"

    def __init__(self, context: Context) -> None:
        self.context, self.say = context, context.say
        self.store, self.session, self.judges = context.store, context.session, context.judges
        self.file: BattleFile | None = None
        self.verdicts: FileVerdicts | None = None
        self.version = ""
        self.battle: Battle | None = None
        self.row: int | None = None
        self.voted: dict[str, Choice] = {}
        self.passed: set[int] = set()
        self.last: Voted | None = None
        self._waiting = False

    def panel(self) -> pn.viewable.Viewable:
        """Return what is shown."""
        self.chooser = FileChooser(self.context, self.begin)
        self.room = FileRoom(self.say, self._pressed, self._order_changed, self.skip, self.close)
        self._open_room(False)
        return stacked(self.chooser.view, self.room.view)

    def opened(self) -> None:
        """Look again for what can be opened; after a change of language, go on with the file that was open."""
        self.chooser.refresh()
        kept = self.context.memory.get(self.name)
        if self.file is None and isinstance(kept, BattleFile):
            self.begin(kept)

    def closed(self) -> None:
        """End the verdicts that are on their way, and the reading of a file."""
        self.chooser.stop()
        if self.verdicts is not None:
            self.verdicts.stop()

    def begin(self, file: BattleFile) -> None:
        """Open a file, and show its first battle without a vote once the first verdicts are there."""
        self.closed()
        loaded = self.judges.current
        self.file, self.passed, self.last = file, set(), None
        self.context.memory[self.name] = file
        self.version = "" if loaded is None else loaded.version
        verdicts = self.verdicts = FileVerdicts(file.battles, None if loaded is None else self._opinion(loaded.judge))
        self.voted = self.store.voted(file.origin, self.session)
        self.room.order.disabled = loaded is None
        self.battle = self.row = None
        self._open_room(True)
        self._show()
        document = pn.state.curdoc
        if loaded is None or document is None or document.session_context is None:
            verdicts.start(lambda: None)
            verdicts.wait(PATIENCE)
            self.show_next()
            return
        self._waiting = True
        self.room.line("judging", self.say("file.first_verdicts"))

        def told() -> None:
            document.add_next_tick_callback(lambda: self._verdicts_came(verdicts))

        verdicts.start(told)

    def progress(self) -> Progress:
        """Return how far one has come through the file."""
        ids = [] if self.file is None else self.file.battles["id"].tolist()
        return progress(ids, self.voted)

    def show_next(self) -> None:
        """Show the next battle; it is stored with its verdict before anybody can vote on it."""
        if self.verdicts is None:
            return
        self.last, self.battle, self._waiting = None, None, False
        order: Order = self.room.order.value
        row = self.row = self.verdicts.next_row(order, {*self.progress().rows, *self.passed})
        if row is None:
            self._show()
            return
        verdicts = self.verdicts

        def show(verdict: Verdict | None) -> None:
            if self.verdicts is not verdicts or self.row != row or self.battle is not None:
                return
            try:
                self.battle = self._stored(row, verdict)
            except UserError as fault:
                self.room.line("judging", self._why(fault), warns=True)
                return
            self._show()

        if verdicts.has(row):
            show(verdicts.of(row))
        else:
            self.room.line("judging", self.say("file.first_verdicts"))
            aside(lambda: verdicts.of(row), show)

    def vote(self, choice: Choice) -> None:
        """Vote on the battle that is shown; the page says so only once the vote is stored."""
        if self.battle is None or self.last is not None:
            return
        try:
            self.context.limits.vote()
            self.last = self.store.vote(self.battle.id, choice, self.session)
        except LimitReached as reached:
            self.room.line("open", self.say(f"limit.{reached.code}", **reached.details), warns=True)
            return
        except AlreadyVoted as fault:  # in another tab, say
            self.voted[self.battle.origin_id] = fault.details["choice"]
            self.room.line("voted", self._why(fault), warns=True)
            return
        except UserError as fault:
            self.room.line("open", self._why(fault), warns=True)
            return
        self.voted[self.battle.origin_id] = choice
        self._show_outcome()

    def undo(self) -> None:
        """Withdraw the vote just cast."""
        if self.battle is None or self.last is None:
            return
        try:
            self.store.undo(self.battle.id, self.session)
        except StoreFault as fault:
            self.room.line("voted", self._why(fault), warns=True)
            return
        self.voted.pop(self.battle.origin_id, None)
        self.last = None
        self._show()

    def skip(self) -> None:
        """Pass the battle over for now."""
        if self.row is not None and self.last is None:
            self.passed.add(self.row)
            self.show_next()

    def close(self) -> None:
        """Leave the file and choose another."""
        self.closed()
        self.file = self.verdicts = self.battle = self.row = None
        self.context.memory.pop(self.name, None)
        self._open_room(False)
        self.chooser.refresh()

    def _stored(self, row: int, verdict: Verdict | None) -> Battle:
        assert self.file is not None
        cells = self.file.battles.iloc[row]
        battle = Battle(
            file_battle_id(self.file.origin, cells["id"], self.session),
            self.session,
            cells["prompt"],
            Side(cells["response_a"], model=cells["model_a"]),
            Side(cells["response_b"], model=cells["model_b"]),
            verdict,
            judge=self.version,
            lang=cells["lang"],
            source="file",
            origin=self.file.origin,
            origin_id=cells["id"],
        )
        try:
            self.store.add_battle(battle)
        except StoreFault as fault:
            # it was shown before, when another judge was in use: the verdict given then came first and stays
            if fault.code != "same_battle":
                raise
        return battle

    def _opinion(self, judge: Judge) -> Opinion:
        """Return the judge's opinion, asked in the judge's own thread: it is not made to be asked by two at once."""
        opinion = opinion_of(judge)
        return lambda battles: self.judges.do(lambda: opinion(battles)).result()

    def _verdicts_came(self, verdicts: FileVerdicts) -> None:
        if verdicts is not self.verdicts:
            return
        if self._waiting:
            self.show_next()
        else:
            self._show_head()  # the battle on the page stays: a person may be reading it

    def _pressed(self, code: Any) -> None:
        if code == "next":
            self.show_next()
        elif code == "undo":
            self.undo()
        elif code in CHOICES:
            self.vote(code)

    def _order_changed(self) -> None:
        if self.last is None and not self._waiting:
            self.show_next()

    def _open_room(self, opened: bool) -> None:
        self.chooser.view.visible, self.room.view.visible = not opened, opened

    def _show(self) -> None:
        """Show the present battle open to a vote, or that there is none."""
        with pn.io.hold():
            self._show_head()
            self.room.clear(self.battle)
            if self.battle is not None:
                self.room.show_battle(self.battle)
            elif not self._waiting and self.row is None:
                done = self.progress()
                self.passed.clear()
                self.room.show_nothing(done.done >= done.total)

    def _show_head(self) -> None:
        if self.file is not None and self.verdicts is not None:
            self.room.show_head(self.file, self.progress(), self.verdicts)

    def _show_outcome(self) -> None:
        assert self.battle is not None and self.last is not None
        # what stands in the store, and not what this page holds: another judge may have been first
        stored = self.store.votes(VoteFilter(session=self.session, origin=self.battle.origin, last=1))
        with pn.io.hold():
            self._show_head()
            self.room.show_outcome(self.battle, self.last, with_outcomes(stored).iloc[-1])

    def _why(self, fault: UserError) -> str:
        key = f"store.{fault.code}" if isinstance(fault, StoreFault) else ""
        return self.say(key, **fault.details) if isinstance(fault, StoreFault) and key in self.say else str(fault)
