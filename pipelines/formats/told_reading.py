"""Files of battles for a command's screen: what each one is, and the first rows that cannot be used, is told."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from pipelines.errors import UserError
from pipelines.formats.containers.raw_rows import BadRow
from pipelines.formats.reading import iter_battles, joined
from pipelines.formats.reading_options import ReadingOptions
from pipelines.terminal.unseen_signs import one_line

TOLD = 3
"""Rows that cannot be used are told one by one up to so many."""
_SENTENCE, _ROWS_AT_ONCE = 500, 4096
Note = Callable[[str], object]


def iter_told(
    path: Path, rows_at_once: int, reading: ReadingOptions, note: Note, *, labelled: bool | None
) -> Iterator[tuple[pd.DataFrame, int]]:
    """Read the battles of a file in a stream, and say after the last what was read and what could not be.

    Parameters
    ----------
    path, rows_at_once, labelled
        As in `pipelines.formats.reading.iter_battles`.
    reading : ReadingOptions
        Names of columns, and how much of the file may be lost.
    note : callable
        Told one sentence at a time, without invisible characters.

    Yields
    ------
    battles : DataFrame, at most `rows_at_once` rows
        The next battles.
    lost : int
        Rows since the last yield that cannot be used.

    Raises
    ------
    UserError
        As `pipelines.formats.reading.iter_battles`.
    """
    first: list[BadRow] = []
    lost = 0

    def say(sentence: str) -> None:
        note(one_line(sentence, _SENTENCE))

    for battles, bad in iter_battles(path, rows_at_once, labelled=labelled, note=say, **reading.arguments()):
        lost += len(bad)
        first = [*first, *bad[:TOLD]][:TOLD]
        yield battles, len(bad)
    for row in first:
        say(row.sentence())
    if lost > len(first):
        say(f"{path}: {lost - len(first):,} more {'row' if lost - len(first) == 1 else 'rows'} cannot be used.")


def read_told(paths: Sequence[Path], reading: ReadingOptions, note: Note, *, labelled: bool | None) -> pd.DataFrame:
    """Return the battles of some files as one table; parameters and errors are those of `iter_told`.

    Raises
    ------
    UserError
        Also when there is no battle in any of them.
    """
    read = (iter_told(path, _ROWS_AT_ONCE, reading, note, labelled=labelled) for path in paths)
    battles = joined([table for each in read for table, _ in each])
    if battles.empty:
        what = "vote" if labelled else "battle"
        raise UserError(f"{', '.join(map(str, paths))}: no {what} in it can be used; name a file of {what}s.")
    return battles
