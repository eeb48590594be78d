"""The HTML that may reach a page from a stranger's text: few elements, fewer attributes, links to the web alone."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nh3 import Cleaner

CODE_CLASSES = ("hl-k", "hl-s", "hl-c", "hl-m", "hl-f", "hl-i")
"""Keyword, text, comment, number, name of a function or class, and what a fence says; for `sheets/text.css`."""
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
_TAGS = frozenset(
    "p br hr h1 h2 h3 h4 h5 h6 strong em s code pre blockquote ul ol li table thead tbody tr th td a span".split()
)
_READ_BY_DIRECTION = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "th", "td", "blockquote")


def clean(found: str) -> str:
    """Return HTML with nothing in it but what is allowed; of other elements the content stays."""
    return _cleaner().clean(found)


@lru_cache(maxsize=1)
def _cleaner() -> "Cleaner":
    import nh3

    attributes: dict[str, set[str]] = {tag: set(MATHML_ATTRIBUTES) for tag in MATHML_TAGS}
    attributes |= {"a": {"href"}, "ol": {"start"}, "li": {"value"}, "span": set()}
    attributes["math"] = {*MATHML_ATTRIBUTES, "alttext"}
    fixed = {tag: {"dir": "auto"} for tag in _READ_BY_DIRECTION} | {"pre": {"dir": "ltr"}, "a": {"target": "_blank"}}
    return nh3.Cleaner(
        tags=set(_TAGS | MATHML_TAGS),
        allowed_classes={"span": set(CODE_CLASSES)},
        clean_content_tags=set(),
        attributes=attributes,
        set_tag_attribute_values=fixed,
        url_schemes=set(LINK_SCHEMES),
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )
