"""Battles from one file of any format, at once or in a stream; what cannot be used is named and left out."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from pipelines.battles.table import COLUMNS, battles_table, check, empty_table
from pipelines.errors import UserError, shown
from pipelines.formats.containers.file_formats import open_rows
from pipelines.formats.containers.raw_rows import BadRow, RawRow
from pipelines.formats.records import (
    READ,
    WINNERS,
    BadRecordError,
    Record,
    UnknownWinnerError,
    id_of,
    missing_columns,
    record_of,
)

_HELD = 64_000_000
"""Characters that a piece of a stream holds, about."""
OnBadRow = Literal["quarantine", "error"]


def read_battles(
    path: Path,
    *,
    labelled: bool | None,
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
    labelled : bool or None
        Whether every battle must have a vote. False does not look at votes, and `outcome` is `UNLABELLED`; None reads
        a vote where there is one.
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
        When the file cannot be read, a column is missing or a winner is spelled in an unknown way, or for the first bad
        row where `on_bad_row` is "error".
    """
    tables: list[pd.DataFrame] = []
    bad: list[BadRow] = []
    for table, rows in iter_battles(path, labelled=labelled, rescue=rescue, source=source, weight=weight):
        if on_bad_row == "error":
            stop_at_bad(rows)
        tables.append(table)
        bad.extend(rows)
    return joined(tables), bad


def stop_at_bad(rows: Iterable[BadRow]) -> None:
    """Raise for the first row that cannot be used at all, where `data.on_bad_row` is "error"."""
    for row in rows:
        if not row.rescued:
            raise UserError(f"{row.sentence()[:-1]}; fix the row, or set data.on_bad_row to quarantine.")


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the battles of several tables as one."""
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0] if tables else empty_table()


FEW = 10
"""Fewer rows that cannot be used are told one by one, and do not end a command, whatever their share."""


def iter_battles(
    path: Path,
    rows_at_once: int = 4096,
    *,
    labelled: bool | None = False,
    rescue: bool = False,
    source: str = "",
    weight: float = 1.0,
) -> Iterator[tuple[pd.DataFrame, list[BadRow]]]:
    """Read the battles of a file in a stream; its parameters are those of `read_battles`.

    Memory is steady but for the ids met so far.

    Yields
    ------
    battles : DataFrame, at most `rows_at_once` rows
        The next battles of the file; fewer where they are long.
    bad : list of BadRow
        The bad rows met since the last yield.

    Raises
    ------
    UserError
        As `read_battles`; after the last rows, where most of them cannot be used.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    bad: list[BadRow] = []
    first: BadRow | None = None
    held = kept = lost = 0
    for record, row, size in battle_rows(path, rows_at_once, labelled=labelled, rescue=rescue):
        if row is not None:
            bad.append(row)
        if record is None:
            lost += 1
            first = first or row
        else:
            kept += 1
            _append(columns, record, source or path.stem, weight)
        held += size
        if len(columns["id"]) >= rows_at_once or len(bad) >= rows_at_once or held >= _HELD:
            yield check(battles_table(columns)), bad
            columns, bad, held = {name: [] for name in COLUMNS}, [], 0
    if columns["id"] or bad:
        yield check(battles_table(columns)), bad
    if first is not None and lost > kept and lost >= FEW:
        raise UserError(
            f"{path}: {lost:,} of {lost + kept:,} rows cannot be used, too many to go on; correct them, or take them "
            f"out. {first.sentence()}"
        )


def _append(columns: dict[str, list[Any]], record: Record, source: str, weight: float) -> None:
    for name in COLUMNS:
        columns[name].append(source if name == "source" else weight if name == "weight" else getattr(record, name))


def battle_rows(
    path: Path, rows_at_once: int = 4096, *, labelled: bool | None, rescue: bool = False, most: int | None = None
) -> Iterator[tuple[Record | None, BadRow | None, int]]:
    """Read a file row by row, without a table.

    Parameters
    ----------
    path, labelled, rescue
        As in `read_battles`.
    rows_at_once : int
        Rows that a parquet file is read by.
    most : int or None
        Characters that the file may unfold to; None for any number.

    Yields
    ------
    record : Record or None
        The battle of the next row.
    bad : BadRow or None
        What is wrong with the row; both where it was rescued.
    size : int
        Characters that the row unfolds to.

    Raises
    ------
    UserError
        As `read_battles`; and when the file unfolds to more than `most`.
    """
    met: dict[str, int] = {}
    total = 0
    with open_rows(path, rows_at_once, READ) as opened:
        if opened.columns is not None:
            lacking = missing_columns(tuple(name for name in opened.columns if name not in opened.unread), labelled)
            if lacking and not missing_columns(opened.columns, labelled):
                odd = {name: kind for name, kind in opened.unread.items() if name in READ}
                told = ", ".join(f"{name} as {shown(kind)}" for name, kind in odd.items())
                raise UserError(f"{path}: has {told}, which cannot be read; write texts, lists of texts or numbers.")
            if lacking:
                raise UserError(
                    f"{path}: is missing {lacking}; it has {shown(', '.join(opened.columns)) or 'none'}; "
                    f"give it Kaggle's columns, or the Arena's conversation_a, conversation_b and winner."
                )
        for row in opened.rows:
            total += row.size
            if most is not None and max(total, opened.unfolds) > most:
                raise UserError(
                    f"{path}: unfolds to {max(total, opened.unfolds):,} characters or more, and {most:,} are the most "
                    f"that is read here; take a part of it."
                )
            try:
                record = record_of(row.values, f"{row.unit}{row.place}", labelled, rescue, row.fault)
            except BadRecordError as fault:
                yield None, _bad(path, row, str(fault)), row.size
                continue
            except UnknownWinnerError as fault:
                raise UserError(
                    f"{path}, {row.unit} {row.place}: winner is {shown(fault.args[0])}, which is unknown; "
                    f"write one of {', '.join(WINNERS)}."
                ) from fault
            first = met.setdefault(record.id, row.place)
            if first != row.place:
                yield None, _bad(path, row, f"has the id of {row.unit} {first} again"), row.size
            elif record.trouble:
                yield record, _bad(path, row, record.trouble, rescued=True), row.size
            else:
                yield record, None, row.size


def _bad(path: Path, row: RawRow, reason: str, rescued: bool = False) -> BadRow:
    if row.lines > 1:
        reason += f"; {row.lines:,} lines are lost with it"
    return BadRow(str(path), row.unit, row.place, id_of(row.values), reason, row.raw(), rescued, row.lines)
