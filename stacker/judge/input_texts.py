"""Texts as people give them, a str or the turns of a conversation, turned into the tuples of turns that judges read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError

Text = str | Sequence[str]
"""One turn, or the turns of a conversation."""


def turns_of(text: Any, where: str) -> tuple[str, ...]:
    """Return the turns of a text.

    Parameters
    ----------
    text : str, or sequence of str
        A str is one turn, as it is.
    where : str
        Named in the error.

    Raises
    ------
    UserError
        When it is something else.
    """
    if isinstance(text, str):
        return (str(text),)
    if isinstance(text, list | tuple | np.ndarray):
        turns = tuple(text)
        if all(isinstance(turn, str) for turn in turns):
            return tuple(map(str, turns))
        wrong = next(turn for turn in turns if not isinstance(turn, str))
        raise UserError(f"{where}: has a turn of type {type(wrong).__name__}; give every turn as a text.")
    raise UserError(f"{where}: holds {type(text).__name__}, not a text; give a text or a list of turns.")


def one_battle(prompt: Any, response_a: Any, response_b: Any) -> pd.DataFrame:
    """Return a table of one battle."""
    cells = (turns_of(text, name) for name, text in zip(TEXT_COLUMNS, (prompt, response_a, response_b), strict=True))
    return pd.DataFrame([tuple(cells)], columns=list(TEXT_COLUMNS))


def battles_of(frame: Any) -> pd.DataFrame:
    """Return the three text columns of a frame as tuples of turns, with an index of its own.

    Raises
    ------
    UserError
        When it is no frame, a column is missing, or a cell is no text; the sentence names column and row.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UserError(f"battles: are a {type(frame).__name__}; give a pandas frame with {', '.join(TEXT_COLUMNS)}.")
    missing = [name for name in TEXT_COLUMNS if name not in frame.columns]
    if missing:
        raise UserError(f"battles: have no column {missing[0]}; the columns {', '.join(TEXT_COLUMNS)} are needed.")
    found = {
        name: pd.Series(
            [turns_of(text, f"{name}, row {row}") for row, text in zip(frame.index, frame[name], strict=True)],
            dtype=object,
        )
        for name in TEXT_COLUMNS
    }
    return pd.DataFrame(found)
