"""Battles from one file of any format, at once or in a stream; what cannot be used is named and left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from pipelines.battles import COLUMNS, battles_table, check
from pipelines.errors import UserError
from pipelines.labels import WINNERS, UnknownWinnerError
from pipelines.quarantine import BadRow, shown
from pipelines.raw_rows import RawRow, open_rows
from pipelines.records import READ, BadRecordError, Record, id_shown, missing_columns, record_of

OnBadRow = Literal["quarantine", "error"]


def read_battles(
    path: Path,
    *,
    labelled: bool,
    rescue: bool = False,
    on_bad_row: OnBadRow = "quarantine",
    source: str = "",
    weight: float = 1.0,
) -> tuple[pd.DataFrame, list[BadRow]]:
    """Read the battles of a file.

    Parameters
    ----------
    path : Path
        CSV, JSON, JSON Lines or parquet, with Kaggle's columns or the Arena's conversations.
    labelled : bool
        Whether every battle must have a vote. Otherwise votes are not looked at, and `outcome` is `UNLABELLED`.
    rescue : bool
        Whether to use rows whose texts cannot be parsed with the texts as they stand; they are among the bad rows,
        marked as rescued. Only rows without an id and those of an id already met are left out.
    on_bad_row : "quarantine" or "error"
        Whether a row that cannot be used is left out and returned, or is an error.
    source : str
        Value of the column `source`; the file's name without suffix where it is "".
    weight : float
        Weight of every battle.

    Returns
    -------
    battles : DataFrame, n rows
        In the order of the file.
    bad : list of BadRow
        Rows that cannot be used, and those that were rescued.

    Raises
    ------
    UserError
        When the file cannot be read or lacks a column, when a winner is spelled in an unknown way, or for the first
        bad row where `on_bad_row` is "error".
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    bad: list[BadRow] = []
    for record, row in _records(path, 4096, labelled, rescue):
        if row is not None:
            if on_bad_row == "error" and not row.rescued:
                raise UserError(f"{row.sentence()[:-1]}; mend the row, or set data.on_bad_row to quarantine.")
            bad.append(row)
        if record is not None:
            _append(columns, record, source or path.stem, weight)
    return check(battles_table(columns)), bad


def iter_battles(
    path: Path,
    rows_at_once: int = 1000,
    *,
    labelled: bool = False,
    rescue: bool = False,
    source: str = "",
    weight: float = 1.0,
) -> Iterator[tuple[pd.DataFrame, list[BadRow]]]:
    """Read the battles of a file in a stream; its parameters are those of `read_battles`.

    Memory is steady but for the ids met so far and for JSON lists, which are read whole.

    Yields
    ------
    battles : DataFrame, at most `rows_at_once` rows
        The next battles of the file.
    bad : list of BadRow
        The bad rows met since the last yield.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    bad: list[BadRow] = []
    for record, row in _records(path, rows_at_once, labelled, rescue):
        if row is not None:
            bad.append(row)
        if record is not None:
            _append(columns, record, source or path.stem, weight)
        if len(columns["id"]) >= rows_at_once or len(bad) >= rows_at_once:
            yield check(battles_table(columns)), bad
            columns, bad = {name: [] for name in COLUMNS}, []
    if columns["id"] or bad:
        yield check(battles_table(columns)), bad


def _append(columns: dict[str, list[Any]], record: Record, source: str, weight: float) -> None:
    for name in COLUMNS:
        columns[name].append(source if name == "source" else weight if name == "weight" else getattr(record, name))


def _records(
    path: Path, rows_at_once: int, labelled: bool, rescue: bool
) -> Iterator[tuple[Record | None, BadRow | None]]:
    """Yield for each row its battle, what is wrong with it, or both where it was rescued."""
    met: dict[str, int] = {}
    with open_rows(path, rows_at_once, READ) as opened:
        if opened.columns is not None:
            lacking = missing_columns(opened.columns, labelled)
            if lacking:
                raise UserError(
                    f"{path}: lacks {lacking}; it has {shown(', '.join(opened.columns)) or 'none'}; "
                    f"give it Kaggle's columns, or the Arena's conversation_a, conversation_b and winner."
                )
        for row in opened.rows:
            try:
                record = record_of(row.values, f"{row.unit}{row.place}", labelled, rescue, row.fault)
            except BadRecordError as fault:
                yield None, _bad(path, row, str(fault))
                continue
            except UnknownWinnerError as fault:
                raise UserError(
                    f"{path}, {row.unit} {row.place}: winner is {shown(fault.args[0])}, which is unknown; "
                    f"write one of {', '.join(WINNERS)}."
                ) from fault
            first = met.setdefault(record.id, row.place)
            if first != row.place:
                yield None, _bad(path, row, f"has the id of {row.unit} {first} again")
            elif record.trouble:
                yield record, _bad(path, row, record.trouble, rescued=True)
            else:
                yield record, None


def _bad(path: Path, row: RawRow, reason: str, rescued: bool = False) -> BadRow:
    return BadRow(str(path), row.unit, row.place, id_shown(row.values), reason, row.raw(), rescued)
