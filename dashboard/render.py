"""Untrusted Markdown in, HTML out in which nothing can run, be fetched or be sent.

Two walls, each enough by itself: markdown-it-py with raw HTML off escapes every tag that the text contains, and nh3
(the Rust sanitiser Ammonia) keeps only the elements and attributes named below.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from dashboard.code_marks import CLASSES, highlighted
from dashboard.maths import MATHML_ATTRIBUTES, MATHML_TAGS, maths
from stacker.charts.controls import plain as plain  # what pages show besides Markdown
from stacker.charts.controls import show_controls

if TYPE_CHECKING:
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from nh3 import Cleaner

LONGEST_SHOWN = 60_000
"""Characters shown of one text; the longest answer of the Kaggle set has 53,265."""
MOST_BRACKETS = 4_000
"""`[` beyond which a text is shown unformatted: markdown-it looks for each one's partner, which takes quadratic time
(50,000 of them take .6 s, 4,000 take .01 s)."""
_TAGS = frozenset(
    "p br hr h1 h2 h3 h4 h5 h6 strong em s code pre blockquote ul ol li table thead tbody tr th td a span".split()
)
_READ_BY_DIRECTION = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "th", "td", "blockquote")
LINK_SCHEMES = frozenset({"http", "https", "mailto"})


MOST_ELEMENTS = 20_000
MOST_IN_A_BLOCK = 2_000
"""Elements, of the whole and of one paragraph, beyond which a text is shown unformatted. 60,000 characters of `*_` are
30,000 emphasised signs in one paragraph, and a browser stands still for long while it breaks that into lines."""
_ELEMENT = re.compile("<(?!span|/)")
_BLOCK = re.compile("<(?:p|li|h[1-6]|t[hd]|pre|blockquote)[ >]")


@dataclass(frozen=True)
class Rendered:
    """HTML of a text.

    Attributes
    ----------
    html : str
        Safe to insert into a page.
    left_out : int
        How many of its characters at the end are not shown; 0: all are.
    formatted : bool
        False where it has too many marks to be drawn, so that its source is shown.
    """

    html: str
    left_out: int
    formatted: bool = True


def render(text: str, longest: int = LONGEST_SHOWN) -> Rendered:
    """Render untrusted Markdown with code, tables and formulas as HTML that is safe to insert into a page.

    Of HTML in the text, nothing survives but its visible source. Images become their description and a link. Links
    open elsewhere, only by http, https or mailto, without passing on who refers or vouching for them. Invisible
    characters are shown (see `stacker.charts.controls`).

    Parameters
    ----------
    text : str
        Any text, of any length; lone surrogates are allowed.
    longest : int
        Characters shown; the caller says in the reader's language that `left_out` more are not.
    """
    shown = show_controls(text[:longest])
    raw = None if shown.count("[") > MOST_BRACKETS else _parser().render(shown)
    formatted = raw is not None and _can_be_drawn(raw)
    if raw is None or not formatted:
        raw = f"<pre><code>{html.escape(shown)}</code></pre>"
    return Rendered(_cleaner().clean(raw), max(0, len(text) - longest), formatted)


def render_turns(turns: Sequence[str], longest: int = LONGEST_SHOWN) -> Rendered:
    """Render the turns of a prompt or an answer, parted by a rule; `longest` holds for all of them together."""
    parts: list[str] = []
    left_out, formatted = 0, True
    for turn in turns:
        part = render(turn, longest)
        longest -= len(turn) - part.left_out
        left_out += part.left_out
        formatted &= part.formatted
        if part.html or not part.left_out:
            parts.append(part.html)
    return Rendered("<hr>".join(parts), left_out, formatted)


def _can_be_drawn(raw: str) -> bool:
    """Return whether a browser draws this HTML in reasonable time."""
    counts = [len(_ELEMENT.findall(block)) for block in _BLOCK.split(raw)]
    return sum(counts) + len(counts) <= MOST_ELEMENTS and max(counts) <= MOST_IN_A_BLOCK


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    maths(parser)
    parser.add_render_rule("image", _image)
    parser.options["highlight"] = highlighted
    parser.validateLink = _is_link  # type: ignore[method-assign]
    return parser


@lru_cache(maxsize=1)
def _cleaner() -> "Cleaner":
    import nh3

    attributes: dict[str, set[str]] = {tag: set(MATHML_ATTRIBUTES) for tag in MATHML_TAGS}
    attributes |= {"a": {"href"}, "ol": {"start"}, "math": set(MATHML_ATTRIBUTES) | {"alttext"}}
    attributes["span"] = set()
    fixed = {tag: {"dir": "auto"} for tag in _READ_BY_DIRECTION} | {"pre": {"dir": "ltr"}, "a": {"target": "_blank"}}
    return nh3.Cleaner(
        tags=set(_TAGS | MATHML_TAGS),
        allowed_classes={"span": set(CLASSES)},
        clean_content_tags=set(),
        attributes=attributes,
        set_tag_attribute_values=fixed,
        url_schemes=set(LINK_SCHEMES),
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )


def _image(_: "RendererHTML", tokens: Sequence["Token"], at: int, __: Any, ___: Any) -> str:
    label = html.escape(tokens[at].content) or "🖼"
    source = html.escape(str(tokens[at].attrGet("src") or ""))
    return f'🖼 <a href="{source}">{label}</a>' if _is_link(str(tokens[at].attrGet("src") or "")) else f"🖼 {label}"


def _is_link(url: str) -> bool:
    return url.strip().lower().partition(":")[0] in LINK_SCHEMES
