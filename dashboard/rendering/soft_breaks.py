"""Places at which a browser may end a line in scripts that put no spaces between words.

Thai, Lao, Khmer, Burmese and their kin are parted into words by dictionaries, for which Chromium takes time that grows
with the square of the run: 8 to 10 seconds for 60,000 characters, .1 seconds with a place every 500.
"""

import re
import unicodedata
from itertools import pairwise

FURTHEST = 500
"""Characters between two such places."""
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


def with_soft_breaks(html: str) -> str:
    """Return HTML in which every long run with such a script has `<wbr>` elements.

    A run ends with a space; signs of other scripts do not end it, for Chromium, nor do other elements.

    Parameters
    ----------
    html : str
        HTML from the sanitiser, whose attributes all stand in double quotes.
    """
    found: list[str] = []
    run = 0
    for part in _PARTS.findall(html):
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
    places = [0]
    last = -before
    for sign in _SIGN.finditer(text):
        place = sign.start()
        if place - last >= FURTHEST and (_may_start(text, place) or place - last >= FURTHEST + _WITHIN):
            places.append(place)
            last = place
    pieces = [text[start:end] for start, end in pairwise([*places, len(text)])]
    return "<wbr>".join(pieces), len(text) - last


def _may_start(text: str, place: int) -> bool:
    is_letter = unicodedata.category(text[place]) == "Lo" and text[place] not in _NO_START
    return is_letter and not (place and _ENDS.match(text[place - 1]))
