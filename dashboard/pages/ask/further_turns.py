"""The conversation on the ask page: its earlier turns above, and below the answers how it can go on."""

from collections.abc import Callable
from typing import Any

from dashboard.components.composer import FurtherQuestion
from dashboard.components.drawn_texts import draw, noted
from dashboard.components.look import PARTS, HtmlPane, macros
from dashboard.pages.page import Context
from dashboard.rendering.rendered import Rendered
from dashboard.sessions.concurrency import Tasks
from dashboard.sessions.limits import LimitReached
from dashboard.sessions.round import Round

Drawn = tuple[Rendered, Rendered, Rendered]
"""A question, and the answers of both sides."""
BATTLE = macros("ask/battle.html")


class FurtherTurns:
    """What one tab shows of it.

    Parameters
    ----------
    tasks : Tasks
        Begins what takes a while; outlives a change of language.
    current : function
        Returns the round in work.

    Attributes
    ----------
    earlier, view
        What stands above the present question, and below its answers.
    """

    def __init__(self, context: Context, tasks: Tasks, current: Callable[[], Round | None]) -> None:
        self.say, self._context, self._tasks, self._current = context.say, context, tasks, current
        self.earlier = HtmlPane(sheet=PARTS, visible=False)
        words = {key: self.say(f"ask.on.{key}") for key in ("label", "placeholder", "send", "anew", "leave_out")}
        most = context.params.limits.question_characters
        words |= {"hint": self.say("ask.hint"), "too_long": self.say("ask.too_long", most=f"{most:,}")}
        self.view = FurtherQuestion(words=words, most=most, visible=False)
        self.view.param.watch(lambda event: self._pressed(event.new), "press")
        self._drawn: list[Drawn] = []
        self._begun = 0  # so many turns are drawn, or being drawn
        self._told = ""
        self._of: Round | None = None

    def show(self, one: Round) -> None:
        """Show the turns and the ways on of a round as it stands."""
        if one is not self._of:
            self._of, self._drawn, self._begun, self._told = one, [], 0, ""
            self.view.cleared += 1
        self._show_view(one)
        self._show_earlier(one)
        if len(one.earlier) > self._begun:
            self._tasks.start(self._draw(one))

    def _show_view(self, one: Round) -> None:
        view, full, stage = self.view, one.full, one.stage
        idle = stage in ("open", "broken")
        if stage == "answering":
            self._told = ""
        told = self._told
        if one.refused is not None:
            told = self.say(f"ask.{one.refused.code}", **one.refused.details)
        view.param.update(
            visible=idle,
            can_ask=stage == "open" and not full,
            can_renew=idle and not one.recorded,
            can_leave=stage == "broken" and bool(one.earlier),
            told=told or (self.say(f"ask.on.full.{full}", **self._bounds()) if full and stage == "open" else ""),
            warns=bool(told),
            turn=view.turn + 1,
        )

    def _bounds(self) -> dict[str, str]:
        limits = self._context.params.limits
        return {"turns": f"{limits.turns:,}", "characters": f"{limits.conversation_characters:,}"}

    def _show_earlier(self, one: Round) -> None:
        del self._drawn[len(one.earlier) :]
        self._begun = min(self._begun, len(one.earlier))
        turns = [tuple(noted(text, self.say) for text in turn) for turn in self._drawn]
        # after the vote what it came to is to be read first
        self.earlier.object = str(BATTLE.earlier(turns, one.stage != "voted", self.say)) if turns else ""
        self.earlier.visible = bool(turns)

    async def _draw(self, one: Round) -> None:
        """Draw the turns that have come since."""
        first, self._begun = self._begun, len(one.earlier)
        left, right = one.answers
        texts = [text for a, b in zip(left.before, right.before, strict=True) for text in (a[0], a[1], b[1])]

        def put(shown: list[Rendered]) -> None:
            if one is self._current() and len(self._drawn) >= first:
                self._drawn[first:] = [(shown[at], shown[at + 1], shown[at + 2]) for at in range(0, len(shown), 3)]
                self._show_earlier(one)

        await draw([[text] for text in texts[3 * first :]], self._context.session, put)

    def _pressed(self, press: Any) -> None:
        one = self._current()
        if one is None:
            return
        if isinstance(press.get("ask"), str) and press["ask"].strip():
            self._tasks.start(self._ask_on(one, press["ask"].strip()))
        elif press.get("anew"):
            self._within_limits(one.write_anew)
        elif press.get("leave"):
            one.leave_out()
        else:
            self.view.turn += 1

    async def _ask_on(self, one: Round, question: str) -> None:
        turns = len(one.earlier)
        try:
            await one.ask_on(question)
        except LimitReached as reached:
            self._refuse(reached)
            return
        if len(one.earlier) > turns:
            self.view.cleared += 1
        else:
            self.view.turn += 1

    def _within_limits(self, do: Callable[[], None]) -> None:
        try:
            do()
        except LimitReached as reached:
            self._refuse(reached)

    def _refuse(self, reached: LimitReached) -> None:
        self._told = self.say(f"limit.{reached.code}", **reached.details)
        self.view.param.update(told=self._told, warns=True, turn=self.view.turn + 1)
