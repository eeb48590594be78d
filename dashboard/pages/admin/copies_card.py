"""The card with the copies of the vote store: make one, fetch one, bring one back, put one in its place."""

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

from dashboard.components.look import boxed, button, card_pane, in_line, note, select
from dashboard.components.upload import Upload
from dashboard.pages.admin import admin_cards as cards
from dashboard.pages.admin.confirming import Confirming
from dashboard.pages.page import Context
from dashboard.sessions.concurrency import in_waiting_thread
from dashboard.votes.upkeep.upkeep import Upkeep
from pipelines.errors import UserError
from pipelines.terminal.unseen_signs import options_of


class CopiesCard:
    """The card of one admin.

    Parameters
    ----------
    context : Context
        What its page may use; who may only look gets copies made and fetched, and nothing else.
    changed : async function
        Called when the store is another, or there is another copy.
    """

    def __init__(self, context: Context, upkeep: Upkeep, changed: Callable[[], Awaitable[None]]) -> None:
        self.context, self.say, self.upkeep, self._changed = context, context.say, upkeep, changed
        self.full = context.upkeep_rights == "full"
        self._offered = self._wished = ""
        say, copies = self.say, upkeep.copies
        self.make = button(say("admin.copy"), "copy", self._make, "primary")
        self.message = card_pane()
        self.choice = select(say("admin.copy_choose"), {}, lambda _: self._offer(), "copies")
        self.restore = button(say("admin.restore"), "restore", self._ask_restore)
        self.chosen = in_line(self.choice, self.restore)
        self.link = card_pane()
        self.confirm = Confirming(say, say("admin.restore"), "restore-now")
        most = context.params.limits.file_megabytes
        self.upload = Upload(
            label=say("admin.bring"),
            hint=say("admin.bring_hint", suffix=copies.suffix, megabytes=most),
            too_large=say("admin.bring_too_large", megabytes=most),
            accept=copies.suffix,
            most_bytes=1_000_000 * most,
        )
        self.upload.on_file(lambda name, content: context.tasks.start(self._bring(name, bytes(content))))
        self.restore.visible = self.upload.visible = self.full
        secret = context.params.server.secret_file
        hint = say("admin.copies_sqlite" if copies.sqlite else "admin.copies_postgresql", secret=secret)
        folder = card_pane(note(say("admin.copies_folder", folder=copies.folder), "hint"))
        self.view = boxed(
            say("admin.copies"),
            *(in_line(self.make), self.message, self.chosen, self.link, self.confirm.view, self.upload, folder),
            hint=hint,
        )

    def closed(self) -> None:
        """Give up what is being fetched."""
        self.context.offers.withdraw(self._offered)

    async def look(self) -> int:
        """List the copies anew, the newest chosen where there is a new one, and return how many there are."""
        found = await in_waiting_thread(self.upkeep.copies.found)
        named = [
            (
                self.say(
                    "admin.copy_named",
                    name=each.name,
                    size=cards.size(each.size),
                    time=cards.moment(each.made, self.context.zone),
                ),
                each.name,
            )
            for each in found
        ]
        options = options_of(named)
        new = self._wished or self.choice.value
        kept, self._wished = new if new in options.values() else next(iter(options.values()), None), ""
        self.choice.param.update(options=options, value=kept)
        self.chosen.visible = bool(options)
        self._offer()
        if not options and not self.message.object:
            self._tell(self.say("admin.copies_none"))
        return len(found)

    def _offer(self) -> None:
        """Offer the chosen copy to the browser, in place of the one before."""
        name = self.choice.value
        self.context.offers.withdraw(self._offered)
        self._offered, self.link.object = "", ""
        if name:
            self._offered = self.context.offers.offer({name: partial(self._pieces, name)})
            self.link.object = cards.link(f"download/{self._offered}/{name}", self.say("admin.fetch", name=name))

    def _pieces(self, name: str) -> Generator[bytes]:
        self.context.write_down("fetch", name=name)
        return self.upkeep.copies.pieces(name)

    async def _make(self, _: Any) -> None:
        self.make.disabled = True
        self._tell(self.say("admin.copying"))
        try:
            name, votes = await in_waiting_thread(self.upkeep.copy, self.context.user)
            self._tell(self.say("admin.copied", votes=f"{votes:,}", name=name))
            self._wished = name
        except UserError as fault:
            self._tell(str(fault))
        finally:
            self.make.disabled = False
        await self._changed()

    async def _bring(self, name: str, content: bytes) -> None:
        if not self.full:
            return
        self._tell(self.say("admin.bringing"))
        try:
            kept = await in_waiting_thread(self.upkeep.bring, self.context.user, name, content)
            self._tell(self.say("admin.brought", name=kept))
            self._wished = kept
        except UserError as fault:
            self._tell(str(fault))
        await self._changed()

    async def _ask_restore(self, _: Any) -> None:
        name = self.choice.value
        if not self.full or not name:
            return
        health = await in_waiting_thread(self.upkeep.store.health)
        if not health["ok"]:
            self._tell(str(health["message"]))
            return
        what = self.say("admin.restore_what", votes=f"{health['votes']:,}", name=name)
        self.confirm.ask(what, name, partial(self._restore, name))

    async def _restore(self, name: str) -> None:
        if not self.full:
            return
        say = self.say
        self._tell(say("admin.restoring"))
        try:
            votes, kept, back = await in_waiting_thread(self.upkeep.restore, self.context.user, name)
            told = [say("admin.restored", votes=f"{votes:,}", name=name)]
            told += [say("admin.restored_kept", kept=kept)] if kept else []
            told += [say("admin.restored_back", people=say("judge.between").join(back))] if back else []
            self._tell(" ".join(told))
        except UserError as fault:
            self._tell(str(fault))
        await self._changed()

    def _tell(self, sentence: str) -> None:
        self.message.object = note(sentence, role="status")
