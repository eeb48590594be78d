"""Keys that work wherever the focus is on the page, but not while one is writing."""

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent


class Keys(JSComponent):
    """Tells which of the keys of interest was pressed, while this component can be seen.

    Attributes
    ----------
    wanted : list of str
        Names as `KeyboardEvent.key` has them.
    """

    wanted = param.List(default=[])

    _esm = """
    export function render({ model, el }) {
      const writing = target => target && (target.isContentEditable ||
        ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) && !["checkbox", "radio"].includes(target.type));
      const listener = event => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
        const target = event.composedPath()[0];
        if (writing(target) || !model.wanted.includes(event.key) || !el.isConnected) return;
        if (event.key === "Enter" && ["BUTTON", "A"].includes(target?.tagName)) return;
        if (el.getClientRects().length === 0) return;
        event.preventDefault();
        model.send_msg({ key: event.key });
      };
      document.addEventListener("keydown", listener);
      model.on("remove", () => document.removeEventListener("keydown", listener));
    }
    """

    def __init__(self, pressed: Callable[[str], None], **params: Any) -> None:
        super().__init__(**{"width": 1, "height": 1, "margin": 0, **params})
        self._pressed = pressed

    def _handle_msg(self, data: Any) -> None:
        key = data.get("key") if isinstance(data, dict) else None
        if isinstance(key, str) and key in self.wanted:
            self._pressed(key)
