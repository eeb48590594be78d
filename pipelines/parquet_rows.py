"""Rows of a parquet file, some at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.raw_rows import NOT_UTF8, RawFile, RawRow

_BUFFER_BYTES = 1 << 20


@contextmanager
def parquet_file(path: Path, rows_at_once: int, columns: tuple[str, ...] | None) -> Iterator[RawFile]:
    """Open a parquet file; of its columns only those asked for are read.

    Raises
    ------
    UserError
        When it is not a parquet file, or a damaged one.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        # A buffered stream reads a column chunk piece by piece: files often are one row group, whatever their size.
        opened = parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        names = tuple(opened.schema_arrow.names)
        chosen = [name for name in names if columns is None or name in columns]
        with opened:
            yield RawFile(names, _rows(opened, rows_at_once, chosen))
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, OSError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise UserError(f"{path}: is not a parquet file that can be read; get or write it again.") from fault


def _rows(opened: Any, rows_at_once: int, columns: list[str]) -> Iterator[RawRow]:
    number = 0
    for batch in opened.iter_batches(batch_size=rows_at_once, columns=columns):
        try:
            records, broken = batch.to_pylist(), [False] * batch.num_rows
        except UnicodeDecodeError:
            records, broken = _escaped(batch)
        for record, not_utf8 in zip(records, broken, strict=True):
            number += 1
            yield RawRow("row", number, record, NOT_UTF8 if not_utf8 else "", partial(dict, record))


def _escaped(batch: Any) -> tuple[list[dict[str, Any]], list[bool]]:
    """Return rows whose texts are not all UTF-8, their bytes as U+DC80 to U+DCFF, and which rows those are."""
    import pyarrow

    columns: dict[str, list[Any]] = {}
    broken = [False] * batch.num_rows
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if pyarrow.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if not (pyarrow.types.is_string(values.type) or pyarrow.types.is_large_string(values.type)):
            columns[name] = values.to_pylist()
            continue
        cells: list[Any] = []
        for row, data in enumerate(values.cast(pyarrow.large_binary()).to_pylist()):
            text = None if data is None else data.decode("utf-8", "surrogateescape")
            broken[row] |= text is not None and any("\udc80" <= character <= "\udcff" for character in text)
            cells.append(text)
        columns[name] = cells
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], broken
