"""Learning from votes as the pages see it: what there is to learn from, one process at a time, and its outcome."""

import json
import logging
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from threading import Lock, Thread
from typing import Any, Literal

import psutil
from filelock import FileLock, Timeout

from dashboard.judges.judge_service import JudgeService
from dashboard.judges.learned import JOB, LOCK, LOG, PARAMS, PLACE, VOTES, Learned, free_name, last_learned
from dashboard.judges.saved_runs import SavedRun, saved_runs
from dashboard.judges.votes_to_learn import LEAST, Usable, seen_by, usable_votes
from dashboard.votes.exports import parquet
from dashboard.votes.store import VoteFilter, VoteStore
from pipelines.battles.folds import prompt_groups
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from pipelines.terminal.processes import usable_cores
from stacker.learners.judges.starter_prior import starter_folder
from stacker.training.params import Params, dump_params

State = Literal["idle", "running", "failed", "stopped", "done"]
PATIENCE_S = 10.0
"""How long a process that was killed is waited for."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """How the learning stands.

    Attributes
    ----------
    state : str
        `idle`, `running`, `failed` (then `fault` says why), `stopped` by a person, or `done`.
    step : str
        While it runs: `reading`, `learning` or `comparing`.
    share : float
        About how much of the whole is done, 0 to 1.
    fault : str
        One sentence, in English.
    """

    state: State = "idle"
    step: str = "reading"
    share: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Overview:
    """What there is to learn from.

    Attributes
    ----------
    last : Learned or None
        The newest judge that trained on votes.
    new : int
        Votes that `last` did not learn from.
    again : bool
        Whether there is a `last`, trained on votes with the same reasons.
    """

    usable: Usable
    last: Learned | None
    new: int
    again: bool = False

    @property
    def offered(self) -> bool:
        """Whether there is something to learn."""
        return self.usable.enough and self.new > 0


class LearningService:
    """Starts the learning, follows it and ends it. One object serves all people of a process.

    Parameters
    ----------
    judges : JudgeService
        Whose judge the new one is compared with, and in whose folder it is put.
    neutral : bool
        Whether votes are left out where an answer named its own model.

    Attributes
    ----------
    status : Status
        How it stands just now.
    """

    def __init__(self, params: Params, store: VoteStore, judges: JudgeService, neutral: bool = True) -> None:
        self.params, self.store, self.judges, self.neutral = params, store, judges, neutral
        self.status = Status()
        self._process: subprocess.Popen[str] | None = None
        self._lock = Lock()

    def overview(self, about: str = "") -> Overview:
        """Return what there is to learn from, or raise a `UserError`. Reads votes and judges: call it from a thread.

        Parameters
        ----------
        about : str
            Which votes, as `usable_votes` takes it.
        """
        usable = usable_votes(self.store.votes(), self.neutral, about)
        last = last_learned(saved_runs(self.judges.folder))
        again = last is not None and last.about.get("about", "") == about
        known = set(last.about["battles"]) if last is not None and again else set()
        return Overview(usable, last, int((~usable.votes["battle_id"].isin(known)).sum()), again)

    def start(self, about: str = "") -> None:
        """Start to learn from the usable votes, in a process of its own. Call it from a thread.

        Parameters
        ----------
        about : str
            Which votes, as `usable_votes` takes it: reasons count only where this says so.

        Raises
        ------
        UserError
            When it runs already, the votes are too few, or a folder cannot be written.
        """
        with self._lock:
            if self.status.state == "running":
                raise UserError("The judge is learning from the votes already; wait until it is done, or stop it.")
            self.status = Status("running")
            try:
                folder = self._prepared(about)
                self._process = self._started(folder)
            except BaseException as fault:
                self.status = Status()
                if not isinstance(fault, OSError):
                    raise
                what = f"{self.judges.folder}: cannot be written ({fault.strerror}); fix its rights."
                raise UserError(what) from fault
            Thread(target=self._follow, args=(self._process, folder), daemon=True, name="learning").start()

    def stop(self) -> None:
        """End the learning; what it had made is removed, and the judge in use stays. Call it from a thread."""
        with self._lock:
            if self.status.state == "running" and self._process is not None:
                self.status = Status("stopped")
                _end(self._process)

    def _prepared(self, about: str) -> Path:
        """Return a new folder with votes, parameters and job."""
        from dashboard.judges.votes_to_learn import run_params

        every = self.store.votes(VoteFilter(undone=True))
        usable = usable_votes(every[every["undone_at"].isna()], self.neutral, about)
        if not usable.enough:
            raise UserError(f"There are {len(usable)} votes to learn from, {LEAST} are needed; vote on more.")
        place = self.judges.folder / PLACE
        place.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(place / LOCK, timeout=0):
                for left in (each for each in place.iterdir() if each.is_dir()):
                    rmtree(left, ignore_errors=True)  # of a run whose computer was switched off
        except Timeout as fault:
            raise UserError("Another dashboard is learning from votes just now; wait until it is done.") from fault
        folder = place / f"run-{token_hex(4)}"
        folder.mkdir()
        old, starter = self._so_far()
        history = seen_by(old, starter, every, prompt_groups(every["prompt"]))
        (folder / VOTES).write_bytes(parquet(usable.votes))
        threads = max(usable_cores() - 1, 1)  # a core is left to the pages
        params = run_params(self.params, len(usable), folder / VOTES, folder, threads)
        (folder / PARAMS).write_text(dump_params(params), encoding="utf-8")
        job = {
            "final": str(free_name(self.judges.folder, datetime.now(UTC).strftime("%Y-%m-%d"))),
            "old": {"name": old.name, "judge": str(old.judge), "starter": starter, "why": history.why},
            "seen": sorted(set(every["battle_id"][history.rows])),
            "people": usable.people,
            "about": about,
        }
        write_json(folder / JOB, job)
        return folder

    def _so_far(self) -> tuple[SavedRun, bool]:
        """Return the judge in use, and whether it is the starter; where none is in use, the starter."""
        loaded = self.judges.current
        starter = starter_folder()
        if loaded is None or loaded.run.judge.resolve() == starter.resolve():
            return saved_runs(starter)[0], True
        return loaded.run, False

    def _started(self, folder: Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "dashboard.judges.learning_work", str(folder)]
        with (folder / LOG).open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8"
            )

    def _follow(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        """Take note of what the process tells until it has ended."""
        end: dict[str, Any] = {}
        assert process.stdout is not None and process.stdin is not None
        for line in process.stdout:
            with suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    self._told(process, said)
                    end = said if {"done", "fault"} & said.keys() else end
        code = process.wait()
        process.stdout.close()
        with suppress(OSError):
            process.stdin.close()
        log = (folder / LOG).read_text(encoding="utf-8", errors="replace") if (folder / LOG).exists() else ""
        rmtree(folder, ignore_errors=True)
        with self._lock:
            if self._process is not process:
                return
            self._process = None
            if self.status.state == "stopped":
                return
            if "done" in end:
                self.status = Status("done", share=1.0)
                return
            if log.strip():
                _log.error("learning from votes broke off:\n%s", log[-4000:])
            self.status = Status("failed", fault=end.get("fault") or _why(code, log))

    def _told(self, process: "subprocess.Popen[str]", said: dict[str, Any]) -> None:
        with self._lock:
            if self._process is process and self.status.state == "running" and "step" in said:
                self.status = replace(self.status, step=said["step"], share=said["share"])


def _end(process: "subprocess.Popen[str]") -> None:
    """Kill a process and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(process.pid)
        family = [*first.children(recursive=True), first]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=PATIENCE_S)


def _why(code: int, log: str) -> str:
    """Return why a process ended that told nothing about it."""
    if code < 0:
        return f"The learning was ended from outside (signal {-code}), perhaps for want of memory; try again."
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    said = f" ({last[:200]})" if last else ""
    return f"The learning broke off{said}; the server's log has more."
