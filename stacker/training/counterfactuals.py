"""The checks of a trained judge and its second verdict: fitted to made battles of what the judge is trained on.

Made battles are made fold by fold, so that no text of a fold stands in one of another fold: a fit without a fold then
leaves out that fold's rows, and the features of all are computed once.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.build import FeatureParams
from pipelines.battles.arrays import Floats, Ints
from pipelines.files.hashes import code_version
from pipelines.terminal.command_line import Progress
from stacker.evaluate import metrics
from stacker.evaluate.intervals import difference_interval
from stacker.judge.members import features_version
from stacker.learners.checks.answer_checks import FEATURES, AnswerChecks
from stacker.learners.checks.even_style import FILE as EVEN_STYLE
from stacker.learners.checks.even_style import EvenStyle
from stacker.learners.judges.starter_prior import KIND, starter_folder
from stacker.training.data_set import Prepared
from stacker.training.made.check_fitting import CheckData, check_data, checks_of, real_rows
from stacker.training.made.even_style_fitting import SEEN, EvenStyleSettings, VoteRows, even_style_of_pairs
from stacker.training.made.made_battles import made_battles
from stacker.training.made.params import CounterfactualParams
from stacker.training.params import Params

FEWEST_SIDES = 300
"""Votes for a side below which the verdict with style held equal is not fitted. What it prefers was learnt as well from
70 of Kaggle's; but one in six of them is between answers of like length and form, which give its temperature, and so
few said once that it may be sure of itself."""
CHECKS = "checks"
"""Folder of a saved judge that holds both."""


@dataclass(frozen=True)
class CheckParts:
    """What a judge has besides its learners: checks, and what tells the verdict with style held equal, or None."""

    checks: AnswerChecks
    even_style: EvenStyle | None = None

    def save(self, folder: Path) -> None:
        """Write both into a folder."""
        self.checks.save(folder)
        if self.even_style is not None:
            self.even_style.save(folder)

    @classmethod
    def load(cls, folder: Path) -> "CheckParts":
        """Read what `save` wrote, or what a saved judge holds."""
        even = EvenStyle.load(folder) if (folder / EVEN_STYLE).exists() else None
        return cls(AnswerChecks.load(folder), even)


@dataclass(frozen=True)
class Counterfactuals:
    """Made battles of a run, and what was fitted to them.

    Attributes
    ----------
    data : CheckData
        All made battles, those of held-out families among them, and k real ones.
    rows : (k,) int
        Places of the real ones among the battles of the run.
    fold : (m,) int
        Fold of each made battle.
    parts : CheckParts
        Fitted to all of it but the held-out families.
    """

    data: CheckData
    rows: Ints
    fold: Ints
    parts: CheckParts
    prepared: Prepared
    params: CounterfactualParams

    def without(self, fold: int) -> CheckParts:
        """Return checks and second verdict that were fitted without a fold, or find them in the store."""
        return _kept(self.prepared, self.params, self.data, self.rows, self.fold, fold)


def fit_counterfactuals(
    params: Params, prepared: Prepared, progress: Progress, note: Callable[[str], None]
) -> CheckParts | Counterfactuals | None:
    """Fit the checks that the section training asks for.

    Parameters
    ----------
    params : Params
        The sections training, stack and run are used.
    prepared : Prepared
        The battles, their folds and the stores.
    note : callable
        Told why there are no checks, or whose.

    Returns
    -------
    Counterfactuals, CheckParts or None
        Fitted checks with what they were fitted to; those of the starter judge, where the battles are too few and it is
        the stack's prior; or none.
    """
    own = params.training.counterfactuals
    if not own.enabled:
        return None
    if len(prepared.battles) < own.fewest:
        few = f"Checks of answers: {len(prepared.battles)} battles are too few to fit them ({own.fewest} are needed)"
        if params.stack.prior == KIND:
            note(f"{few}; those of the starter judge are taken.")
            return CheckParts.load(starter_folder() / CHECKS)
        note(f"{few}, so that this judge has none; tricks such as padding may win.")
        return None
    made, fold = _made(prepared, own)
    if not len(made):
        note("Checks of answers: no answer is short enough to be made worse, so that this judge has none.")
        return None
    rows = real_rows(prepared.battles, own.battles, prepared.fit.seed)
    real = prepared.battles.iloc[rows].reset_index(drop=True)
    data = check_data(
        made,
        real,
        prepared.fit.group[rows],
        more=SEEN if own.style else (),
        cache=prepared.cache,
        threads=prepared.fit.threads,
        progress=progress,
    )
    prepared.cache.close()
    progress("checks: all battles", 0, 1)
    parts = _kept(prepared, own, data, rows, fold, None)
    progress("checks: all battles", 1, 1)
    return Counterfactuals(data, rows, fold, parts, prepared, own)


def checked_out_of_fold(fitted: Counterfactuals, stack: Floats, progress: Progress) -> Floats:
    """Return (k, 3): cross-fitted verdicts of a stack, (n, 3), on the k real battles, after checks without their fold.

    Neither the learners, nor the stack, nor the checks saw a battle that they are asked about.
    """
    found = np.empty((len(fitted.rows), 3))
    folds = fitted.prepared.folds[fitted.rows]
    count = len(np.unique(folds))
    for done, fold in enumerate(np.unique(folds)):
        progress("checks: folds", done, count)
        inside = np.flatnonzero(folds == fold)
        checks = fitted.without(int(fold)).checks
        found[inside] = checks.apply(stack[fitted.rows[inside]], fitted.data.of_real.take(inside))
    progress("checks: folds", count, count)
    return found


def price(before: Floats, after: Floats, outcome: Ints, group: Ints) -> dict[str, Any]:
    """Return what checks cost on n real votes.

    Parameters
    ----------
    before, after : (n, 3) float
        Verdicts without and with the checks' say.
    outcome, group : (n,) int
        Votes, and prompt groups, which the interval lets move together.

    Returns
    -------
    dict
        `battles`; `before` and `after`, the log loss; `difference`, after less before, with `low` and `high`.
    """
    losses = [metrics.losses(each, outcome) for each in (before, after)]
    gap = difference_interval(losses[1], losses[0], group)
    return {"battles": len(outcome), "before": float(losses[0].mean()), "after": float(losses[1].mean()), **gap}


def _made(prepared: Prepared, own: CounterfactualParams) -> tuple[pd.DataFrame, Ints]:
    """Make battles of each fold's texts; return them with the prompt groups of all battles, and their folds."""
    numbers = np.unique(prepared.folds)
    families = tuple(dict.fromkeys((*own.families, *own.held_out)))
    parts, folds = [], []
    for place, fold in enumerate(numbers):
        inside = np.flatnonzero(prepared.folds == fold)
        count = own.answers * (place + 1) // len(numbers) - own.answers * place // len(numbers)
        battles = prepared.battles.iloc[inside].reset_index(drop=True)
        made = made_battles(battles, count, prepared.fit.seed, families)
        # A fold's groups are numbered as its rows are met; each gets its number among all battles.
        group = pd.unique(prepared.fit.group[inside])[made["group"].to_numpy(dtype=np.int64)]
        parts.append(made.assign(group=group))
        folds.append(np.full(len(made), fold, dtype=np.int64))
    return pd.concat(parts, ignore_index=True), np.concatenate(folds)


def _fitted(
    prepared: Prepared, own: CounterfactualParams, data: CheckData, rows: Ints, taught: Ints, real: Ints
) -> CheckParts:
    """Fit both to made battles `taught` and real ones `real`, places in `data`."""
    fit, settings = prepared.fit, own.check_settings
    part = data.take(taught, real)
    fitted = checks_of(part, settings, fit.seed, fit.threads)
    sides = np.flatnonzero((part.outcome >= 0) & (part.outcome < 2))
    if not own.style or len(sides) < FEWEST_SIDES:
        return CheckParts(fitted.checks)
    fold, weight = prepared.folds[rows[real]], fit.weight[rows[real]]
    votes = VoteRows(sides, part.outcome[sides], weight[sides], fold)
    of_group = dict(zip(fit.group.tolist(), prepared.folds.tolist(), strict=True))
    even = even_style_of_pairs(part.of_real, votes, of_group, fitted, EvenStyleSettings())
    return CheckParts(fitted.checks, even)


def _kept(
    prepared: Prepared, own: CounterfactualParams, data: CheckData, rows: Ints, made_fold: Ints, fold: int | None
) -> CheckParts:
    """Return what was fitted without a fold, or to all for None; found in the store, or fitted and kept there."""
    known = ~data.made["family"].isin(own.held_out).to_numpy()
    here = np.ones(len(rows), dtype=bool)
    if fold is not None:
        known, here = known & (made_fold != fold), here & (prepared.folds[rows] != fold)
    taught, real = np.flatnonzero(known), np.flatnonzero(here)
    seen = FeatureParams(**{name: name in (*FEATURES, *SEEN) for name in FeatureParams.model_fields})
    texts = hashlib.sha256("\0".join(prepared.prints).encode())
    texts.update(prepared.folds.tobytes() + prepared.fit.weight.tobytes())
    key = prepared.store.key(
        "checks",
        code_version(__name__),
        features_version(seen, None),
        own.model_dump_json(exclude={"enabled", "shown", "submission"}),
        f"{prepared.fit.seed} {fold}",
        texts.hexdigest(),
    )

    def write(folder: Path) -> None:
        _fitted(prepared, own, data, rows, taught, real).save(folder)

    return prepared.store.kept(key, write, CheckParts.load)
