"""What a cell of a file says: turns of one side, or a conversation of which one side asks and one answers."""

import json
from typing import Any

_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
_ASKED = ("user", "human")
_ANSWERED = ("assistant", "gpt", "model", "bot")


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
    return _KINDS.get(type(value), "null" if value is None else f"a {type(value).__name__}")


def conversation(cell: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what was asked and answered; system messages are left out."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell, strict=False)
        except (ValueError, RecursionError) as fault:
            raise BadTurnsError("is not JSON") from fault
    if not isinstance(cell, list) or not cell:
        raise BadTurnsError("is not a list of messages")
    asked: list[str] = []
    answered: list[str] = []
    for number, message in enumerate(cell, start=1):
        if not isinstance(message, dict) or "role" not in message or "content" not in message:
            raise BadTurnsError(f"has no role and content in message {number}")
        role = message["role"]
        if role in _ASKED:
            asked.append(_content(message["content"], number))
        elif role in _ANSWERED:
            answered.append(_content(message["content"], number))
        elif role != "system":
            raise BadTurnsError(f"has the role {ascii(role)[:40]} in message {number}, neither user nor assistant")
    if not asked:
        raise BadTurnsError("has no message of a user")
    return tuple(asked), tuple(answered) or ("",)


def _content(content: Any, number: int) -> str:
    """Return a message's text; of a list of parts, the texts, as newer Arena files have them beside images."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [part.get("text") for part in content if part.get("type", "text") == "text"]
        if all(text is None or isinstance(text, str) for text in texts):
            return "\n".join(text for text in texts if text)
    raise BadTurnsError(f"has no text as content of message {number}")
