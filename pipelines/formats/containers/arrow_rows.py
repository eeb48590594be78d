"""Rows of an Arrow IPC file or stream (`.arrow`, `.feather`) in a stream, a record batch at a time, within bounds.

A file is a stream with eight bytes before it and a list of its batches behind it, so both are read as a stream.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, Any

from pipelines.errors import UserError
from pipelines.formats.containers.arrow_columns import check_columns, is_known, rows_of, said_of
from pipelines.formats.containers.packed_files import BattleFile
from pipelines.formats.containers.raw_rows import RawFile, RawRow

MOST_BATCH = 1_000_000_000
"""Bytes that a batch of rows may take, packed or unfolded: Arrow has no part of one. Writers make batches of 1,000 rows
(Hugging Face's datasets) to 65,536 (feather)."""
_KIND = "an Arrow file"
_MAGIC = b"ARROW1\x00\x00"


@contextmanager
def arrow_file(path: BattleFile, columns: tuple[str, ...] | None) -> Iterator[RawFile]:
    """Open an Arrow IPC file or stream; of its columns only those asked for are read.

    Raises
    ------
    UserError
        When it is no such file, or a damaged one, names a column twice, or a batch of it is larger than may be.
    """
    from pyarrow import ipc

    with ExitStack() as opened:
        with said_of(path, _KIND):
            ahead, file = (_Source(path, opened.enter_context(path.open("rb"))) for _ in range(2))
            schema = ipc.open_stream(_Source(path, opened.enter_context(path.open("rb")))).schema
            check_columns(path, schema.names)
            chosen = [place for place, name in enumerate(schema.names) if columns is None or name in columns]
            reader = ipc.open_stream(file, options=ipc.IpcReadOptions(included_fields=chosen, use_threads=False))
            messages = ipc.MessageReader.open_stream(ahead)
        unread = {each.name: str(each.type) for each in schema if not is_known(each.type)}
        yield RawFile(tuple(schema.names), _rows(path, messages, reader), unread=unread)


class _Source:
    """A file for pyarrow without the bytes before the stream; nothing larger than a batch may be is taken of it."""

    closed = False

    def __init__(self, path: BattleFile, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self._head = file.read(len(_MAGIC))
        if self._head == _MAGIC:
            self._head = b""

    def read(self, most: int = -1) -> bytes:
        """Return the next bytes, `most` of them unless the file ends."""
        if most < 0 or most > MOST_BATCH:
            raise _too_large(self._path)
        head, self._head = self._head[:most], self._head[most:]
        return head + self._file.read(most - len(head))


def _too_large(path: BattleFile) -> UserError:
    return UserError(
        f"{path}: has a batch of rows that takes more than {MOST_BATCH:,} bytes; write it as parquet, or in smaller "
        "batches."
    )


def _rows(path: BattleFile, messages: Any, reader: Any) -> Iterator[RawRow]:
    number = 0
    while True:
        with said_of(path, _KIND):
            if not _look_at_next(path, messages):
                return
            batch = reader.read_next_batch()
            batch.validate(full=True)  # offsets and codes are taken as they stand otherwise, wherever they lead
        for record, fault, held in rows_of(batch):
            number += 1
            yield RawRow("row", number, record, fault, partial(dict, record), held)


def _look_at_next(path: BattleFile, messages: Any) -> bool:
    """Look at the messages up to the next batch before it is unfolded; False where there is none.

    Raises
    ------
    UserError
        When what they unfold to is larger than a batch may be.
    """
    size = 0
    for message in messages:
        if message.body is not None:
            size += _unfolds(memoryview(message.metadata), message.body)
        if size > MOST_BATCH:
            raise _too_large(path)
        if message.type == "record batch":
            return True
    return False


def _unfolds(about: memoryview, body: Any) -> int:
    """Return the bytes that the buffers of a message unfold to, as they say themselves before they are unpacked.

    A flatbuffer (`Message.fbs` of Arrow's format) describes a message; pyarrow has checked it, and does not show it.
    """
    header = _follow(about, _field(about, _follow(about, 0), 2))
    if about[_field(about, _follow(about, 0), 1)] == 2:  # a dictionary: its second field is a batch
        header = _follow(about, _field(about, header, 1))
    vector = _field(about, header, 2)
    if not vector or not _field(about, header, 3):  # no buffers, or none that is packed
        return len(body)
    vector = _follow(about, vector)
    size = 0
    for place in range(vector + 4, vector + 4 + 16 * _number(about, vector, 4), 16):
        start, length = _number(about, place, 8), _number(about, place + 8, 8)
        unpacked = _number(memoryview(body), start, 8) if length > 8 else 0
        size += length if unpacked < 0 else unpacked
    return size


def _number(data: memoryview, place: int, width: int) -> int:
    return int.from_bytes(data[place : place + width], "little", signed=True)


def _follow(data: memoryview, place: int) -> int:
    """Return where an offset leads that stands at a place."""
    return place + _number(data, place, 4)


def _field(data: memoryview, table: int, number: int) -> int:
    """Return where a field of a table stands; 0 where it has none."""
    layout = table - _number(data, table, 4)
    slot = 4 + 2 * number
    within = slot < _number(data, layout, 2)
    offset = _number(data, layout + slot, 2) if within else 0
    return table + offset if offset else 0
