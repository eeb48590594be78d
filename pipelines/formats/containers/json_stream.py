"""The text of a JSON file as a stream of values, of which one at a time is held; a key that comes twice is told."""

import codecs
import json
import re
from collections import Counter
from typing import Any, BinaryIO

from pipelines.errors import UserError
from pipelines.formats.containers.packed_files import BattleFile
from pipelines.formats.containers.raw_rows import MOST_ROW, NOT_UTF8, TOO_LONG

PIECE = 1 << 18
"""Bytes that are read at a time."""
_NUMBER, _IN_NUMBERS = 40, ".eE+-0123456789"
"""Characters that the rest of a number takes at most, and those that can be among them."""
_NO_BLANK = re.compile(r"[^ \t\r\n]")


class DoubledKeys(dict[str, Any]):
    """An object that names a key twice, of which JSON's readers keep the last unsaid."""

    key: str


def _keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = DoubledKeys(found)
    doubled.key = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return doubled


DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_keys_once)


class JsonText:
    """A JSON file's text, of which one value at a time is held."""

    def __init__(self, path: BattleFile, file: BinaryIO) -> None:
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
            self._more(PIECE)

    def take(self) -> None:
        """Take the character that `next` returned."""
        self._at += 1

    def value(self, name: str) -> tuple[Any, int]:
        """Take a value, and return it and the characters that it takes."""
        self.next()
        while True:
            try:
                found, end = DECODER.raw_decode(self._text, self._at)
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
            self._more(max(held, PIECE))  # doubled, so that each character is looked at twice at most

    def expect(self, sign: str, message: str) -> None:
        """Take a sign that must come next."""
        if self.next() != sign:
            raise self.broken(message)
        self.take()

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
