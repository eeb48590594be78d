"""Code in an answer with its keywords, texts and comments marked, by Pygments; unknown languages stay plain."""

import html
from functools import lru_cache
from typing import Any

CLASSES = ("hl-k", "hl-s", "hl-c", "hl-m", "hl-f")
"""Keyword, text, comment, number, name of a function or class; the sheet `dashboard.look.TEXT` colours them."""
LONGEST = 20_000
"""Characters of one block that are marked; a lexer of regular expressions has no bound on its time."""


def highlighted(code: str, language: str, _: str = "") -> str:
    """Return code as HTML with `<span class="hl-…">`; "" where the language is unknown or the code too long.

    Parameters
    ----------
    code : str
        Untrusted; everything of it is escaped.
    language : str
        The word after the fence, untrusted.
    """
    if not language or len(code) > LONGEST or len(language) > 40:
        return ""
    lexer = _lexer(language.lower())
    if lexer is None:
        return ""
    found = []
    for token, text in lexer.get_tokens(code):
        kind, shown = _kind(str(token)), html.escape(text)
        found.append(f'<span class="{kind}">{shown}</span>' if kind and text.strip() else shown)
    return "".join(found)


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


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
