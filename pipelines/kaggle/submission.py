"""The submission: Kaggle's columns for the sample's ids in the sample's order, checked before it is there."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats
from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write
from pipelines.formats.containers.file_formats import open_rows

HEADER = ("id", *OUTCOMES)
_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")
_SUM_ERROR = 1e-6
"""How far the probabilities given may be from a sum of 1, as those of a float32 softmax are."""


def read_sample_ids(path: Path) -> list[str]:
    """Return the ids of a sample submission in its order.

    Raises
    ------
    UserError
        When the file cannot be read, has no column id, an empty or a repeated id, or no row.
    """
    ids: list[str] = []
    lines: dict[str, int] = {}
    with open_rows(path, columns=("id",)) as opened:
        if opened.columns is not None and "id" not in opened.columns:
            raise UserError(f"{path}: is missing the column id; put Kaggle's sample_submission.csv there.")
        for row in opened.rows:
            name = row.values.get("id")
            if name is None or not str(name).strip():
                raise UserError(f"{path}, {row.unit} {row.place}: has no id; put Kaggle's own file there.")
            name = str(name)
            if name in lines:
                raise UserError(
                    f"{path}, {row.unit} {row.place}: has the id {name} of {row.unit} {lines[name]} again; remove one."
                )
            lines[name] = row.place
            ids.append(name)
    if not ids:
        raise UserError(f"{path}: has no row; put Kaggle's own file there or remove it.")
    return ids


def rows_of(ids: Sequence[str], table_ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of each of n ids in a table, (n,), -1 where it is not there.

    An id that a spreadsheet or pandas has turned to a float, 5000.0, is the id 5000, as it is in JSON and parquet.
    """
    known = {_key(name): row for row, name in enumerate(table_ids)}
    known |= {name: row for row, name in enumerate(table_ids)}  # the very same text comes first
    return np.array([known.get(name, known.get(_key(name), -1)) for name in ids], dtype=np.int64)


def check_ids(path: Path, ids: Sequence[str], table_ids: Sequence[str]) -> None:
    """Raise a `UserError` where none of a sample's ids is in a table that has some: they do not belong together."""
    if len(table_ids) and (rows_of(ids, table_ids) < 0).all():
        raise UserError(
            f"{path}: none of its {len(ids):,} ids is among those to predict (the first is {ids[0]} here, "
            f"{table_ids[0]} there); put the two files of one competition there."
        )


def _key(name: str) -> str:
    whole = _WHOLE_NUMBER.fullmatch(name)
    return whole[1] if whole else name


def in_sample_order(
    ids: Sequence[str], table_ids: Sequence[str], probabilities: Floats, fallback: Sequence[float]
) -> tuple[Floats, list[str]]:
    """Give every id of the sample its probabilities.

    Parameters
    ----------
    ids : n str
        The ids wanted, in the order wanted.
    table_ids : m str
        The ids of the predicted battles, no two alike.
    probabilities : (m, 3)
        Their probabilities of A, B and tie.
    fallback : three floats
        Probabilities of an id that was not predicted.

    Returns
    -------
    probabilities : (n, 3)
        In the order of `ids`.
    filled : list of str
        The ids that got the fallback.
    """
    if len(set(table_ids)) != len(table_ids):
        raise ValueError("two of the predicted battles have the same id")
    rows = rows_of(ids, table_ids)
    known = np.vstack([np.asarray(probabilities, dtype=np.float64).reshape(-1, 3), np.asarray(fallback)[None]])
    return known[rows], [name for name, row in zip(ids, rows.tolist(), strict=True) if row < 0]


def write_submission(
    path: Path,
    ids: Sequence[str],
    table_ids: Sequence[str],
    probabilities: Floats,
    fallback: Sequence[float] = (1 / 3, 1 / 3, 1 / 3),
) -> list[str]:
    """Write a submission, whole or not at all.

    Parameters
    ----------
    path : Path
        The CSV file; its columns are `HEADER`.
    ids : n str
        The sample's ids in the sample's order.
    table_ids : m str
        The ids of the predicted battles.
    probabilities : (m, 3)
        Their probabilities of A, B and tie: finite, from 0 to 1, of sum 1 within 1e-6.
    fallback : three floats
        Probabilities of the ids that are not among `table_ids`.

    Returns
    -------
    list of str
        The ids that got the fallback.

    Raises
    ------
    UserError
        When an id is repeated or there is none, or the file cannot be written.
    ValueError
        When probabilities are none; nothing is written then.
    """
    if not ids:
        raise UserError(f"{path}: there is no id to predict; the sample submission must have rows.")
    if len(set(ids)) != len(ids):
        met: set[str] = set()
        again = next(name for name in ids if name in met or met.add(name))  # type: ignore[func-returns-value]
        raise UserError(f"{path}: the id {again} is asked for twice; remove one from the sample submission.")
    if len(table_ids) != len(probabilities):
        raise ValueError(f"{len(table_ids)} ids but {len(probabilities)} rows of probabilities")
    wanted, filled = in_sample_order(ids, table_ids, probabilities, fallback)
    _check(wanted, ids)
    wanted = wanted / wanted.sum(axis=1, keepdims=True)
    with atomic_write(path) as part:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows([name, *map(repr, row)] for name, row in zip(ids, wanted.tolist(), strict=True))
        _check_written(part, ids)
    return filled


def _check(probabilities: Floats, ids: Sequence[str]) -> None:
    sound = np.isfinite(probabilities).all(axis=1)
    sound &= ((probabilities >= 0) & (probabilities <= 1)).all(axis=1)
    sound &= np.abs(probabilities.sum(axis=1) - 1) <= _SUM_ERROR
    if not sound.all():
        row = int(np.argmin(sound))
        raise ValueError(f"the probabilities of id {ids[row]} are {probabilities[row].tolist()}")


def _check_written(path: Path, ids: Sequence[str]) -> None:
    """Read a submission as Kaggle would, and check all that is asked of it."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    if tuple(header) != HEADER or [row[0] for row in rows] != list(ids):
        raise ValueError("the submission was not written with the sample's ids in the sample's order")
    _check(np.array([row[1:] for row in rows], dtype=np.float64), ids)
