"""The card "learn from my votes" of the model page: starts and stops the learning, shows before and after, switches."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from dashboard.components.look import boxed, button, card_pane, in_line, note, select
from dashboard.judges.learned import Learned, decide
from dashboard.judges.learning_service import LearningService, Overview
from dashboard.judges.saved_runs import SavedRun
from dashboard.pages.model import model_cards as cards
from dashboard.pages.page import Context
from dashboard.sessions.concurrency import in_thread
from pipelines.errors import UserError

LOOK_S = 0.5
"""Seconds after which a page looks again how far the learning has come, while it runs."""


class LearnCard:
    """The card of one person.

    Parameters
    ----------
    context : Context
        What its page may use; for who is no admin, nothing is started, stopped or decided.
    use : async function
        Switches to a saved judge and returns whether that worked.
    changed : function
        Called when there is a new saved judge.
    """

    def __init__(
        self,
        context: Context,
        learning: LearningService,
        use: Callable[[SavedRun], Awaitable[bool]],
        changed: Callable[[], None],
    ) -> None:
        self.say, self.judges, self.learning, self.admin = context.say, context.judges, learning, context.admin
        self._write_down = context.write_down
        self._use, self._changed = use, changed
        self._overview: Overview | None = None
        self._tasks = context.tasks
        self._following: asyncio.Task[None] | None = None
        say = self.say
        self.votes, self.going, self.note, self.outcome = (card_pane() for _ in range(4))
        self.about = select(say("model.learn.about"), {}, lambda _: self.opened(), "about")
        self.begin = button(say("model.learn.begin"), "learn", self._begin)
        self.stop = button(say("model.learn.stop"), "stop", self._stop)
        self.take = button(say("model.learn.take"), "take", self._take)
        self.keep = button(say("model.learn.keep"), "keep", self._keep)
        self.actions = in_line(self.begin, self.stop)
        self.decision = in_line(self.take, self.keep)
        for part in (
            self.about,
            self.begin,
            self.stop,
            self.actions,
            self.decision,
            self.going,
            self.note,
            self.outcome,
        ):
            part.visible = False
        self.votes.object = note(say("model.learn.counting"), role="status")
        self.view = boxed(
            say("model.learn.title"),
            *(self.about, self.votes, self.going, self.note, self.actions, self.outcome, self.decision),
            hint=say("model.learn.hint"),
        )
        self.view.visible = False

    def tick(self) -> bool:
        """Show how far it has come or how it ended, and return whether it still runs."""
        status = self.learning.status
        if status.state == "running":
            self._show()
            return True
        self.opened()
        if status.state == "done":
            self._changed()
        return False

    def opened(self) -> None:
        """Look again for votes, and follow what runs."""
        self._tasks.start(self._count())

    async def _count(self) -> None:
        try:
            self._overview = await in_thread(self.learning.overview, self._about)
        except UserError as fault:
            self.votes.object = ""
            self._say(str(fault))
            return
        self._show()
        if self.learning.status.state == "running":
            self._follow()

    def _show(self) -> None:
        found, status, say = self._overview, self.learning.status, self.say
        if found is None:
            return
        runs = status.state == "running"
        options = cards.about_options(found, say)
        if self.about.options != options:
            self.about.param.update(options=options, value=self._about if self._about in options.values() else "")
        self.about.visible, self.about.disabled = self.admin and len(options) > 1, runs
        self.votes.object = cards.votes_line(found, say)
        self.begin.param.update(
            label=say("model.learn.again" if found.last else "model.learn.begin"),
            color="default" if found.last else "primary",
            disabled=False,
        )
        self.begin.visible, self.stop.visible = self.admin and found.offered and not runs, self.admin and runs
        self.actions.visible = self.begin.visible or self.stop.visible
        self.going.visible = runs
        if runs:
            self.going.object = cards.progress_bar(status, say)
        self._say(
            say("model.learn.failed", why=status.fault)
            if status.state == "failed"
            else say("model.learn.stopped")
            if status.state == "stopped"
            else ""
            if self.admin
            else say("admin.learn")
        )
        self._show_outcome(None if runs else found.last)

    def _show_outcome(self, last: Learned | None) -> None:
        self.outcome.visible = last is not None
        self.decision.visible = self.admin and last is not None and last.decision is None
        if last is None:
            return
        say = self.say
        decided = "" if last.decision is None else note(self._decided(last))
        self.outcome.object = cards.outcome(last.about, say) + decided
        word = (last.about["against_starter"] if last.about["old"]["starter"] else last.about["against_old"])["word"]
        self.take.param.update(color="primary" if word == "better" else "default", disabled=False)
        self.keep.disabled = False

    def _decided(self, last: Learned) -> str:
        loaded = self.judges.current
        if loaded is not None and loaded.run.judge == last.run.judge:
            return self.say("model.learn.used", name=last.run.name)
        return self.say("model.learn.in_list", name=last.run.name)

    async def _begin(self, _: Any) -> None:
        if not self.admin:
            return
        self.begin.disabled = True
        self._say("")
        fault = await _fault_of(self._start)
        self._show()
        if fault:
            self._say(fault)
        else:
            self._follow()

    def _start(self) -> None:
        self._write_down("learn", about=self._about)
        self.learning.start(self._about)

    async def _stop(self, _: Any) -> None:
        if not self.admin:
            return
        self.stop.disabled = True
        fault = await _fault_of(self._end)
        self.stop.disabled = False
        self.tick()
        if fault:
            self._say(fault)

    def _end(self) -> None:
        self._write_down("learn_stop")
        self.learning.stop()

    def _to_decide(self) -> Learned | None:
        """Return the judge that is to be decided about, with the buttons locked; None where it is not."""
        last = None if self._overview is None or not self.admin else self._overview.last
        if last is not None:
            self.take.disabled = self.keep.disabled = True
        return last

    async def _take(self, _: Any) -> None:
        if (last := self._to_decide()) is None:
            return
        self._say(self.say("model.loading", name=last.run.name))
        if not await self._use(last.run):
            self._say("")
            self.take.disabled = self.keep.disabled = False
        # the page looks again, also for this card, when a judge has been switched to

    async def _keep(self, _: Any) -> None:
        if (last := self._to_decide()) is None:
            return
        fault = await _fault_of(partial(self._decide, last))
        self.opened()
        if fault:
            self._say(fault)

    def _decide(self, last: Learned) -> None:
        self._write_down("learn_keep", name=last.run.name)
        decide(last.run, "kept")

    def _say(self, sentence: str) -> None:
        self.note.visible = bool(sentence)
        self.note.object = note(sentence, role="status")

    @property
    def _about(self) -> str:
        """Which votes are to be learned from."""
        return str(self.about.value or "")

    def _follow(self) -> None:
        if self._following is None or self._following.done():
            self._following = self._tasks.start(self._followed())

    async def _followed(self) -> None:
        while self.tick():
            await asyncio.sleep(LOOK_S)


async def _fault_of(work: Callable[[], None]) -> str:
    """Do some work in a thread and return "", or one sentence on why it could not be done."""
    try:
        await in_thread(work)
    except (UserError, OSError) as fault:
        return str(fault)
    return ""
