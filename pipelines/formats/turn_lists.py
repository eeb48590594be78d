"""The turns of a prompt or an answer, as the files hold them: JSON lists in text, or lists."""

import json
from typing import Any


class BadTurnsError(ValueError):
    """What is wrong with a cell of turns; the text follows the column's name in a sentence."""


def parse_turns(cell: Any) -> tuple[str, ...]:
    """Return the turns that a cell holds; at least one, a null turn as "".

    Parameters
    ----------
    cell : str or list
        A JSON list of texts and nulls, written as text (Kaggle) or already a list (parquet, JSON). Line breaks and
        tabs inside JSON strings are taken as they stand; lone surrogates written as escapes are kept.

    Raises
    ------
    BadTurnsError
        When the cell is empty, is not JSON, or holds something else than a list of texts.
    """
    if cell is None:
        raise BadTurnsError("is empty")
    if isinstance(cell, str):
        if not cell.strip():
            raise BadTurnsError("is empty")
        try:
            cell = json.loads(cell, strict=False)
        except json.JSONDecodeError as fault:
            raise BadTurnsError(f"is not JSON ({fault.msg} at character {fault.pos + 1})") from fault
        except (ValueError, RecursionError) as fault:
            raise BadTurnsError("is not JSON that can be read") from fault
    if not isinstance(cell, list):
        raise BadTurnsError(f"is {_kind(cell)}, not a list of turns")
    for place, turn in enumerate(cell, start=1):
        if turn is not None and not isinstance(turn, str):
            raise BadTurnsError(f"has {_kind(turn)} as turn {place}, not text")
    return tuple(turn or "" for turn in cell) or ("",)


def rescue_turns(cell: Any) -> tuple[str, ...]:
    """Return the turns of a cell as far as they can be told: what is no list of turns is one turn as it stands."""
    try:
        return parse_turns(cell)
    except BadTurnsError:
        pass
    if isinstance(cell, str):
        try:
            found = json.loads(cell, strict=False)
        except (ValueError, RecursionError):
            return (cell,)
        return rescue_turns(found) if isinstance(found, list) else (cell,)
    if isinstance(cell, list):
        return tuple(_as_text(turn) for turn in cell) or ("",)
    return (_as_text(cell),)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return ""


def _kind(value: Any) -> str:
    """Name the kind of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"
