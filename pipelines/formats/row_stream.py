"""A file row by row to battles: its shape is looked at first, its form chosen, and each row read in that form."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from pipelines.battles.table import UNLABELLED
from pipelines.errors import UserError, shown
from pipelines.formats.cells import BadTurnsError
from pipelines.formats.columns.column_mapping import ColumnMapping
from pipelines.formats.columns.vote_columns import number as as_number
from pipelines.formats.columns.winners import WINNERS
from pipelines.formats.containers.file_formats import open_rows
from pipelines.formats.containers.raw_rows import BadRow, RawFile, RawRow
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.form_registry import form_of
from pipelines.formats.records import BadRecordError, Record, UnknownWinnerError, id_of

_NO_VOTE = "has no vote: "
LOOKED_AT, _MOST_LOOKED_AT = 256, 8_000_000
"""Rows of a file, and characters of them, that tell its form."""


@dataclass
class FileSummary:
    """What was read of a file; filled while it is read.

    Attributes
    ----------
    form : str
        What its form is called on the screen.
    battles, lost, skipped : int
        Battles read, rows that cannot be used, and rows that are no votes, as the form has them besides.
    """

    form: str = ""
    battles: int = 0
    lost: int = 0
    skipped: int = 0

    def sentence(self, path: Path, labelled: bool | None) -> str:
        """Name the file, its form and how many votes or battles it holds."""
        what = ("vote" if labelled else "battle") + ("" if self.battles == 1 else "s")
        verb = "row besides is" if self.skipped == 1 else "rows besides are"
        besides = f" ({self.skipped:,} {verb} none)" if self.skipped else ""
        return f"{path}: {self.form}, {self.battles:,} {what}{besides}."


def battle_rows(
    path: Path,
    rows_at_once: int = 4096,
    *,
    labelled: bool | None,
    rescue: bool = False,
    most: int | None = None,
    columns: ColumnMapping | None = None,
    summary: FileSummary | None = None,
) -> Iterator[tuple[Record | None, BadRow | None, int]]:
    """Read a file row by row, without a table.

    Parameters
    ----------
    path, labelled, rescue, columns
        As in `reading.read_battles`.
    rows_at_once : int
        Rows that a parquet file is read by.
    most : int or None
        Characters that the file may unfold to; None for any number.
    summary : FileSummary, optional
        Filled on the way.

    Yields
    ------
    record : Record or None
        The next battle; a row can hold several, or none.
    bad : BadRow or None
        What is wrong with the row; both where it was rescued.
    size : int
        Characters that the row unfolds to; 0 for the second and further battles of a row.

    Raises
    ------
    UserError
        As `reading.read_battles`; and when the file unfolds to more than `most`.
    """
    about = FileSummary() if summary is None else summary
    form, wanted = open_form(path, labelled=labelled, columns=columns, most=most)
    about.form = form.name() if columns is None else "columns named by hand"
    ids = _Ids()
    total = 0
    with open_rows(path, rows_at_once, wanted) as opened:
        for row in opened.rows:
            total += row.size
            _check_size(path, max(total, opened.unfolds), most)
            yielded = False
            for record, bad in _records(path, row, form, labelled, rescue, columns):
                if record is not None:
                    record, bad = ids.named(record, bad, path, row)
                about.battles += record is not None
                about.lost += 0 if record is not None or bad is None else bad.lines
                yield (
                    record if record is None or labelled is not False else _unlabelled(record),
                    bad,
                    (0 if yielded else row.size),
                )
                yielded = True
            about.skipped += not yielded


def open_form(
    path: Path, *, labelled: bool | None, columns: ColumnMapping | None = None, most: int | None = None
) -> tuple[VoteForm, tuple[str, ...] | None]:
    """Look at a file's head and first rows, and return its form and the columns that are to be read; None for all.

    Raises
    ------
    UserError
        When it cannot be read, has no known form, or could have several.
    """
    with open_rows(path, LOOKED_AT) as opened:
        _check_size(path, opened.unfolds, most)
        shape = _shape(opened)
        unread = opened.unread
    if columns is None:
        form = form_of(path, shape, labelled, unread)
        return form, form.columns()
    columns.check(path, shape)
    return form_of(path, columns.shape(shape), labelled, unread), columns.reads(shape.columns)


def _shape(opened: RawFile) -> Shape:
    """Return the shape of a file by its head and its first rows that can be read."""
    rows = []
    held = 0
    for number, row in enumerate(opened.rows, start=1):
        if not row.fault:
            rows.append(row.values)
        held += row.size
        if number == LOOKED_AT or held > _MOST_LOOKED_AT:
            break
    names = opened.columns if opened.columns is not None else dict.fromkeys(name for row in rows for name in row)
    return Shape(tuple(name for name in names if name not in opened.unread), tuple(rows))


def _check_size(path: Path, size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise UserError(
            f"{path}: unfolds to {size:,} characters or more, and {most:,} are the most that is read here; take a part "
            f"of it."
        )


def _records(
    path: Path, row: RawRow, form: VoteForm, labelled: bool | None, rescue: bool, columns: ColumnMapping | None
) -> Iterator[tuple[Record | None, BadRow | None]]:
    """Yield the battles of a row, or what is wrong with it; the battles before a fault in a row stay."""
    reading = RowReading(labelled, rescue and form.rescues, row.fault)
    if row.fault and not reading.rescue:
        yield None, _bad(path, row, row.fault)
        return
    values = row.values if columns is None else columns.row(row.values)
    try:
        for record in form.records(values, reading):
            if columns is not None and columns.weight is not None:
                record = replace(record, weight=record.weight * columns.weight_of(values))
            yield record, _bad(path, row, record.trouble, rescued=True) if record.trouble else None
    except (BadRecordError, BadTurnsError) as fault:
        yield None, _bad(path, row, _in_the_files_words(str(fault), columns))
    except UnknownWinnerError as fault:
        column, value = fault.args
        named = _in_the_files_words(column, columns)
        meant = f"as in columns: {_suggested(column, value, columns)}"
        advice = f"write one of {', '.join(WINNERS)}, or say what it means, {meant}"
        if as_number(value) is not None:
            advice = f"give columns a scale from A to B, as scale: 1-5, or say what each number means, {meant}"
        raise UserError(
            f"{path}, {row.unit} {row.place}: {named} is {shown(value)}, which is unknown; {advice}."
        ) from fault


def _in_the_files_words(text: str, columns: ColumnMapping | None) -> str:
    """Return a sentence that may begin with a column's usual name, with the name that the file has."""
    begins = _NO_VOTE if text.startswith(_NO_VOTE) else ""
    first, blank, rest = text.removeprefix(begins).partition(" ")
    return text if columns is None else f"{begins}{columns.named.get(first, first)}{blank}{rest}"


def _suggested(column: str, value: object, columns: ColumnMapping | None) -> str:
    """Return the mapping that was given, and that a value of the vote means A, or what none of them means yet."""
    named, values = ({}, {}) if columns is None else (columns.named, columns.values)
    keys = {"winner": column, **named}
    side = next((side for side in ("a", "b", "tie") if side not in values.values()), "a")
    meant = ", ".join(f"{_as_yaml(cell, 20)}: {side}" for cell, side in [*values.items(), (value, side)])
    return f"{{{', '.join(f'{key}: {_as_yaml(name)}' for key, name in keys.items())}, values: {{{meant}}}}}"


def _as_yaml(value: object, most: int = 60) -> str:
    """Return a value as it can be written into params.yaml: signs that mean something there are quoted."""
    text = shown(value, most)
    return text if re.fullmatch(r"\w[\w .-]*", text) else json.dumps(text, ensure_ascii=False)


_HASH = (1 << 64) - 1


class _Ids:
    """The ids met so far: a repeated one with other content is another vote, with the same content a duplicate."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}  # of each id the place and the content in one number: it is held for each row
        self._more: dict[tuple[str, int], int] = {}
        self._times: dict[str, int] = {}

    def named(self, record: Record, bad: BadRow | None, path: Path, row: RawRow) -> tuple[Record | None, BadRow | None]:
        """Return a record under an id that no other has, or as a duplicate of one that was met."""
        name = record.id or f"{row.unit}{row.place}"
        content = repr(replace(record, id="", trouble="", lang="", weight=1.0)).encode("utf-8", "surrogatepass")
        hashed = int.from_bytes(blake2b(content, digest_size=8).digest())
        met = self._first.get(name)
        if met is None:
            self._first[name] = row.place << 64 | hashed
            return (record if name == record.id else replace(record, id=name)), bad
        first = met >> 64 if met & _HASH == hashed else self._more.get((name, hashed))
        if first is not None:
            return None, _bad(path, row, f"has the id of {row.unit} {first} again")
        self._more[name, hashed] = row.place
        times = self._times.get(name, 1) + 1
        while f"{name}#{times}" in self._first:
            times += 1
        self._times[name] = times
        self._first[f"{name}#{times}"] = row.place << 64 | hashed
        return replace(record, id=f"{name}#{times}"), bad


def _unlabelled(record: Record) -> Record:
    return replace(record, outcome=UNLABELLED, both_bad=False, annotator="", weight=1.0)


def _bad(path: Path, row: RawRow, reason: str, rescued: bool = False) -> BadRow:
    if row.lines > 1:
        reason += f"; {row.lines:,} lines are lost with it"
    return BadRow(str(path), row.unit, row.place, id_of(row.values), reason, row.raw(), rescued, row.lines)
