"""Lists and dictionaries as Python and numpy print them, read without Python's parser: in linear time, nothing is run.

They come of `frame.to_csv` where a column holds lists: `['a', "it's"]`, `[{'role': 'user', 'content': 'a'}]`, and of
numpy arrays, which have no commas: `['a' 'b']`.
"""

import json
import re
from typing import Any

_TOKEN = re.compile(
    r"""(?P<text>'[^'\\]*+(?:\\.[^'\\]*+)*+'|"[^"\\]*+(?:\\.[^"\\]*+)*+")"""
    r"|(?P<word>None|True|False|nan|NaN)\b"
    r"|(?P<number>-?\d{1,400}(?:\.\d{0,400})?(?:e[+-]?\d{1,4})?)"
    r"|(?P<array>array\(|,\s*+dtype=\w{1,20}\)|\))"
    r"|(?P<sign>[\[\]{}:,])"
    r"|(?P<blank>\s++)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_WORDS = {"None": "null", "True": "true", "False": "false", "nan": "null", "NaN": "null"}


def looks_like_list(text: str) -> bool:
    """Tell whether a text begins and ends as a list does."""
    return text[:200].lstrip()[:1] == "[" and text[-200:].rstrip()[-1:] == "]"


def python_list(text: str) -> list[Any]:
    """Return the list that `str(list)`, or `str(array)` of numpy, wrote.

    Texts next to each other without a comma are two items, as numpy prints them; Python's own parser would join them.

    Raises
    ------
    ValueError
        When the text is nothing of the kind.
    RecursionError
        When lists lie in one another too deep.
    """
    if not looks_like_list(text):
        raise ValueError("no list")
    pieces: list[str] = []
    position, after_value, apart = 0, False, False
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"unknown at character {position + 1}")
        position, kind, found = token.end(), token.lastgroup, token[0]
        if kind in ("blank", "array"):
            apart = True
            continue
        begins_value = kind in ("text", "word", "number") or found in "[{"
        if begins_value and after_value:
            if not apart:
                raise ValueError(f"two values at character {position}")
            pieces.append(",")
        pieces.append(_as_json(kind, found))
        after_value = kind in ("text", "word", "number") or found in "]}"
        apart = False
    value = json.loads("".join(pieces), strict=False)
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def python_value(text: str) -> Any:
    """Return the list or the dictionary that Python printed; raises as `python_list`, which see."""
    return python_list(f"[{text}]")[0] if text.lstrip()[:1] == "{" else python_list(text)


def _as_json(kind: str | None, found: str) -> str:
    if kind == "text":
        return json.dumps(_ESCAPE.sub(_unescaped, found[1:-1]))
    if kind == "number" and found.endswith("."):
        return found + "0"  # as numpy prints 1.0
    return _WORDS[found] if kind == "word" else found


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[0][1:]
    if code in _ESCAPES:
        return _ESCAPES[code]
    if len(code) == 1:
        raise ValueError(f"unknown escape {escape[0]!r}")  # repr writes no other
    return chr(int(code[1:], 16))
