"""Columns of Arrow as cells: which kinds hold texts, numbers, lists and structs of them, and what a cell unfolds to.

Kinds that say the same in another way are cast to the usual one first: `as_usual`. `rows_of` makes rows of a batch.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import UserError, shown
from pipelines.formats.containers.packed_files import BattleFile
from pipelines.formats.containers.raw_rows import MOST_ROW, NOT_UTF8, ROW_SIZE, TOO_LONG

CELL = 8
"""Bytes that count for a cell besides its text."""
PIECE = 16_000_000
"""Bytes of cells that are made into Python's objects at a time, and a batch of rows should take in Arrow's form."""
Sizes = NDArray[np.int64]
_EXACT = 18
"""Digits of a decimal that int64 holds whatever they are."""


def as_usual(column: Any) -> Any:
    """Return a column of a known kind as one of the usual kinds; nothing is copied where it is one."""
    column = getattr(column, "storage", column)  # of an extension array
    usual = _usual(column.type)
    return column if usual == column.type else column.cast(usual, safe=False)


def _usual(kind: Any) -> Any:
    """Return the kind that says the same: of a list of a fixed length, a view (as DataFusion writes) or a decimal."""
    import pyarrow
    from pyarrow import types

    kind = getattr(kind, "storage_type", kind)
    views = (("string_view", pyarrow.large_string), ("binary_view", pyarrow.large_binary))  # from pyarrow 16 on
    for name, plain in views:
        if getattr(types, f"is_{name}")(kind):
            return plain()
    if types.is_decimal(kind):
        if kind.scale > 0:
            return pyarrow.float64()
        return pyarrow.int64() if kind.precision - kind.scale <= _EXACT else pyarrow.large_string()
    if types.is_fixed_size_list(kind):
        return pyarrow.list_(_usual(kind.value_type))
    if is_list(kind):
        inner = _usual(kind.value_type)
        return kind if inner == kind.value_type else pyarrow.large_list(inner)
    if types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        usual = [pyarrow.field(each.name, _usual(each.type)) for each in fields]
        same = all(one.type == other.type for one, other in zip(fields, usual, strict=True))
        return kind if same else pyarrow.struct(usual)
    return kind


def is_known(kind: Any) -> bool:
    """Tell whether a column holds texts, numbers, or lists and structs of them; no battle has any other kind."""
    from pyarrow import types

    kind = _usual(kind)
    if types.is_dictionary(kind) or is_list(kind):
        return is_known(kind.value_type)
    if types.is_struct(kind):
        return all(is_known(kind.field(place).type) for place in range(kind.num_fields))
    plain = (types.is_null, types.is_boolean, types.is_integer, types.is_floating)
    return is_text(kind) or is_binary(kind) or any(is_one(kind) for is_one in plain)


def is_text(kind: Any) -> bool:
    """Tell whether a column holds texts."""
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def is_binary(kind: Any) -> bool:
    """Tell whether a column holds bytes."""
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def is_list(kind: Any) -> bool:
    """Tell whether a column holds lists of any length."""
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind))


def sizes(column: Any) -> Sizes:
    """Return the bytes of each cell, (n,), as it would unfold."""
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        index = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return np.append(sizes(column.dictionary), 0)[index]  # what is null has the last size
    if is_text(kind) or is_binary(kind):
        lengths = compute.binary_length(column).fill_null(0)
        return np.asarray(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)
    if is_list(kind):
        ends = np.concatenate([[0], np.cumsum(sizes(column.values) + CELL)])
        return np.diff(ends[column.offsets.to_numpy()])
    total = np.full(len(column), CELL)
    if types.is_struct(kind):
        for part in column.flatten():
            total += sizes(part)
    return total


def cells(column: Any) -> tuple[list[Any], set[int]]:
    """Return the cells as Python has them, and those whose bytes are not UTF-8: as U+DC80 to U+DCFF, or None.

    Cells of a column of bytes are texts where they are UTF-8: databases export texts so.
    """
    found, broken = _as_python(column)
    if is_binary(getattr(column.type, "value_type", column.type)):
        found = [_decoded(cell) for cell in found]
    return found, broken


def _as_python(column: Any) -> tuple[list[Any], set[int]]:
    try:
        return column.to_pylist(), set()
    except UnicodeDecodeError:
        pass
    found: list[Any] = []
    broken: set[int] = set()
    for row in range(len(column)):
        try:
            found.append(column[row].as_py())
        except UnicodeDecodeError:
            broken.add(row)
            found.append(_escaped(column.slice(row, 1)))
    return found, broken


def _decoded(cell: Any) -> Any:
    """Return bytes as the text that they are, everything else, and pictures, as it is."""
    try:
        return cell.decode() if isinstance(cell, bytes) else cell
    except UnicodeDecodeError:
        return cell


def _escaped(cell: Any) -> str | None:
    import pyarrow

    if pyarrow.types.is_dictionary(cell.type):
        cell = cell.dictionary_decode()
    if not is_text(cell.type):
        return None
    data: bytes = cell.cast(pyarrow.large_binary())[0].as_py()
    return data.decode("utf-8", "surrogateescape")


def rows_of(batch: Any) -> Iterator[tuple[dict[str, Any], str, int]]:
    """Yield the cells of each row of a batch by column, what is wrong with the row, and what it unfolds to."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if is_known(column.type):
            columns[name] = as_usual(column)
    held = np.full(batch.num_rows, ROW_SIZE)
    for column in columns.values():
        held += sizes(column)
    for start, end in _pieces(held.tolist()):
        if held[start] > MOST_ROW:
            yield {}, TOO_LONG, ROW_SIZE
            continue
        found = {name: cells(column.slice(start, end - start)) for name, column in columns.items()}
        for row in range(end - start):
            record = {name: values[row] for name, (values, _) in found.items()}
            broken = any(row in places for _, places in found.values())
            yield record, NOT_UTF8 if broken else "", int(held[start + row])


def _pieces(long: list[int]) -> Iterator[tuple[int, int]]:
    """Cut rows into pieces of up to `PIECE`; one that is longer than rows may be is a piece of its own."""
    start = held = 0
    for row, size in enumerate(long):
        if row > start and (held + size > PIECE or long[start] > MOST_ROW or size > MOST_ROW):
            yield start, row
            start, held = row, 0
        held += size
    if start < len(long):
        yield start, len(long)


@contextmanager
def said_of(path: BattleFile, kind: str) -> Iterator[None]:
    """Say in one sentence that a file is not of a kind, as "a parquet file", that pyarrow can read."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, MemoryError, OSError, OverflowError, ValueError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise UserError(f"{path}: is not {kind} that can be read; get or write it again.") from fault


def check_columns(path: BattleFile, names: Sequence[str]) -> None:
    """Raise where a file names a column twice."""
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise UserError(f"{path}: has the column {shown(name, 80)} twice; remove one.")
