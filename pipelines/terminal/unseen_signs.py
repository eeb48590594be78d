"""Characters that cannot be seen, made visible, so that a text reads in the order and with the length it really has."""

import html
import re
import sys
import unicodedata
from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import quote

_INVISIBLE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 but tab and line breaks, DEL, C1
    "\u00ad\u034f\u061c\u070f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000\u2001\u2004-\u2006\u2008\u200b-\u200f\u2028-\u202e\u205f-\u206f"  # odd spaces among them
    "\u2800\u2d7f\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    "\U0001107f\U00011a47\U00011a99\U00013430-\U00013440\U00013447-\U00013455"  # joiners and stackers of old scripts
    "\U00016fe4\U0001bc9d\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""All of Unicode's "default ignorable" code points, formats that draw nothing, and letters that are blank. Of the
formats those stay that have a sign of their own (Arabic marks of numbers and verses, Kaithi's), of the spaces those
that people set type with."""
_JOINED = "\u0600-\u07bf\u08a0-\u0fff\u1000-\u109f\u1780-\u17b3\u1800-\u180a\u1820-\u18af"
"""Scripts in which the two joiners belong to the spelling: Arabic to Tibetan, Burmese, Khmer, Mongolian."""
_PICTURE = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
_FLAGS = "|".join("".join(chr(0xE0000 + ord(sign)) for sign in of) for of in ("gbeng", "gbsct", "gbwls"))
"""England, Scotland and Wales; no other flag is written with tags."""
_MEANT = (
    f"(?:\U0001f3f4(?:{_FLAGS})\U000e007f)"
    f"|(?:(?<=[{_JOINED}])[\u200c\u200d](?=[{_JOINED}]))"
    f"|(?:(?<=[{_PICTURE}\ufe0f])\u200d(?=[{_PICTURE}]))"
    f"|(?:(?<=[{_PICTURE}])[\ufe0e\ufe0f])"
    "|(?:(?<=[0-9#*])\ufe0f(?=\u20e3))"
    "|(?:\u070f(?=[\u0710-\u072f]))"  # the line above an abbreviation
)
_PARTS = re.compile(
    f"(?P<meant>{_MEANT})|(?P<hidden>[{_INVISIBLE}])(?P<again>(?P=hidden)*)|(?P<broken>[\ud800-\udfff])"
)


def _as_class(points: Iterable[int]) -> str:
    """Return code points in ascending order as the inside of a regular expression's brackets."""
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)


_NEWER = (
    "\u05c8\u05c9\u0897\u0b53\u0b54\u0ece\u1acf-\u1aff\U00010d69-\U00010d6d\U00010ecb-\U00010ecf\U00010ef0-\U00010eff"
    "\U00011241\U000113b8-\U000113c0\U000113ce\U000113d0\U000113d2\U000113e1\U000113e2\U00011b60-\U00011b67\U00011df0"
    "\U00011f00\U00011f01\U00011f36-\U00011f3a\U00011f40\U00011f42\U00011f5a\U0001611e-\U0001612f"
    "\U0001d127\U0001d128\U0001d25b\U0001d25c\U0001e08f\U0001e4ec-\U0001e4ef\U0001e5ee\U0001e5ef\U0001e6e3-\U0001e6f5"
)
"""Marks that Unicode got after this Python, and that browsers know."""
_MARK = _NEWER + _as_class(
    point for point in range(0x300, min(0x1F000, sys.maxunicode)) if unicodedata.category(chr(point)) in ("Mn", "Me")
)
"""Whatever is drawn over, under or through the letter before it, and takes no room of its own."""
_PILE = re.compile(f"[{_MARK}](?:[\u200c\u200d]*[{_MARK}]){{4,}}")
_ACCENTS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u200c\u200d]+")
_STACKED = re.compile("[\u0f71-\u0fbc]+")
_MOST_ACCENTS, _MOST_MARKS, _MOST_STACKED = 4, 6, 8
"""On one letter: of accents; of Hebrew points, Arabic or Burmese vowels and the like; of Tibetan's letters below."""
Named = TypeVar("Named")
BROKEN = "\ufffd"


def show_controls(text: str) -> str:
    """Replace characters that hide, reorder or break text by a label such as ⟦U+202E⟧; all else stays as it is.

    Direction overrides, zero-width and control characters get a label, a run of the same one a single label with its
    count. Joiners and variation selectors that an emoji or a script needs are left alone. A lone surrogate, which no
    encoding can carry, becomes U+FFFD. Of a pile of more accents or vowel signs on one letter than a script needs, the
    rest is counted.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.isprintable():
        return text
    return _PILE.sub(_counted, _PARTS.sub(_shown, text))


def percent_encoded(address: str) -> str:
    """Return an address with line breaks, and characters that `show_controls` would show, in its own encoding."""
    return re.sub("[\t\n\r]", _encoded, _PARTS.sub(_encoded, address))


def options_of(things: Iterable[tuple[str, Named]]) -> dict[str, Named]:
    """Return untrusted names as the options of a select: one line each, invisible characters shown, none lost.

    Parameters
    ----------
    things : iterable of (str, anything)
        Names and what they stand for; those that look the same get a number.
    """
    found: dict[str, Named] = {}
    for name, thing in things:
        shown = once = " ".join(show_controls(name).split())
        number = 1
        while shown in found:
            number += 1
            shown = f"{once} ({number})"
        found[shown] = thing
    return found


def plain(text: str, longest: int = 500) -> str:
    """Return one line of untrusted text, escaped for HTML, invisible characters shown, cut with an ellipsis."""
    return html.escape(one_line(text, longest))


def one_line(text: str, longest: int) -> str:
    """Return untrusted text as one line, invisible characters shown, cut with an ellipsis; not escaped."""
    line = " ".join(show_controls(text[: longest + 1]).split())
    return line if len(text) <= longest else line[:longest] + "…"


def _shown(found: re.Match[str]) -> str:
    if found["meant"]:
        return found["meant"]
    if found["broken"]:
        return BROKEN
    count = 1 + len(found["again"])
    return f"⟦U+{ord(found['hidden']):04X}{f'×{count}' if count > 1 else ''}⟧"


def _counted(pile: re.Match[str]) -> str:
    marks = [place for place, sign in enumerate(pile[0]) if sign not in "\u200c\u200d"]
    most = _MOST_ACCENTS if _ACCENTS.fullmatch(pile[0]) else _MOST_MARKS
    most = _MOST_STACKED if _STACKED.fullmatch(pile[0]) else most
    return pile[0] if len(marks) <= most else f"{pile[0][: marks[most]]}⟦+{len(marks) - most}⟧"


def _encoded(found: re.Match[str]) -> str:
    return found.groupdict().get("meant") or quote(found[0].encode("utf-8", "replace"))
