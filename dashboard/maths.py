r"""Formulas in untrusted Markdown: finds `$…$`, `$$…$$`, `\(…\)`, `\[…\]` and draws them as MathML on the server.

MathML needs no script and no font from elsewhere; every current browser draws it. A formula that cannot be drawn, or
that uses a command which could carry a link, a style or a macro, stays as its source in a `<code>`.
"""

import html
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, tostring

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

LONGEST = 2_000
"""Characters of one formula; longer ones stay source. latex2mathml recurses, and a page of formula is a mistake."""
MOST_LINES = 60
MATHML_TAGS = frozenset(
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts "
    "mprescripts mtable mtr mtd mstyle mpadded mphantom menclose".split()
)
MATHML_ATTRIBUTES = frozenset(
    "display displaystyle scriptlevel mathvariant stretchy fence form separator largeop movablelimits accent "
    "accentunder linethickness columnalign rowalign columnlines rowlines columnspacing rowspacing width height depth "
    "lspace rspace minsize maxsize symmetric notation".split()
)
_REFUSED = re.compile(
    r"\\(?:(?:re|provide)?newcommand|renewcommand|providecommand|def|let|gdef|edef|href|url|style|class|id|cssId|"
    r"includegraphics|input|require)(?![A-Za-z])"
)
_CLOSING = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}


def maths(md: MarkdownIt) -> None:
    """Teach a parser the four pairs of delimiters (a markdown-it-py plugin)."""
    md.block.ruler.before("fence", "maths_block", _block, {"alt": ["paragraph", "blockquote", "list"]})
    md.inline.ruler.before("escape", "maths_inline", _inline)
    md.add_render_rule("maths", lambda _, tokens, at, __, ___: mathml(tokens[at].content, bool(tokens[at].info)))


@lru_cache(maxsize=2_048)
def mathml(source: str, display: bool) -> str:
    """Return a formula as a `<math>` element, or its source in a `<code>` where it cannot be drawn.

    Parameters
    ----------
    source : str
        LaTeX without its delimiters; untrusted.
    display : bool
        True for a formula on a line of its own.
    """
    drawn = None if len(source) > LONGEST or _REFUSED.search(source) else _draw(source, display)
    if drawn is None:
        return f"<code>{html.escape(source)}</code>"
    _plain(drawn)
    drawn.set("alttext", source)
    return tostring(drawn, encoding="unicode")


def _draw(source: str, display: bool) -> Element | None:
    from latex2mathml import exceptions
    from latex2mathml.converter import convert_to_element

    own = (kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception))
    known: tuple[type[Exception], ...] = (
        *own,
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    )
    try:
        # its other function, `convert`, unescapes the finished markup: \text{<img …>} would come out as a tag
        return convert_to_element(source, display="block" if display else "inline")
    except known:
        return None


def _plain(element: Element) -> None:
    """Keep only known elements and attributes, and resolve the entities that latex2mathml writes into texts."""
    if element.tag not in MATHML_TAGS:
        element.tag = "mrow"
    for name in set(element.attrib) - MATHML_ATTRIBUTES:
        del element.attrib[name]
    element.text = html.unescape(element.text) if element.text else element.text
    element.tail = html.unescape(element.tail) if element.tail else element.tail
    for child in element:
        _plain(child)


def _inline(state: "StateInline", silent: bool) -> bool:
    start = state.pos
    opening = state.src[start : start + 2]
    if opening in _CLOSING:
        end = state.src.find(_CLOSING[opening], start + 2, start + 2 + LONGEST)
        content, after = state.src[start + 2 : end], end + 2
    elif opening[:1] == "$":
        end = _closing_dollar(state.src, start + 1)
        content, after = state.src[start + 1 : end], end + 1
    else:
        return False
    if end < 0 or after > state.posMax or not content.strip():
        return False
    if not silent:
        token = state.push("maths", "math", 0)
        token.content, token.info = content.strip(), "block" if opening in ("$$", "\\[") else ""
    state.pos = after
    return True


def _closing_dollar(text: str, start: int) -> int:
    """Return where a `$…$` ends, or -1; sums of money are none: no space inside the signs, no digit after the last."""
    if text[start : start + 1].isspace():
        return -1
    end = text.find("$", start, start + LONGEST)
    while end > 0 and text[end - 1] == "\\":
        end = text.find("$", end + 1, start + LONGEST)
    if end < 0 or text[end - 1].isspace() or text[end + 1 : end + 2].isdigit():
        return -1
    return end


def _block(state: "StateBlock", first: int, last: int, silent: bool) -> bool:
    begin = state.bMarks[first] + state.tShift[first]
    opening = state.src[begin : begin + 2]
    if opening not in ("$$", "\\["):
        return False
    lines: list[str] = []
    for line in range(first, min(last, first + MOST_LINES)):
        if line > first and state.sCount[line] < state.blkIndent and not state.isEmpty(line):
            return False
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        text = text[2:] if line == first else text
        end = text.find(_CLOSING[opening])
        if end < 0:
            lines.append(text)
            continue
        if text[end + 2 :].strip(" .,;。，；"):
            return False  # words follow on the same line: the inline rule's business
        content = "\n".join([*lines, text[:end]]).strip()
        if not content:
            return False
        if not silent:
            token = state.push("maths", "math", 0)
            token.block, token.content, token.info, token.map = True, content, "block", [first, line + 1]
        state.line = line + 1
        return True
    return False
