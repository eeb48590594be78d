"""One tab as a Panel template: the document around the shell, with nothing in it that comes from elsewhere."""

from html import escape
from pathlib import Path

import panel as pn

from dashboard.components.look import ROOT
from dashboard.pages.shell import Shell
from dashboard.server.delivery import patch_panel_websocket_queue
from dashboard.server.services import Services

_FOLDER = Path(__file__).parents[1] / "components"
_TEMPLATE = (_FOLDER / "page.html").read_text(encoding="utf-8")
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
