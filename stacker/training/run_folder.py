"""The folder of a run: what lies where, one writer at a time, and nothing left of a run that was killed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import UserError
from pipelines.files.atomic_files import put, remove_stale_temp_files
from pipelines.terminal.processes import one_writer

NEW, MOVING = ".new", ".moving"
"""Inside the folder: a run that is under way, and a finished one whose artefacts are being moved to their places."""


class RunFolder:
    """Paths inside the folder of a run: its `path`, and each artefact under its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.params = path / "params.yaml"  # as they were resolved
        self.set_aside = path / "set_aside.jsonl"  # rows of the sources that could not be used, with their reasons
        self.folds = path / "folds.parquet"
        self.out_of_fold = path / "out_of_fold.parquet"  # probabilities of every learner, stack and baseline
        self.judge = path / "judge"
        self.submission = path / "submission.csv"  # the probabilities of the test battles in Kaggle's columns
        self.report = path / "report.html"
        self.results = path / "results.json"  # written last, so a folder without it holds no finished run

    @contextmanager
    def writing(self) -> Iterator["RunFolder"]:
        """Yield a folder for the artefacts of a new run; they take the place of the old ones when the block ends well.

        Until then the run before stays as it was. `results.json` is there only with the artefacts of its own run: a run
        that is killed while its artefacts are moved leaves none, and the next one moves the rest.

        Raises
        ------
        UserError
            When the folder cannot be made or written, or another run is writing there.
        """
        new = RunFolder(self.path / NEW)
        with one_writer(self.path / ".lock", f"run.folder {self.path}"):
            remove_stale_temp_files(self.path)
            self._take_new()  # of a run that was killed when it had everything
            new.path.mkdir()
            try:
                yield new
            except BaseException:
                shutil.rmtree(new.path, ignore_errors=True)
                raise
            self._take_new()

    def _take_new(self) -> None:
        """Move the artefacts of a finished new run to their places; what is left of an unfinished one is removed."""
        new, moving = RunFolder(self.path / NEW), RunFolder(self.path / MOVING)
        try:
            if new.results.exists() and not moving.path.exists():
                self.results.unlink(missing_ok=True)  # first, so that it never stands next to another run's artefacts
                for path in self._artefacts():
                    if not (new.path / path.name).exists():
                        _remove(path)
                new.path.rename(moving.path)
            shutil.rmtree(new.path, ignore_errors=True)
            if moving.path.exists():
                for path in sorted(moving.path.iterdir(), key=lambda path: path == moving.results):  # that one last
                    if (self.path / path.name).is_symlink():
                        (self.path / path.name).unlink()
                    put(path, self.path / path.name)
                moving.path.rmdir()
        except OSError as fault:
            raise UserError(
                f"run.folder {self.path}: {fault.filename2 or fault.filename} cannot be replaced ({fault.strerror}); "
                "close what holds it open and run the same command again."
            ) from fault

    def _artefacts(self) -> tuple[Path, ...]:
        tables = (self.params, self.set_aside, self.folds, self.out_of_fold)
        return (self.judge, *tables, self.submission, self.report, self.results)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
