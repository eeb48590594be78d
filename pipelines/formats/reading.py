"""Battles from one file of any format, at once or in a stream; what cannot be used is named and left out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from pipelines.battles.table import COLUMNS, battles_table, check, empty_table
from pipelines.errors import UserError
from pipelines.formats.columns.column_mapping import ColumnMapping
from pipelines.formats.containers.raw_rows import BadRow
from pipelines.formats.reading_options import MAX_REJECTED
from pipelines.formats.records import Record
from pipelines.formats.row_stream import FileSummary, battle_rows

__all__ = ["OnBadRow", "battle_rows", "iter_battles", "joined", "read_battles", "stop_at_bad"]
_HELD = 64_000_000
"""Characters that a piece of a stream holds, about."""
OnBadRow = Literal["quarantine", "error"]
FEW = 10
"""Fewer rows that cannot be used are told one by one, and do not end a command while others can be used."""
_REASONS = 3


def read_battles(
    path: Path,
    *,
    labelled: bool | None,
    rescue: bool = False,
    on_bad_row: OnBadRow = "quarantine",
    source: str = "",
    weight: float = 1.0,
    columns: ColumnMapping | None = None,
    max_rejected: float = MAX_REJECTED,
    note: Callable[[str], object] | None = None,
) -> tuple[pd.DataFrame, list[BadRow]]:
    """Read the battles of a file of any form (`pipelines.formats.forms.form_registry.FORMS`).

    Parameters
    ----------
    path : Path
        CSV, JSON, JSON Lines or parquet, in one of the forms; its head and first rows tell which.
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
        Weight of every battle; a graded vote's own weight is multiplied by it.
    columns : ColumnMapping, optional
        Which column holds what, where the names are not the usual ones.
    max_rejected : float
        Share of the rows that may be lost, 0 to 1.
    note : callable, optional
        Told, after the last row, which form the file has and how many votes.

    Returns
    -------
    battles : DataFrame, n rows
        In the order of the file.
    bad : list of BadRow
        Rows that cannot be used, and those that were rescued.

    Raises
    ------
    UserError
        When the file cannot be read, has no known form or could have several, a winner is spelled in an unknown way,
        more rows than `max_rejected` are lost, or for the first bad row where `on_bad_row` is "error".
    """
    tables: list[pd.DataFrame] = []
    bad: list[BadRow] = []
    for table, rows in iter_battles(
        path,
        labelled=labelled,
        rescue=rescue,
        source=source,
        weight=weight,
        columns=columns,
        max_rejected=1.0 if on_bad_row == "error" else max_rejected,
        note=note,
    ):
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


def iter_battles(
    path: Path,
    rows_at_once: int = 4096,
    *,
    labelled: bool | None = False,
    rescue: bool = False,
    source: str = "",
    weight: float = 1.0,
    columns: ColumnMapping | None = None,
    max_rejected: float = MAX_REJECTED,
    note: Callable[[str], object] | None = None,
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
    made: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    bad: list[BadRow] = []
    first: list[BadRow] = []
    held = 0
    summary = FileSummary()
    stream = battle_rows(path, rows_at_once, labelled=labelled, rescue=rescue, columns=columns, summary=summary)
    for record, row, size in stream:
        if row is not None:
            bad.append(row)
        if record is not None:
            _append(made, record, source or path.stem, weight)
        elif row is not None and len(first) < _REASONS:
            first.append(row)
        held += size
        if len(made["id"]) >= rows_at_once or len(bad) >= rows_at_once or held >= _HELD:
            yield check(battles_table(made)), bad
            made, bad, held = {name: [] for name in COLUMNS}, [], 0
    if made["id"] or bad:
        yield check(battles_table(made)), bad
    _check_lost(path, summary, first, max_rejected)
    if note is not None:
        note(summary.sentence(path, labelled))


def _check_lost(path: Path, summary: FileSummary, first: Sequence[BadRow], max_rejected: float) -> None:
    """Raise where too many rows of a file are lost, with the first reasons."""
    lost, kept = summary.lost, summary.battles
    if not lost and not kept and not summary.skipped:
        raise UserError(f"{path}: holds no row; name a file with battles.")
    if not lost and not kept:
        raise UserError(f"{path}: is {summary.form}, and none of its {summary.skipped:,} rows is a vote; name another.")
    if lost <= max_rejected * (lost + kept) or (kept and lost < FEW and max_rejected >= MAX_REJECTED):
        return
    told = {row.reason: row for row in reversed(first)}  # one sentence a reason
    reasons = " ".join(row.sentence() for row in reversed(told.values()))
    raise UserError(
        f"{path}: {lost:,} of {lost + kept:,} rows cannot be used, too many to go on; correct them, take them out, or "
        f"allow more by max_rejected. {reasons}"
    )


def _append(columns: dict[str, list[Any]], record: Record, source: str, weight: float) -> None:
    for name in COLUMNS:
        value = getattr(record, name, None)
        columns[name].append(source if name == "source" else record.weight * weight if name == "weight" else value)
