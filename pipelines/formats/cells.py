"""What a cell of a file says: turns of one side, or a conversation of which one side asks and one answers.

How a column is written is decided over the column (`cell_style`): a plain text may begin as a list of turns does.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal

from pipelines.formats.messages import KINDS, BadTurnsError, are_messages, messages_of, sides_of
from pipelines.formats.python_literals import looks_like_list, python_list

CellStyle = Literal["turns", "text"]
"""How the cells of a column are written: lists (of turns or messages, by JSON or Python), or plain texts."""
Side = Literal["asked", "answered"]
_JSON = json.JSONDecoder(strict=False)  # `json.loads` would make one for every cell
_LISTS = 0.25
"""Share of cells that must be lists for a column of lists; in one of plain texts few are by chance. Where more are, but
not most, the plain ones are bad rows: the file is refused as most of its rows are lost, rather than brackets learnt."""


def cell_style(sample: Iterable[Any]) -> CellStyle:
    """Tell how a column's cells are written, by the column as a whole.

    Parameters
    ----------
    sample : iterable
        Cells of the column, the first hundred or so. What is no text (a list, as parquet has them) and what is empty
        says nothing, as `[]` does; a number is a plain text where no cell is a list.

    Returns
    -------
    style : "turns" or "text"
        To be given to `parse_turns`. "turns" where nothing is said.
    """
    cells = list(sample)
    lists = [_is_list(cell) for cell in cells if isinstance(cell, str) and cell.strip() and cell.strip() != "[]"]
    if not lists and cells and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells):
        return "text"
    return "turns" if not lists or sum(lists) >= _LISTS * len(lists) else "text"


def _is_list(cell: str) -> bool:
    """Tell whether a text is a list of turns or messages, or as it seems a broken one."""
    begins = "".join(cell[:200].split())[:6]
    if not begins.startswith(('["', "['", "[null", "[None", "[{")):
        return False
    try:
        found = _listed(cell)
    except BadTurnsError:
        return not begins.startswith("[{") and looks_like_list(cell)
    if not isinstance(found, list):
        return False
    return are_messages(found) or all(turn is None or isinstance(turn, str) for turn in found)


def _listed(cell: str) -> Any:
    """Return what a text of JSON, or of a list as Python prints it, holds."""
    try:
        return _JSON.decode(cell)
    except (ValueError, RecursionError) as fault:
        try:
            return python_list(cell)
        except (ValueError, RecursionError):
            if isinstance(fault, json.JSONDecodeError):
                raise BadTurnsError(f"is not JSON ({fault.msg} at character {fault.pos + 1})") from fault
            raise BadTurnsError("is not JSON that can be read") from fault


def parse_turns(cell: Any, style: CellStyle = "turns", side: Side | None = None) -> tuple[str, ...]:
    """Return the turns that a cell holds; at least one, a null turn as "".

    Parameters
    ----------
    cell : str, list or number
        A list of texts and nulls, or of messages, written as JSON (Kaggle), as Python prints it, or already a list
        (parquet, JSON). Line breaks and tabs inside JSON strings are taken as they stand; lone surrogates written as
        escapes are kept. Or a plain text, one turn.
    style : "turns" or "text"
        What a str is: a list as above, or a plain text as it stands. See `cell_style`.
    side : "asked", "answered" or None
        Of messages, whose are taken: the user's or the assistant's; None where all must be of one side.

    Raises
    ------
    BadTurnsError
        When the cell is empty, is not JSON, or holds something else than a list of texts.
    """
    cell = cell.tolist() if hasattr(cell, "tolist") else cell
    if cell is None or (isinstance(cell, str) and not cell.strip()) or cell != cell:
        raise BadTurnsError("is empty")
    if style == "text" and isinstance(cell, str | int | float):
        return (_plain(cell),)
    if isinstance(cell, str):
        cell = _listed(cell)
    if not isinstance(cell, list | tuple):
        raise BadTurnsError(f"is {_kind(cell)}, not a list of turns")
    if are_messages(cell):
        return _turns_of_messages(cell, side)
    for place, turn in enumerate(cell, start=1):
        if turn is not None and not isinstance(turn, str):
            raise BadTurnsError(f"has {_kind(turn)} as turn {place}, not text")
    return tuple(turn or "" for turn in cell) or ("",)


def _plain(cell: str | float) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # spreadsheets know no other numbers
    return str(cell)


def _turns_of_messages(cell: Any, side: Side | None) -> tuple[str, ...]:
    asked, answered = sides_of(messages_of(cell))
    if side is None and asked and answered:
        raise BadTurnsError("has messages of both sides, and those of one are wanted")
    turns = asked if side == "asked" else answered if side == "answered" else asked or answered
    if not turns:
        raise BadTurnsError(f"has no message of {'a user' if side == 'asked' else 'an assistant'}")
    return tuple(turns)


def rescue_turns(cell: Any, style: CellStyle = "turns", side: Side | None = None) -> tuple[str, ...]:
    """Return the turns of a cell as far as they can be told: what is no list of turns is one turn as it stands."""
    try:
        return parse_turns(cell, style, side)
    except BadTurnsError:
        pass
    if isinstance(cell, str):
        try:
            found = _JSON.decode(cell) if style == "turns" else None
        except (ValueError, RecursionError):
            return (cell,)
        return rescue_turns(found) if isinstance(found, list) else (cell,)
    if isinstance(cell, list):
        return tuple(_as_text(turn) for turn in cell) or ("",)
    return (_as_text(cell),)


def _as_text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return ""


def _kind(value: Any) -> str:
    """Name the kind of a JSON value."""
    return KINDS.get(type(value), "null" if value is None else f"a {type(value).__name__}")


def conversation(cell: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what was asked and answered, turn by turn; what system and tools say is left out.

    Parameters
    ----------
    cell : list of dict, or str
        Messages as `messages.messages_of` reads them, or a text of JSON or Python that holds them.

    Raises
    ------
    BadTurnsError
        When it holds no messages, or one that cannot be read; when a user says nothing, or an assistant but calls
        tools. A conversation without any message of an assistant has one empty answer.
    """
    if isinstance(cell, str):
        cell = _listed(cell)
    messages = messages_of(cell)
    asked, answered = sides_of(messages)
    if not asked:
        raise BadTurnsError("has no message of a user")
    if not answered and any(message.role in ("assistant", "tool") for message in messages):
        raise BadTurnsError("has no text of an assistant, but calls of tools")
    return tuple(asked), tuple(answered) or ("",)
