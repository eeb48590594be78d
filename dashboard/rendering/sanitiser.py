"""The HTML that may reach a page from a stranger's text, and whether all of the text can be seen in it.

Few elements may, fewer attributes, links to the web alone. Markdown drops what it has no place for (a row's cells
beyond the table's head, what is nested too deep), and a parser may drop more by mistake. So nothing is taken on trust:
every letter and digit of the source, every sign beyond ASCII and every sign of ASCII that is no mark where it stands
has to stand in the drawn HTML, in the order of the source. Marks are what drawing uses up; rules that use up something
else (`shown_whole`) say so.
"""

import html
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nh3 import Cleaner

CODE_CLASSES = ("hl-k", "hl-s", "hl-c", "hl-m", "hl-f", "hl-i")
"""Keyword, text, comment, number, name of a function or class, and what a fence says; for `sheets/text.css`."""
HEADING_CLASSES = {"h1": "level-1", "h2": "level-2"}
"""By the tag that Markdown has for it: what a heading looks like, where all are `h3`."""
PHANTOM = "mphantom"
TOKENS = frozenset("mi mn mo ms mtext mspace".split())
"""What holds a text or nothing: of other elements inside, browsers and the sanitiser drop all."""
MATHML_TAGS = TOKENS | frozenset(
    "math mrow mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts "
    f"mprescripts mtable mtr mtd mstyle mpadded menclose {PHANTOM}".split()
)
MATHML_LENGTHS = frozenset(
    "width height depth linethickness minsize maxsize lspace rspace columnspacing rowspacing".split()
)
MATHML_ATTRIBUTES = MATHML_LENGTHS | frozenset(
    "display displaystyle scriptlevel mathvariant stretchy fence form separator largeop movablelimits accent "
    "accentunder columnalign rowalign columnlines rowlines symmetric notation".split()
)
LINK_SCHEMES = frozenset({"http", "https", "mailto"})
_TAGS = frozenset("p br hr h3 strong em s code pre blockquote ul ol li table thead tbody tr th td a span".split())
_READ_BY_DIRECTION = ("p", "h3", "li", "th", "td", "blockquote")


def clean(found: str) -> str:
    """Return HTML with nothing in it but what is allowed; of other elements the content stays."""
    return _cleaner().clean(found)


@lru_cache(maxsize=1)
def _cleaner() -> "Cleaner":
    import nh3

    attributes: dict[str, set[str]] = {tag: set(MATHML_ATTRIBUTES) for tag in MATHML_TAGS}
    attributes |= {"a": {"href"}, "ol": {"start"}, "li": {"value"}, "span": set()}
    attributes["math"] = {*MATHML_ATTRIBUTES, "alttext"}
    fixed = {tag: {"dir": "auto"} for tag in _READ_BY_DIRECTION} | {
        "pre": {"dir": "ltr", "tabindex": "0"},
        "a": {"target": "_blank"},
    }
    return nh3.Cleaner(
        tags=set(_TAGS | MATHML_TAGS),
        allowed_classes={"span": set(CODE_CLASSES), "h3": set(HEADING_CLASSES.values())},
        clean_content_tags=set(),
        attributes=attributes,
        set_tag_attribute_values=fixed,
        url_schemes=set(LINK_SCHEMES),
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )


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
