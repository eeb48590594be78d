"""The folder of a run: what lies where, one writer at a time, and nothing left of a run that was killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.artefacts import sweep
from pipelines.errors import UserError


@dataclass(frozen=True)
class RunFolder:
    """Paths inside the folder of a run."""

    path: Path

    @property
    def params(self) -> Path:
        """The parameters as they were resolved."""
        return self.path / "params.yaml"

    @property
    def set_aside(self) -> Path:
        """Rows of the sources that could not be used, with their reasons."""
        return self.path / "set_aside.jsonl"

    @property
    def folds(self) -> Path:
        """The fold of each battle."""
        return self.path / "folds.parquet"

    @property
    def out_of_fold(self) -> Path:
        """Out-of-fold probabilities of every learner, stack and baseline."""
        return self.path / "out_of_fold.parquet"

    @property
    def judge(self) -> Path:
        """The saved judge."""
        return self.path / "judge"

    @property
    def submission(self) -> Path:
        """The probabilities of the test battles in Kaggle's columns."""
        return self.path / "submission.csv"

    @property
    def results(self) -> Path:
        """All scores; written last, so a folder without it holds no finished run."""
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.path / "report.html"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other runs out of the folder, and remove what a killed one left half-written.

        Raises
        ------
        UserError
            When the folder cannot be made or written, or another run is writing there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            lock.acquire()
        except Timeout as fault:
            raise UserError(
                f"run.folder {self.path}: another run is writing there; wait for it or name another folder."
            ) from fault
        except OSError as fault:
            raise UserError(
                f"run.folder {self.path}: cannot be written ({fault.strerror}); name another folder or mend its rights."
            ) from fault
        try:
            sweep(self.path)
            yield
        finally:
            lock.release()
