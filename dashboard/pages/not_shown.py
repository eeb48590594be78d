"""What a page says of a text that it shows shortened or unformatted."""

from dashboard.render import Rendered
from dashboard.texts import Say


def not_shown(text: Rendered, say: Say) -> str:
    """Return the note in the page's language; "" for a text that is shown whole and formatted."""
    notes = [] if text.formatted else [say("shown.unformatted")]
    if text.left_out:
        notes.append(say("shown.left_out", count=f"{text.left_out:,}"))
    return " ".join(notes)
