"""Out-of-fold probabilities of learners and of what they have to beat; each fit is kept on disk and done once."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from filelock import FileLock

from pipelines.battles.arrays import FLIP, Floats, Ints
from pipelines.battles.folds import grouped_folds, splits
from pipelines.battles.table import text_of
from pipelines.files.atomic_files import atomic_folder, atomic_write
from pipelines.files.hashes import code_version
from pipelines.terminal.command_line import Progress
from pipelines.terminal.machine import one_blas_thread
from pipelines.terminal.processes import release_memory
from stacker.learners.balance import class_shares
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import Configured, load_learner
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic

T = TypeVar("T")


class FitStore:
    """A folder of finished fits, made when first written: held-out predictions as npz, learners as folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._code = code_version(__name__, follow=False)

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

    def learner(self, kind: str, key: str) -> tuple[Learner, Path] | None:
        """Return the learner kept under a key, and its folder; None where there is none that can be read."""
        found = self._read(key, lambda folder: load_learner(kind, folder))
        return None if found is None else (found, self.folder / key)

    def keep_learner(self, key: str, learner: Learner) -> Path:
        """Save a learner under a key, whole or not at all, and return its folder."""
        return self.keep_folder(key, learner.save)

    def kept(self, key: str, write: Callable[[Path], None], read: Callable[[Path], T]) -> T:
        """Return what is kept under a key; where there is none, `write` fits it and writes it into a new folder.

        It is read back even when just written, so that a second run cannot differ.
        """
        found = self._read(key, read)
        if found is None:
            with self.fitting(key):
                found = self._read(key, read)  # another process may have made it meanwhile
                if found is None:
                    found = read(self.keep_folder(key, write))
            release_memory()
        return found

    def _read(self, key: str, read: Callable[[Path], T]) -> T | None:
        folder = self.folder / key
        try:
            return read(folder) if folder.is_dir() else None
        except Exception:  # damaged by the disk, which every library says in its own way: fit again
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def keep_folder(self, key: str, write: Callable[[Path], None]) -> Path:
        """Keep what `write` writes into a new folder under a key, whole or not at all, and return its folder."""
        path = self.folder / key
        with atomic_folder(path, keep=True) as part:
            write(part)
        return path

    @contextmanager
    def fitting(self, key: str, wait: bool = True) -> Iterator[Path]:
        """Yield a folder for checkpoints of a fit; it is gone when the block ends well, and found again otherwise.

        Of several processes that come with the same key one fits, and the others wait: they find the fit done then.
        Without `wait` they get `filelock.Timeout`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f".{key}.lock", timeout=-1 if wait else 0)
        with lock:
            folder = self.folder / f"{key}.work"
            folder.mkdir(exist_ok=True)
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # Windows removes no open file
                Path(lock.lock_file).unlink()


SWAP_ROWS = 100
"""Rows of each fold whose verdict is also taken with the sides swapped."""


def fingerprint(battles: pd.DataFrame, features_version: str) -> list[str]:
    """Return one short hash per battle over its texts, vote and weight, and over the features' version."""
    found = []
    columns = zip(*(battles[name] for name in ("prompt", "response_a", "response_b", "outcome", "weight")), strict=True)
    for row in columns:
        digest = hashlib.blake2b(features_version.encode(), digest_size=12)
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
        found.append(digest.hexdigest())
    return found


def out_of_fold(
    learner: Configured,
    data: LearnerData,
    fit: Fit,
    folds: Ints,
    prints: Sequence[str],
    store: FitStore,
    progress: Progress,
) -> tuple[Floats, float]:
    """Predict every battle by a learner that was fitted without its fold.

    Parameters
    ----------
    folds : (n,) int
        Fold of each battle.
    prints : n str
        Fingerprints of the battles; with code, settings and seed they name a fit in `store`.

    Returns
    -------
    (n, 3) float, float
        Out-of-fold probabilities, and the largest change of a probability when the sides are swapped.
    """
    found = np.full((len(data), 3), np.nan)
    swap_error = 0.0
    parts = list(splits(folds))
    for done, (train, held) in enumerate(parts):
        progress(f"{learner.name}: folds", done, len(parts))
        kept = held_out(learner, data, fit, train, held, prints, store)
        found[held] = kept["probabilities"]
        swap_error = max(swap_error, float(kept["swap_error"]))
    progress(f"{learner.name}: folds", len(parts), len(parts))
    return found, swap_error


def held_out(
    learner: Configured, data: LearnerData, fit: Fit, train: Ints, held: Ints, prints: Sequence[str], store: FitStore
) -> dict[str, Any]:
    """Fit a learner to the battles `train` and predict the battles `held`, or find that in the store.

    Returns
    -------
    dict
        `probabilities`, (k, 3) of the k held battles, and `swap_error`, the largest change when the sides are swapped.
    """
    key = held_out_key(learner, fit, train, held, prints, store)
    kept = store.arrays(key)
    if kept is None:
        with store.fitting(key) as workdir:
            kept = store.arrays(key)  # another process may have made it meanwhile
            if kept is None:
                kept = fit_and_predict(learner, data, fit.take(train, workdir), train, held)
                store.keep_arrays(key, kept)
        release_memory()
    return kept


def held_out_key(learner: Configured, fit: Fit, train: Ints, held: Ints, prints: Sequence[str], store: FitStore) -> str:
    """Return the name that `held_out` keeps its result under."""
    return store.key(*_fit_parts(learner, fit, train, prints), _digest(prints, held), "fold")


def all_battles_key(learner: Configured, fit: Fit, prints: Sequence[str], store: FitStore) -> str:
    """Return the name that `fitted_on_all` keeps the learner under."""
    return store.key(*_fit_parts(learner, fit, np.arange(len(prints)), prints), "all")


def fit_learner(learner: Configured, data: LearnerData, fit: Fit) -> Learner:
    """Fit a learner to battles; sums of linear algebra have the same order on every machine, by one thread."""
    with one_blas_thread():
        return learner.make().fit(data, fit)


def fit_and_predict(learner: Configured, data: LearnerData, fit: Fit, train: Ints, held: Ints) -> dict[str, Any]:
    """Return what `held_out` does, without a store; `fit` is told of the battles `train` alone."""
    fitted = fit_learner(learner, data.take(train), fit)
    probabilities = fitted.predict_proba(data.take(held))
    some = held[:: max(len(held) // SWAP_ROWS, 1)]
    swapped = fitted.predict_proba(data.take(some).flip())[:, FLIP]
    again = fitted.predict_proba(data.take(some))
    error = np.abs(swapped - again)
    return {"probabilities": probabilities, "swap_error": float(np.nan_to_num(error, nan=0.0).max(initial=0.0))}


def fitted_on_all(
    learner: Configured, data: LearnerData, fit: Fit, prints: Sequence[str], store: FitStore, progress: Progress
) -> tuple[Learner, Path]:
    """Return the learner fitted on all battles, and the folder where it is kept."""
    stage = f"{learner.name}: all battles"
    progress(stage, 0, 1)
    everything = np.arange(len(data))
    key = all_battles_key(learner, fit, prints, store)
    found = store.learner(learner.kind, key)
    if found is None:
        with store.fitting(key) as workdir:
            found = store.learner(learner.kind, key)
            if found is None:
                fitted = fit_learner(learner, data, fit.take(everything, workdir))
                folder = store.keep_learner(key, fitted)
                del fitted
                # Read back even when just fitted: the judge is made of what was stored, so a second run cannot differ.
                found = load_learner(learner.kind, folder), folder
        release_memory()
    progress(stage, 1, 1)
    return found


def _fit_parts(learner: Configured, fit: Fit, rows: Ints, prints: Sequence[str]) -> tuple[str, ...]:
    """Return everything that a learner fitted to some rows depends on."""
    votes = fit.take(rows).digest().hex()
    return (learner.kind, learner.code, learner.identity, str(fit.seed), _digest(prints, rows), votes)


def _digest(prints: Sequence[str], rows: Ints) -> str:
    return hashlib.sha256("".join(prints[row] for row in rows).encode()).hexdigest()


BASELINES = ("uniform", "class prior", "length only")


def out_of_fold_baselines(texts: pd.DataFrame, fit: Fit, folds: np.ndarray) -> dict[str, Floats]:
    """Return (n, 3) out-of-fold probabilities of each baseline; all arguments are of the same n battles."""
    odd, even = length_features(texts)
    found = {name: np.full((len(texts), 3), 1 / 3) for name in BASELINES}
    for train, held in splits(folds):
        # With A and B made equal: no baseline may learn the position either.
        found["class prior"][held] = class_shares(fit.outcome[train], fit.weight[train])
        inner = grouped_folds(fit.group[train], fit.outcome[train], 4, fit.seed)
        model = AntisymmetricLogistic((0.01, 0.1, 1.0)).fit(
            odd[train], even[train], fit.outcome[train], fit.weight[train], inner
        )
        found["length only"][held] = model.predict_proba(odd[held], even[held])
    return found


def length_features(texts: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return odd (n, 2) and even (n, 3) features of the answers' and the prompt's lengths in characters."""
    logs = [
        np.log1p([len(text_of(turns)) for turns in texts[column]]) for column in ("response_a", "response_b", "prompt")
    ]
    gap = logs[0] - logs[1]
    odd = np.stack([gap, np.sign(gap) * np.sqrt(np.abs(gap))], axis=1)
    even = np.stack([np.sqrt(np.abs(gap)), logs[0] + logs[1] - 13.0, logs[2] - 5.0], axis=1)
    return odd, even
