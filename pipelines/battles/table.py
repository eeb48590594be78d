"""The battles table: one row a battle, with declared columns and checks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.texts import storable
from pipelines.errors import UserError

OUTCOMES = ("winner_model_a", "winner_model_b", "winner_tie")
"""The three outcomes, in the order they have everywhere; an outcome is stored as its place in this tuple."""
UNLABELLED = -1
"""The outcome of a battle nobody has voted on."""
COLUMNS = (
    *("id", "prompt", "response_a", "response_b", "model_a", "model_b", "outcome", "weight", "source", "lang"),
    *("both_bad", "annotator"),
)
"""Columns of a battles table: texts are tuples of turns; `model_*`, `lang` and `annotator` are "" where unknown, and
`both_bad` is whether the one who voted said that both answers are bad, whose `outcome` is a tie."""
TEXT_COLUMNS = ("prompt", "response_a", "response_b")
TURN_BREAK = "\n\n"


def text_of(turns: tuple[str, ...]) -> str:
    """Join the turns of a prompt or a response into the one text that blocks see."""
    return TURN_BREAK.join(turns)


def texts_of(battles: pd.DataFrame) -> list[list[tuple[str, ...]]]:
    """Return the turns of n prompts, answers A and answers B: three lists of n."""
    if battles.shape[1] == len(TEXT_COLUMNS) and tuple(battles.columns) == TEXT_COLUMNS:
        return [list(cells) for cells in battles.to_numpy().T]  # of one battle in a fifth of the time
    return [battles[name].tolist() for name in TEXT_COLUMNS]


def battles_table(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Make a battles table.

    Parameters
    ----------
    columns : mapping
        Sequences of n values for every name in `COLUMNS`; those of texts hold tuples of turns. Without `both_bad` no
        vote is one, without `annotator` all are unknown.

    Returns
    -------
    DataFrame, n rows
        With `COLUMNS` in their order and types, not yet checked.
    """
    made: dict[str, pd.Series] = {}
    unknown: dict[str, list[Any]] = {"both_bad": [False] * len(columns["id"]), "annotator": [""] * len(columns["id"])}
    for name in COLUMNS:
        values = columns[name] if name in columns else unknown[name]
        if name in TEXT_COLUMNS:
            # Cell by cell: numpy would make a matrix of tuples of one length.
            cells = np.empty(len(values), dtype=object)
            for row, turns in enumerate(values):
                cells[row] = turns
            made[name] = pd.Series(cells)
        elif name == "outcome":
            made[name] = pd.Series(np.asarray(values, dtype=np.int64))
        elif name == "weight":
            made[name] = pd.Series(np.asarray(values, dtype=np.float64))
        elif name == "both_bad":
            made[name] = pd.Series(np.asarray(values, dtype=bool))
        else:
            made[name] = pd.Series([storable(value) for value in values], dtype="str")
    return pd.DataFrame(made)


def empty_table() -> pd.DataFrame:
    """Return a battles table without rows."""
    return battles_table({name: [] for name in COLUMNS})


def check(table: pd.DataFrame) -> pd.DataFrame:
    """Check that a table is a battles table, and return it.

    Parameters
    ----------
    table : DataFrame
        Must have every column of `COLUMNS`, in this order and no other; ids unique and not empty; texts as tuples
        of at least one turn, each a str; outcome 0, 1, 2 or `UNLABELLED`; weight finite and above 0; `both_bad`
        a bool.

    Raises
    ------
    UserError
        Names the column, the row and what was found there.
    """
    if tuple(table.columns) != COLUMNS:
        raise UserError(_columns_sentence(tuple(table.columns)))
    for column in COLUMNS:
        cells = table[column]
        kind = "object" if column in TEXT_COLUMNS else _NUMBERS.get(column)
        if kind is not None and cells.dtype != kind:
            raise UserError(f"battles table: column {column} has the type {cells.dtype}; make it with battles_table.")
        for wish, is_met in _WISHES.get(column, (_TEXT if column in TEXT_COLUMNS else _NAME,)):
            wrong = ~np.asarray(is_met(cells), dtype=bool)
            if wrong.any():
                row = int(wrong.argmax())
                raise UserError(
                    f"battles table: column {column}, row {cells.index[row]} is {_shown(cells.iloc[row])}; "
                    f"it must be {wish}."
                )
    return table


def _is_text(cell: Any) -> bool:
    return isinstance(cell, tuple) and bool(cell) and all(type(turn) is str for turn in cell)


def _is_name(cell: Any) -> bool:
    return isinstance(cell, str) and storable(cell) == cell


_NUMBERS = {"outcome": "int64", "weight": "float64", "both_bad": "bool"}
Wish = tuple[str, Callable[[pd.Series], Any]]
"""What every cell of a column must be, as a sentence says it, and which cells are."""
_TEXT: Wish = ("a tuple of turns, at least one, each a str", lambda cells: [_is_text(cell) for cell in cells])
_NAME: Wish = ("a str without lone surrogates", lambda cells: [_is_name(cell) for cell in cells])
_WISHES: dict[str, tuple[Wish, ...]] = {
    "id": (
        _NAME,
        ("an id that is not empty", lambda ids: ids.str.len() > 0),
        ("an id that no other row has", lambda ids: ~ids.duplicated()),
    ),
    "outcome": (
        (f"0, 1, 2 or {UNLABELLED} for a battle without a vote", lambda cells: cells.isin([UNLABELLED, 0, 1, 2])),
    ),
    "both_bad": (),
    "weight": (("finite and above 0", lambda cells: np.isfinite(cells) & (cells > 0)),),
}


def _columns_sentence(found: tuple[Any, ...]) -> str:
    lacking = [name for name in COLUMNS if name not in found]
    extra = [name for name in found if name not in COLUMNS]
    if lacking:
        return f"battles table: is missing the column {lacking[0]}; the columns are {', '.join(COLUMNS)}."
    if extra:
        return f"battles table: has the column {_shown(extra[0])} besides; the columns are {', '.join(COLUMNS)}."
    return f"battles table: its columns are in another order; the columns are {', '.join(COLUMNS)}."


def _shown(value: Any) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
