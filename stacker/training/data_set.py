"""What comes before any learner: battles read, split into folds, and their features computed, once for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from features.cache import BlockCache
from features.encoder.embedding import Encoder, open_encoder
from features.remote_cache import block_cache
from pipelines.battles.arrays import Ints
from pipelines.battles.folds import grouped_folds, prompt_groups
from pipelines.battles.sources import Loaded, load
from pipelines.errors import UserError
from pipelines.terminal.cluster.tasks import tasks_at
from pipelines.terminal.command_line import Progress, Screen, silent
from pipelines.terminal.machine import usable_cores
from stacker.judge.members import features_version, learner_data
from stacker.learners.learner_interface import Fit, LearnerData, SharedWork
from stacker.training.cross_fitting import FitStore, fingerprint
from stacker.training.params import Params
from stacker.training.remote_fits import fit_store
from stacker.training.soft_labels import soft_votes

LEAST_BATTLES = 20
"""Fewer than this cannot teach or score anything."""


@dataclass(frozen=True)
class Prepared:
    """Everything that learners need, computed once for a run or for a whole study.

    Attributes
    ----------
    battles : DataFrame, n rows
        Battles in canonical order, which does not depend on the order in which they were given.
    place : (n,) int
        Place among the battles given of each row of `battles`.
    fit : Fit
        Votes, weights, prompt groups, seed and threads.
    folds : (n,) int
        Fold of each battle, the same for every learner.
    data : LearnerData
        What the learners see of `battles`.
    prints : n str
        Fingerprints that name a battle's part in a stored fit.
    encoder : Encoder or None
        The frozen encoder, where the embedding block is on.
    """

    battles: pd.DataFrame
    place: Ints
    fit: Fit
    folds: Ints
    data: LearnerData
    prints: Sequence[str]
    encoder: Encoder | None
    cache: BlockCache
    store: FitStore


def read_data(params: Params, quarantine: Path, screen: Screen) -> Loaded:
    """Read the battles that the section data names.

    Parameters
    ----------
    quarantine : Path
        File for the rows that cannot be used.
    screen : Screen
        Told what is rejected, and how many battles there are.

    Raises
    ------
    UserError
        When a source cannot be used, or there are too few battles.
    """
    loaded = load(params.data, quarantine)
    for note in (*loaded.files, *loaded.notes):
        screen.note(note)
    if len(loaded.train) < LEAST_BATTLES:
        raise UserError(
            f"data: has {len(loaded.train)} battles with a vote, a run needs {LEAST_BATTLES}; name a source with more."
        )
    screen.note(
        f"Battles: {len(loaded.train):,} to learn from, {0 if loaded.test is None else len(loaded.test):,} to predict."
    )
    return loaded


def prepare(
    params: Params, battles: pd.DataFrame, progress: Progress = silent, note: Callable[[str], None] = lambda _: None
) -> Prepared:
    """Split the battles into folds, and compute their features or find them in the cache.

    Parameters
    ----------
    params : Params
        The sections folds, features, encoder and run are used.
    battles : DataFrame, n rows
        As `stacker.training.train.train` takes them.
    note : callable
        Told which encoder is used.

    Raises
    ------
    UserError
        When no battle can be held out, or the encoder is not there or incomplete.
    """
    threads = params.run.threads or usable_cores()
    features = params.features.pinned()
    encoder = open_encoder(params.encoder, threads) if params.features.embedding else None
    if encoder is not None:
        note(encoder.resolved.message or f"Encoder: {encoder.name}.")
        chosen = encoder.block.chosen
        for line in (*chosen.passed_over, f"The encoder runs by {chosen.told}."):
            note(line)
    place = canonical_order(battles)
    battles = battles.iloc[place].reset_index(drop=True)
    outcome = battles["outcome"].to_numpy(dtype=np.int64)
    weight = battles["weight"].to_numpy(dtype=np.float64)
    group = prompt_groups(battles["prompt"])
    mean = weight.mean()
    weight = weight if abs(mean - 1) < 1e-12 else weight / mean  # dividing again would change last digits
    soft = soft_votes(params.transformer.soft_labels, battles, weight) if params.transformer.enabled else None
    fit = Fit(outcome, weight, group, params.run.seed, threads, soft=soft)
    folds = grouped_folds(group, outcome, params.folds.count, params.run.seed)
    if len(np.unique(folds)) < 2:
        raise UserError(
            "data: every battle has the same prompt, so none can be held out; name a source with more prompts."
        )
    cache = block_cache(params.run.cache / "blocks")
    try:
        data = learner_data(battles, features, encoder, cache, threads, progress, tasks_at(params.run.cluster))
    finally:
        cache.close()  # whoever asks it again opens it again
    data = replace(data, shared=SharedWork(data.texts))
    if encoder is not None:
        encoder.rest()  # the learners want the memory
    prints = fingerprint(battles, features_version(features, encoder))
    store = fit_store(params.run.cache / "fits")
    return Prepared(battles, place, fit, folds, data, prints, encoder, cache, store)


def canonical_order(battles: pd.DataFrame) -> Ints:
    """Return the places of the battles in an order that their content alone decides, (n,).

    A run thus gives the same judge whatever the order of the rows in its files.
    """
    names = battles["id"].tolist() if "id" in battles else [""] * len(battles)
    keys = fingerprint(battles, "")
    return np.array(sorted(range(len(keys)), key=lambda row: (keys[row], names[row])), dtype=np.int64)
