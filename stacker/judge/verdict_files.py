"""Verdicts as files, with the columns of Kaggle or of the Arena, written in parts so that a killed command resumes."""

import csv
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats
from pipelines.battles.table import OUTCOMES
from pipelines.files.atomic_files import remove_stale_temp_files, write_json
from pipelines.files.object_storage import AnyFolder
from pipelines.formats.reading_options import ReadingOptions
from pipelines.terminal.processes import one_writer
from stacker.evaluate.metrics import most_probable
from stacker.judge.verdict import DECIDED
from stacker.judge.verdict_control import Control

KAGGLE, ARENA = "kaggle", "arena"
COLUMNS = {
    KAGGLE: ("id", *OUTCOMES),
    ARENA: ("question_id", "model_a", "model_b", "winner", *OUTCOMES),
}
"""Kaggle's columns are those of a submission; the Arena's are those of its votes, and the probabilities behind them."""
WINNERS = ("model_a", "model_b", "tie")
"""The Arena's spelling of the outcomes."""
WRITTEN = (".csv", ".jsonl", ".parquet")
"""Endings of files of verdicts."""


ROWS_AT_ONCE = 2000
"""Battles of one part: 57,477 of Kaggle's rows are 29 parts, and a part of long answers takes about 50 MB."""


@dataclass(frozen=True)
class Options:
    """How files are predicted.

    Attributes
    ----------
    columns : str
        `kaggle` or `arena`, see `COLUMNS`.
    rows_at_once : int
        Battles that are in memory at a time.
    device : "cpu", "cuda" or None
        For the encoder; cpu also keeps the transformers from a GPU. None is as the run that made the judge had it.
    threads : int
        Processes and threads; 0 means every core.
    cache : Path, RemoteFolder or None
        A folder that keeps the numbers of texts, as `run.cache` of a run does.
    rescue : bool
        Whether rows whose texts cannot be parsed are predicted from the text as it stands, in place of being set aside.
    reading : ReadingOptions
        Names of columns, and how much of a file may be lost.
    control : "style" or None
        Which verdicts, as `stacker.judge.judge.Judge.compare` has them.
    outside : tuple of (str, Path)
        Files with the predictions that learners from outside have for these battles, by learner.
    without : tuple of str
        Learners from elsewhere that the judge goes without.
    ask_servers : tuple of str
        Hosts, besides this machine, that its language models may send battles to.
    cascade : bool
        Whether these are asked only where its other learners are unsure.
    votes_only : bool
        Whether the judge's checks of answers have no say, as in a competition whose answers are all real ones.
    cluster : str or None
        Where the judge is asked, as `run.cluster` of a run.
    """

    columns: str = KAGGLE
    rows_at_once: int = ROWS_AT_ONCE
    device: Literal["cpu", "cuda"] | None = None
    threads: int = 0
    cache: AnyFolder | None = None
    rescue: bool = False
    reading: ReadingOptions = ReadingOptions()
    control: Control = None
    outside: tuple[tuple[str, Path], ...] = ()
    without: tuple[str, ...] = ()
    ask_servers: tuple[str, ...] = ()
    cascade: bool = False
    votes_only: bool = False
    cluster: str | None = None


def names_of(columns: str, decided: bool) -> tuple[str, ...]:
    """Return `COLUMNS[columns]`, and behind them `decided` where the judge has a threshold."""
    return (*COLUMNS[columns], DECIDED) if decided else COLUMNS[columns]


def verdict_rows(
    battles: pd.DataFrame, probabilities: Floats, columns: str, decided: NDArray[np.bool_] | None = None
) -> list[tuple[Any, ...]]:
    """Return one row for each of n battles, in the order of `names_of`.

    Parameters
    ----------
    battles : DataFrame, n rows
        With `id`, `model_a` and `model_b`, free of lone surrogates as every battles table is.
    probabilities : (n, 3) float
        Of A, B and tie; they are divided by their sum, so that what is written adds up to 1.
    columns : str
        Key of `COLUMNS`.
    decided : (n,) bool, optional
        What the judge decides, where it has a threshold.
    """
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    numbers: list[tuple[Any, ...]] = [tuple(row) for row in shares.tolist()]
    if decided is not None:
        numbers = [(*row, known) for row, known in zip(numbers, decided.tolist(), strict=True)]
    ids = battles["id"].tolist()
    if columns == KAGGLE:
        return [(name, *row) for name, row in zip(ids, numbers, strict=True)]
    winners = [WINNERS[place] for place in most_probable(shares).tolist()]
    models = (battles[side].tolist() for side in ("model_a", "model_b"))
    return [(*row[:-1], *row[-1]) for row in zip(ids, *models, winners, numbers, strict=True)]


def write_part(path: Path, rows: Sequence[tuple[Any, ...]], names: Sequence[str], suffix: str) -> None:
    """Write rows into a file that `join_parts` can join to others; text parts have no heading."""
    if suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(_table(rows, names), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            csv.writer(file, lineterminator="\n").writerows([tuple(map(_cell, row)) for row in rows])
        else:
            file.writelines(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)


def join_parts(path: Path, parts: Iterable[Path], names: Sequence[str], suffix: str) -> None:
    """Write one file of parts, in their order; one of them is in memory at a time."""
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

    special = {DECIDED: pyarrow.bool_()} | dict.fromkeys(OUTCOMES, pyarrow.float64())
    kinds = {name: special.get(name, pyarrow.string()) for name in names}
    schema = pyarrow.schema(list(kinds.items()))
    return pyarrow.table({name: [row[place] for row in rows] for place, name in enumerate(names)}, schema=schema)


def _cell(value: Any) -> str:
    # The shortest digits that give the same number back.
    return repr(value) if isinstance(value, float) else str(value)


STAMP = "stamp.json"


class Parts:
    """Numbered files of one piece of work.

    Parameters
    ----------
    folder : Path
        Holds the parts; removed when the work is done.
    suffix : str
        Of the parts' names, a dot first.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self.suffix = suffix

    def path(self, number: int) -> Path:
        """Return the file of a part; it is there when, and only when, the part is whole."""
        return self.folder / f"part-{number:08d}{self.suffix}"

    def beside(self, number: int, suffix: str) -> Path:
        """Return another file of a part, to be written before the one that says it is whole."""
        return self.folder / f"part-{number:08d}{suffix}"

    def whole(self, number: int) -> bool:
        """Tell whether a part is there."""
        return self.path(number).exists()


@contextmanager
def kept_parts(result: Path, suffix: str, stamp: Mapping[str, Any]) -> Iterator[tuple[Parts, bool]]:
    """Open the folder of the parts of a result, for one process at a time.

    Parameters
    ----------
    result : Path
        The file that the parts will be joined to; the folder lies next to it.
    suffix : str
        Of the parts' names.
    stamp : mapping of JSON values
        Everything that the parts depend on; parts of other work are removed.

    Yields
    ------
    Parts, bool
        The parts, and whether parts of the same work were found. The folder is removed when the block ends well.

    Raises
    ------
    UserError
        When the folder cannot be written, or another process is at the same work.
    """
    folder = result.parent / f".{result.name}.parts"
    with one_writer(result.parent / f".{result.name}.lock", str(result)):
        folder.mkdir(exist_ok=True)
        remove_stale_temp_files(folder)
        found = _read(folder / STAMP) == dict(stamp)
        if not found:
            shutil.rmtree(folder)
            folder.mkdir()
            write_json(folder / STAMP, dict(stamp))
        yield Parts(folder, suffix), found
        shutil.rmtree(folder)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def join_files(whole: Path, parts: Sequence[Path]) -> None:
    """Join files to one, byte by byte."""
    with whole.open("wb") as file:
        for part in parts:
            file.write(part.read_bytes())
