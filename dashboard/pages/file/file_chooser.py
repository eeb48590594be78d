"""Choosing a file of battles: dropped, or one of those that are here already."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from dashboard.components.look import boxed, button, card_pane, in_line, note, select
from dashboard.components.upload import Upload
from dashboard.pages.page import Context
from dashboard.sessions import battle_files
from dashboard.sessions.battle_files import BattleFile
from dashboard.sessions.concurrency import in_thread, in_waiting_thread
from pipelines.errors import UserError
from pipelines.terminal.processes import Stopped
from pipelines.terminal.unseen_signs import options_of

NOTHING: tuple[str, Any] | tuple[()] = ()


class FileChooser:
    """The card in which a file is chosen; `chosen` is given the file once it is read."""

    def __init__(self, context: Context, chosen: Callable[[BattleFile], None]) -> None:
        self.say, self.judges, self.tasks, self._chosen = context.say, context.judges, context.tasks, chosen
        self.session = context.session
        self._stop = Event()
        self.folder = Path(context.params.files) if context.params.files else None
        most = context.params.limits.file_megabytes
        say = self.say
        self.upload = Upload(
            label=say("file.drop"),
            hint=say("file.drop_hint", megabytes=most),
            too_large=say("file.too_large", megabytes=most),
            accept=",".join(battle_files.ENDINGS),
            most_bytes=1_000_000 * most,
        )
        self.upload.on_file(lambda name, content: self.load(partial(battle_files.uploaded, name, content)))
        self.choice = select(say("file.or_choose"), {}, lambda _: None)
        self.open = button(say("file.open"), "open", lambda _: self._open(), "primary")
        self.choices = in_line(self.choice, self.open)
        self.choices.visible = False
        self.message = card_pane()
        self.view = boxed(say("file.title"), self.upload, self.choices, self.message, hint=say("file.hint"))

    def refresh(self) -> None:
        """Look again for what can be opened."""
        self.tasks.start(self._refresh())

    def load(self, read: Callable[[Event, str], BattleFile]) -> None:
        """Read a file in a thread, and pass it on or say what is wrong with it; the one before is let go."""
        self.stop()
        self._stop = Event()
        self.tasks.start(self._load(read, self._stop))

    def stop(self) -> None:
        """End the reading of a file that nobody waits for any more."""
        self._stop.set()

    def tell(self, sentence: str) -> None:
        """Say something below the choices; "" takes it away."""
        self.message.object = note(sentence, role="status")

    async def _refresh(self) -> None:
        names = await in_thread(self._offers)
        self.choice.param.update(options={self.say("file.choose"): NOTHING} | names, value=NOTHING)
        self.choices.visible = bool(names)

    async def _load(self, read: Callable[[Event, str], BattleFile], stop: Event) -> None:
        self.tell(self.say("file.reading"))
        try:
            found = await in_waiting_thread(read, stop, self.session)
        except Stopped:
            return
        except UserError as fault:
            if not stop.is_set():
                self.tell(str(fault))
            return
        if not stop.is_set():
            self.tell("")
            self._chosen(found)

    def _offers(self) -> dict[str, tuple[str, Any]]:
        names: list[tuple[str, tuple[str, Any]]] = []
        if self.folder is not None:
            names += [(name, ("file", name)) for name in battle_files.open_files(self.folder)]
        names += [
            (self.say("file.test_set", name=run.name), ("run", run))
            for run in self.judges.runs()
            if (run.run / "params.yaml").is_file()
        ]
        return options_of(names)

    def _open(self) -> None:
        chosen = self.choice.value
        if not chosen:
            self.tell(self.say("file.choose_first"))
        elif chosen[0] == "run":
            self.load(partial(battle_files.test_set, chosen[1]))
        elif (folder := self.folder) is not None:
            self.load(partial(battle_files.from_folder, folder, chosen[1]))
