"""The battles table: one row a battle, with declared columns and checks."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from pipelines.errors import UserError

OUTCOMES = ("winner_model_a", "winner_model_b", "winner_tie")
"""The three outcomes, in the order they have everywhere; an outcome is stored as its place in this tuple."""
UNLABELLED = -1
"""The outcome of a battle nobody has voted on."""
COLUMNS = ("id", "prompt", "response_a", "response_b", "model_a", "model_b", "outcome", "weight", "source", "lang")
"""Columns of a battles table: texts are tuples of turns; `model_*` and `lang` are "" where unknown."""
TEXT_COLUMNS = ("prompt", "response_a", "response_b")
TURN_BREAK = "\n\n"


def text_of(turns: tuple[str, ...]) -> str:
    """Join the turns of a prompt or a response into the one text that blocks see."""
    return TURN_BREAK.join(turns)


def battles_table(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Make a battles table.

    Parameters
    ----------
    columns : mapping
        Sequences of n values for every name in `COLUMNS`; those of texts hold tuples of turns.

    Returns
    -------
    DataFrame, n rows
        With `COLUMNS` in their order and types, not yet checked.
    """
    made: dict[str, pd.Series] = {}
    for name in COLUMNS:
        values = columns[name]
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
        else:
            made[name] = pd.Series([storable(value) for value in values], dtype="str")
    return pd.DataFrame(made)


def storable(name: str) -> str:
    """Return an id or a name without lone surrogates, which string columns cannot hold."""
    return name if name.isascii() else name.encode("utf-8", "replace").decode("utf-8")


def empty_table() -> pd.DataFrame:
    """Return a battles table without rows."""
    return battles_table({name: [] for name in COLUMNS})


def check(table: pd.DataFrame) -> pd.DataFrame:
    """Check that a table is a battles table, and return it.

    Parameters
    ----------
    table : DataFrame
        Must have every column of `COLUMNS`, in this order and no other; ids unique and not empty; texts as tuples
        of at least one turn, each a str; outcome 0, 1, 2 or `UNLABELLED`; weight finite and above 0.

    Raises
    ------
    UserError
        Names the column, the row and what was found there.
    """
    from pandera.errors import SchemaError

    if tuple(table.columns) != COLUMNS:
        raise UserError(_columns_sentence(tuple(table.columns)))
    try:
        _schema().validate(table)
    except SchemaError as fault:
        raise UserError(_sentence(fault)) from fault
    return table


@lru_cache(maxsize=1)
def _schema() -> Any:
    import pandera.pandas as pa

    def texts() -> pa.Column:
        return pa.Column(object, pa.Check(_are_turns, error="a tuple of turns, at least one, each a str"))

    def name(*checks: pa.Check) -> pa.Column:
        # Not pandera's own str type: the default string type of pandas differs between its versions.
        return pa.Column(None, [pa.Check(_are_strings, error="a str without lone surrogates"), *checks])

    filled = pa.Check(lambda ids: ids.str.len() > 0, error="an id that is not empty")
    unique = pa.Check(lambda ids: ~ids.duplicated(), error="an id that no other row has")
    columns = {
        "id": name(filled, unique),
        **{column: texts() for column in TEXT_COLUMNS},
        "model_a": name(),
        "model_b": name(),
        "outcome": pa.Column(
            "int64", pa.Check.isin([UNLABELLED, 0, 1, 2], error=f"0, 1, 2 or {UNLABELLED} for a battle without a vote")
        ),
        "weight": pa.Column("float64", pa.Check(lambda w: np.isfinite(w) & (w > 0), error="finite and above 0")),
        "source": name(),
        "lang": name(),
    }
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def _are_turns(cells: pd.Series) -> pd.Series:
    return _told(cells, lambda cell: isinstance(cell, tuple) and bool(cell) and all(type(turn) is str for turn in cell))


def _are_strings(cells: pd.Series) -> pd.Series:
    return _told(cells, lambda cell: isinstance(cell, str) and (cell.isascii() or storable(cell) == cell))


def _told(cells: Iterable[Any], test: Any) -> pd.Series:
    series = pd.Series(cells)
    return pd.Series([test(cell) for cell in series], index=series.index, dtype=bool)


def _columns_sentence(found: tuple[Any, ...]) -> str:
    lacking = [name for name in COLUMNS if name not in found]
    extra = [name for name in found if name not in COLUMNS]
    if lacking:
        return f"battles table: lacks the column {lacking[0]}; the columns are {', '.join(COLUMNS)}."
    if extra:
        return f"battles table: has the column {_shown(extra[0])} besides; the columns are {', '.join(COLUMNS)}."
    return f"battles table: its columns are in another order; the columns are {', '.join(COLUMNS)}."


def _sentence(fault: Any) -> str:
    """Say in one sentence what pandera found."""
    column = getattr(fault.schema, "name", None)
    cases = fault.failure_cases
    if fault.reason_code is not None and fault.reason_code.name == "WRONG_DATATYPE":
        return f"battles table: column {column} has the type {_first(cases)}; make it with battles_table."
    row = cases["index"].iloc[0] if isinstance(cases, pd.DataFrame) and len(cases) and "index" in cases else None
    at = "" if row is None else f", row {row}"
    wish = getattr(fault.check, "error", None) or str(fault.check)
    return f"battles table: column {column}{at} is {_shown(_first(cases))}; it must be {wish}."


def _first(cases: Any) -> Any:
    return cases["failure_case"].iloc[0] if isinstance(cases, pd.DataFrame) and len(cases) else cases


def _shown(value: Any) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
