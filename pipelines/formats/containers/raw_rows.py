"""A row of a file as it stands, whatever its format; rows that cannot be used, and the file of rejected rows."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import atomic_write

MOST_ROW = 8_000_000
"""Characters of a row; one that is longer is not read: what is made of it takes up to thirty times as much memory."""
ROW_SIZE = 64
"""Characters that count for a row besides its texts, so that a billion empty rows are not taken for nothing."""
TOO_LONG = f"is longer than {MOST_ROW:,} characters"
NOT_UTF8 = (
    "holds bytes that are not UTF-8, but of another encoding such as Big5, GBK or cp1252; save the file as UTF-8, in "
    "Excel as CSV UTF-8"
)


@dataclass(frozen=True)
class RawRow:
    """A row as it stands in its file.

    Attributes
    ----------
    unit : str
        What `place` counts from 1: "line" (where the row begins) or "row".
    place : int
        Where the row is.
    values : dict
        What was read, by column; not everything where there is a fault.
    fault : str
        What keeps the row from being read whole; "" where nothing does.
    raw : callable
        Gives the row as it is written where rejected rows go.
    size : int
        Characters that the row unfolds to, about.
    lines : int
        Lines of the file that are lost with it: each may have been meant as a row where a quote was not closed.
    """

    unit: str
    place: int
    values: dict[str, Any]
    fault: str
    raw: Callable[[], Any]
    size: int
    lines: int = 1


@dataclass(frozen=True)
class RawFile:
    """An open file.

    Attributes
    ----------
    columns : tuple of str or None
        The columns that its head declares, None where each row declares its own.
    rows : iterator of RawRow
        The rows.
    unfolds : int
        Characters that it unfolds to at least, as far as its head says so.
    unread : mapping of str to str
        Columns of a kind that no battle has, which are not read, and their kinds.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[RawRow]
    unfolds: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BadRow:
    """A row of a file that cannot be used, or not as it should be.

    Attributes
    ----------
    file : str
        Path of the file, as it was given.
    unit : str
        What `place` counts from 1: "line" of a text file, where the row begins, or "row" of a table or a JSON list.
    place : int
        Where the row is.
    id : str
        Its id; "" where it has none.
    reason : str
        What is wrong and, where it is not plain, what to do.
    raw : Any
        The row as it was read, of what JSON can hold.
    rescued : bool
        Whether the row is used all the same, with what could be read of it.
    lines : int
        Rows that are lost with it, itself among them: the lines of a text file that a quote swallowed.
    """

    file: str
    unit: str
    place: int
    id: str
    reason: str
    raw: Any
    rescued: bool = False
    lines: int = 1

    def sentence(self) -> str:
        """Name the file, the place and what is wrong."""
        named = f" (id {shown(self.id)})" if self.id else ""
        return f"{self.file}, {self.unit} {self.place}{named}: {self.reason}."

    def line(self) -> str:
        """Return the row's line in a file of rejected rows: an object with file, unit, place, id, reason and raw.

        It is ASCII, so that lone surrogates and bytes that are no UTF-8 (as U+DC80 to U+DCFF) come back as they were.
        """
        line = {name: getattr(self, name) for name in ("file", "unit", "place", "id", "reason", "raw")}
        try:
            return json.dumps(line, default=str) + "\n"
        except (RecursionError, ValueError):  # objects inside one another to the limit of what could be read
            return json.dumps(line | {"raw": None}, default=str) + "\n"


@contextmanager
def setting_aside(path: Path) -> Iterator[Callable[[BadRow], None]]:
    """Yield a function that writes rejected rows to a JSON Lines file, each as `BadRow.line` gives it.

    The file is there, whole, when the block ends well; where no row was rejected, an older one is removed. When the
    block raises, everything is as it was.

    Raises
    ------
    UserError
        When the file cannot be written.
    """
    with ExitStack() as open_files:
        files: list[TextIO] = []

        def add(row: BadRow) -> None:
            with _told(path):
                if not files:
                    part = open_files.enter_context(atomic_write(path))
                    files.append(open_files.enter_context(part.open("w", encoding="ascii")))
                files[0].write(row.line())

        yield add
        with _told(path):
            if not files:
                path.unlink(missing_ok=True)
            open_files.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise UserError(
            f"{path}: cannot be written ({fault.strerror}), and bad rows are set aside there; fix its rights."
        ) from fault
