"""What cannot be undone is done once its name has been typed: what goes is told, a field, a button, and a way back."""

from collections.abc import Awaitable, Callable
from typing import Any

import panel as pn

from dashboard.components.look import WIDGET, button, card_pane, in_line, note, stacked
from dashboard.texts import Texts
from pipelines.terminal.unseen_signs import one_line


class Confirming:
    """Hidden until `ask` is called.

    Parameters
    ----------
    label, kind : str
        What the button says, and its CSS class.
    """

    def __init__(self, say: Texts, label: str, kind: str) -> None:
        self.say = say
        self._word = ""
        self._act: Callable[[], Awaitable[None]] | None = None
        self._what = card_pane()
        self.field = field(" ", f"{kind}-confirm")
        self.act = button(label, kind, self._pressed, "danger")
        self.leave = button(say("admin.confirm_no"), "leave", lambda _: self.hide())
        self._wrong = card_pane(visible=False)
        self.view = stacked(self._what, self.field, self._wrong, in_line(self.act, self.leave))
        self.view.visible = False

    def ask(self, what: str, word: str, act: Callable[[], Awaitable[None]]) -> None:
        """Tell what goes, and call `act` once the word has been typed and the button pressed."""
        self._word, self._act = word, act
        self._what.object = note(what, role="status")
        self.field.param.update(label=self.say("admin.confirm", word=one_line(word, 80)), value="")
        self._wrong.visible, self.act.disabled, self.view.visible = False, False, True

    def hide(self) -> None:
        """Take it all away; nothing is done."""
        self._act, self.view.visible = None, False

    async def _pressed(self, _: Any) -> None:
        act = self._act
        if act is None:
            return
        shown = one_line(self._word, 80)
        # as it is, or as it is shown: nobody types what cannot be seen
        if str(self.field.value or "").strip() not in (self._word.strip(), shown):
            sentence = self.say("admin.confirm_wrong", word=shown)
            self._wrong.param.update(object=note(sentence, role="alert"), visible=True)
            return
        self._act, self.act.disabled = None, True
        try:
            await act()
        finally:
            self.hide()


def field(label: str, kind: str) -> pn.widgets.TextInput:
    """Return a field for one line."""
    return pn.widgets.TextInput(
        label=label, sizing_mode="stretch_width", margin=0, css_classes=[kind], stylesheets=[WIDGET]
    )
