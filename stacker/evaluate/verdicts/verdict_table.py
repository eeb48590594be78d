"""Another judge's verdicts by battle: repeated and swapped asking averaged, failures and flips counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from pipelines.errors import UserError, shown
from pipelines.formats.containers.file_formats import open_rows
from pipelines.formats.containers.raw_rows import RawRow
from pipelines.formats.records import IDS, id_of
from stacker.evaluate.metrics import most_probable
from stacker.evaluate.verdicts.verdict_columns import (
    LOGITS,
    NEEDED,
    PROBABILITIES,
    SCORES,
    WINNERS,
    Said,
    VerdictColumns,
    columns_of,
)

TOLD = 12
"""Columns of a file that a sentence names."""
JUDGES = ("judge", "judge_model", "judge_name", "evaluator")
"""Columns that name who judged, the first that is there."""
Bools = NDArray[np.bool_]
CHOOSE = "name the one that is meant by --judge-model"


@dataclass(frozen=True)
class VerdictTable:
    """The verdicts of a file, one row a battle, in the order in which their ids are met.

    Attributes
    ----------
    place : dict of str to int
        The row of each id.
    kind : str
        `probabilities`, `winners` or `scores` of `verdict_columns`.
    ties : bool
        Whether the file can say tie: two probabilities that add up to 1 cannot.
    probabilities : (n, 3) float
        Of A, B and tie, averaged over the askings, both orders alike; NaN where no asking could be read. Of winners and
        scores, the share of askings that named each outcome.
    margin : (n,) float
        How far A is ahead: p(A) - p(B), or the difference of the scores, averaged in the same way; NaN as above.
    asked, failed : (n,) int
        Rows of each battle, and those that say nothing that can be read.
    both : (n,) bool
        Whether verdicts in both orders could be read.
    flipped : (n,) bool
        Whether the two orders name different winners.
    unsteady : (n,) bool
        Whether askings in one order name different winners.
    first_failure : str
        Where the first such row is and what it holds; "" where there is none.
    """

    place: dict[str, int]
    kind: str
    ties: bool
    probabilities: Floats
    margin: Floats
    asked: Ints
    failed: Ints
    both: Bools
    flipped: Bools
    unsteady: Bools
    first_failure: str = ""

    @property
    def repeated(self) -> Bools:
        """Whether a battle was asked more often than its orders; (n,) bool."""
        return np.asarray(self.asked - self.failed > np.where(self.both, 2, 1))

    def known_as(self, name: str) -> str:
        """Return the id by which a battle's verdict is found.

        Where a file of votes has an id again for another vote, the reader calls that one `id#2`; the verdict is that of
        `id` all the same, unless there is one of `id#2`. Tables that hold ids as
        numbers may say 7.0 for 7. Spaces around an id do not count.
        """
        base, mark, number = name.rpartition("#")
        names = [name, base] if mark and number.isdigit() else [name]
        names = list(dict.fromkeys([*names, *(known.strip() for known in names)]))
        spelled = (each for known in names for each in (known, f"{known}.0", known.removesuffix(".0")))
        return next((each for each in spelled if each in self.place), name)

    def rows_of(self, ids: pd.Series) -> Ints:
        """Return the row of each of m ids, -1 where there is none."""
        return np.array([self.place.get(self.known_as(name), -1) for name in ids.tolist()], dtype=np.int64)


@dataclass
class _Askings:
    """What was read so far, one entry a row of the file."""

    place: dict[str, int] = field(default_factory=dict)
    row: list[int] = field(default_factory=list)
    swapped: list[bool] = field(default_factory=list)
    said: list[tuple[float, float, float, float]] = field(default_factory=list)
    first_failure: str = ""

    def add(self, name: str, said: Said | None, swapped: bool) -> None:
        self.row.append(self.place.setdefault(name, len(self.place)))
        self.swapped.append(swapped)
        self.said.append((np.nan,) * 4 if said is None else (*said.probabilities, said.margin))


def read_verdicts(path: Path, judge: str = "", values: str = "", choose: str = CHOOSE) -> VerdictTable:
    """Read a file of another judge's verdicts.

    Parameters
    ----------
    path : Path
        CSV, JSON, JSON Lines or parquet, one row an asking, with the battle's id and its probabilities, its winner or
        two scores; see `verdict_columns`. Several rows of one id are repeated asking, and a column `swapped` (true,
        false) or `order` (AB, BA) says that the answers were shown the other way round: what such a row calls A is B.
    judge : str
        Where the file names judges (`JUDGES`), the one whose rows are read; "" where it names one at most.
    values : str
        `verdict_columns.LOGITS` where the numbers of columns that are named as those of probabilities are logits.
    choose : str
        What is to be done where the file names several judges.

    Raises
    ------
    UserError
        When the file cannot be read, its columns hold no verdict, a verdict can be read in two ways, none can be read,
        or several judges are named and none of them is meant.
    """
    askings = _Askings()
    columns: VerdictColumns | None = None
    waiting: list[RawRow] = []  # rows before the first that has a verdict: askings that failed without its columns
    others: dict[str, None] = {}
    with open_rows(path) as opened:
        for row in opened.rows:
            named = _judge_of(row.values)
            if judge and named != judge:
                continue
            others |= {named: None} if named else {}
            if len(others) > 1:
                names = shown(", ".join(others), 100)
                raise UserError(f"{path}: holds verdicts of several judges ({names}); {choose}.")
            if columns is None:
                columns = columns_of(row.values)
                if columns is not None and values == LOGITS and columns.kind == PROBABILITIES:
                    columns = replace(columns, kind=LOGITS)
            waiting.append(row)
            if columns is not None:
                for each in waiting:
                    _read(askings, columns, each, path)
                waiting.clear()
            elif opened.columns is not None or len(waiting) > TOLD:
                break
        met = opened.columns or tuple(waiting[0].values if waiting else ())
    if columns is None and not waiting:
        raise UserError(f"{path}: holds no rows{f' of {judge}' if judge else ''}; give it {NEEDED}.")
    if columns is None and waiting[0].fault:
        first = waiting[0]
        raise UserError(f"{path}, {first.unit} {first.place}: cannot be read ({first.fault}); correct it.")
    if columns is None:
        has = shown(", ".join(map(str, met[:TOLD])), 200) or "none"
        raise UserError(f"{path}: has no verdicts that can be read; its columns are {has}; give it {NEEDED}.")
    if not askings.row or np.isnan(np.array(askings.said)).all():
        raise UserError(f"{path}: holds no verdict that can be read; {askings.first_failure or 'it has no rows'}.")
    numbers = np.array(askings.said)[:, :3]
    if columns.kind == LOGITS:
        return _table(askings, replace(columns, kind=PROBABILITIES))
    if columns.kind == PROBABILITIES and np.all((numbers == 0) | (numbers == 1) | np.isnan(numbers)):
        columns = replace(columns, kind=WINNERS)  # ones and zeros name a winner; no judge is as sure as that
    return _table(askings, columns)


def judges_in(path: Path) -> list[str]:
    """Return the names of the judges that a file of verdicts names in a column of `JUDGES`, in their order there."""
    with open_rows(path) as opened:
        return list(dict.fromkeys(filter(None, (_judge_of(row.values) for row in opened.rows))))


def _judge_of(row: Mapping[str, object]) -> str:
    return next((id_of({IDS[0]: row[name]}) for name in JUDGES if row.get(name) is not None), "")


def _read(askings: _Askings, columns: VerdictColumns, row: RawRow, path: Path) -> None:
    """Add what a row says."""
    where = f"{path}, {row.unit} {row.place}"
    name = id_of({IDS[0]: row.values.get(columns.id)}).strip()
    if not name:
        askings.first_failure = askings.first_failure or f"{where}: has no id"
        return
    try:
        said = None if row.fault else columns.said(row.values)
        swapped = columns.was_swapped(row.values)
    except UserError as fault:
        raise UserError(f"{where}: {fault}") from fault
    if said is None:
        askings.first_failure = askings.first_failure or f"{where}: {row.fault or _held(columns, row.values)}"
    askings.add(name, said, swapped)


def _held(columns: VerdictColumns, row: Mapping[str, object]) -> str:
    return ", ".join(f"{name} is {shown(row.get(name)) or 'empty'}" for name in columns.values)


def _table(askings: _Askings, columns: VerdictColumns) -> VerdictTable:
    n = len(askings.place)
    row, turned, said = np.array(askings.row), np.array(askings.swapped), np.array(askings.said)
    read = ~np.isnan(said[:, 3])
    of_order, unsteady = [], np.zeros(n, dtype=bool)
    for order in (False, True):
        chosen = read & (turned == order)
        count = np.bincount(row[chosen], minlength=n)
        with np.errstate(invalid="ignore"):
            means = np.stack([np.bincount(row[chosen], said[chosen, k], n) / count for k in range(4)], axis=1)
        of_order.append(means)
        calls = np.eye(3)[_called(said[chosen], columns.kind)]
        named = np.stack([np.bincount(row[chosen], calls[:, k], n) for k in range(3)], axis=1)
        unsteady |= (named > 0).sum(axis=1) > 1
    normal, other = of_order
    first, second = ~np.isnan(normal[:, 3]), ~np.isnan(other[:, 3])
    both = first & second
    mean = np.where(both[:, None], (normal + other) / 2, np.where(first[:, None], normal, other))
    flipped = np.zeros(n, dtype=bool)
    flipped[both] = _called(normal[both], columns.kind) != _called(other[both], columns.kind)
    return VerdictTable(
        place=askings.place,
        kind=columns.kind,
        ties=columns.ties,
        probabilities=mean[:, :3],
        margin=mean[:, 3],
        asked=np.bincount(row, minlength=n),
        failed=np.bincount(row[~read], minlength=n),
        both=both,
        flipped=flipped,
        unsteady=unsteady,
        first_failure=askings.first_failure,
    )


def _called(said: Floats, kind: str) -> Ints:
    """Return the outcome that each of (m, 4) means names: by the sign of the margin where they are scores."""
    if kind == SCORES:
        return np.where(said[:, 3] == 0, 2, (said[:, 3] < 0).astype(np.int64))
    return most_probable(said[:, :3])


def verdicts_called(probabilities: Floats, margin: Floats, kind: str) -> Floats:
    """Return (n, 3) verdicts to be scored: probabilities as they are, and of winners and scores a 1 among zeros.

    A judge that names both sides equally often, such as one that always takes the first answer, has said tie.
    """
    if kind == PROBABILITIES:
        return probabilities
    return np.eye(3)[_called(np.column_stack([probabilities, margin]), kind)]
