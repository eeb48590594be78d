"""Out-of-fold probabilities of every learner, and the learners fitted on all rows, each fit done once."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.memory import release_memory
from pipelines.battles.arrays import FLIP, Floats, Ints
from pipelines.terminal.command_line import Progress
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import Configured, load_learner
from stacker.training.fit_store import FitStore

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
    learner : Configured
        What to fit.
    data, fit : n battles
        All training battles.
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
    numbers = np.unique(folds)
    for done, fold in enumerate(numbers):
        progress(f"{learner.name}: folds", done, len(numbers))
        train, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        kept = held_out(learner, data, fit, train, held, prints, store)
        found[held] = kept["probabilities"]
        swap_error = max(swap_error, float(kept["swap_error"]))
    progress(f"{learner.name}: folds", len(numbers), len(numbers))
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
    key = store.key(*_fit_parts(learner, fit, train, prints), _digest(prints, held), "fold")
    kept = store.arrays(key)
    if kept is None:
        with store.fitting(key) as workdir:
            kept = store.arrays(key)  # another process may have made it meanwhile
            if kept is None:
                kept = _held_out(learner, data, replace(_part(fit, train), workdir=workdir), train, held)
                store.keep_arrays(key, kept)
        release_memory()
    return kept


def _held_out(learner: Configured, data: LearnerData, fit: Fit, train: Ints, held: Ints) -> dict[str, Any]:
    fitted = learner.make().fit(data.take(train), fit)
    probabilities = fitted.predict_proba(data.take(held))
    some = held[:: max(len(held) // SWAP_ROWS, 1)]
    swapped = fitted.predict_proba(data.take(some).flip())[:, FLIP]
    again = fitted.predict_proba(data.take(some))
    return {"probabilities": probabilities, "swap_error": np.abs(swapped - again).max()}


def fitted_on_all(
    learner: Configured, data: LearnerData, fit: Fit, prints: Sequence[str], store: FitStore, progress: Progress
) -> tuple[Learner, Path]:
    """Return the learner fitted on all battles, and the folder where it is kept."""
    stage = f"{learner.name}: all battles"
    progress(stage, 0, 1)
    everything = np.arange(len(data))
    key = store.key(*_fit_parts(learner, fit, everything, prints), "all")
    found = _kept(learner, store, key)
    if found is None:
        with store.fitting(key) as workdir:
            found = _kept(learner, store, key)
            if found is None:
                fitted = learner.make().fit(data, replace(_part(fit, everything), workdir=workdir))
                folder = store.keep_learner(key, fitted)
                del fitted
                # Read back even when just fitted: the judge is made of what was stored, so a second run cannot differ.
                found = load_learner(learner.kind, folder), folder
        release_memory()
    progress(stage, 1, 1)
    return found


def _kept(learner: Configured, store: FitStore, key: str) -> tuple[Learner, Path] | None:
    folder = store.learner_folder(key)
    if folder is None:
        return None
    try:
        return load_learner(learner.kind, folder), folder
    except Exception:  # damaged by the disk, which every library says in its own way: fit again
        store.drop_learner(key)
        return None


def _fit_parts(learner: Configured, fit: Fit, rows: Ints, prints: Sequence[str]) -> tuple[str, ...]:
    """Return everything that a learner fitted to some rows depends on."""
    votes = hashlib.sha256()
    for values in (fit.outcome, fit.weight, fit.group):
        votes.update(np.ascontiguousarray(values[rows]).tobytes())
    return (learner.kind, learner.code, learner.identity, str(fit.seed), _digest(prints, rows), votes.hexdigest())


def _part(fit: Fit, rows: Ints) -> Fit:
    return replace(fit, outcome=fit.outcome[rows], weight=fit.weight[rows], group=fit.group[rows])


def _digest(prints: Sequence[str], rows: Ints) -> str:
    return hashlib.sha256("".join(prints[row] for row in rows).encode()).hexdigest()
