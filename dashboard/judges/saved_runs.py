"""Saved judges and what the runs that made them wrote beside: found, and read defensively."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.errors import UserError
from pipelines.files.saved_files import MOST_JSON, MOST_WORDS_JSON, DamagedError, read_bytes, read_object
from pipelines.formats.parquet_rows import read_table
from stacker.judge.provenance import Provenance, read_provenance
from stacker.learners.learner_interface import Learner

JUDGE_FILE = "judge.json"
LEARNED_FILE = "learned.json"
"""In the run's folder of a judge that learnt from votes of the dashboard; see `dashboard.judges.learning.learned`."""
MOST_TABLE = 500_000_000
"""Bytes of out-of-fold probabilities; those of 57,477 battles by ten learners take 15 MB."""
MOST_CARD = 1 << 20
"""Bytes of a model card."""
DEEPEST = 4
"""Folders below the given one that are looked into."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SavedRun:
    """A saved judge.

    Attributes
    ----------
    name : str
        Its folder below the one that was searched, without the closing `/judge`.
    judge : Path
        The folder with `judge.json`.
    written : datetime
        When it was saved (UTC).
    """

    name: str
    judge: Path
    written: datetime

    @property
    def run(self) -> Path:
        """Return the folder in which the run's other files lie."""
        return self.judge.parent

    def results(self) -> dict[str, Any] | None:
        """Return what `results.json` holds; None where there is none.

        Raises
        ------
        UserError
            When it is there and cannot be read.
        """
        return _json(self.run / "results.json")

    def about(self) -> dict[str, Any]:
        """Return `judge.json`: format, features, encoder, learners, pool, and `about`."""
        return _json(self.judge / JUDGE_FILE, MOST_JSON) or {}

    def provenance(self) -> Provenance:
        """Return what the judge was trained on, as far as its files say so."""
        return read_provenance(self.judge)

    def learned(self) -> dict[str, Any] | None:
        """Return what is written of a judge that learnt from votes of the dashboard; None for any other.

        Raises
        ------
        UserError
            When it is there and cannot be read.
        """
        return _json(self.run / LEARNED_FILE)

    @property
    def offered(self) -> bool:
        """Whether it learnt from votes and nobody has decided to use it; such a judge is not used by itself."""
        try:
            about = self.learned()
        except UserError:
            return True
        return about is not None and about.get("decision") != "used"

    def out_of_fold(self) -> pd.DataFrame | None:
        """Return the table of out-of-fold probabilities; None where there is none.

        Raises
        ------
        UserError
            When it is there and cannot be read.
        """
        path = self.run / "out_of_fold.parquet"
        if not path.is_file():
            return None
        try:
            return read_table(path, MOST_TABLE)
        except UserError as fault:
            raise UserError(f"{str(fault)[:-1]}; make it again by stacker.run.") from fault

    def trees(self) -> tuple[list[Learner], list[float]]:
        """Return the judge's tree learners, and how much its verdict goes by each; no encoder is loaded for them.

        Raises
        ------
        UserError
            When one of them cannot be read.
        """
        from stacker.learners.learner_registry import load_learner
        from stacker.learners.stacking.judge_record import read_record
        from stacker.learners.trees.lightgbm_trees import LightGBMLearner
        from stacker.learners.trees.xgboost_trees import XGBoostLearner

        record = read_record(self.judge)
        learners: list[Learner] = []
        weights: list[float] = []
        for each, margin, tie in zip(record.learners, record.pool.margin_weights, record.pool.tie_weights, strict=True):
            if each.kind in (LightGBMLearner.name, XGBoostLearner.name):
                learners.append(load_learner(each.kind, self.judge / "learners" / each.folder))
                weights.append(margin + tie)
        return learners, weights

    def card(self) -> str | None:
        """Return the model card, Markdown; None where there is none."""
        for path in (self.judge / "MODEL_CARD.md", self.judge / "README.md", self.run / "model_card.md"):
            # A link to elsewhere would show a stranger's choice of this machine's files.
            if path.is_file() and any(
                path.resolve().is_relative_to(place.resolve()) for place in (self.run, self.judge)
            ):
                return read_bytes(path, MOST_CARD).decode("utf-8", "replace")
        return None


def saved_runs(folder: Path) -> list[SavedRun]:
    """Return the judges saved below a folder, the newest first; none where there is no such folder.

    Folders whose name begins with a full stop are passed over: they may be half written. So are those that cannot be
    read; the log names them.
    """
    found: list[SavedRun] = []
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            described = place / JUDGE_FILE
            written = datetime.fromtimestamp(described.stat().st_mtime, UTC) if described.is_file() else None
            inside = [] if written or depth >= DEEPEST else _folders_in(place)
        except OSError as fault:
            if place != folder or folder.is_dir():  # no folder yet is no fault
                _log.warning("%s: cannot be looked into (%s); it is passed over", place, fault.strerror)
            continue
        if written is not None:
            below = place.parent if place.name == "judge" and place != folder else place
            name = below.relative_to(folder).as_posix() if below != folder else folder.resolve().name
            found.append(SavedRun(name, place, written))
        else:
            waiting.extend((each, depth + 1) for each in inside)
    return sorted(found, key=lambda run: (run.written, run.name), reverse=True)


def _folders_in(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")]


def _json(path: Path, most: int = MOST_WORDS_JSON) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        return read_object(path, most)
    except DamagedError as fault:
        raise UserError(f"{path}: cannot be read ({fault.what}); make it again by stacker.run.") from fault
