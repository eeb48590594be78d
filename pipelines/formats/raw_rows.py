"""A row of a file as it stands, with its place, whatever the format."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_ROW = 8_000_000
"""Characters of a row; one that is longer is not read: what is made of it takes up to thirty times as much memory."""
ROW_SIZE = 64
"""Characters that count for a row besides its texts, so that a billion empty rows are not taken for nothing."""
TOO_LONG = f"is longer than {MOST_ROW:,} characters"
NOT_UTF8 = "holds bytes that are not UTF-8; save the file as UTF-8"


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
        Gives the row as it is to be set aside.
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
