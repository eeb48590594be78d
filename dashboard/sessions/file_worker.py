"""`python -m dashboard.sessions.file_worker`: reads one file of battles in a process of its own.

Whatever a file does to a library, it is done here: the server's memory, its loop and the other people's files do not
feel it. The texts go to the server as bytes, because half a character is no text for Arrow.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.battles.table import TEXT_COLUMNS, storable
from pipelines.errors import UserError
from pipelines.formats.raw_rows import BadRow
from pipelines.formats.reading import battle_rows
from pipelines.terminal.processes import end_with_the_parent

NAMES = ("id", "model_a", "model_b", "lang")
"""Columns that go to the server besides the texts."""
_ROWS, _CHARACTERS = 2000, 8_000_000
"""Of one batch."""
_NICER = 5
"""By how much the server goes before."""


def main(path: Path, out: Path, most: int) -> None:
    """Read a file, and say on standard output how that ended: an object with `left_out` or `fault`.

    Parameters
    ----------
    path : Path
        The file of battles.
    out : Path
        The Arrow file to write.
    most : int
        Characters that it may unfold to.
    """
    end_with_the_parent()
    with suppress(AttributeError, OSError):  # Windows has no such call
        os.nice(_NICER)
    try:
        said: dict[str, Any] = write(path, out, most)
    except UserError as fault:
        said = {"fault": str(fault)}
    sys.stdout.write(json.dumps(said) + "\n")


def write(path: Path, out: Path, most: int) -> dict[str, Any]:
    """Write the battles of a file as Arrow.

    Returns
    -------
    dict
        `left_out`, how many rows hold no battle.

    Raises
    ------
    UserError
        As `pipelines.formats.reading.battle_rows`; and when no row holds a battle: that of the first row.
    """
    import pyarrow

    texts = {name: pyarrow.list_(pyarrow.large_binary()) for name in TEXT_COLUMNS}
    schema = pyarrow.schema({**dict.fromkeys(NAMES, pyarrow.large_string()), **texts})
    left_out = _LeftOut()
    with pyarrow.OSFile(str(out), "wb") as file, pyarrow.ipc.new_file(file, schema) as writer:
        for batch in _batches(path, most, left_out):
            writer.write_batch(pyarrow.record_batch(batch, schema=schema))
    if left_out.first is not None and left_out.count == left_out.rows:
        raise UserError(f"{left_out.first.sentence()[:-1]}; no row holds a battle that can be shown.")
    return {"left_out": left_out.count}


@dataclass
class _LeftOut:
    """How many rows there are, how many of them hold no battle, and the first of these."""

    rows: int = 0
    count: int = 0
    first: BadRow | None = None


def _batches(path: Path, most: int, left_out: _LeftOut) -> Iterator[dict[str, list[Any]]]:
    """Yield columns of some battles each, and count the rows that hold none."""
    columns: dict[str, list[Any]] = {name: [] for name in (*NAMES, *TEXT_COLUMNS)}
    held = 0
    for record, bad, size in battle_rows(path, _ROWS, labelled=False, most=most):
        held += size
        left_out.rows += 1
        if record is None:
            left_out.count += 1
            left_out.first = left_out.first or bad
            continue
        for name in NAMES:
            columns[name].append(storable(getattr(record, name)))
        for name in TEXT_COLUMNS:
            columns[name].append([turn.encode("utf-8", "surrogatepass") for turn in getattr(record, name)])
        if len(columns["id"]) >= _ROWS or held >= _CHARACTERS:
            yield columns
            columns, held = {name: [] for name in columns}, 0
    yield columns


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
