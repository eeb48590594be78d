"""Rows that cannot be used: what they are, the sentence each gets, and the file they are set aside in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.artefacts import whole_file
from pipelines.errors import UserError


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
    """

    file: str
    unit: str
    place: int
    id: str
    reason: str
    raw: Any
    rescued: bool = False

    def sentence(self) -> str:
        """Name the file, the place and what is wrong."""
        named = f" (id {shown(self.id)})" if self.id else ""
        return f"{self.file}, {self.unit} {self.place}{named}: {self.reason}."

    def line(self) -> str:
        """Return the row's line in a file of rows set aside: an object with file, unit, place, id, reason and raw.

        It is ASCII, so that lone surrogates and bytes that are no UTF-8 (as U+DC80 to U+DCFF) come back as they were.
        """
        line = {
            "file": self.file,
            "unit": self.unit,
            "place": self.place,
            "id": self.id,
            "reason": self.reason,
            "raw": self.raw,
        }
        return json.dumps(line, default=str) + "\n"


def set_aside(rows: Sequence[BadRow], path: Path) -> None:
    """Write rows into a JSON Lines file, whole or not at all; remove an older one where there are none.

    Each line is that of `BadRow.line`.

    Raises
    ------
    UserError
        When the file cannot be written.
    """
    try:
        if not rows:
            path.unlink(missing_ok=True)
            return
        with whole_file(path) as part, part.open("w", encoding="ascii") as file:
            file.writelines(row.line() for row in rows)
    except OSError as fault:
        raise UserError(
            f"{path}: cannot be written ({fault.strerror}), and bad rows are set aside there; mend its rights."
        ) from fault


def shown(value: Any) -> str:
    """Return a value as it may stand in a sentence: short, on one line, printable everywhere."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= 60 else f"{text[:57]}..."
