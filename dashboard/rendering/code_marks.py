"""Code in an answer with its keywords, texts and comments marked, by Pygments; unknown languages stay plain."""

import html
from functools import lru_cache
from typing import Any

CLASSES = ("hl-k", "hl-s", "hl-c", "hl-m", "hl-f", "hl-i")
"""Keyword, text, comment, number, name of a function or class, and what a fence says; for `sheets/text.css`."""
LONGEST = 20_000
"""Characters of one block that are marked: more marks would take a browser long to draw."""
_LONGEST_NAME = 40


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
    if not language or len(code) > LONGEST or len(language) > _LONGEST_NAME:
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
