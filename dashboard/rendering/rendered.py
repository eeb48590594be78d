"""A text as HTML, and its source as HTML where it cannot be drawn."""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pipelines.terminal.unseen_signs import show_controls

LONGEST_SHOWN = 60_000
"""Characters shown of one prompt or answer; the longest answer of the Kaggle set has 53,265."""
TOO_LARGE = 2
"""Exit code of a process that draws, where a text takes more memory than it may."""
AsWritten = Literal["", "parts", "all"]
"""What of a text is shown as it was written: nothing, some blocks, or all of it."""
FURTHEST = 500
"""Characters between two places at which a browser may end a line in scripts that put no spaces between words:
Thai, Lao, Khmer, Burmese and their family are split into words by dictionaries, for which Chromium takes time that
grows with the square of the run: 8 to 10 seconds for 60,000 characters, .1 seconds with a place every 500."""
_SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
    "\U00011700-\U0001174f\u200b-\u200d\u2060"
)
_PARTS = re.compile(r'<math[ >].*?</math>|<[^">]*+(?:"[^"]*+"[^">]*+)*+>|\s++|[^<\s]++|<', re.DOTALL)
_SIGN = re.compile(f"[{_SCRIPTS}]")
_NO_START = "\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3"
"""Letters that are a vowel of the one before."""
_NO_END = "\u0e40-\u0e44\u0ec0-\u0ec4\u1039\u17d2\u1a60"
"""Vowels and signs of the letter behind."""
_ENDS = re.compile(f"[{_NO_END}]")
_WITHIN = 40


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
    """Return the turns of a prompt or an answer, each with what of it is as it was written, separated by a rule."""
    kinds = {as_written for _, as_written in parts}
    as_written: AsWritten = kinds.pop() if len(kinds) == 1 else "parts" if kinds else ""
    return Rendered("<hr>".join(html for html, _ in parts), left_out, as_written, marks)


def source_of(shown: Sequence[str], left_out: int = 0) -> Rendered:
    """Return turns as they were written."""
    return joined([(source_html(turn), "all") for turn in shown], left_out, marks=False)


def with_soft_breaks(drawn: str) -> str:
    """Return HTML in which every long run with such a script has `<wbr>` elements.

    A run ends with a space; signs of other scripts do not end it, for Chromium, nor do other elements.

    Parameters
    ----------
    drawn : str
        HTML from the sanitiser, whose attributes all stand in double quotes.
    """
    found: list[str] = []
    run = 0
    for part in _PARTS.findall(drawn):
        if part[0] == "<":
            run = 0 if part == "<wbr>" else run
        elif part[0].isspace():
            run = 0
        else:
            part, run = _broken(part, run)
        found.append(part)
    return "".join(found)


def _broken(text: str, before: int) -> tuple[str, int]:
    """Return part of a run with places to break it, and how much has gone after the last one, as `before` it."""
    positions = [0]
    last = -before
    for sign in _SIGN.finditer(text):
        position = sign.start()
        if position - last >= FURTHEST and (_may_start(text, position) or position - last >= FURTHEST + _WITHIN):
            positions.append(position)
            last = position
    pieces = [text[start:end] for start, end in pairwise([*positions, len(text)])]
    return "<wbr>".join(pieces), len(text) - last


def _may_start(text: str, position: int) -> bool:
    is_letter = unicodedata.category(text[position]) == "Lo" and text[position] not in _NO_START
    return is_letter and not (position and _ENDS.match(text[position - 1]))
