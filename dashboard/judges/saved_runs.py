"""Saved judges: found with what their runs wrote beside, read defensively, and which of them is used from the start."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from pipelines.files.saved_files import MOST_JSON, MOST_WORDS_JSON, DamagedError, read_bytes, read_object
from pipelines.formats.containers.parquet_rows import read_table
from stacker.judge.provenance import Provenance, read_provenance
from stacker.learners.learner_interface import Learner

JUDGE_FILE = "judge.json"
LEARNED_FILE = "learned.json"
"""In the run's folder of a judge that learnt from votes of the dashboard; see `dashboard.judges.learned`."""
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
        """Return what `results.json` holds, None where it is not there; a `UserError` where it cannot be read."""
        return _json(self.run / "results.json")

    def about(self) -> dict[str, Any]:
        """Return `judge.json`: format, features, encoder, learners, pool, and `about`."""
        return _json(self.judge / JUDGE_FILE, MOST_JSON) or {}

    def provenance(self) -> Provenance:
        """Return what the judge was trained on, as far as its files say so."""
        return read_provenance(self.judge)

    def learned(self) -> dict[str, Any] | None:
        """Return what is written of a judge that learnt from votes, else None; a `UserError` where it is unreadable."""
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
        """Return the table of out-of-fold probabilities, None without one; a `UserError` where it cannot be read."""
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
        from stacker.learners.judges.judge_record import read_record
        from stacker.learners.learner_registry import KINDS, load_learner

        record = read_record(self.judge)
        learners: list[Learner] = []
        weights: list[float] = []
        for each, margin, tie in zip(record.learners, record.pool.margin_weights, record.pool.tie_weights, strict=True):
            if each.kind in KINDS and KINDS[each.kind].inside == "trees":
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


CHOSEN = ".chosen.json"
"""In the folder of the judges: which of them a person last chose on the page, and when."""
STARTER = "starter"
"""Names the judge that comes with the install."""


def named_judge(name: str, folder: Path, starter: Path | None) -> SavedRun:
    """Return the judge that `dashboard.judge` names.

    Parameters
    ----------
    name : str
        A judge's folder or that of its run, as a path or below `folder`; or `starter`.
    folder : Path
        Below it judges are saved.
    starter : Path or None
        The judge that comes with the install, where it is offered.

    Raises
    ------
    UserError
        When there is no such judge.
    """
    if name == STARTER and starter is not None:
        return saved_runs(starter)[0]
    for path in (folder / name, Path(name)):
        for judge in (path, path / "judge"):
            if (judge / JUDGE_FILE).is_file():
                known = next((run for run in saved_runs(folder) if run.judge.resolve() == judge.resolve()), None)
                return known or saved_runs(judge)[0]
    raise UserError(
        f"dashboard.judge {name}: there is no judge ({JUDGE_FILE}) there or below {folder}; name the folder of a run."
    )


def first_choices(folder: Path, starter: Path | None) -> list[SavedRun]:
    """Return the judges that may be used without being named, the first one first.

    What happened last decides: that a judge was trained on votes of people, or that a person chose one on the page. A
    judge of built-in battles knows nothing about real answers, and one that is only offered waits for a decision, so
    neither comes in by itself. Then comes the starter, and last what was trained on nobody knows what. Reads folders:
    call it from a thread.
    """
    runs = saved_runs(folder)
    starters = [] if starter is None else saved_runs(starter)
    kinds = {run: run.provenance().kind for run in runs if not run.offered}
    dated = [(run.written, run) for run, kind in kinds.items() if kind == "votes"]
    chosen = _last_chosen(folder, [*runs, *starters])
    dated += [] if chosen is None else [chosen]
    dated.sort(key=lambda each: (each[0], each[1].name), reverse=True)
    unknown = [run for run, kind in kinds.items() if kind == "unknown"]
    return list(dict.fromkeys([*(run for _, run in dated), *starters, *unknown]))


def remember_choice(folder: Path, run: SavedRun) -> None:
    """Write down that a person chose a judge, so that the next start uses it too."""
    if not folder.is_dir():
        return
    try:
        write_json(folder / CHOSEN, {"judge": str(run.judge.resolve()), "at": datetime.now(UTC).isoformat()})
    except OSError as fault:
        _log.warning("%s: the choice of a judge cannot be kept (%s)", folder / CHOSEN, fault.strerror)


def _last_chosen(folder: Path, runs: Sequence[SavedRun]) -> tuple[datetime, SavedRun] | None:
    try:
        content = read_object(folder / CHOSEN)
        judge, at = Path(content["judge"]), datetime.fromisoformat(content["at"])
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
    except (OSError, UserError, ValueError, KeyError, TypeError):
        return None  # nobody has chosen, or the file was edited: the newest judge is as good a choice
    found = next((run for run in runs if run.judge.resolve() == judge), None)
    return None if found is None else (at, found)
