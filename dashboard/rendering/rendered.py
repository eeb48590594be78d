"""A text as HTML, and its source as HTML where it cannot be drawn."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dashboard.rendering.soft_breaks import with_soft_breaks
from pipelines.terminal.unseen_signs import show_controls

LONGEST_SHOWN = 60_000
"""Characters shown of one prompt or answer; the longest answer of the Kaggle set has 53,265."""
TOO_LARGE = 2
"""Exit code of a process that draws, where a text takes more memory than it may."""
AsWritten = Literal["", "parts", "all"]
"""What of a text is shown as it was written: nothing, some blocks, or all of it."""


@dataclass(frozen=True)
class Rendered:
    """HTML of a text.

    Attributes
    ----------
    html : str
        Safe to insert into a page.
    left_out : int
        How many of its characters at the end are not shown; 0: all are.
    as_written : "", "parts" or "all"
        What of it is shown as its source, because it could not be drawn whole or within the bounds.
    marks : bool
        False where it could be drawn in time only without formulas and without colours in code.
    """

    html: str
    left_out: int = 0
    as_written: AsWritten = ""
    marks: bool = True


def source_html(text: str) -> str:
    """Return a text as it was written, escaped, invisible characters shown (see `pipelines.terminal.unseen_signs`)."""
    shown = with_soft_breaks(html.escape(show_controls(text)))
    return f'<pre class="source" dir="auto"><code>{shown}</code></pre>'


def cut(turns: Sequence[str], longest: int = LONGEST_SHOWN) -> tuple[list[str], int]:
    """Return the turns that are shown, `longest` characters of all of them together, and how many are left out."""
    shown: list[str] = []
    left_out = 0
    for turn in turns:
        part = turn[:longest]
        longest -= len(part)
        left_out += len(turn) - len(part)
        if part or not turn:
            shown.append(part)
    return shown, left_out


def joined(parts: Sequence[tuple[str, AsWritten]], left_out: int, marks: bool = True) -> Rendered:
    """Return the turns of a prompt or an answer, each with what of it is as it was written, parted by a rule."""
    kinds = {as_written for _, as_written in parts}
    as_written: AsWritten = kinds.pop() if len(kinds) == 1 else "parts" if kinds else ""
    return Rendered("<hr>".join(html for html, _ in parts), left_out, as_written, marks)


def source_of(shown: Sequence[str], left_out: int = 0) -> Rendered:
    """Return turns as they were written."""
    return joined([(source_html(turn), "all") for turn in shown], left_out, marks=False)
