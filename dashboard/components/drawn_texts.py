"""Strangers' texts on a page: drawn off the server's loop, and what is said of one that is not shown whole."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import panel as pn
from markupsafe import Markup

from dashboard.components.look import note
from dashboard.rendering.drawings import drawings
from dashboard.rendering.rendered import Rendered, cut, source_of
from dashboard.texts import Say

SOON = 0.25
"""Seconds after which texts that are not drawn yet are shown as they were written; ordinary ones take hundredths."""


async def draw(
    texts: Sequence[Sequence[str]], person: str, put: Callable[[list[Rendered]], None], marks: bool = True
) -> None:
    """Give some prompts or answers, drawn, to `put`, which may change the page; twice where that takes long.

    Parameters
    ----------
    texts : sequence of sequence of str
        Each with its turns.
    person : str
        Whose page it is; people's texts take turns.
    put : function
        Takes one `Rendered` a text. It is not called when the person has gone meanwhile.
    marks : bool
        As in `Drawings.submit`.
    """
    document = pn.state.curdoc
    drawing = [asyncio.wrap_future(drawings().submit(turns, person, marks=marks)) for turns in texts]
    for patience in (SOON, None):
        _, late = await asyncio.wait(drawing, timeout=patience)
        if document is not None and document.session_context is not None and document.session_context.destroyed:
            return
        put([each.result() if each.done() else _meanwhile(turns) for each, turns in zip(drawing, texts, strict=True)])
        if not late:
            return


def not_shown(text: Rendered, say: Say) -> str:
    """Return the note in the page's language; "" for a text that is shown whole and drawn."""
    notes = [say(f"shown.as_written_{text.as_written}")] if text.as_written else []
    if text.left_out:
        notes.append(say("shown.left_out", count=f"{text.left_out:,}"))
    return " ".join(notes)


def noted(text: Rendered, say: Say) -> Markup:
    """Return a text's HTML below the note, which must not be out of view where a long text scrolls."""
    return note(not_shown(text, say), "hint", "note") + Markup(text.html)


def _meanwhile(turns: Sequence[str]) -> Rendered:
    return replace(source_of(*cut(turns)), as_written="")
