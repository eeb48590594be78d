"""Rows of JSON Lines and of JSON lists in a stream: what is held at a time is one row, however large the file."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.errors import UserError
from pipelines.formats.containers.raw_rows import MOST_ROW, NOT_UTF8, ROW_SIZE, TOO_LONG, RawRow, is_utf8

_PIECE = 1 << 18
"""Bytes that are read at a time."""
_NUMBER, _IN_NUMBERS = 40, ".eE+-0123456789"
"""Characters that the rest of a number takes at most, and those that can be among them."""
_SHOWN = 1000
"""Characters of a row that is too long which are kept for the file of rows set aside."""
_NO_BLANK = re.compile(r"[^ \t\r\n]")
_DECODER = json.JSONDecoder(strict=False)


def json_lines(path: Path) -> Iterator[RawRow]:
    """Yield a row for each line that is not blank."""
    for number, (data, whole) in enumerate(_lines(path), start=1):
        if number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        if not data.strip():
            continue
        line = data.decode("utf-8", "surrogateescape")
        if not whole:
            yield RawRow("line", number, {}, TOO_LONG, f"{line[:_SHOWN]}…".rstrip, ROW_SIZE + _SHOWN)
            continue
        values, fault = _object(line)
        if not is_utf8(line):
            fault = NOT_UTF8
        yield RawRow("line", number, values, fault, line.rstrip, ROW_SIZE + len(line))


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield each line, and whether it is whole; of a longer one than a row may be, the rest is passed over."""
    with path.open("rb") as file:
        while data := file.readline(MOST_ROW + 1):
            whole = len(data) <= MOST_ROW or data.endswith(b"\n")
            yield data, whole
            while not whole and (data := file.readline(_PIECE)):
                whole = data.endswith(b"\n")


def _object(line: str) -> tuple[dict[str, Any], str]:
    """Return the object that a line of JSON holds, and what is wrong where it holds none."""
    try:
        found = json.loads(line, strict=False)
    except json.JSONDecodeError as fault:
        return {}, f"is not JSON ({fault.msg} at character {fault.pos + 1})"
    except (ValueError, RecursionError):
        return {}, "is not JSON that can be read"
    return (found, "") if isinstance(found, dict) else ({}, "is not a JSON object with a battle's keys")


def json_list(path: Path) -> Iterator[RawRow]:
    """Yield a row for each item of a list, or the one that a lone object is.

    Raises
    ------
    UserError
        When the file holds something else, or, once the rows before it are out, something that is not JSON.
    """
    with path.open("rb") as file:
        text = _Text(path, file)
        if text.next() != "[":
            record, size = text.value("its one object")
            text.end()
            _check_lone(path, record)
            yield _row(1, record, size)
            return
        text.take()
        number = 0
        while number or text.next() != "]":
            number += 1
            yield _row(number, *text.value(f"row {number}"))
            if text.next() != ",":
                break
            text.take()
        if text.next() != "]":
            raise text.broken("Expecting ',' delimiter")
        text.take()
        text.end()


def _check_lone(path: Path, found: Any) -> None:
    if isinstance(found, dict) and all(isinstance(value, dict | list) for value in found.values()):
        raise UserError(f"{path}: holds one object of columns; write a list of battles, each an object.")
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no list of battles; write a list of objects.")


def _row(number: int, record: Any, size: int) -> RawRow:
    is_object = isinstance(record, dict)
    wrong = "" if is_object else "is not a JSON object with a battle's keys"
    return RawRow("row", number, record if is_object else {}, wrong, lambda: record, ROW_SIZE + size)


class _Text:
    """A JSON file's text, of which one value at a time is held."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False
        self._line, self._column = 1, 1  # of what is held

    def next(self) -> str:
        """Return the next character that is no blank, without taking it; "" at the end of the file."""
        while True:
            found = _NO_BLANK.search(self._text, self._at)
            self._at = found.start() if found else len(self._text)
            if found:
                return found[0]
            if self._ended:
                return ""
            self._more(_PIECE)

    def take(self) -> None:
        """Take the character that `next` returned."""
        self._at += 1

    def value(self, name: str) -> tuple[Any, int]:
        """Take a value, and return it and the characters that it takes."""
        self.next()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as fault:
                # What is not JSON may be a value of which the rest has not been read.
                if self._ended:
                    raise self.broken(fault.msg, fault.pos) from fault
            except (ValueError, RecursionError) as fault:
                raise UserError(
                    f"{self.path}: {name} is not JSON that can be read; write one battle a line as .jsonl."
                ) from fault
            else:
                # A number may go on behind what is held.
                if self._ended or end + _NUMBER < len(self._text) or self._text[end : end + 1] not in _IN_NUMBERS:
                    size, self._at = end - self._at, end
                    return found, size
            held = len(self._text) - self._at
            if held > MOST_ROW:
                raise UserError(f"{self.path}: {name} {TOO_LONG} or is not JSON; write one battle a line as .jsonl.")
            self._more(max(held, _PIECE))  # doubled, so that each character is looked at twice at most

    def end(self) -> None:
        """Check that nothing but blanks is left."""
        if self.next():
            raise self.broken("Extra data")

    def _more(self, count: int) -> None:
        """Let go of what was taken, and read on."""
        self._line, self._column = self._place(self._at)
        data = self.file.read(count)
        try:
            self._text = self._text[self._at :] + self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as fault:
            raise UserError(f"{self.path}: {NOT_UTF8}.") from fault
        self._at, self._ended = 0, not data

    def _place(self, position: int) -> tuple[int, int]:
        """Return the line and column of a place in what is held."""
        breaks = self._text.count("\n", 0, position)
        if not breaks:
            return self._line, self._column + position
        return self._line + breaks, position - self._text.rindex("\n", 0, position)

    def broken(self, message: str, position: int | None = None) -> UserError:
        """Return what is to be raised about a place in what is held, the present one where none is given."""
        line, column = self._place(self._at if position is None else position)
        return UserError(
            f"{self.path}, line {line}: is not JSON ({message} at column {column}); fix it or write one battle a "
            f"line as .jsonl."
        )
