"""A page that is changed at once after it was given to the browser, which takes a while to draw it."""

from typing import Any

import panel as pn
from panel.custom import JSComponent


class Slow(JSComponent):
    """Takes its time before it can be drawn, as any component does on a busy machine."""

    _esm = """await new Promise(go => setTimeout(go, 300));
    export function render({ el }) { el.textContent = "slow"; }"""


class LatePage:
    name = "history"

    def __init__(self, context: Any) -> None:
        self.tasks = context.tasks
        self.choice = pn.widgets.Select(options=[])
        self.shown = pn.pane.HTML("", visible=False)
        self.last = pn.pane.HTML("")

    def panel(self) -> pn.viewable.Viewable:
        return pn.Column(pn.Column(self.choice, self.shown, self.last), Slow())

    def opened(self) -> None:
        self.tasks.start(self._change())

    async def _change(self) -> None:
        self.choice.options = ["first", "second"]
        self.shown.param.update(object="<p>now visible</p>", visible=True)
        self.last.object = "<p>the end</p>"

    def closed(self) -> None:
        pass
