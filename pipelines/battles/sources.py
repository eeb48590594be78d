"""What a run learns from and predicts: Kaggle's folder, any number of files, or the built-in battles."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field, model_validator

from pipelines.battles.built_in import SampleBattles, SampleParams, sample_battles
from pipelines.battles.table import check
from pipelines.errors import UserError
from pipelines.formats.columns.column_mapping import ColumnMapping
from pipelines.formats.containers.file_formats import PACKED
from pipelines.formats.containers.raw_rows import BadRow, setting_aside
from pipelines.formats.reading import OnBadRow, iter_battles, joined, read_battles, stop_at_bad
from pipelines.formats.reading_options import MAX_REJECTED
from pipelines.kaggle.submission import check_ids, read_sample_ids, rows_of
from pipelines.settings import LocalPath, Section

__all__ = ["DataParams", "Loaded", "SampleParams", "SourceParams", "iter_battles", "load", "read_battles"]
TRAIN, TEST, SAMPLE = "train.csv", "test.csv", "sample_submission.csv"
"""Kaggle's names of the files in `data.dir`."""
_TOLD = 3


class SourceParams(Section):
    """One file of battles with votes, how much one of them counts, and what it is called (the file's name else).

    `columns` says which of its columns holds what, where the names are not the usual ones. A path alone is one, too.
    """

    path: LocalPath
    weight: float = Field(1.0, gt=0, le=1e6)
    name: str = Field("", max_length=200)
    columns: ColumnMapping | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_a_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str | Path) else value


def _listed(value: Any) -> Any:
    """Return one source as a list of one."""
    return [value] if isinstance(value, str | Path | Mapping) else value


class DataParams(Section):
    """Where the battles come from.

    `dir` is a folder with Kaggle's train.csv and, if there, test.csv and sample_submission.csv; `sources` are files of
    any format that are trained on besides. With neither, the built-in battles of `sample` are used. `max_rows` keeps
    so many of the battles to learn from, chosen by a hash of their ids. Where more than the share `max_rejected` of a
    file's rows cannot be used, that is an error; 1 allows all.
    """

    dir: LocalPath | None = None
    sources: Annotated[tuple[SourceParams, ...], BeforeValidator(_listed)] = ()
    on_bad_row: OnBadRow = "quarantine"
    max_rejected: float = Field(MAX_REJECTED, ge=0, le=1)
    max_rows: int | None = Field(None, ge=1)
    sample: SampleParams = SampleParams()


@dataclass(frozen=True)
class Loaded:
    """What a run learns from and predicts.

    Attributes
    ----------
    train : DataFrame, n rows
        Battles with votes, in the order of the sources and of their files.
    test : DataFrame or None
        Battles to predict; None where there are none.
    sample_ids : list of str or None
        Ids that a submission must have, in its order: those of the sample, or else of `test`.
    set_aside : int
        Rows that could not be used.
    notes : list of str
        What the user should know, a sentence each.
    files : list of str
        Of each file with votes its form and how many there are, a sentence each.
    bayes_log_loss : float or None
        The log loss on `train` of the probabilities its votes were drawn from; None for real battles.
    """

    train: pd.DataFrame
    test: pd.DataFrame | None = None
    sample_ids: list[str] | None = None
    set_aside: int = 0
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    bayes_log_loss: float | None = None


def load(params: DataParams, quarantine: Path) -> Loaded:
    """Read everything that the parameters name.

    Parameters
    ----------
    params : DataParams
        The section `data`.
    quarantine : Path
        JSON Lines file of rejected rows, those that cannot be used; removed where there are none.

    Raises
    ------
    UserError
        When a file is not there, not readable or without a column, a winner is unknown, two sources have one name,
        no id of the sample is in the test file, or, with `on_bad_row: error`, for the first row that cannot be used.
    """
    if params.dir is None and not params.sources:
        with setting_aside(quarantine):
            return _built_in(params)
    named = _named_sources(params)
    test, sample_ids = None, None
    files: list[str] = []
    with setting_aside(quarantine) as aside:
        faults, test_faults = _Faults(aside), _Faults(aside)
        tables = [_train_of(source, params, faults, len(named) > 1, files.append) for source in named]
        if params.dir is not None:
            test, sample_ids = _test_of(params.dir, params.max_rejected, test_faults)
    notes = faults.told_lost("", "used") + _told_rescues(test_faults, sample_ids is not None)
    if params.dir is not None and test is not None:
        if sample_ids is None:
            sample_ids = test["id"].tolist()
        else:
            check_ids(params.dir / SAMPLE, sample_ids, test["id"].tolist())
            notes += _told_differences(test["id"].tolist(), sample_ids, params.dir)
    train = joined(tables)
    if train.empty:
        first = f"; the first reason: {faults.lost[0].sentence()}" if faults.lost else "."
        raise UserError(f"{named[0].path}: holds no battle that can be trained on{first}")
    unused = faults.count_lost + test_faults.count_lost
    return Loaded(check(_limited(train, params.max_rows, notes)), test, sample_ids, unused, notes, files)


def _built_in(params: DataParams) -> Loaded:
    made = sample_battles(params.sample.rows, params.sample.seed)
    notes = ["No data is named, so this run uses the built-in battles; they teach nothing about real answers."]
    kept = _kept(made.battles["id"].tolist(), params.max_rows)
    if len(kept) < len(made.battles):
        made = SampleBattles(_limited(made.battles, params.max_rows, notes), made.bayes_probabilities[kept])
    train, loss = check(made.battles), made.bayes_log_loss
    test = sample_battles(params.sample.test_rows, params.sample.seed, part="test").unlabelled()
    if test.empty:
        return Loaded(train, notes=notes, bayes_log_loss=loss)
    return Loaded(train, check(test), test["id"].tolist(), notes=notes, bayes_log_loss=loss)


def _named_sources(params: DataParams) -> list[SourceParams]:
    """Return each file to learn from, with its name."""
    found: list[SourceParams] = []
    if params.dir is not None:
        if not params.dir.is_dir():
            raise UserError(f"data.dir {params.dir}: there is no such folder; name the one with Kaggle's {TRAIN}.")
        if not (params.dir / TRAIN).is_file():
            raise UserError(f"data.dir {params.dir}: has no {TRAIN}; {_where_train_is(params.dir)}.")
        found.append(SourceParams(path=params.dir / TRAIN, name=params.dir.resolve().name))
    found += [source.model_copy(update={"name": source.name or source.path.stem}) for source in params.sources]
    name, times = Counter(source.name for source in found).most_common(1)[0]
    if times > 1:
        raise UserError(f"data.sources: {times} sources are called {name}; give each a name of its own.")
    return found


def _where_train_is(folder: Path) -> str:
    """Say what to do about a folder without its file: mostly Kaggle's archive lies there as it was downloaded."""
    packed = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PACKED and path.is_file())
    if packed:
        return f"{', '.join(packed[:_TOLD])} {'is' if len(packed) == 1 else 'are'} there: unpack what holds {TRAIN}"
    return "put Kaggle's file there or name another folder"


class _Faults:
    """Rows that are not as they should be: the first few, and how many; those that cannot be used are set aside."""

    def __init__(self, aside: Callable[[BadRow], None]) -> None:
        self._aside = aside
        self.lost: list[BadRow] = []
        self.rescued: list[BadRow] = []
        self.count_lost = self.count_rescued = 0

    def add(self, rows: list[BadRow]) -> None:
        """Count rows; what is not told is not kept."""
        for row in rows:
            if row.rescued:
                self.count_rescued += 1
            else:
                self.count_lost += row.lines
                self._aside(row)
            few = self.rescued if row.rescued else self.lost
            few.extend([row][: _TOLD - len(few)])

    def told_lost(self, then: str, what: str) -> list[str]:
        """Return a note on each of the first rows that are lost, ended by `then`, and one on the rest."""
        notes = [f"{row.sentence()[:-1]}{then}." for row in self.lost]
        if more := self.count_lost - sum(row.lines for row in self.lost):
            notes.append(f"And {more:,} more rows that cannot be {what}.")
        return notes


def _train_of(
    source: SourceParams, params: DataParams, faults: _Faults, several: bool, note: Callable[[str], None]
) -> pd.DataFrame:
    """Read the battles of a file to learn from; of several files the ids are those of each file with its name."""
    tables = []
    for table, bad in iter_battles(
        source.path,
        labelled=True,
        source=source.name,
        weight=source.weight,
        columns=source.columns,
        max_rejected=params.max_rejected,
        note=note,
    ):
        if params.on_bad_row == "error":
            stop_at_bad(bad)
        faults.add(bad)
        tables.append(table.assign(id=[f"{source.name}:{id}" for id in table["id"]]) if several else table)
    return joined(tables)


def _test_of(folder: Path, max_rejected: float, faults: _Faults) -> tuple[pd.DataFrame | None, list[str] | None]:
    """Read the battles to predict, as much as can be read of each, and the ids of the sample."""
    test: pd.DataFrame | None = None
    if (folder / TEST).is_file():
        tables = []
        for table, bad in iter_battles(folder / TEST, labelled=False, rescue=True, max_rejected=max_rejected):
            faults.add(bad)
            tables.append(table)
        test = joined(tables)
    sample = folder / SAMPLE
    return test, read_sample_ids(sample) if sample.is_file() else None


def _limited(train: pd.DataFrame, most: int | None, notes: list[str]) -> pd.DataFrame:
    kept = _kept(train["id"].tolist(), most)
    if len(kept) == len(train):
        return train
    notes.append(f"data.max_rows: {len(kept):,} of {len(train):,} battles are used.")
    return train.iloc[kept].reset_index(drop=True)


def _kept(names: list[str], most: int | None) -> np.ndarray:
    """Return the places of the rows that are kept, in their order; which they are does not depend on it."""
    if most is None or most >= len(names):
        return np.arange(len(names))
    keys = [hashlib.sha256(name.encode()).digest() for name in names]
    return np.sort(np.array(sorted(range(len(names)), key=keys.__getitem__)[:most], dtype=np.int64))


def _told_rescues(bad: _Faults, with_sample: bool) -> list[str]:
    notes = [f"{row.sentence()[:-1]}; it is predicted from what can be read." for row in bad.rescued]
    if bad.count_rescued > _TOLD:
        notes.append(f"And {bad.count_rescued - _TOLD:,} more rows to predict from what can be read.")
    left = "its id, if the sample has it, gets the class shares" if with_sample else "it is not predicted"
    return notes + bad.told_lost(f"; {left}", "predicted")


def _told_differences(names: list[str], sample_ids: list[str], folder: Path) -> list[str]:
    def missing(ids: list[str], among: list[str]) -> list[str]:
        return sorted(name for name, row in zip(ids, rows_of(ids, among), strict=True) if row < 0)

    notes = []
    absent, extra = missing(sample_ids, names), missing(names, sample_ids)
    if absent:
        notes.append(
            f"{folder / SAMPLE}: {len(absent):,} ids are not in {TEST} (the first is {absent[0]}); they get the "
            f"class shares."
        )
    if extra:
        notes.append(
            f"{folder / TEST}: {len(extra):,} ids are not in {SAMPLE} (the first is {extra[0]}); they are left out "
            f"of the submission."
        )
    return notes
