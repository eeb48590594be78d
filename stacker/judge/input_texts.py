"""Texts as people give them, a str or the turns of a conversation, turned into the tuples of turns that judges read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.formats.cells import Side, cell_style, parse_turns
from pipelines.formats.messages import BadTurnsError

Text = str | Sequence[str]
"""One turn, or the turns of a conversation."""
_ENOUGH = 5
"""Cells of a column that are enough to tell how it is written; of fewer, the three columns must say the same."""
_COLUMNS = pd.Index(TEXT_COLUMNS)
_SIDES: dict[str, Side] = {"prompt": "asked", "response_a": "answered", "response_b": "answered"}


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
    cells = np.empty((1, len(TEXT_COLUMNS)), dtype=object)
    for place, (name, text) in enumerate(zip(TEXT_COLUMNS, (prompt, response_a, response_b), strict=True)):
        cells[0, place] = turns_of(text, name)
    return _table_of(cells)


def battles_of(frame: Any) -> pd.DataFrame:
    """Return the three text columns of a frame as tuples of turns, with an index of its own.

    A column of which every text is a list of turns, as JSON or as Python prints it, holds these lists: so
    `pandas.read_csv` reads Kaggle's files. Otherwise a str is one turn, as it is.

    Raises
    ------
    UserError
        When it is no frame, a column is missing, a cell is no text, or some texts of a column are lists and others
        not; the sentence names column and row.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UserError(f"battles: are a {type(frame).__name__}; give a pandas frame with {', '.join(TEXT_COLUMNS)}.")
    missing = [name for name in TEXT_COLUMNS if name not in frame.columns]
    if missing:
        raise UserError(f"battles: have no column {missing[0]}; the columns {', '.join(TEXT_COLUMNS)} are needed.")
    given = {name: list(frame[name]) for name in TEXT_COLUMNS}
    read = {name: _lists(cells, _SIDES[name]) for name, cells in given.items()}
    alike = all(not failed and len(found) == len(frame) for found, failed in read.values())
    battles = np.empty((len(frame), len(TEXT_COLUMNS)), dtype=object)
    for column, name in enumerate(TEXT_COLUMNS):
        cells, (found, failed) = given[name], read[name]
        listed = [cell for cell in cells if isinstance(cell, str)]
        if found and (alike or len(listed) >= _ENOUGH) and cell_style(listed) == "turns":
            if failed:
                row = frame.index[failed[0]]
                raise UserError(
                    f"{name}: {len(found):,} texts are lists of turns, but that of row {row} is none; parse the lists, "
                    f"or give every text as it is."
                )
            cells = [found.get(place, cell) for place, cell in enumerate(cells)]
        for place, (row, cell) in enumerate(zip(frame.index, cells, strict=True)):
            battles[place, column] = turns_of(cell, f"{name}, row {row}")
    return _table_of(battles)


def _table_of(cells: NDArray[np.object_]) -> pd.DataFrame:
    """Return a table of (n, 3) tuples of turns: from a list of tuples pandas takes ten times as long."""
    return pd.DataFrame(cells, columns=_COLUMNS, copy=False)


def _lists(cells: Sequence[Any], side: Side) -> tuple[dict[int, tuple[str, ...]], list[int]]:
    """Return the turns of the texts of a column that are lists, by place, and the places of those that are none."""
    found: dict[int, tuple[str, ...]] = {}
    failed: list[int] = []
    for place, cell in enumerate(cells):
        if isinstance(cell, str):
            try:
                found[place] = parse_turns(cell if cell.lstrip()[:1] == "[" else "", side=side)
            except BadTurnsError:
                failed.append(place)
    return found, failed
