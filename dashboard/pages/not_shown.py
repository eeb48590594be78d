"""What a page says of a text that it shows shortened or as it was written."""

from html import escape

from dashboard.rendering.rendered import Rendered
from dashboard.texts import Say


def not_shown(text: Rendered, say: Say) -> str:
    """Return the note in the page's language; "" for a text that is shown whole and drawn."""
    notes = [say(f"shown.as_written_{text.as_written}")] if text.as_written else []
    if text.left_out:
        notes.append(say("shown.left_out", count=f"{text.left_out:,}"))
    return " ".join(notes)


def noted(text: Rendered, say: Say) -> str:
    """Return a text's HTML below the note, which must not be out of view where a long text scrolls."""
    note = not_shown(text, say)
    return f"<p class='hint' role='note'>{escape(note)}</p>{text.html}" if note else text.html
