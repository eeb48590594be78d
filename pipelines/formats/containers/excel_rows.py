"""Rows of an Excel workbook's sheet in a stream, read by openpyxl (extra `excel`), within bounds."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pipelines.errors import UserError, shown
from pipelines.formats.containers.packed_files import BattleFile, PackedFile
from pipelines.formats.containers.raw_rows import MOST_ROW, ROW_SIZE, TOO_LONG, RawFile, RawRow

LEAST_MOST, TIMES, MOST_UNFOLDED = 50_000_000, 100, 1_000_000_000
"""Bytes that any workbook may unfold to, how many times its own size, and bytes that none may.

Of each element of a sheet openpyxl keeps a trace, sixty bytes for as few as four.
"""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 1_000
"""Rows that Excel has, and columns that are read here."""
_CELL = 32_767
"""Characters that a cell of Excel has at most; what is longer was cut when the file was saved."""


@contextmanager
def excel_file(path: BattleFile) -> Iterator[RawFile]:
    """Open the one sheet of a workbook that has rows; its first row names the columns.

    Raises
    ------
    UserError
        When openpyxl is not installed, the workbook is damaged, would unfold to more than may be, or several of its
        sheets have rows.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as fault:
        raise UserError(
            f"{path}: is an Excel workbook; install openpyxl (the extra excel) to read it, or save it as CSV UTF-8."
        ) from fault
    with ExitStack() as opened:
        disk = opened.enter_context(path.on_disk()) if isinstance(path, PackedFile) else path
        _check_sizes(disk, path)
        file = opened.enter_context(disk.open("rb"))  # openpyxl leaves what it opens itself open where it fails
        with _said(path):
            book = opened.enter_context(closing(load_workbook(file, read_only=True, data_only=True, keep_links=False)))
        header, rows = _sheet(path, book)
        yield RawFile(header, _rows(path, header, rows))


@contextmanager
def _said(path: BattleFile) -> Iterator[None]:
    """Say in one sentence that a workbook is broken: openpyxl lets whatever its parts raise pass."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as fault:
        raise UserError(f"{path}: is an Excel workbook that cannot be read; save it as CSV UTF-8.") from fault


def _check_sizes(disk: Path, path: BattleFile) -> None:
    with _said(path), zipfile.ZipFile(disk) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > min(max(LEAST_MOST, TIMES * disk.stat().st_size), MOST_UNFOLDED):
        raise UserError(f"{path}: is an Excel workbook that unfolds to {size:,} bytes; save it as CSV UTF-8.")


def _sheet(path: BattleFile, book: Any) -> tuple[tuple[str, ...], Iterator[tuple[int, list[Any]]]]:
    """Return the header and the rows behind it of the one sheet that has any."""
    found: list[tuple[str, list[Any], Iterator[tuple[int, list[Any]]]]] = []
    for sheet in book.worksheets:  # of charts there are no rows
        rows = _filled(path, sheet)
        first = next(rows, None)
        if first is not None and (second := next(rows, None)) is not None:
            found.append((sheet.title, first[1], chain([second], rows)))
    if len(found) > 1:
        names = ", ".join(shown(title, 30) for title, _, _ in found[:4])
        raise UserError(f"{path}: has {len(found)} sheets with rows ({names}); leave one, or save it as CSV UTF-8.")
    if not found:
        raise UserError(f"{path}: has no sheet with a row of names and rows below it; write battles in one.")
    _, header, rows = found[0]
    columns = tuple("" if name is None else str(name).strip() for name in header)
    if len(columns) > MOST_COLUMNS:
        raise UserError(f"{path}, row 1: has {len(columns):,} columns; keep those of battles.")
    twice = next((name for name in columns if name and columns.count(name) > 1), "")
    if twice:
        raise UserError(f"{path}, row 1: has the column {shown(twice, 80)} twice; remove one.")
    return columns, rows


def _filled(path: BattleFile, sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Yield the number and the cells of each row that is not empty."""
    # Sheets say themselves how far they reach, and may say anything.
    sheet.reset_dimensions()
    with _said(path):
        for number, row in enumerate(islice(sheet.iter_rows(values_only=True), MOST_ROWS), 1):
            cells = list(row)
            while cells and (cells[-1] is None or cells[-1] == ""):
                cells.pop()
            if any(cell is not None and cell != "" for cell in cells):
                yield number, cells


def _rows(path: BattleFile, header: tuple[str, ...], rows: Iterator[tuple[int, list[Any]]]) -> Iterator[RawRow]:
    for number, row in rows:
        cells = [_cell(value) for value in row]
        cells += [None] * (len(header) - len(cells))
        values = dict(zip(header, cells, strict=False))
        values.pop("", None)
        size = ROW_SIZE + sum(len(cell) for cell in cells if isinstance(cell, str))
        fault = TOO_LONG if size > MOST_ROW else ""
        cut = next((name for name, cell in values.items() if isinstance(cell, str) and len(cell) >= _CELL), "")
        if cut:
            fault = f"{cut} has {_CELL:,} characters, the most that Excel keeps, and was cut; take the original"
        if any(cell is not None for cell in cells[len(header) :]):
            fault = f"has {len(cells)} cells, the header has {len(header)}"
        yield RawRow("row", number, values, fault, partial(dict, values), size)


def _cell(value: Any) -> Any:
    """Return a cell as JSON would have it: a text, a number, true or false, or nothing."""
    from openpyxl.utils.escape import unescape

    if isinstance(value, str):
        return unescape(value) if "_x" in value else value
    return value if value is None or isinstance(value, bool | int | float) else str(value)
