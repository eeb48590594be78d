"""Characters that cannot be seen, made visible, so that a text reads in the order and with the length it really has."""

import html
import re

_INVISIBLE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 but tab and line breaks, DEL, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINED = "\u0600-\u07bf\u08a0-\u0fff\u1000-\u109f\u1780-\u17b3\u1800-\u180a\u1820-\u18af"
"""Scripts in which the two joiners belong to the spelling: Arabic to Tibetan, Burmese, Khmer, Mongolian."""
_PICTURE = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
_MEANT = (
    "(?:\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f)"  # flags of England, Scotland, Wales
    f"|(?:(?<=[{_JOINED}])[\u200c\u200d](?=[{_JOINED}]))"
    f"|(?:(?<=[{_PICTURE}\ufe0f])\u200d(?=[{_PICTURE}]))"
    f"|(?:(?<=[{_PICTURE}0-9#*\u4e00-\u9fff])[\ufe0e\ufe0f])"
)
_PARTS = re.compile(
    f"(?P<meant>{_MEANT})|(?P<hidden>[{_INVISIBLE}])(?P<again>(?P=hidden)*)|(?P<broken>[\ud800-\udfff])"
)
_ACCENT = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_PILE = re.compile(f"({_ACCENT}{{4}})({_ACCENT}+)")
BROKEN = "\ufffd"


def show_controls(text: str) -> str:
    """Replace characters that hide, reorder or break text by a label such as ⟦U+202E⟧; all else stays as it is.

    Direction overrides, zero-width and control characters get a label, a run of the same one a single label with its
    count. Joiners and variation selectors that an emoji or a script needs are left alone. A lone surrogate, which no
    encoding can carry, becomes U+FFFD. Of a pile of more than four accents on one letter the rest is counted.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.isprintable():
        return text
    return _PILE.sub(lambda pile: f"{pile[1]}⟦+{len(pile[2])}⟧", _PARTS.sub(_shown, text))


def plain(text: str, longest: int = 500) -> str:
    """Return one line of untrusted text, escaped for HTML, invisible characters shown, cut with an ellipsis."""
    line = " ".join(show_controls(text[: longest + 1]).split())
    return html.escape(line if len(text) <= longest else line[:longest] + "…")


def _shown(found: re.Match[str]) -> str:
    if found["meant"]:
        return found["meant"]
    if found["broken"]:
        return BROKEN
    count = 1 + len(found["again"])
    return f"⟦U+{ord(found['hidden']):04X}{f'×{count}' if count > 1 else ''}⟧"
