"""How commands are told to read files of votes: names of columns, and how much of a file may be lost."""

import argparse
import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.errors import UserError

if TYPE_CHECKING:
    from pipelines.formats.columns.column_mapping import ColumnMapping

MAX_REJECTED = 0.5
"""Share of a file's rows that may be lost where nothing else is said."""


@dataclass(frozen=True)
class ReadingOptions:
    """What `pipelines.formats.reading.iter_battles` is given besides the file; see there."""

    columns: "ColumnMapping | None" = None
    max_rejected: float = MAX_REJECTED

    def arguments(self) -> dict[str, Any]:
        """Return them by the names of the function's parameters."""
        return {"columns": self.columns, "max_rejected": self.max_rejected}

    def command_line(self) -> str:
        """Return the arguments that a parser reads as these, a blank before each; "" where they are as always."""
        columns = "" if self.columns is None else f" --columns {shlex.quote(json.dumps(self.stamp()))}"
        return columns + ("" if self.max_rejected == MAX_REJECTED else f" --max-rejected {self.max_rejected:g}")

    def stamp(self) -> dict[str, Any]:
        """Return what the battles that are read depend on, as JSON can hold it."""
        return {} if self.columns is None else self.columns.model_dump(mode="json", exclude_defaults=True)


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser `--columns`, under `mapping`, and `--max-rejected`."""
    parser.add_argument(
        "--columns",
        dest="mapping",
        action="append",
        default=[],
        metavar="KEY=COLUMN,...",
        help="which column holds what, as JSON or for example prompt=question,response_a=left and so on; "
        "winner=choice,values.left=a says what its votes mean, winner=rating,scale=1-5 that they are numbers from A "
        "to B",
    )
    parser.add_argument(
        "--max-rejected",
        type=float,
        default=MAX_REJECTED,
        metavar="SHARE",
        help="share of a file's rows that may be lost before the command fails (%(default)s; 1 allows all)",
    )


def reading_options(chosen: argparse.Namespace) -> ReadingOptions:
    """Return what a parser with `add_reading_arguments` was given.

    Raises
    ------
    UserError
        When the columns cannot be read, or the share is none.
    """
    from pipelines.formats.columns.column_mapping import parse_columns

    if not 0 <= chosen.max_rejected <= 1:
        raise UserError(f"--max-rejected {chosen.max_rejected}: is not between 0 and 1; give a share of the rows.")
    return ReadingOptions(parse_columns(chosen.mapping), chosen.max_rejected)
