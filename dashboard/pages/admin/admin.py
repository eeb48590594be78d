"""The page of admins: people and their votes, how answers come, disks, copies of the store, erasing one person."""

import asyncio
from functools import partial
from typing import Any

import panel as pn

from dashboard.components.look import boxed, button, card_pane, grid, in_line, note, stacked
from dashboard.pages.admin import admin_cards as cards
from dashboard.pages.admin.confirming import Confirming, field
from dashboard.pages.admin.copies_card import CopiesCard
from dashboard.pages.page import Context
from dashboard.sessions.answer_log import KEPT
from dashboard.sessions.concurrency import in_store_thread, in_waiting_thread
from dashboard.votes.store import StoreFault
from dashboard.votes.upkeep.upkeep import Erasure, Upkeep
from pipelines.errors import UserError

LOOK_S = 2.0
"""Seconds after which a page looks again how answers come."""


class AdminPage:
    """The page of one person (see `dashboard.pages.page`); the shell makes it only for who may see it."""

    name = "admin"

    def __init__(self, context: Context) -> None:
        if context.upkeep is None or not context.upkeep_rights:
            raise PermissionError("this page is for admins")
        self.context, self.say, self.zone, self.tasks = context, context.say, context.zone, context.tasks
        self.upkeep: Upkeep = context.upkeep
        self.full = context.upkeep_rights == "full"
        self._following: asyncio.Task[None] | None = None
        self._copies = 0

    def panel(self) -> pn.viewable.Viewable:
        """Return what is shown."""
        say = self.say
        self.told = card_pane("" if self.full else note(say("admin.look_only"), "hint"))
        self.figures, self.answers, self.disks, self.log = (card_pane() for _ in range(4))
        self.people = cards.PeopleTable(say, self.zone, self._chosen)
        self.copies = CopiesCard(self.context, self.upkeep, self._read)
        self.who = field(say("admin.erase_who"), "who")
        self.count = button(say("admin.erase_count"), "count", self._count)
        self.erased = card_pane()
        self.confirm = Confirming(say, say("admin.erase_now"), "erase")
        hint = say("admin.people_hint") + (f" {say('admin.people_choose')}" if self.full else "")
        parts: list[Any] = [self.told, self.figures, boxed(say("admin.people"), self.people.view, hint=hint)]
        parts.append(boxed(say("admin.generators"), self.answers, hint=say("admin.generators_hint", kept=KEPT)))
        parts.append(grid(self.copies.view, boxed(say("admin.disk"), self.disks, hint=say("admin.disk_hint"))))
        if self.full:
            asked = in_line(self.who, self.count)
            parts.append(boxed(say("admin.erase"), asked, self.confirm.view, self.erased, hint=say("admin.erase_hint")))
            where = say("admin.done_hint", count=cards.LOG_LINES, file=self.upkeep.log.path)
            parts.append(boxed(say("admin.done"), self.log, hint=where))
        self.body = stacked(*parts)
        self.body.visible = False
        return self.body

    def opened(self) -> None:
        """Look at all of it anew, and follow how answers come."""
        self.tasks.start(self._read())
        if self._following is None or self._following.done():
            self._following = self.tasks.start(self._follow())

    def closed(self) -> None:
        """Give up what is being fetched."""
        self.copies.closed()

    async def _read(self) -> None:
        try:
            people = await in_store_thread(self.upkeep.people, self.zone)
            disk = await in_waiting_thread(self.upkeep.disk)
        except StoreFault as fault:
            reason = fault.details.get("reason", str(fault))
            self.told.object = note(self.say("admin.unread", reason=reason), role="alert")
            self.body.visible = True
            return
        self._copies = await self.copies.look()
        lines = await in_waiting_thread(self.upkeep.log.last, cards.LOG_LINES) if self.full else []
        with pn.io.hold():
            self._show = partial(cards.figures, people, self.context.slots, disk, self.say, self.zone)
            self.people.show(people)
            self.disks.object = cards.disks(disk, self.say)
            self.log.object = cards.log_table(lines, self.say, self.zone)
            self._tick()
            self.body.visible = True

    def _tick(self) -> None:
        """Show how answers come now."""
        html = cards.answers(self.context.slots.log.health(), self.say, self.zone), self._show()
        if (self.answers.object, self.figures.object) != html:
            self.answers.object, self.figures.object = html

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self.body.visible and hasattr(self, "_show"):
                self._tick()

    def _chosen(self, person: str) -> None:
        if self.full:
            self.who.value = person
            self.erased.object = ""
            self.confirm.hide()

    async def _count(self, _: Any) -> None:
        """Tell what would go with a person, and ask."""
        person = str(self.who.value or "").strip()
        if not self.full or not person:
            return
        self.confirm.hide()
        try:
            found = await in_store_thread(self.upkeep.erasure, person)
        except UserError as fault:
            self.erased.object = note(str(fault), role="status")
            return
        counts = {"battles": f"{found.battles:,}", "votes": f"{found.votes:,}", "copies": self._copies}
        self.erased.object = ""
        what = self.say("admin.erase_what", name=found.name, **counts)
        self.confirm.ask(what, found.name, partial(self._erase, found))

    async def _erase(self, found: Erasure) -> None:
        if not self.full:
            return
        try:
            battles, votes = await in_store_thread(self.upkeep.erase, self.context.user, found)
            self.context.own_prompts.keep(found.session, "")
            told = self.say("admin.erased", battles=f"{battles:,}", votes=f"{votes:,}")
            self.who.value = ""
        except UserError as fault:
            told = str(fault)
        self.erased.object = note(told, role="status")
        await self._read()
