"""Rows of a CSV file in a stream, each with the line it begins on; a broken row costs no more than itself."""

import csv
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from pipelines.errors import UserError
from pipelines.files.atomic_files import is_utf8
from pipelines.formats.containers.packed_files import BattleFile
from pipelines.formats.containers.raw_rows import MOST_ROW, NOT_UTF8, ROW_SIZE, TOO_LONG, RawFile, RawRow

MOST_COLUMNS = 10_000
_PIECE = 1 << 20
_SHOWN = 1000
"""Characters that are kept of a row which is too long."""
_TIMES = 3
"""How often a line may be read as part of rows that then prove broken, so that the work grows with the file alone."""


class _Lines:
    """The lines of a file for `csv.reader`, which can be taken back, and how many of them are behind us.

    It ends early, as if the file did, where a row would become longer than rows may be, or where an open quote would
    swallow lines that others have swallowed `_TIMES` times.
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.returned: deque[tuple[str, int]] = deque()
        self.taken: list[str] = []
        self.times: list[int] = []
        self.size = 0
        self.cut = False
        self.behind = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.size > MOST_ROW or (self.taken and self.returned and self.returned[0][1] >= _TIMES):
            self.cut = True
            raise StopIteration
        line, times = self.returned.popleft() if self.returned else (self._read(), 0)
        self.taken.append(line)
        self.times.append(times)
        self.size += len(line)
        return line

    def _read(self) -> str:
        line = self.file.readline(MOST_ROW + 1)
        if not line:
            raise StopIteration
        if len(line) <= MOST_ROW or line.endswith(("\n", "\r")):
            return line
        while (piece := self.file.readline(_PIECE)) and not piece.endswith(("\n", "\r")):
            pass
        self.size = MOST_ROW  # with the start of it, which is all that is kept, the row is too long
        return f"{line[:_SHOWN]}\n"

    def begin(self) -> int:
        """Begin a row and return the number of its first line, from 1."""
        # A lone carriage return begins no line for the editors that people will look with.
        self.behind += sum(line.endswith("\n") for line in self.taken)
        self.taken, self.times = [], []
        self.size, self.cut = 0, False
        return self.behind + 1

    def give_back(self, kept: int) -> None:
        """Take back all lines of the row but the first `kept`."""
        if not kept:
            self.size, self.cut = 0, False
        again = [(line, times + 1) for line, times in zip(self.taken[kept:], self.times[kept:], strict=True)]
        self.returned.extendleft(reversed(again))
        self.taken = self.taken[:kept]


DELIMITERS = (",", "\t", ";", "|")
"""What may stand between fields, the usual one first."""


@contextmanager
def csv_file(path: BattleFile) -> Iterator[RawFile]:
    """Open a file with a header line and fields between commas, tabs, semicolons or bars, as the header has them.

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
        delimiter = _delimiter(lines)
        header = tuple(name.strip() for name in _next_row(csv.reader(lines, delimiter=delimiter)))
        if len(header) > MOST_COLUMNS:
            raise UserError(f"{path}, line 1: has {len(header):,} columns; keep those of battles.")
        name, times = Counter(filter(None, header)).most_common(1)[0] if any(header) else ("", 0)
        if times > 1:
            raise UserError(f"{path}, line 1: has the column {name[:80]} twice; remove one.")
        yield RawFile(header, _rows(lines, header, delimiter))


def _delimiter(lines: _Lines) -> str:
    """Return the delimiter that the header has the most of outside quotes; of as many, the usual one.

    A first line `sep=;`, as Excel writes and reads it, names the delimiter and is passed over.
    """
    named = ""
    for line in lines:
        plain = line.strip("\ufeff\r\n ")
        if len(plain) == 5 and plain.lower().startswith("sep=") and plain[4] in DELIMITERS and not named:
            named = plain[4]
            lines.begin()
        elif plain:
            break
    else:
        return named or ","
    outside = "".join(line.split('"')[::2])
    lines.give_back(0)
    return named or max(DELIMITERS, key=outside.count)


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    """Return the first row that is not a blank line; an empty one at the end of the file."""
    return next((row for row in reader if row), [])


def _rows(lines: _Lines, header: tuple[str, ...], delimiter: str) -> Iterator[RawRow]:
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        place = lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as broken:
            reader = csv.reader(lines, delimiter=delimiter)
            yield _row(lines, place, {}, f"is not CSV ({broken})")
            continue
        if not fields:
            continue
        values = dict(zip(header, fields, strict=False))
        if len(fields) == len(header) and not lines.cut and lines.size <= MOST_ROW:
            yield _row(lines, place, values, "")
            continue
        taken = len(lines.taken)
        fault = f"has {len(fields)} fields, the header has {len(header)}"
        if len(fields) == len(header):
            fault = "is not closed by a quote"
        if lines.taken[0].count('"') % 2:
            fault += "; a quote on this line is not closed"
        if taken > 1:
            # Most likely that quote has swallowed the rows behind it.
            lines.give_back(_own_lines(lines.taken, len(header), delimiter))
            if len(lines.taken) == 1:
                values = dict(zip(header, next(csv.reader(lines.taken, delimiter=delimiter), []), strict=False))
        if lines.size > MOST_ROW and len(lines.taken) == taken:
            values, fault = {}, TOO_LONG
        reader = csv.reader(lines, delimiter=delimiter)
        yield _row(lines, place, values, fault)


def _own_lines(taken: list[str], width: int, delimiter: str) -> int:
    """Tell how many of the lines of a broken row are its own: those before the next that is a whole row by itself."""
    for number, line in enumerate(taken[1:], start=1):
        if line.count(delimiter) >= width - 1 and line.count('"') % 2 == 0:
            try:
                if len(next(csv.reader([line], delimiter=delimiter, strict=True))) == width:
                    return number
            except (csv.Error, StopIteration):
                continue
    return len(taken)


def _row(lines: _Lines, place: int, values: dict[str, str], fault: str) -> RawRow:
    taken = lines.taken
    if not fault and not all(map(is_utf8, taken)):
        fault = NOT_UTF8
    most = _SHOWN if fault == TOO_LONG else None
    size = ROW_SIZE + sum(map(len, taken))
    lost = sum(bool(line.strip()) for line in taken) if fault and fault != NOT_UTF8 else 1
    return RawRow("line", place, values, fault, lambda: "".join(taken)[:most].rstrip("\r\n"), size, max(lost, 1))
