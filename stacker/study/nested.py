"""Default against tuned on battles that the tuning never saw: each outer fold has a study of its own."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import grouped_folds
from stacker.evaluate import metrics
from stacker.evaluate.intervals import difference_interval, in_words
from stacker.learners.learner_interface import Fit
from stacker.study.objective import CrossFitted
from stacker.training.params import Params


@dataclass(frozen=True)
class Outer:
    """One outer fold: the battles that its study tunes on, and those that it never sees."""

    number: int
    train: Ints
    held: Ints


@dataclass(frozen=True)
class Comparison:
    """Log losses of the battles held out of their tuning.

    Attributes
    ----------
    rows : list of dict
        One an outer fold: `fold`, `battles`, `default`, `tuned`, and `inner`, the score that its tuning saw.
    default, tuned : float
        Mean log losses over all.
    difference, low, high : float
        Tuned less default with its paired 95 % interval, battles of one prompt together; `low` and `high` are None
        where there are too few prompts.
    """

    rows: list[dict[str, Any]]
    battles: int
    default: float
    tuned: float
    difference: float
    low: float | None
    high: float | None

    def table(self) -> list[list[str]]:
        """Return heading and rows as text."""
        found = [["outer fold", "battles", "default", "tuned", "difference", "seen by tuning"]]
        for row in self.rows:
            gap = row["tuned"] - row["default"]
            numbers = [f"{row['default']:.4f}", f"{row['tuned']:.4f}", f"{gap:+.4f}", f"{row['inner']:.4f}"]
            found.append([str(row["fold"]), f"{row['battles']:,}", *numbers])
        total = [f"{self.default:.4f}", f"{self.tuned:.4f}", f"{self.difference:+.4f}", ""]
        return [*found, ["all", f"{self.battles:,}", *total]]

    def sentence(self) -> str:
        """Return what the comparison says, in one line."""
        return f"Tuned against default on battles that no tuning saw: log loss {in_words(asdict(self))}."


def outer_folds(fit: Fit, count: int, seed: int) -> list[Outer]:
    """Part n battles into outer folds by prompt; none for a count below 2."""
    if count < 2:
        return []
    folds = grouped_folds(fit.group, fit.outcome, count, seed)
    numbers = np.unique(folds)
    if len(numbers) < 2:
        return []
    return [Outer(int(fold), np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in numbers]


def compare(
    whole: CrossFitted, folds: Sequence[Outer], default: Params, tuned: Sequence[Params], inner: Sequence[float]
) -> Comparison:
    """Fit default and tuned parameters to each outer fold's training battles and score both on the battles held out.

    Parameters
    ----------
    tuned : sequence of K Params
        What each fold's own study found.
    inner : sequence of K float
        The cross-fitted log loss that it found them by.
    """
    fit = whole.prepared(default).fit
    rows: list[dict[str, Any]] = []
    losses: dict[str, list[Floats]] = {"default": [], "tuned": []}
    for outer, params, seen in zip(folds, tuned, inner, strict=True):
        part = whole.part(outer.train)
        for name, each in (("default", default), ("tuned", params)):
            losses[name].append(metrics.losses(part.verdicts(each, outer.held), fit.outcome[outer.held]))
        means = {name: float(found[-1].mean()) for name, found in losses.items()}
        rows.append({"fold": outer.number + 1, "battles": len(outer.held), **means, "inner": float(seen)})
    one, other = (np.concatenate(losses[name]) for name in ("tuned", "default"))
    gap = difference_interval(one, other, fit.group[np.concatenate([outer.held for outer in folds])])
    default_loss, tuned_loss = float(other.mean()), float(one.mean())
    return Comparison(rows, len(one), default_loss, tuned_loss, float(np.mean(one - other)), gap["low"], gap["high"])
