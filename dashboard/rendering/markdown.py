"""Untrusted Markdown in, HTML out in which nothing can run, be fetched or be sent, and nothing is hidden.

Two walls against the first, each enough by itself: markdown-it-py with raw HTML off escapes every tag that the text
contains, and nh3 (the Rust sanitiser Ammonia) keeps only the elements and attributes named in `sanitiser`. Against the
second, rules that draw what Markdown drops, and a look at each block whether all of it can be seen (`shows_all`).

There is no bound on the time that this takes: pages call `dashboard.rendering.drawings`, which has one.
"""

import html
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from dashboard.rendering.maths import maths
from dashboard.rendering.rendered import AsWritten, source_html, with_soft_breaks
from dashboard.rendering.sanitiser import HEADING_CLASSES, LINK_SCHEMES, clean, shows_all, visible
from dashboard.rendering.shown_whole import LOSES, show_whole
from pipelines.terminal.unseen_signs import percent_encoded, show_controls

if TYPE_CHECKING:
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

MOST_NESTED = 32
"""Quotes inside each other, or twice the lists; what is nested deeper, for which a column is too narrow, is shown as it
was written."""
MOST_ELEMENTS = 20_000
MOST_IN_A_BLOCK = 2_000
"""Elements, of the whole and of one paragraph, beyond which a text is shown as it was written: 60,000 characters of
`*_` are 30,000 emphasised signs in one paragraph, and a browser takes long to break that into lines."""
LONGEST_MARKED = 20_000
"""Characters of one block of code that are marked in colours: more marks would take a browser long to draw."""
_LONGEST_NAME = 40
_ELEMENT = re.compile("<(?!span|/)")
_BLOCK = re.compile("<(?:p|li|h[1-6]|t[hd]|pre|blockquote)[ >]")


def drawn(text: str, marks: bool = True) -> tuple[str, AsWritten]:
    """Return Markdown with code, tables and formulas as HTML that is safe to insert into a page.

    Of HTML in the text, nothing survives but its visible source. Images become their description and a link. Links
    open elsewhere, only by http, https or mailto, without passing on who refers or vouching for them. Invisible
    characters are shown (see `pipelines.terminal.unseen_signs`).

    Parameters
    ----------
    text : str
        Any text; lone surrogates are allowed.
    marks : bool
        Whether formulas are drawn, and code is marked in colours.

    Returns
    -------
    str
        HTML.
    "", "parts" or "all"
        What of it is shown as it was written: blocks that could not be drawn whole, or all, where a browser would
        take too long.
    """
    source = show_controls(text)
    blocks = list(_blocks(source, _parser(marks)))
    found = "".join(block for block, _ in blocks)
    if not _can_be_drawn(found):
        return source_html(text), "all"
    return with_soft_breaks(found), "" if all(whole for _, whole in blocks) else "parts"


def _blocks(source: str, parser: MarkdownIt) -> Iterator[tuple[str, bool]]:
    """Yield the HTML of each block at the top of a text, and whether it is drawn and not shown as it was written."""
    lines = source.split("\n")
    env: dict[str, Any] = {}
    done = 0
    for tokens in _at_the_top(parser.parse(source, env)):
        first, last = tokens[0].map or (done, done)
        if visible(dropped := "\n".join(lines[done:first])):
            yield source_html(dropped), False
        written = "\n".join(lines[first:last])
        block = clean(parser.renderer.render(tokens, parser.options, env))
        kept = max(token.level for token in tokens) < MOST_NESTED - 1 and not any(LOSES in each.meta for each in tokens)
        whole = kept and shows_all(written, block)
        yield (block if whole else source_html(written)), whole
        done = last
    if visible(dropped := "\n".join(lines[done:])):
        yield source_html(dropped), False


def _at_the_top(tokens: Sequence["Token"]) -> Iterator[list["Token"]]:
    """Yield the tokens of each block that is in no other."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _can_be_drawn(found: str) -> bool:
    """Return whether a browser draws this HTML in reasonable time."""
    counts = [len(_ELEMENT.findall(block)) for block in _BLOCK.split(found)]
    return sum(counts) + len(counts) <= MOST_ELEMENTS and max(counts) <= MOST_IN_A_BLOCK


@lru_cache(maxsize=2)
def _parser(marks: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": MOST_NESTED})
    # a definition "[1]: http://…" would vanish, and with it what the judge reads
    parser.enable(["table", "strikethrough"]).disable("reference")
    maths(parser, drawn=marks)
    show_whole(parser)
    parser.core.ruler.push("outline", _outline)
    parser.add_render_rule("fence", _fence)
    parser.options["highlight"] = highlighted if marks else lambda code, _: html.escape(code)
    parser.validateLink = _is_link  # type: ignore[method-assign]
    parser.normalizeLink = percent_encoded  # type: ignore[method-assign, assignment]
    parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    return parser


def _outline(state: "StateCore") -> None:
    """Fit a text into the outline of a page that is heard: its headings below that of the answer, whatever their level.

    Levels 1 and 2 keep their size by a class. Cells of a table's head that say nothing become ordinary cells.
    """
    for place, token in enumerate(state.tokens):
        if token.type in ("heading_open", "heading_close"):
            if token.nesting == 1 and token.tag in HEADING_CLASSES:
                token.attrSet("class", HEADING_CLASSES[token.tag])
            token.tag = "h3"
        if token.type == "th_open" and not state.tokens[place + 1].content.strip():
            token.tag = state.tokens[place + 2].tag = "td"


def _fence(_: "RendererHTML", tokens: Sequence["Token"], at: int, options: Any, __: Any) -> str:
    """Draw code below what its fence says, which a reader would not see otherwise."""
    info = show_controls(tokens[at].info).strip()
    said = f'<span class="hl-i">{html.escape(info)}</span>' if info else ""
    code = options.highlight(tokens[at].content, next(iter(info.split()), ""))
    return f"<pre>{said}<code>{code}</code></pre>\n"


def _is_link(url: str) -> bool:
    return url.strip().lower().partition(":")[0] in LINK_SCHEMES


def highlighted(code: str, language: str) -> str:
    """Return code as HTML with `<span class="hl-…">`; escaped only where the language is unknown or the code too long.

    A lexer is made of regular expressions and has no bound on its time: call it where it can be ended.

    Parameters
    ----------
    code : str
        Untrusted; everything of it is escaped.
    language : str
        The word after the fence, untrusted.
    """
    if not language or len(code) > LONGEST_MARKED or len(language) > _LONGEST_NAME:
        return html.escape(code)
    try:
        return _marked(code, _lexer(language.lower()))
    except Exception:  # noqa: BLE001 - five hundred lexers by as many authors: whatever one raises, the code is shown
        return html.escape(code)


def _marked(code: str, lexer: Any) -> str:
    found = []
    for token, text in lexer.get_tokens(code):
        kind, shown = _kind(str(token)), html.escape(text)
        found.append(f'<span class="{kind}">{shown}</span>' if kind and text.strip() else shown)
    return "".join(found)


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(language, stripnl=False, ensurenl=False)


def _kind(token: str) -> str:
    if token.startswith("Token.Keyword") or token == "Token.Operator.Word":
        return "hl-k"
    if token.startswith("Token.Literal.String"):
        return "hl-s"
    if token.startswith("Token.Comment"):
        return "hl-c"
    if token.startswith("Token.Literal.Number"):
        return "hl-m"
    return "hl-f" if token.startswith(("Token.Name.Function", "Token.Name.Class", "Token.Name.Builtin")) else ""
