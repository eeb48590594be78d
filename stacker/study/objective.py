"""What a study scores: parameters in, cross-fitted scores out, fold by fold; only what changed is fitted."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from features.blocks.registry import switch_of
from features.build import FeatureParams
from features.pairs import parsed
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import grouped_folds, splits
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent
from stacker.evaluate import metrics
from stacker.judge.members import features_version
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import KINDS, Configured, configured_learners, may_be_silent
from stacker.learners.stacking.pool import margins_and_ties, probabilities_of
from stacker.learners.stacking.stack import cross_fitted, fit_stack
from stacker.learners.transformer.chosen import choose_transformers
from stacker.training.cross_fitting import FitStore, fingerprint, held_out
from stacker.training.data_set import Prepared
from stacker.training.params import Params
from stacker.training.train import outside_of, stack_learners

STACK = "stack"
MOST_ENCODERS, MOST_VIEWS = 2, 3
"""Of how many encoders, and of how many choices of blocks, the features stay in memory."""
Report = Callable[[int, float, float], bool]
"""Told a fold's number, its log loss and that of all folds so far; returns whether to give up."""


class Objective(Protocol):
    """Scores parameters."""

    def evaluate(self, params: Params, report: Report) -> dict[str, float] | None:
        """Return every score by name, or None where `report` said to give up."""


@dataclass(frozen=True)
class FeatureView:
    """Battles as one choice of feature blocks shows them.

    Attributes
    ----------
    prints, text_prints : n str
        Fingerprints that name the fits of learners that see features, and of those that see texts alone.
    """

    data: LearnerData
    prints: Sequence[str]
    text_prints: Sequence[str]

    def held_out(self, learner: Configured, fit: Fit, train: Ints, held: Ints, store: FitStore) -> Floats:
        """Return (k, 3) probabilities of the battles `held` by a learner fitted to the battles `train`."""
        # The fits of learners that see texts alone stay, whatever blocks a trial switches on.
        alone = learner.kind in KINDS and KINDS[learner.kind].sees == ("texts",)
        prints = self.text_prints if alone else self.prints
        return np.asarray(held_out(learner, self.data, fit, train, held, prints, store)["probabilities"])


class CrossFitted:
    """The cross-fitted scores of the stack, or of one learner, on prepared battles.

    Parameters
    ----------
    prepare : callable
        From parameters to the battles with every block that the parameters switch on; called once for each encoder.
    widest : FeatureParams
        Every block that any point may switch on.
    target : str
        stack, or the name of a learner.
    rows : (m,) int or None
        The battles that are trained on and scored; None takes all.
    """

    def __init__(
        self,
        prepare: Callable[[Params], Prepared],
        widest: FeatureParams,
        target: str,
        rows: Ints | None = None,
        progress: Progress = silent,
    ) -> None:
        self.target = target
        self.widest = widest
        self.rows = rows
        self.progress = progress
        self._prepare = prepare
        self._kept: dict[str, Prepared] = {}
        self._views: dict[str, FeatureView] = {}

    def part(self, rows: Ints) -> "CrossFitted":
        """Return the same objective on some of the battles, split into folds of their own."""
        part = CrossFitted(self._prepare, self.widest, self.target, rows, self.progress)
        part._kept = self._kept  # computed once for all parts
        return part

    def evaluate(self, params: Params, report: Report) -> dict[str, float] | None:
        """Return every score by name, or None where `report` said to give up after a fold."""
        prepared, view = self._at(params)
        fit, folds = self._fit_and_folds(params, prepared)
        learners = self.learners(params)
        found = np.full((len(fit.outcome), len(learners), 3), np.nan)
        parts = list(splits(folds))
        for done, (train, held) in enumerate(parts):
            for place, learner in enumerate(learners):
                found[held, place] = view.held_out(learner, fit, train, held, prepared.store)
            known = np.isin(folds, [folds[rows[0]] for _, rows in parts[: done + 1]])
            own, so_far = (
                metrics.log_loss(even_pool(found[rows]), fit.outcome[rows], fit.weight[rows]) for rows in (held, known)
            )
            if report(done, own, so_far) and done + 1 < len(parts):
                return None
        found = found if self.target == STACK else _told_evenly(found)
        verdicts = found[:, 0] if self.target != STACK else cross_fitted(params.stack, found, fit, folds)
        return {name: value for name, value in metrics.scores(verdicts, fit.outcome).items() if value is not None}

    def verdicts(self, params: Params, held: Ints) -> Floats:
        """Return (k, 3) verdicts of the battles `held` by learners and stack fitted to the battles of this objective.

        Parameters
        ----------
        held : (k,) int
            Rows of all battles; none of them may be among this objective's own.
        """
        if self.rows is None or np.isin(held, self.rows).any():
            raise ValueError("battles that were trained on cannot be held out")
        prepared, inner = self._at(params)
        fit, folds = self._fit_and_folds(params, prepared)
        whole = self._seen(params, None)
        learners = self.learners(params)
        said = [whole.held_out(learner, prepared.fit, self.rows, held, prepared.store) for learner in learners]
        if self.target != STACK:
            return _told_evenly(said[0])
        found = np.empty((len(fit.outcome), len(learners), 3))
        for train, out in splits(folds):
            for place, learner in enumerate(learners):
                found[out, place] = inner.held_out(learner, fit, train, out, prepared.store)
        optional = [place for place, learner in enumerate(learners) if may_be_silent(learner.kind)]
        return fit_stack(params.stack, found, fit, folds, optional).predict_proba(np.stack(said, axis=1))

    def learners(self, params: Params) -> list[Configured]:
        """Return the learners that the target needs; a `UserError` where there is no such learner, or none is on."""
        own = configured_learners(params.learners, params.balance)
        if self.target in {learner.name for learner in own}:
            return [learner for learner in own if learner.name == self.target]
        transformers = choose_transformers(params.transformer, params.encoder)
        outside = outside_of(params, self.prepared(params).battles) if params.learners.outside else ()
        learners = stack_learners(params, transformers, self.progress, outside)
        chosen = learners if self.target == STACK else [each for each in learners if each.name == self.target]
        if not chosen:
            names = ", ".join(each.name for each in learners) or "none"
            raise UserError(f"study.target {self.target}: no such learner is switched on; there are stack, {names}.")
        return chosen

    def prepared(self, params: Params) -> Prepared:
        """Return all battles with every block that any point may switch on."""
        key = params.encoder.model_dump_json()
        if key not in self._kept:
            _drop_oldest(self._kept, MOST_ENCODERS)
            self._kept[key] = self._prepare(params.model_copy(update={"features": self.widest}))
        return self._kept[key]

    def identity(self, params: Params) -> str:
        """Return a hash of the battles that are scored and of how they are split."""
        prepared = self.prepared(params)
        _, folds = self._fit_and_folds(params, prepared)
        rows = np.arange(len(prepared.battles)) if self.rows is None else self.rows
        prints = fingerprint(prepared.battles.iloc[rows], "")
        return hashlib.sha256(
            "".join(f"{each} {fold}\n" for each, fold in zip(prints, folds, strict=True)).encode()
        ).hexdigest()

    def _at(self, params: Params) -> tuple[Prepared, FeatureView]:
        key = params.encoder.model_dump_json() + params.features.model_dump_json()
        if key not in self._views:
            _drop_oldest(self._views, MOST_VIEWS)
            self._views[key] = self._seen(params, self.rows)
        return self.prepared(params), self._views[key]

    def _seen(self, params: Params, rows: Ints | None) -> FeatureView:
        prepared = self.prepared(params)
        data, battles = prepared.data, prepared.battles
        if rows is not None:
            data, battles = data.take(rows), battles.iloc[rows]
        versions = [
            features_version(blocks, prepared.encoder if blocks.embedding else None)
            for blocks in (params.features, self.widest)
        ]
        prints, text_prints = (fingerprint(battles, version) for version in versions)
        return FeatureView(shown(data, params.features), prints, text_prints)

    def _fit_and_folds(self, params: Params, prepared: Prepared) -> tuple[Fit, Ints]:
        if self.rows is None:
            return prepared.fit, prepared.folds
        fit = prepared.fit.take(self.rows)
        return fit, grouped_folds(fit.group, fit.outcome, params.folds.count, params.run.seed)


def _drop_oldest(kept: dict[str, Any], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]


def even_pool(probabilities: Floats) -> Floats:
    """Return (n, 3): the log-odds of (n, K, 3) learners' probabilities averaged, which needs nothing to be fitted."""
    margin, tie = margins_and_ties(probabilities)
    if np.isnan(margin).any():  # learners that say nothing of some battles: those count alike that do
        speaking = np.maximum((~np.isnan(margin)).sum(axis=1), 1)
        return probabilities_of(np.nansum(margin, axis=1) / speaking, np.nansum(tie, axis=1) / speaking)
    return probabilities_of(margin.mean(axis=1), tie.mean(axis=1))


def _told_evenly(probabilities: Floats) -> Floats:
    """Return probabilities that are equal for battles that a learner says nothing of."""
    return np.where(np.isnan(probabilities), 1 / 3, probabilities)


def shown(data: LearnerData, features: FeatureParams) -> LearnerData:
    """Return battles as they are where only the blocks of `features` are switched on, from more blocks."""
    off = {switch for switch, on in features.model_dump().items() if not on}
    keep = [place for place, name in enumerate(data.pairs.names) if switch_of(parsed(name).block) not in off]
    pairs = data.pairs if len(keep) == len(data.pairs.names) else data.pairs.columns(keep)
    return LearnerData(data.texts, pairs, data.embeddings if features.embedding else None, data.shared)


def widest(base: FeatureParams, choices: dict[str, Any]) -> FeatureParams:
    """Return the blocks that stand in `base` or that a choice of the space may switch on."""
    on = {
        name.removeprefix("features."): True
        for name, values in choices.items()
        if name.startswith("features.") and True in values
    }
    return base.model_copy(update=on)
