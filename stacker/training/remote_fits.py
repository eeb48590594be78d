"""Finished fits where `run.cache` lies in object storage: kept on this disk, and put up one object a fit."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pipelines.files.object_storage import AnyFolder, RemoteFolder
from stacker.training.cross_fitting import FitStore

T = TypeVar("T")
_UNSENT = ".unsent"


def fit_store(folder: AnyFolder) -> FitStore:
    """Return the store of finished fits of a folder, local or remote."""
    return RemoteFitStore(folder) if isinstance(folder, RemoteFolder) else FitStore(folder)


class RemoteFitStore(FitStore):
    """A `FitStore` on this disk that finds the fits of other machines, and gives them its own.

    Two machines that come with the same key at once both fit it; the first to end wins, and whoever reads the fit later
    reads that one. Checkpoints of a fit stay on the disk of its machine. What could not be sent is sent by the next
    store of this folder.
    """

    def __init__(self, folder: RemoteFolder) -> None:
        folder.check()
        super().__init__(folder.local)
        self.remote = folder
        for mark in sorted(self.folder.glob(f".*{_UNSENT}")) if self.folder.is_dir() else ():
            self._send(mark.name[1 : -len(_UNSENT)])

    def arrays(self, key: str) -> dict[str, Any] | None:
        """Return the arrays kept under a key, here or there, or None."""
        found = super().arrays(key)
        if found is None and self.remote.fetch(f"{key}.npz", self.folder / f"{key}.npz"):
            found = super().arrays(key)
            if found is None:
                (self.folder / f"{key}.npz").unlink(missing_ok=True)
                raise self.remote.damaged(f"{key}.npz", "it holds no arrays")
        return found

    def keep_arrays(self, key: str, arrays: Mapping[str, Any]) -> None:
        """Keep arrays under a key, here and there, whole or not at all."""
        self._mark(f"{key}.npz")
        super().keep_arrays(key, arrays)
        self._send(f"{key}.npz")

    def _read(self, key: str, read: Callable[[Path], T]) -> T | None:
        found = super()._read(key, read)
        if found is None and self.remote.fetch_folder(key, self.folder / key):
            found = super()._read(key, read)
        return found

    def keep_folder(self, key: str, write: Callable[[Path], None]) -> Path:
        """Keep what `write` writes under a key, here and there, and return its folder on this disk."""
        self._mark(key)
        path = super().keep_folder(key, write)
        self._send(key)
        return path

    def _mark(self, name: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f".{name}{_UNSENT}").touch()

    def _send(self, name: str) -> None:
        """Put up what is marked, unless it was never finished; what another machine put up first takes its place."""
        path = self.folder / name
        if not path.exists():
            return
        if path.is_dir():
            if not self.remote.send_folder(name, path):
                shutil.rmtree(path)
                self.remote.fetch_folder(name, path)
        elif not self.remote.send(name, path):
            self.remote.fetch(name, path)
        (self.folder / f".{name}{_UNSENT}").unlink(missing_ok=True)
