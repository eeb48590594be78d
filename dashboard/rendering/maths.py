r"""Formulas in untrusted Markdown: finds `$…$`, `$$…$$`, `\(…\)`, `\[…\]` and draws them as MathML on the server.

MathML needs no script and no font from elsewhere; every current browser draws it. A formula that cannot be drawn, in
which something could not be seen, or that uses a command which could carry a link, a style or a macro, stays as its
source in a `<code>`.
"""

import html
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from markdown_it import MarkdownIt

from dashboard.rendering.sanitiser import (
    MATHML_ATTRIBUTES,
    MATHML_LENGTHS,
    MATHML_TAGS,
    PHANTOM,
    TOKENS,
    clean,
    formula_holds,
    text_of_formula,
)

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LONGEST = 2_000
"""Characters of one formula; longer ones stay source. latex2mathml recurses, and a page of formula is a mistake."""
MOST_LINES = 60
MOST_NESTED = 60
"""Elements inside each other."""
MOST_SHRUNK = 3
"""Scripts and fractions inside each other: each is drawn at .71 of the size around it, the last at 6 pixels."""
WIDEST = 10.0
"""Longest space and thickest line, in its unit."""
_LENGTH = re.compile(r"(\d*\.?\d+)(?:em|ex|pt|px|mu)?|(?:thin|medium|thick)mathspace")
_SCRIPTS = frozenset("mroot msub msup msubsup munder mover munderover mmultiscripts".split())
_REFUSED = re.compile(
    r"\\(?:(?:re|provide)?newcommand|renewcommand|providecommand|newenvironment|DeclareMathOperator|def|let|gdef|edef|"
    r"href|url|style|class|id|cssId|includegraphics|input|require)(?![A-Za-z])"
)
_ALIGNED = re.compile(r"\\(begin|end)\s*\{aligned\}")
"""An environment that latex2mathml does not know, though it knows another that looks the same."""
_CLOSING = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}


def maths(md: MarkdownIt, drawn: bool = True) -> None:
    """Teach a parser the four pairs of delimiters (a markdown-it-py plugin), to draw formulas or show their source."""
    # mdit-py-plugins has rules for them too, but `texmath` and `amsmath` take time that grows with the square of a text
    # (60,000 characters of "\(a " 12 s, here .5), and `dollarmath` knows two of the four and no full stop
    # behind a formula on a line of its own
    md.block.ruler.before("fence", "maths_block", _block, {"alt": ["paragraph", "blockquote", "list"]})
    md.inline.ruler.before("escape", "maths_inline", _inline)
    draw = mathml if drawn else lambda source, _: _source(source)

    def shown(_: object, tokens: Sequence["Token"], at: int, *__: object) -> str:
        behind = html.escape(str(tokens[at].meta.get("behind", "")))
        return draw(tokens[at].content, bool(tokens[at].info)) + (f"<p>{behind}</p>" if behind else "")

    md.add_render_rule("maths", shown)


@lru_cache(maxsize=512)
def mathml(source: str, display: bool) -> str:
    """Return a formula as a `<math>` element with its source as `alttext`, or its source in a `<code>`.

    Parameters
    ----------
    source : str
        LaTeX without its delimiters; untrusted.
    display : bool
        True for a formula on a line of its own.
    """
    if len(source) > LONGEST or _REFUSED.search(source):
        return _source(source)
    try:
        return _drawn(source, display) or _source(source)
    except Exception:  # noqa: BLE001 - latex2mathml raises anything (StopIteration, IndexError, …), XML cannot nest deep
        return _source(source)


def _source(source: str) -> str:
    return f"<code>{html.escape(source)}</code>"


def _drawn(source: str, display: bool) -> str:
    """Return a formula as MathML, "" where not all of it could be read."""
    from latex2mathml.converter import convert_to_element

    # its other function, `convert`, unescapes the finished markup: \text{<img …>} would come out as a tag
    known = _ALIGNED.sub(r"\\\1{align*}", source)
    drawn = convert_to_element(known, display="block" if display else "inline")
    _make_harmless(drawn)
    seen = text_of_formula(clean(tostring(drawn, encoding="unicode")))
    # what the sanitiser drops may be a sign that the source writes as a command
    if seen.split() != "".join(_written(drawn)).split() or not formula_holds(source, seen):
        return ""
    hidden = ((each.text or "").strip() for phantom in drawn.iter(PHANTOM) for each in phantom.iter())
    if _shrunk(drawn) > MOST_SHRUNK or ("phantom" in source and any(hidden)):
        return ""
    drawn.set("alttext", source)
    return tostring(drawn, encoding="unicode")


def _make_harmless(element: Element, depth: int = 0) -> None:
    """Keep known elements and attributes, lay nothing over anything, and resolve entities in texts."""
    if depth > MOST_NESTED:
        raise ValueError("nested too deep")
    if element.tag not in MATHML_TAGS:
        element.tag = "mrow"
    for name, value in list(element.attrib.items()):
        # what `mpadded` can do is to move its content over what stands next to it
        known = name in MATHML_ATTRIBUTES and element.tag != "mpadded"
        if not known or (name in MATHML_LENGTHS and not _is_length(value)):
            del element.attrib[name]
    element.text = html.unescape(element.text) if element.text else element.text
    for child in element:
        _make_harmless(child, depth + 1)
    if element.tag in TOKENS and len(element):
        element.tag = "mrow"
    if element.tag not in TOKENS:
        _into_tokens(element)


def _into_tokens(element: Element) -> None:
    """Put texts that stand next to elements, where they are not drawn, into elements of their own."""
    texts = [element.text, *(child.tail for child in element)]
    children = list(element)
    for index, text in reversed(list(enumerate(texts))):
        if text and text.strip():
            token = SubElement(element, "mtext")
            token.text = text
            element.remove(token)
            element.insert(index, token)
    element.text = None
    for child in children:
        child.tail = None


def _is_length(value: str) -> bool:
    """Return whether all of some lengths are neither negative nor larger than what a formula needs."""
    found = [_LENGTH.fullmatch(length) for length in value.split()]
    return all(length is not None and float(length[1] or 0) <= WIDEST for length in found)


def _shrunk(element: Element, level: int = 0) -> int:
    """Return how many steps smaller than the text the smallest part of a formula is."""
    if element.tag == "mstyle":
        level = int(element.get("scriptlevel", level))
    steps = [level + (element.tag == "mfrac" or (element.tag in _SCRIPTS and at > 0)) for at in range(len(element))]
    return max([level, *(_shrunk(child, step) for child, step in zip(element, steps, strict=True))])


def _written(element: Element) -> Iterator[str]:
    """Yield the texts of a formula that can be seen."""
    if element.tag != PHANTOM:
        yield element.text or ""
        for child in element:
            yield from _written(child)


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
        behind = text[end + 2 :].strip()
        if behind.strip(" .,;。，；"):
            return False  # words follow on the same line: the inline rule's business
        content = "\n".join([*lines, text[:end]]).strip()
        if not content:
            return False
        if not silent:
            token = state.push("maths", "math", 0)
            token.block, token.content, token.info, token.map = True, content, "block", [first, line + 1]
            token.meta["behind"] = behind
        state.line = line + 1
        return True
    return False
