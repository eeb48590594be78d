"""What learning from votes leaves behind: the files of a run under way, and what came of it and was decided."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dashboard.judges.saved_runs import LEARNED_FILE, SavedRun
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json

PLACE = ".learning"
"""Folder below that of the judges where runs are made; saved judges are not looked for there."""
LOCK = ".lock"
"""In `PLACE`: held while a process learns."""
VOTES = "votes.parquet"
PARAMS = "learning.yaml"
JOB = "job.json"
"""What is to be compared, and where the finished run goes."""
LOG = "training.log"
"""What the process wrote on standard error."""


FORMAT = 1
KEYS = {"votes", "people", "battles", "old", "against_old", "against_starter"}
Decision = Literal["used", "kept"]


@dataclass(frozen=True)
class Learned:
    """A judge that trained on votes of this dashboard.

    Attributes
    ----------
    about : dict
        What `learned.json` holds: `votes`, `people`, `about` (which reasons they had to have, "" for none; files of
        earlier versions have no such key), `battles` (ids that were trained on), `old` (the judge so far:
        `name`, `starter`, `seen`, `why`), `against_old` and `against_starter` (see
        `dashboard.judges.learning_work`), and `decision`.
    """

    run: SavedRun
    about: dict[str, Any]

    @property
    def decision(self) -> Decision | None:
        """What the person decided, None as long as nobody has."""
        found: Decision | None = self.about.get("decision")
        return found


def decide(run: SavedRun, decision: Decision) -> None:
    """Write down what a person decided about a judge that trained on votes; any other judge is left as it is."""
    about = run.learned()
    if about is not None and about.get("decision") != decision:
        write_json(run.run / LEARNED_FILE, {**about, "decision": decision})


def decide_for(used: SavedRun, runs: Sequence[SavedRun]) -> None:
    """Write down that a person chose one judge to be used, and thereby none of the others that trained on votes.

    So the next start uses no judge that somebody had turned away from.
    """
    for run in runs:
        with suppress(UserError):
            decide(run, "used" if run.judge == used.judge else "kept")


def last_learned(runs: Sequence[SavedRun]) -> Learned | None:
    """Return the newest of the saved judges that trained on votes; what cannot be read is passed over."""
    for run in sorted(runs, key=lambda run: run.written, reverse=True):
        try:
            about = run.learned()
        except UserError:
            continue
        if about is not None and about.get("format") == FORMAT and KEYS <= about.keys():
            return Learned(run, about)
    return None


def free_name(folder: Path, day: str) -> Path:
    """Return a folder for a new judge that is not there yet, named by the day and, where that is taken, a number."""
    number, path = 1, folder / f"my-votes-{day}"
    while path.exists():
        number += 1
        path = folder / f"my-votes-{day}-{number}"
    return path
