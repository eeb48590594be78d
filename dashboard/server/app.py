"""One tab as a Panel template: the document around the shell, with nothing in it that comes from elsewhere."""

from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
from tornado.websocket import WebSocketClosedError

from dashboard.components.look import ROOT
from dashboard.server.services import Services
from dashboard.server.shell import Shell


def patch_panel_websocket_queue() -> None:
    """Give Panel another way to send what cannot be written at once; to be called before the first page.

    While a socket is being written to, Panel 1.9.4 lays further messages into a queue of its own, looks every ten
    milliseconds whether the socket is free, and declares the queue empty after writing, also when more was laid there
    meanwhile. Messages of Bokeh wait for the socket's lock instead, and so overtake those in the queue. One that names
    a model which an overtaken message brings is refused by the browser ("reference isn't known") and lost, and what was
    left in the queue lies there until something else changes: on a busy server the table of the history page never
    came, and votes were stored while their pages went on saying so. Here each message takes its turn at the lock as
    it is written.
    """
    from panel.io import document

    document.schedule_write_events = _send_in_turn


def _send_in_turn(doc: Any, connections: Sequence[Any], events: list[Any]) -> None:
    from panel.io import document

    for connection in connections:
        message = connection.protocol.create("PATCH-DOC", events)
        turn = connection._socket.write_lock.acquire()
        document._dispatch_write_task(doc, _send, connection, turn, message)


async def _send(connection: Any, turn: Any, message: Any) -> None:
    from panel.io.document import dispatch_tornado

    with await turn, suppress(WebSocketClosedError):
        for written in dispatch_tornado(connection, msg=message):
            await written


_FOLDER = Path(__file__).parents[1] / "components"
_TEMPLATE = (_FOLDER / "templates" / "page.html").read_text(encoding="utf-8")
_SCRIPTS = {
    name: (_FOLDER / "scripts" / f"{name}.js").read_text(encoding="utf-8")
    for name in ("unreachable", "patches", "pages")
}
"""Run in the page itself: first of all, before BokehJS hears from the server, and once the pages' places are there."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss: blob: data:; "
    "worker-src 'self' blob:; "
    "frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'"
)
"""A third wall behind the two of `dashboard.rendering.markdown`: the browser itself fetches nothing from elsewhere.
Bokeh needs inline scripts and compiles some, Panel loads components as blobs; the socket's address is checked by the
server."""


def extend() -> None:
    """Tell Panel what the pages need; called once in each session, before anything is made."""
    patch_panel_websocket_queue()
    pn.extension(sizing_mode=None, notifications=False, inline=True)


def page(services: Services) -> pn.template.Template:
    """Return the document for the present session."""
    shell = Shell(services)
    template = pn.template.Template(_TEMPLATE)
    template.add_panel("bar", shell.bar)
    for name, place in shell.places.items():
        template.add_panel(f"page_{name}", place)
    template.add_variable("pages", list(shell.places))
    for name, script in _SCRIPTS.items():
        template.add_variable(f"{name}_script", script)
    template.add_variable("language", shell.say.language)
    template.add_variable("root_sheet", ROOT)
    template.add_variable("policy", POLICY)
    template.add_variable("brand", escape(shell.say("shell.brand")))
    template.add_variable("opening", escape(shell.say("shell.opening")))
    template.add_variable("no_script", escape(shell.say("shell.no_script")))
    for part in ("title", "text", "owner"):
        told = escape(shell.say(f"unreachable.{part}"), quote=False)
        template.add_variable(f"unreachable_{part}", told.replace("#", "<code></code>"))
    if pn.state.curdoc is not None:
        pn.state.curdoc.config.notify_connection_status = False  # the bar says it, in the person's language
        pn.state.curdoc.title = shell.say("shell.brand")
        pn.state.on_session_destroyed(lambda _: shell.close())
    return template
