"""Verdicts as files: CSV, JSON Lines or parquet, with the columns of Kaggle or of the Arena, written in parts."""

import csv
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError
from stacker.judge.verdict import most_probable

KAGGLE, ARENA = "kaggle", "arena"
COLUMNS = {
    KAGGLE: ("id", *OUTCOMES),
    ARENA: ("question_id", "model_a", "model_b", "winner", *OUTCOMES),
}
"""Kaggle's columns are those of a submission; the Arena's are those of its votes, and the probabilities behind them."""
WINNERS = ("model_a", "model_b", "tie")
"""The Arena's spelling of the outcomes."""
SUFFIXES = (".csv", ".jsonl", ".parquet")


def suffix_of(path: Path) -> str:
    """Return the suffix that tells a file's format.

    Raises
    ------
    UserError
        When it is none of `SUFFIXES`.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"--out {path}: ends in {suffix or 'nothing'}; name a file that ends in {', '.join(SUFFIXES)}.")
    return suffix


def verdict_rows(battles: pd.DataFrame, probabilities: Floats, columns: str) -> list[tuple[Any, ...]]:
    """Return one row for each of n battles, in the order of `COLUMNS[columns]`.

    Parameters
    ----------
    battles : DataFrame, n rows
        With `id`, `model_a` and `model_b`, free of lone surrogates as every battles table is.
    probabilities : (n, 3) float
        Of A, B and tie; they are divided by their sum, so that what is written adds up to 1.
    columns : str
        Key of `COLUMNS`.
    """
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    numbers = [tuple(row) for row in shares.tolist()]
    ids = battles["id"].tolist()
    if columns == KAGGLE:
        return [(name, *row) for name, row in zip(ids, numbers, strict=True)]
    winners = [WINNERS[place] for place in most_probable(shares).tolist()]
    models = (battles[side].tolist() for side in ("model_a", "model_b"))
    return [(*row[:-1], *row[-1]) for row in zip(ids, *models, winners, numbers, strict=True)]


def write_part(path: Path, rows: Sequence[tuple[Any, ...]], columns: str, suffix: str) -> None:
    """Write rows into a file that `join_parts` can join to others; text parts have no heading."""
    names = COLUMNS[columns]
    if suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(_table(rows, names), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            csv.writer(file, lineterminator="\n").writerows([tuple(map(_cell, row)) for row in rows])
        else:
            file.writelines(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)


def join_parts(path: Path, parts: Iterable[Path], columns: str, suffix: str) -> None:
    """Write one file of parts, in their order; one of them is in memory at a time."""
    names = COLUMNS[columns]
    if suffix == ".parquet":
        from pyarrow import parquet

        with parquet.ParquetWriter(path, _table([], names).schema) as writer:
            for part in parts:
                writer.write_table(parquet.read_table(part))
        return
    with path.open("wb") as file:
        if suffix == ".csv":
            file.write((",".join(names) + "\n").encode())
        for part in parts:
            with part.open("rb") as written:
                shutil.copyfileobj(written, file)


def _table(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Any:
    import pyarrow

    kinds = {name: pyarrow.float64() if name in OUTCOMES else pyarrow.string() for name in names}
    schema = pyarrow.schema(list(kinds.items()))
    return pyarrow.table({name: [row[place] for row in rows] for place, name in enumerate(names)}, schema=schema)


def _cell(value: Any) -> str:
    # The shortest digits that give the same number back.
    return repr(value) if isinstance(value, float) else str(value)
