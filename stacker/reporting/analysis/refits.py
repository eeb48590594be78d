"""A learner that is fitted again and again to parts of the data, to see what they are worth."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from pipelines.terminal.command_line import Progress
from stacker.evaluation import metrics
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.linear.linear import LinearParams
from stacker.learners.trees.boosting import LightGBMParams
from stacker.training.params import ReportParams

STRENGTHS = (0.001, 0.01)
"""Penalties that the linear learner chooses from: fewer than in a run, because it is fitted dozens of times."""


def refit_learner(params: ReportParams, boosted: LightGBMParams, components: int) -> Callable[[], Learner]:
    """Return what makes the unfitted learner that the report refits.

    Parameters
    ----------
    params : ReportParams
        Names the learner.
    boosted : LightGBMParams
        Settings of the run, for `refit: lightgbm`.
    components : int
        Directions of the embeddings that the linear learner sees.
    """
    linear = LinearParams(strengths=STRENGTHS, inner_folds=2, components=components)
    settings = boosted if params.refit == "lightgbm" else linear
    return lambda: KINDS[params.refit](settings)


def sampled(group: Ints, most: int, seed: int) -> Ints:
    """Return at most `most` of n rows, sorted, whole prompt groups at a time; all rows where they are not more."""
    if len(group) <= most:
        return np.arange(len(group))
    _, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    kept = order[np.cumsum(sizes[order]) <= most]
    return np.flatnonzero(np.isin(place, kept))


def held_out_losses(
    make: Callable[[], Learner], data: LearnerData, fit: Fit, folds: Ints, train: Sequence[Ints] | None = None
) -> Floats:
    """Return the log loss of each of n battles under a learner fitted without its fold.

    Parameters
    ----------
    make : callable
        Returns an unfitted learner.
    data, fit, folds : n battles
        As in a run.
    train : sequence of arrays of rows, optional
        For each fold in increasing order, the rows to fit on; by default all rows of the other folds.
    """
    losses = np.full(len(data), np.nan)
    for number, fold in enumerate(np.unique(folds)):
        rows = np.flatnonzero(folds != fold) if train is None else train[number]
        held = np.flatnonzero(folds == fold)
        part = replace(fit, outcome=fit.outcome[rows], weight=fit.weight[rows], group=fit.group[rows], workdir=None)
        fitted = make().fit(data.take(rows), part)
        losses[held] = metrics.losses(fitted.predict_proba(data.take(held)), fit.outcome[held])
    return losses


def stepped(progress: Progress, stage: str, total: int) -> Callable[[], None]:
    """Return a function that moves a stage one step on at each call."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(stage, done, total)

    progress(stage, 0, total)
    return step
