"""Fits kept on disk by what they depend on, so that a killed or repeated run fits nothing twice."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock

from pipelines.files.atomic_files import atomic_folder, atomic_write
from pipelines.files.code_version import code_version
from stacker.learners.learner_interface import Learner


class FitStore:
    """A folder of finished fits: held-out predictions as npz, learners as folders.

    Parameters
    ----------
    folder : Path
        Made when first written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._code = code_version(__name__, "stacker.training.cross_fitting", follow=False)

    def key(self, *parts: str) -> str:
        """Return the name of a fit from all that it depends on besides how it is kept here."""
        digest = hashlib.sha256(self._code.encode())
        for part in parts:
            digest.update(b"\0" + part.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:32]

    def arrays(self, key: str) -> dict[str, Any] | None:
        """Return the arrays kept under a key, or None."""
        path = self.folder / f"{key}.npz"
        if not path.exists():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, KeyError, BadZipFile):  # damaged by the disk: fit again
            return None

    def keep_arrays(self, key: str, arrays: Mapping[str, Any]) -> None:
        """Keep arrays under a key, whole or not at all."""
        with atomic_write(self.folder / f"{key}.npz") as part, part.open("wb") as file:
            np.savez(file, **dict(arrays))

    def learner_folder(self, key: str) -> Path | None:
        """Return the folder of a kept learner, or None."""
        path = self.folder / key
        return path if path.is_dir() else None

    def keep_learner(self, key: str, learner: Learner) -> Path:
        """Save a learner under a key, whole or not at all, and return its folder."""
        path = self.folder / key
        with atomic_folder(path, keep=True) as part:
            learner.save(part)
        return path

    def drop_learner(self, key: str) -> None:
        """Remove a kept learner that cannot be read."""
        shutil.rmtree(self.folder / key, ignore_errors=True)

    @contextmanager
    def fitting(self, key: str) -> Iterator[Path]:
        """Yield a folder for checkpoints of a fit; it is gone when the block ends well, and found again otherwise.

        Of several processes that come with the same key one fits, and the others wait: they find the fit done then.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f".{key}.lock")
        with lock:
            folder = self.folder / f"{key}.work"
            folder.mkdir(exist_ok=True)
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # Windows removes no open file
                Path(lock.lock_file).unlink()
