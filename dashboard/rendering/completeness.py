"""Whether all of a text can be seen in what was drawn from it: the last wall against texts that vanish.

Markdown drops what it has no place for (a row's cells beyond the table's head, what is nested too deep), and a parser
may drop more by mistake. So nothing is taken on trust: every letter and digit of the source, and every sign beyond
ASCII, has to stand in the drawn HTML, in the order of the source. Signs of ASCII may be marks, which drawing uses up.
"""

import html
import re

_SEEN = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f\s]+")
_ENTITY = re.compile(r"&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});")
"""Decoded outside of code; one that is not known stays as it is."""
_NUMBERED = re.compile(r"^[ \t>*+-]*+(?:\d{1,9}[.)](?=[ \t]|$)[ \t>*+-]*+)+", re.MULTILINE)
"""Numbers of list items, which the browser counts itself."""
_ATTRIBUTES = r'(?: [a-z]+="[^"]*+")*'
_FORMULA = re.compile(rf'<math{_ATTRIBUTES}? alttext="([^"]*+)"{_ATTRIBUTES}>.*?</math>', re.DOTALL)
_LINK = re.compile(rf'<a{_ATTRIBUTES}? href="([^"]*+)"{_ATTRIBUTES}>(.*?)</a>', re.DOTALL)
_TAG = re.compile(r'<[^">]*+(?:"[^"]*+"[^">]*+)*+>')


def shows_all(source: str, drawn: str) -> bool:
    """Return whether nothing of a text is missing from its drawing; takes time linear in both.

    Parameters
    ----------
    source : str
        Markdown, invisible characters made visible.
    drawn : str
        HTML from the sanitiser, whose attributes all stand in double quotes. A formula shows its `alttext` (see
        `dashboard.rendering.maths`, which has checked that), a link its text and where it leads.
    """
    needed, seen = visible(_NUMBERED.sub("", _ENTITY.sub("", source))), visible(text_of(drawn))
    if needed == seen:
        return True
    rest = iter(seen)
    return all(sign in rest for sign in needed)


def visible(text: str) -> str:
    """Return a text's letters and digits, and its signs beyond ASCII."""
    return "".join(_SEEN.findall(text))


def text_of(drawn: str) -> str:
    """Return what can be read in HTML from the sanitiser, each link followed by its address."""
    return html.unescape(_TAG.sub("", _LINK.sub(r"\2 \1", _FORMULA.sub(r"\1", drawn))))
