"""What learners, blocks and more votes are worth, found by fitting again without them: ablation and learning curve."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import optimize

from features.blocks.registry import switch_of, switches
from features.pairs import parsed
from pipelines.battles.arrays import Floats, Ints
from pipelines.terminal.command_line import Progress
from stacker.evaluate import metrics
from stacker.evaluate.intervals import difference_interval, mean_interval
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.stacking.pool import silent_learners
from stacker.learners.stacking.stack import StackParams, cross_fitted
from stacker.training.params import Params

STRENGTHS = (0.001, 0.01)
"""Penalties that the linear learner chooses from: fewer than in a run, because it is fitted dozens of times."""


def refit_learner(params: Params) -> Callable[[], Learner]:
    """Return what makes the unfitted learner that the report refits, with its settings of the run."""
    kind = params.report.refit
    settings = getattr(params.learners, kind)
    if "C" in type(settings).model_fields:
        settings = settings.model_copy(update={"C": STRENGTHS, "inner_folds": 2})
    return lambda: KINDS[kind](settings)


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
    data, fit, folds : n battles
        As in a run.
    train : sequence of arrays of rows, optional
        For each fold in increasing order, the rows to fit on; by default all rows of the other folds.
    """
    losses = np.full(len(data), np.nan)
    for number, fold in enumerate(np.unique(folds)):
        rows = np.flatnonzero(folds != fold) if train is None else train[number]
        held = np.flatnonzero(folds == fold)
        fitted = make().fit(data.take(rows), fit.take(rows))
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


def learner_ablation(
    params: StackParams, names: tuple[str, ...], probabilities: Floats, fit: Fit, folds: Ints
) -> list[dict[str, Any]]:
    """Fit the level-1 model without each learner.

    Parameters
    ----------
    params : StackParams
        The temperature is left out: it would be fitted many times over and changes no difference.
    names : tuple of K str
        The learners.
    probabilities : (n, K, 3) float
        Their out-of-fold probabilities.
    fit, folds : n battles
        Votes, weights, groups; the folds that the stack is cross-fitted over.

    Returns
    -------
    list of K dict
        `name`, and `difference` in log loss without it (above 0: it helps) with `low` and `high`; empty for K = 1.
    """
    if len(names) < 2:
        return []
    plain = params.model_copy(update={"temperature": False})
    whole = metrics.losses(cross_fitted(plain, probabilities, fit, folds), fit.outcome)
    found = []
    for place, name in enumerate(names):
        rest = np.delete(probabilities, place, axis=1)
        # Without the learner that the stack leans on where data are few, it leans on none.
        left = plain.model_copy(update={"prior": None}) if name == plain.prior else plain
        speaks = ~silent_learners(rest).all(axis=1)  # of battles that only this learner speaks of there is no verdict
        part, kept = (fit, folds) if speaks.all() else (fit.take(speaks), folds[speaks])
        without = metrics.losses(cross_fitted(left, rest[speaks], part, kept), part.outcome)
        found.append({"name": name, **difference_interval(without, whole[speaks], part.group)})
    return found


def block_ablation(
    make: Callable[[], Learner], data: LearnerData, fit: Fit, folds: Ints, prior: Floats, progress: Progress
) -> list[dict[str, Any]]:
    """Refit a learner of pair features without each block, and with each block alone.

    Parameters
    ----------
    data, fit, folds : n battles
        As in a run, or a part of it.
    prior : (n,) float
        Loss of each battle under the class prior.

    Returns
    -------
    list of dict
        `name`, `library`, `features` (how many), `difference` without it with `low` and `high` (above 0: it helps), and
        `alone`: what it gains on the class prior by itself, with `alone_low` and `alone_high`.
    """
    owner = np.array([block_of(name) for name in data.pairs.names], dtype=object)
    present = set(owner) | ({"embedding"} if data.embeddings is not None else set())
    blocks = [name for name in switches() if name in present]
    if len(blocks) < 2:
        return []
    step = stepped(progress, "report: blocks", 2 * len(blocks) + 1)
    whole = held_out_losses(make, data, fit, folds)
    step()
    found = []
    for block in blocks:
        without = held_out_losses(make, only(data, owner != block, block != "embedding"), fit, folds)
        step()
        alone = held_out_losses(make, only(data, owner == block, block == "embedding"), fit, folds)
        step()
        gain = mean_interval(prior - alone, fit.group)
        found.append(
            {
                "name": block,
                "library": next((each.library for each in switches()[block] if each.library), None),
                "features": int((owner == block).sum()),
                **difference_interval(without, whole, fit.group),
                "alone": gain["mean"],
                "alone_low": gain["low"],
                "alone_high": gain["high"],
            }
        )
    return found


def block_of(name: str) -> str:
    """Return the switch in the features section that a pair feature belongs to."""
    return switch_of(parsed(name).block)


def only(data: LearnerData, columns: np.ndarray, embeddings: bool) -> LearnerData:
    """Return the battles with the chosen columns, (p,) bool, and with or without their embeddings."""
    keep = np.flatnonzero(columns).tolist()
    return LearnerData(data.texts, data.pairs.columns(keep), data.embeddings if embeddings else None, data.shared)


SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
LEAST_FITTED = 25
"""Battles that a fit gets at least; smaller shares are left out."""
AHEAD = (2, 4, 10)
EXPONENTS = np.linspace(0.1, 1.0, 19)
NORMAL_95 = 1.96
"""Standard errors on each side of a 95 % interval."""
WORSE = 3.84
"""Exponents whose fit is worse by up to this much in chi-square are thought possible (95 %, one degree of freedom)."""


def learning_curve(
    make: Callable[[], Learner], data: LearnerData, fit: Fit, folds: Ints, progress: Progress
) -> dict[str, Any] | None:
    """Fit a learner on nested shares of each fold's training battles and score the battles held out.

    Parameters
    ----------
    data, fit, folds : n battles
        As in a run, or a part of it. Whole prompt groups are taken, the same ones in every larger share.

    Returns
    -------
    dict or None
        `points`: `battles` (to fit on, on average), `log_loss`, `low`, `high`; `power_law` and `ahead` as
        `extrapolation` gives them, None and empty where there are fewer than three points or these have no interval.
        None where there are fewer than two.
    """
    numbers = np.unique(folds)
    others = [np.flatnonzero(folds != fold) for fold in numbers]
    ranks = np.random.default_rng(fit.seed).permutation(int(fit.group.max()) + 1)[fit.group]
    smallest = min(len(rows) for rows in others)
    shares = [share for share in SHARES if share * smallest >= LEAST_FITTED]
    if len(shares) < 2:
        return None
    step = stepped(progress, "report: learning curve", len(shares))
    points: list[dict[str, Any]] = []
    for share in shares:
        train = [_first(rows, ranks[rows], share) for rows in others]
        loss = mean_interval(held_out_losses(make, data, fit, folds, train), fit.group)
        size = float(np.mean([len(rows) for rows in train]))
        points.append({"battles": size, "log_loss": loss.pop("mean"), **loss})
        step()
    known = all(point["low"] is not None for point in points)
    law = extrapolation(points) if known and len(points) > 2 else None
    return {"points": points, **(law or {"power_law": None, "ahead": []})}


def extrapolation(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Fit loss = floor + scale * battles ** -exponent, floor and scale not below 0, by weighted least squares.

    Parameters
    ----------
    points : list of dict
        `battles`, `log_loss`, `low`, `high`; at least three.

    Returns
    -------
    dict
        `power_law`: `floor`, `scale`, `exponent`. `ahead`: `battles` (2, 4 and 10 times the most), `log_loss`, and
        `low` and `high` over all exponents that fit the points about as well.
    """
    sizes = np.array([point["battles"] for point in points])
    loss = np.array([point["log_loss"] for point in points])
    error = np.array([(point["high"] - point["low"]) / (2 * NORMAL_95) for point in points])
    weight = 1 / np.maximum(error, 1e-6)
    fits = []
    for exponent in EXPONENTS:
        rows = np.stack([np.ones(len(sizes)), sizes**-exponent], axis=1)
        (floor, scale), distance = optimize.nnls(rows * weight[:, None], loss * weight)
        fits.append((float(distance) ** 2, float(floor), float(scale), float(exponent)))
    best, floor, scale, exponent = min(fits)
    possible = [each for each in fits if each[0] <= best + WORSE]
    ahead = []
    for times in AHEAD:
        size = float(sizes.max() * times)
        reached = [f + s * size**-e for _, f, s, e in possible]
        value = floor + scale * size**-exponent
        ahead.append({"battles": size, "log_loss": value, "low": min(reached), "high": max(reached)})
    return {"power_law": {"floor": floor, "scale": scale, "exponent": exponent}, "ahead": ahead}


def _first(rows: Ints, ranks: Floats | Ints, share: float) -> Ints:
    """Return the rows whose prompt groups come first in the drawn order, about a share of all."""
    kept, counts = np.unique(ranks, return_counts=True)
    many = int(np.searchsorted(np.cumsum(counts), share * len(rows) - 1e-9)) + 1
    return np.asarray(rows[np.isin(ranks, kept[:many])])
