"""What the page of votes on a file shows of an open file: how far one is, the battle, the vote bar."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from markupsafe import Markup

from dashboard.components.drawn_texts import draw, not_shown, noted
from dashboard.components.look import (
    button,
    card_pane,
    card_sheet,
    grid,
    in_line,
    macros,
    note,
    percent,
    select,
    stacked,
    sticky,
)
from dashboard.components.vote_reasons import VoteReasons
from dashboard.components.voting import AnswerColumn, VoteBar
from dashboard.pages.history.history_cards import verdict_line
from dashboard.rendering.rendered import Rendered
from dashboard.sessions.battle_files import BattleFile
from dashboard.sessions.file_session import Progress
from dashboard.sessions.file_verdicts import FileVerdicts, Order
from dashboard.texts import Texts
from dashboard.votes.vote_records import CHOICES, Battle, Voted
from pipelines.terminal.unseen_signs import one_line

_PROGRESS = macros("progress.html")
ORDERS: tuple[Order, ...] = ("uncertain", "informative", "file")


class FileRoom:
    """The widgets of one open file; knows nothing of the store.

    Parameters
    ----------
    pressed : function
        Called with the code of a press on the vote bar.
    ordered, skipped, left : function
        Called when another order is chosen, the battle is passed over, and the file is left.
    begin : function
        Begins what is awaited.
    """

    def __init__(
        self,
        say: Texts,
        pressed: Callable[[Any], None],
        ordered: Callable[[], None],
        skipped: Callable[[], None],
        left: Callable[[], None],
        begin: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.say = say
        self.battle: Battle | None = None
        self.head, self.question, self.outcome = card_pane(), card_pane(), card_pane(visible=False)
        orders = {say(f"file.order_{order}"): order for order in ORDERS}
        self.order = select(say("file.order"), orders, lambda _: ordered(), "order")
        self.order.max_width = 320
        self.skip_button = button(say("file.skip"), "skip", lambda _: skipped())
        other = button(say("file.other"), "other", lambda _: left())
        self.columns = {side: self._column(side) for side in ("a", "b")}
        self.reasons = VoteReasons(say, begin)
        self.bar = VoteBar(
            choices=[[choice, say(f"choice.{choice}")] for choice in CHOICES],
            words={"label": say("file.votes"), "undo": say("file.undo"), "next": say("file.next"), "again": ""},
        )
        self.bar.param.watch(lambda event: pressed(event.new.get("code")), "press")
        self.view = stacked(
            card_sheet(self.head, self.order, in_line(self.skip_button, other)),
            card_sheet(self.question),
            self.outcome,
            self.reasons.view,
            grid(*self.columns.values()),
            sticky(self.bar),
        )

    def show_head(self, file: BattleFile, done: Progress, verdicts: FileVerdicts, random_share: float) -> None:
        """Show the file's name, how far one is through it, how far the judge is, and that some battles are random."""
        parts = [self.say("file.done", done=f"{done.done:,}", total=f"{done.total:,}", share=percent(done.share))]
        if file.form:
            parts.append(self.say("file.form", form=self.say.form_name(file.form)))
        if file.left_out:
            parts.append(self.say("file.left_out", count=f"{file.left_out:,}"))
        if verdicts.wanted == 0:
            parts.append(self.say("file.no_judge"))
        elif verdicts.fault:
            parts.append(self.say("file.verdicts_failed", reason=verdicts.fault[:200]))
        elif verdicts.done < verdicts.wanted:
            parts.append(self.say("file.verdicts", done=f"{verdicts.done:,}", total=f"{verdicts.wanted:,}"))
        if random_share < 1:
            parts.append(self.say("file.random", share=percent(random_share)))
        notes = [one_line(part, 300) for part in parts]
        name, width = one_line(file.name, 120), 100 * done.share
        self.head.object = str(_PROGRESS.bar(name, notes, done.done, done.total, width))

    def clear(self, battle: Battle | None) -> None:
        """Take away what was said of the last battle, and make room for the next one or for none."""
        self.outcome.visible = False
        self.reasons.show(None)
        self.skip_button.disabled = battle is None
        if battle is None:
            self.question.object = ""
        for column in self.columns.values():
            column.visible = battle is not None

    async def show_battle(self, battle: Battle) -> None:
        """Show a battle, and open it to a vote as soon as its texts are there."""
        self.battle = battle
        for column in self.columns.values():
            column.param.update(who="", chosen="")
        self.line("judging", "")
        texts = (battle.prompt, battle.a.response, battle.b.response)
        await draw(texts, battle.session, lambda drawn: self._put(battle, drawn))

    def show_nothing(self, finished: bool) -> None:
        """Say that no battle is left, or that only those are that were passed over."""
        sentence = self.say("file.finished" if finished else "file.only_passed")
        self.battle = None
        self.question.object = note(sentence, "nothing first")
        self.line("judging" if finished else "voted", "")
        self.bar.visible = not finished

    def show_outcome(self, battle: Battle, vote: Voted, row: pd.Series | None) -> None:
        """Show a vote next to the judge's verdict, and who answered.

        Parameters
        ----------
        row : Series or None
            The vote as the store has it, from `with_outcomes`; None where it cannot be read.
        """
        if row is not None:
            self.outcome.object = Markup('<div role="status">{}</div>').format(verdict_line(row, self.say))
        self.outcome.visible = row is not None
        self.skip_button.disabled = True
        for side, content in (("a", battle.a), ("b", battle.b)):
            decided = vote.choice in ("a", "b")
            chosen = ("won" if vote.choice == side else "lost") if decided else ""
            self.columns[side].param.update(who=content.model, chosen=chosen)
        left = max((vote.undo_until - datetime.now(UTC)).total_seconds(), 0.0)
        self.line("voted", self.say("file.voted", choice=self.say(f"choice.{vote.choice}")), undo=left)

    def lock(self) -> None:
        """Take no votes and no skipping until the next battle is there; the last one stays in view."""
        self.skip_button.disabled = True
        self.line("judging", self.say("file.next_comes"))

    def line(self, stage: str, line: str, warns: bool = False, undo: float = 0.0) -> None:
        """Say something on the vote bar, and set its stage."""
        shown = {"stage": stage, "line": line, "warns": warns, "undo_seconds": undo}
        self.bar.param.update(**shown, visible=True, turn=self.bar.turn + 1)

    def _column(self, side: str) -> AnswerColumn:
        name = self.say(f"history.answer_{side}")
        return AnswerColumn(side=side, words={"name": name, "again": ""}, state="done")

    def _put(self, battle: Battle, drawn: Sequence[Rendered]) -> None:
        """Show the texts of a battle and open it to a vote, unless another has been called for meanwhile."""
        if battle is not self.battle:
            return
        asked, *answers = drawn
        self.question.object = Markup('<div class="text question" dir="auto" tabindex="0">{}</div>').format(
            noted(asked, self.say)
        )
        for side, shown in zip(("a", "b"), answers, strict=True):
            self.columns[side].param.update(html=shown.html, note=not_shown(shown, self.say))
        if self.bar.stage == "judging":
            self.line("open", self.say("file.open_judged" if battle.verdict is not None else "file.open_unjudged"))
