"""Which judge is used from the start: the one named, the one last chosen, the newest on votes, or the starter."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dashboard.judges.saved_runs import JUDGE_FILE, SavedRun, saved_runs
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from pipelines.files.saved_files import read_object

CHOSEN = ".chosen.json"
"""In the folder of the judges: which of them a person last chose on the page, and when."""
STARTER = "starter"
"""Names the judge that comes with the install."""
_log = logging.getLogger(__name__)


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
