"""Rows of a parquet file, some at a time: as few as their texts, unfolded from its dictionaries, allow."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipelines.errors import UserError
from pipelines.formats.containers.arrow_columns import (
    CELL,
    PIECE,
    check_columns,
    is_known,
    is_list,
    rows_of,
    said_of,
    sizes,
)
from pipelines.formats.containers.packed_files import BattleFile, PackedFile
from pipelines.formats.containers.raw_rows import ROW_SIZE, RawFile, RawRow

_KIND = "a parquet file"
_BUFFER_BYTES = 1 << 20
_MOST_UNFOLDED = 256_000_000
"""Bytes of texts in lists that a row group may unfold to in memory."""


@contextmanager
def parquet_file(path: BattleFile, rows_at_once: int, columns: tuple[str, ...] | None) -> Iterator[RawFile]:
    """Open a parquet file; of its columns only those asked for are read.

    Raises
    ------
    UserError
        When it is not a parquet file, or a damaged one.
    """
    with ExitStack() as opened:
        disk = opened.enter_context(path.on_disk()) if isinstance(path, PackedFile) else path
        with said_of(path, _KIND):
            file = opened.enter_context(closing(_File(disk, columns, path)))
        size = sum(group.size for group in file.groups)
        yield RawFile(file.names, _rows(file, rows_at_once), size, file.unread)


def read_table(path: Path, most: int) -> pd.DataFrame:
    """Return a parquet file as a whole.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        Bytes that it may unfold to.

    Raises
    ------
    UserError
        When it is not a parquet file that can be read, or can unfold to more.
    """
    with said_of(path, _KIND), closing(_File(path, None, path)) as file:
        size = file.unfolds()
        if size > most:
            raise UserError(f"{path}: can unfold to {size:,} bytes, and {most:,} are the most that is read here.")
        return file.plain.read().to_pandas()


class _Group(NamedTuple):
    """A row group by its description: its rows, and what they unfold to at least."""

    rows: int
    size: int


class _File:
    """A parquet file, open twice: as it stands, and with its texts as dictionaries, which do not unfold."""

    def __init__(self, path: Path, columns: tuple[str, ...] | None, named: BattleFile) -> None:
        from pyarrow import parquet

        # A buffered stream reads a column chunk piece by piece: files often are one row group, whatever their size.
        how: dict[str, Any] = {"buffer_size": _BUFFER_BYTES, "pre_buffer": False}
        self.path = named
        length = _footer_length(path)
        self.plain = parquet.ParquetFile(path, **how)
        if self.plain.metadata.serialized_size != length:  # a signature follows, as where columns are encrypted
            # pyarrow ends the process when it looks at such a column without a key
            self.plain.close()
            raise UserError(f"{named}: has encrypted columns; write it again without encryption.")
        metadata, schema = self.plain.metadata, self.plain.schema
        self.names = tuple(self.plain.schema_arrow.names)
        check_columns(named, self.names)
        self.chosen = [name for name in self.names if columns is None or name in columns]
        kinds = {each.name: each.type for each in self.plain.schema_arrow}
        self.unread = {name: str(kind) for name, kind in kinds.items() if not is_known(kind)}
        leaves = [schema.column(place) for place in range(len(schema))]
        # Arrow keeps no other kind of value as a dictionary.
        self.texts = {
            place: leaf.path
            for place, leaf in enumerate(leaves)
            if leaf.physical_type == "BYTE_ARRAY" and leaf.path.partition(".")[0] in self.chosen
        }
        self.coded = parquet.ParquetFile(path, metadata=metadata, read_dictionary=list(self.texts.values()), **how)
        self.groups = [_group(metadata.row_group(number), self.chosen) for number in range(metadata.num_row_groups)]

    def close(self) -> None:
        """Close both."""
        self.plain.close()
        self.coded.close()

    def batches(self, number: int, rows_at_once: int) -> Iterator[Any]:
        """Yield the rows of a row group in batches that take about `PIECE` bytes."""
        group = self.groups[number]
        file, longest = self._form(number)
        share = max(group.size // max(group.rows, 1), longest, 1)
        at_once = max(min(rows_at_once, PIECE // share), 1)
        yield from file.iter_batches(at_once, row_groups=[number], columns=self.chosen, use_threads=False)

    def unfolds(self) -> int:
        """Return what the file can unfold to at most: the longest text of a dictionary can be every text."""
        size = sum(group.size for group in self.groups)
        for number in range(len(self.groups)):
            for place, leaf in self.texts.items():
                column = self.plain.metadata.row_group(number).column(place)
                size += self._longest_of(number, leaf) * column.num_values
        return size

    def _longest_of(self, number: int, leaf: str) -> int:
        first = self.coded.iter_batches(1, row_groups=[number], columns=[leaf], use_threads=False)
        return max((_longest(part) for batch in islice(first, 1) for part in batch.columns), default=0)

    def _form(self, number: int) -> tuple[Any, int]:
        """Return which of the files to read a row group from, and how long a row of it can be there.

        A text of the dictionary can stand in every row, or many times in a list of one row. Where that could be much,
        dictionaries are read; elsewhere not, because Arrow makes one of all different texts of the row group.
        """
        total = 0
        for place, leaf in self.texts.items():
            column = self.plain.metadata.row_group(number).column(place)
            longest = self._longest_of(number, leaf)
            if "." in leaf and longest * column.num_values > _MOST_UNFOLDED:
                return self.coded, 0
            total += longest
        return self.plain, total


def _group(described: Any, chosen: list[str]) -> _Group:
    size = described.num_rows * ROW_SIZE
    for place in range(described.num_columns):
        column = described.column(place)
        if column.path_in_schema.partition(".")[0] in chosen:
            size += max(column.total_uncompressed_size, (column.num_values - described.num_rows) * CELL, 0)
    return _Group(described.num_rows, size)


def _longest(column: Any) -> int:
    """Return the bytes of the longest text in the dictionaries of a column."""
    from pyarrow import types

    if types.is_dictionary(column.type):
        return int(sizes(column.dictionary).max(initial=0))
    if types.is_struct(column.type):
        return max((_longest(part) for part in column.flatten()), default=0)
    return _longest(column.values) if is_list(column.type) else 0


def _rows(file: _File, rows_at_once: int) -> Iterator[RawRow]:
    number = 0
    for group in range(len(file.groups)):
        with said_of(file.path, _KIND):
            for batch in file.batches(group, rows_at_once):
                for record, fault, held in rows_of(batch):
                    number += 1
                    yield RawRow("row", number, record, fault, partial(dict, record), held)


_MOST_FOOTER = 64_000_000
"""Bytes of the description at a file's end; one of a thousand columns and a thousand row groups has as many."""


def _footer_length(path: Path) -> int:
    """Return the bytes of the description, which a library takes into memory whole, where it grows tenfold.

    Raises
    ------
    ValueError
        When there is none, or it is larger than any is.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 8, 0))
        end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != b"PAR1" or length > min(_MOST_FOOTER, size):
        raise ValueError("no footer")
    return length
