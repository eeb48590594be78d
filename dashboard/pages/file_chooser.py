"""Choosing a file of battles: dropped, or one of those that are here already."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import panel as pn

from dashboard import battle_files
from dashboard.battle_files import BattleFile
from dashboard.file_reading import WAITING
from dashboard.pages.aside import aside
from dashboard.pages.base import Context
from dashboard.pages.cards_look import WIDGET, boxed, card_pane, in_line
from dashboard.pages.upload import Upload
from dashboard.render import plain
from pipelines.apart import Stopped
from pipelines.errors import UserError

NOTHING: tuple[str, Any] | tuple[()] = ()


class FileChooser:
    """The card in which a file is chosen.

    Parameters
    ----------
    context : Context
        What the page may use.
    chosen : function
        Given the file once it is read.
    """

    def __init__(self, context: Context, chosen: Callable[[BattleFile], None]) -> None:
        self.say, self.judges, self._chosen = context.say, context.judges, chosen
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
            sizing_mode="stretch_width",
            margin=0,
        )
        self.upload.on_file(lambda name, content: self.load(partial(battle_files.uploaded, name, content)))
        self.choice = pn.widgets.Select(
            label=say("file.or_choose"), options={}, sizing_mode="stretch_width", margin=0, stylesheets=[WIDGET]
        )
        self.open = pn.widgets.Button(
            label=say("file.open"), color="primary", align="end", margin=0, css_classes=["open"], stylesheets=[WIDGET]
        )
        self.open.on_click(lambda _: self._open())
        self.choices = in_line(self.choice, self.open)
        self.choices.visible = False
        self.message = card_pane()
        self.view = boxed(say("file.title"), self.upload, self.choices, self.message, hint=say("file.hint"))

    def refresh(self) -> None:
        """Look again for what can be opened."""
        aside(self._offers, self._offer)

    def stop(self) -> None:
        """End the reading of a file that nobody waits for any more."""
        self._stop.set()

    def load(self, read: Callable[[Event, str], BattleFile]) -> None:
        """Read a file beside the page, and pass it on or say what is wrong with it; the one before is let go."""
        self.stop()
        stop = self._stop = Event()
        self._tell(self.say("file.reading"))

        def work() -> BattleFile | UserError | None:
            try:
                return read(stop, self.session)
            except UserError as fault:
                return fault
            except Stopped:
                return None

        def then(found: BattleFile | UserError | None) -> None:
            if found is None or stop.is_set():
                return
            if isinstance(found, UserError):
                self._tell(str(found))
                return
            self._tell("")
            self._chosen(found)

        aside(work, then, WAITING)

    def _offers(self) -> dict[str, tuple[str, Any]]:
        names: dict[str, tuple[str, Any]] = {}
        if self.folder is not None:
            names |= {name: ("file", name) for name in battle_files.open_files(self.folder)}
        names |= {
            self.say("file.test_set", name=run.name): ("run", run)
            for run in self.judges.runs()
            if (run.run / "params.yaml").is_file()
        }
        return names

    def _offer(self, names: dict[str, tuple[str, Any]]) -> None:
        self.choice.param.update(options={self.say("file.choose"): NOTHING} | names, value=NOTHING)
        self.choices.visible = bool(names)

    def _open(self) -> None:
        chosen = self.choice.value
        if not chosen:
            self._tell(self.say("file.choose_first"))
        elif chosen[0] == "run":
            self.load(partial(battle_files.test_set, chosen[1]))
        elif (folder := self.folder) is not None:
            self.load(partial(battle_files.from_folder, folder, chosen[1]))

    def _tell(self, sentence: str) -> None:
        self.message.object = f'<p class="nothing" role="status">{plain(sentence, 600)}</p>' if sentence else ""
