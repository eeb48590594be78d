"""Rows of a CSV file in a stream, each with the line it begins on; a broken row costs no more than itself."""

import csv
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipelines.errors import UserError
from pipelines.raw_rows import NOT_UTF8, RawFile, RawRow


class _Lines:
    """The lines of a file for `csv.reader`, which can be taken back, and how many of them are behind us."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.returned: deque[str] = deque()
        self.taken: list[str] = []
        self.behind = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.returned.popleft() if self.returned else next(self.file)
        self.taken.append(line)
        return line

    def begin(self) -> int:
        """Begin a row and return the number of its first line, from 1."""
        # A lone carriage return begins no line for the editors that people will look with.
        self.behind += sum(line.endswith("\n") for line in self.taken)
        self.taken = []
        return self.behind + 1

    def give_back(self, kept: int) -> None:
        """Take back all lines of the row but the first `kept`."""
        self.returned.extendleft(reversed(self.taken[kept:]))
        self.taken = self.taken[:kept]


@contextmanager
def csv_file(path: Path) -> Iterator[RawFile]:
    """Open a CSV file with a header line.

    Raises
    ------
    UserError
        When the header names a column twice.
    """
    # Python's limit of 131,072 characters a field is less than some answers have; there is one for the process.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    # Bytes that are not UTF-8 become U+DC80 to U+DCFF, so that they cost their row and not the file.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        header = tuple(name.strip() for name in _next_row(csv.reader(lines)))
        twice = next((name for name in header if name and header.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"{path}, line 1: has the column {twice} twice; remove one.")
        yield RawFile(header, _rows(lines, header))


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    """Return the first row that is not a blank line; an empty one at the end of the file."""
    return next((row for row in reader if row), [])


def _rows(lines: _Lines, header: tuple[str, ...]) -> Iterator[RawRow]:
    reader = csv.reader(lines)
    while True:
        place = lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as broken:
            reader = csv.reader(lines)
            yield _row(lines, place, {}, f"is not CSV ({broken})")
            continue
        if not fields:
            continue
        values = dict(zip(header, fields, strict=False))
        if len(fields) == len(header):
            yield _row(lines, place, values, "")
            continue
        fault = f"has {len(fields)} fields, the header has {len(header)}"
        if lines.taken[0].count('"') % 2:
            fault += "; a quote on this line is not closed"
        if len(lines.taken) > 1:
            # Most likely that quote has swallowed the rows behind it.
            lines.give_back(_own_lines(lines.taken, len(header)))
            reader = csv.reader(lines)
            if len(lines.taken) == 1:
                values = dict(zip(header, next(csv.reader(lines.taken), []), strict=False))
        yield _row(lines, place, values, fault)


def _own_lines(taken: list[str], width: int) -> int:
    """Tell how many of the lines of a broken row are its own: those before the next that is a whole row by itself."""
    for number, line in enumerate(taken[1:], start=1):
        if line.count(",") >= width - 1 and line.count('"') % 2 == 0:
            try:
                if len(next(csv.reader([line], strict=True))) == width:
                    return number
            except (csv.Error, StopIteration):
                continue
    return len(taken)


def _row(lines: _Lines, place: int, values: dict[str, str], fault: str) -> RawRow:
    taken = lines.taken
    if not fault and not all(_is_utf8(line) for line in taken):
        fault = NOT_UTF8
    return RawRow("line", place, values, fault, lambda: "".join(taken).rstrip("\r\n"))


def _is_utf8(line: str) -> bool:
    if line.isascii():
        return True
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
