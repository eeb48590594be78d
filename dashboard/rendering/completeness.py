"""Whether all of a text can be seen in what was drawn from it: the last wall against texts that vanish.

Markdown drops what it has no place for (a row's cells beyond the table's head, what is nested too deep), and a parser
may drop more by mistake. So nothing is taken on trust: every letter and digit of the source, every sign beyond ASCII
and every sign of ASCII that is no mark where it stands has to stand in the drawn HTML, in the order of the source.
Marks are what drawing uses up; rules that use up something else (`shown_whole`) say so.
"""

import html
import re
import unicodedata
from collections import Counter

_SEEN = re.compile(r"[0-9A-Za-z?%,/@{};^&+=:]+|!(?!\[)|[^\x00-\x7f\s]+")
"""Marks may be `*_~` and "`", brackets, quotes (of titles), `<>`, `#`, `-`, `|`, `.`, `$`, backslashes, and `!` before
a bracket; what `_MARKS` finds has been taken out."""
_MARKS = re.compile(
    r"^[ \t>]*+(?:(?:[*+-]|\d{1,9}[.)])(?:[ \t>]+|$))*+(?:=+[ \t]*$|(?=[:| \t]*-)[-:| \t]++$)?", re.MULTILINE
)
"""What begins quotes and items of lists (whose numbers the browser counts itself), the line under a heading, and the
one under a table's head."""
_ENTITY = re.compile(r"&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});")
"""Decoded outside of code; one that is not known stays as it is."""
_ATTRIBUTES = r'(?: [a-z]+="[^"]*+")*'
_FORMULA = re.compile(rf'<math{_ATTRIBUTES}? alttext="([^"]*+)"{_ATTRIBUTES}>.*?</math>', re.DOTALL)
_LINK = re.compile(rf'<a{_ATTRIBUTES}? href="([^"]*+)"{_ATTRIBUTES}>(.*?)</a>', re.DOTALL)
_UNWRITTEN = re.compile(
    r"\\(?:begin|end)\s*\{(?:array|aligned|align|split|cases|substack|displaylines|eqalign|smallmatrix|[pbBvV]?matrix)\*?\}"
    r"(?:\s*\{[lcr| ]*\})?"
    r"|\\[hm]?(?:space|skip|kern)\*?\s*\{?\s*\d*\.?\d+\s*(?:em|ex|pt|px|mu)\s*\}?"
    r"|\\(?:left|right|[bB]igg?[lrm]?)\s*\."
    r"|\\operatorname\*|\\[A-Za-z]+|\\[\\,;!:>| ]"
)
"""What of a formula's source its drawing need not hold: a known command is drawn, an unknown one written."""
_FORMULA_SIGNS = re.compile(r"[0-9A-Za-z?%,/@;!+=:<>.|()*-]|[^\x00-\x7f\s]")
_OPTIONAL = re.compile(r"(\\[A-Za-z]+\s*)\[([^\]]*)\]")
_PHANTOMS = re.compile(r"<mphantom[ >].*?</mphantom>", re.DOTALL)
_DRAWN_AS = str.maketrans("−∗∕", "-*/")
_TAG = re.compile(r'<[^">]*+(?:"[^"]*+"[^">]*+)*+>')


def shows_all(source: str, drawn: str) -> bool:
    """Return whether nothing of a text is missing from its drawing; takes time linear in both.

    Parameters
    ----------
    source : str
        Markdown, invisible characters made visible.
    drawn : str
        HTML from the sanitiser, whose attributes all stand in double quotes. A formula shows its `alttext` where its
        content holds that, a link its text and where it leads.
    """
    needed = visible(_MARKS.sub("", _ENTITY.sub("", source)))
    rest = iter(text_of(drawn))
    return all(sign in rest for sign in needed)


def visible(text: str) -> str:
    """Return a text's letters and digits, its signs beyond ASCII, and those of ASCII that are no marks."""
    return "".join(_SEEN.findall(text))


def text_of(drawn: str) -> str:
    """Return what can be read in HTML from the sanitiser, each link followed by its address."""
    return html.unescape(_TAG.sub("", _LINK.sub(r"\2 \1", _FORMULA.sub(_as_read, drawn))))


def _as_read(formula: re.Match[str]) -> str:
    whole = formula_holds(html.unescape(formula[1]), text_of_formula(formula[0]))
    return formula[1] if whole else text_of_formula(formula[0])


def text_of_formula(drawn: str) -> str:
    """Return what can be read in a `<math>` element from the sanitiser; what its attributes say cannot."""
    return html.unescape(_TAG.sub("", _PHANTOMS.sub("", drawn)))


def formula_holds(source: str, seen: str) -> bool:
    """Return whether the letters, digits and signs of LaTeX, except for its commands, are in what was drawn of it.

    Their order may be another one, and the alphabet of mathematics: 𝐱 and ℝ count as x and R.
    """
    needed = _UNWRITTEN.sub(" ", _OPTIONAL.sub(r"\1\2", source))
    return not Counter(_formula_signs(needed)) - Counter(_formula_signs(seen))


def _formula_signs(text: str) -> list[str]:
    return _FORMULA_SIGNS.findall(unicodedata.normalize("NFKC", text).translate(_DRAWN_AS))
