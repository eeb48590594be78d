"""The page of voting through a file: choose one, then battle after battle, from where one left off."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import panel as pn

from dashboard.analysis.order import Order
from dashboard.analysis.progress import Progress, progress
from dashboard.analysis.votes import with_outcomes
from dashboard.battle_files import BattleFile
from dashboard.components import AnswerColumn, VoteBar
from dashboard.file_verdicts import FileVerdicts, Opinion, opinion_of
from dashboard.limits import LimitReached
from dashboard.pages.aside import aside
from dashboard.pages.base import Context
from dashboard.pages.cards_look import WIDGET, card_pane, card_sheet, grid, in_line, stacked, sticky
from dashboard.pages.file_chooser import FileChooser
from dashboard.pages.history_cards import percent, verdict_line
from dashboard.records import CHOICES, Battle, Choice, Side, Voted, file_battle_id
from dashboard.render import plain, render_turns
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
        self._room()
        self._open_room(False)
        return stacked(self.chooser.view, self.room)

    def opened(self) -> None:
        """Look again for what can be opened; after a change of language, go on with the file that was open."""
        self.chooser.refresh()
        kept = self.context.memory.get(self.name)
        if self.file is None and isinstance(kept, BattleFile):
            self.begin(kept)

    def closed(self) -> None:
        """End the verdicts that are on their way."""
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
        self.order.disabled = loaded is None
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
        self._line("judging", self.say("file.first_verdicts"))

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
        order: Order = self.order.value
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
                self._line("judging", self._why(fault), warns=True)
                return
            self._show()

        if verdicts.has(row):
            show(verdicts.of(row))
        else:
            self._line("judging", self.say("file.first_verdicts"))
            aside(lambda: verdicts.of(row), show)

    def vote(self, choice: Choice) -> None:
        """Vote on the battle that is shown; the page says so only once the vote is stored."""
        if self.battle is None or self.last is not None:
            return
        try:
            self.context.limits.vote()
            self.last = self.store.vote(self.battle.id, choice, self.session)
        except LimitReached as reached:
            self._line("open", self.say(f"limit.{reached.code}", **reached.details), warns=True)
            return
        except AlreadyVoted as fault:  # in another tab, say
            self.voted[self.battle.origin_id] = fault.details["choice"]
            self._line("voted", self._why(fault), warns=True)
            return
        except UserError as fault:
            self._line("open", self._why(fault), warns=True)
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
            self._line("voted", self._why(fault), warns=True)
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

    # what is shown

    def _room(self) -> None:
        say = self.say
        self.head, self.question, self.outcome = card_pane(), card_pane(), card_pane(visible=False)
        orders: tuple[Order, ...] = ("uncertain", "informative", "file")
        self.order = pn.widgets.Select(
            label=say("file.order"),
            options={say(f"file.order_{order}"): order for order in orders},
            sizing_mode="stretch_width",
            margin=0,
            css_classes=["order"],
            stylesheets=[WIDGET],
        )
        self.order.param.watch(lambda _: self._order_changed(), "value")
        self.skip_button = pn.widgets.Button(
            label=say("file.skip"), align="end", margin=0, css_classes=["skip"], stylesheets=[WIDGET]
        )
        self.skip_button.on_click(lambda _: self.skip())
        other = pn.widgets.Button(
            label=say("file.other"), align="end", margin=0, css_classes=["other"], stylesheets=[WIDGET]
        )
        other.on_click(lambda _: self.close())
        self.columns = {side: self._column(side) for side in ("a", "b")}
        self.bar = VoteBar(
            choices=[[choice, say(f"choice.{choice}")] for choice in CHOICES],
            words={"label": say("file.votes"), "undo": say("file.undo"), "next": say("file.next"), "again": ""},
            sizing_mode="stretch_width",
            margin=0,
        )
        self.bar.param.watch(self._pressed, "press")
        tools = in_line(self.order, self.skip_button, other)
        self.room = stacked(
            card_sheet(self.head, tools),
            card_sheet(self.question),
            self.outcome,
            grid(*self.columns.values()),
            sticky(self.bar),
        )

    def _column(self, side: str) -> AnswerColumn:
        name = self.say(f"history.answer_{side}")
        return AnswerColumn(
            side=side, words={"name": name, "again": ""}, state="done", sizing_mode="stretch_width", margin=0
        )

    def _pressed(self, event: Any) -> None:
        code = event.new.get("code")
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
        self.chooser.view.visible, self.room.visible = not opened, opened

    def _show(self) -> None:
        """Show the present battle open to a vote, or that there is none."""
        self._show_head()
        battle = self.battle
        self.outcome.visible = False
        self.skip_button.disabled = battle is None
        for column in self.columns.values():
            column.visible = battle is not None
        if battle is not None:
            self.question.object = (
                f'<div class="text question" dir="auto">{render_turns(tuple(battle.prompt)).html}</div>'
            )
            for side, content in (("a", battle.a), ("b", battle.b)):
                self._answer(side, content.response)
            self._line("open", self.say("file.open_judged" if battle.verdict is not None else "file.open_unjudged"))
            return
        if self._waiting or self.row is not None:
            return
        done = self.progress()
        finished = done.done >= done.total
        sentence = self.say("file.finished" if finished else "file.only_passed")
        self.question.object = f'<p class="nothing first">{escape(sentence)}</p>'
        self.passed.clear()
        self._line("judging" if finished else "voted", "")

    def _answer(self, side: str, turns: Sequence[str]) -> None:
        shown = render_turns(tuple(turns))
        note = self.say("history.left_out", count=f"{shown.left_out:,}") if shown.left_out else ""
        self.columns[side].param.update(html=shown.html, note=note, who="", chosen="")

    def _show_head(self) -> None:
        if self.file is None or self.verdicts is None:
            return
        done, verdicts = self.progress(), self.verdicts
        parts = [self.say("file.done", done=f"{done.done:,}", total=f"{done.total:,}", share=percent(done.share))]
        if self.file.left_out:
            parts.append(self.say("file.left_out", count=f"{self.file.left_out:,}"))
        if verdicts.wanted == 0:
            parts.append(self.say("file.no_judge"))
        elif verdicts.fault:
            parts.append(self.say("file.verdicts_failed", reason=verdicts.fault[:200]))
        elif verdicts.done < verdicts.wanted:
            parts.append(self.say("file.verdicts", done=f"{verdicts.done:,}", total=f"{verdicts.wanted:,}"))
        notes = "".join(f"<span>{plain(part, 300)}</span>" for part in parts)
        self.head.object = (
            f'<div class="status"><b>{plain(self.file.name, 120)}</b>{notes}</div>'
            f'<div class="bar-of" role="progressbar" aria-valuemin="0" aria-valuemax="{done.total}" '
            f'aria-valuenow="{done.done}"><i style="width:{100 * done.share:.2f}%"></i></div>'
        )

    def _show_outcome(self) -> None:
        assert self.battle is not None and self.last is not None
        # what stands in the store, and not what this page holds: another judge may have been first
        stored = self.store.votes(VoteFilter(session=self.session, origin=self.battle.origin, last=1))
        row = with_outcomes(stored).iloc[-1]
        self.outcome.object = f'<div role="status">{verdict_line(row, self.say)}</div>'
        self.outcome.visible = True
        self.skip_button.disabled = True
        for side, content in (("a", self.battle.a), ("b", self.battle.b)):
            decided = self.last.choice in ("a", "b")
            chosen = ("won" if self.last.choice == side else "lost") if decided else ""
            self.columns[side].param.update(who=content.model, chosen=chosen)
        self._show_head()
        left = max((self.last.undo_until - datetime.now(UTC)).total_seconds(), 0.0)
        self._line("voted", self.say("file.voted", choice=self.say(f"choice.{self.last.choice}")), undo=left)

    def _line(self, stage: str, line: str, warns: bool = False, undo: float = 0.0) -> None:
        self.bar.param.update(stage=stage, line=line, warns=warns, undo_seconds=undo, turn=self.bar.turn + 1)

    def _why(self, fault: UserError) -> str:
        key = f"store.{fault.code}" if isinstance(fault, StoreFault) else ""
        return self.say(key, **fault.details) if isinstance(fault, StoreFault) and key in self.say else str(fault)
