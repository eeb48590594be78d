"""From battles to a judge: every learner out of fold, the level-1 model over that, each learner on all battles."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from features.encoder.choice import resolve
from pipelines.battles.arrays import Floats
from pipelines.chat.shared_replies import shared_replies
from pipelines.errors import UserError
from pipelines.terminal.cluster.tasks import tasks_at
from pipelines.terminal.command_line import Progress, silent
from pipelines.terminal.machine import usable_cores
from pipelines.terminal.processes import release_memory
from stacker.judge.explain.explanation_baseline import baseline
from stacker.judge.judge import Judge
from stacker.judge.members import Member
from stacker.judge.verdict_control import with_checks
from stacker.learners.balance import class_shares
from stacker.learners.checks.caution import fit_caution
from stacker.learners.judges.asked_judge import KIND as LANGUAGE_JUDGE
from stacker.learners.judges.asked_judge import AskedJudge, ask_judge
from stacker.learners.judges.outside import OutsidePredictions, open_outside
from stacker.learners.judges.starter_prior import configured_prior
from stacker.learners.learner_registry import Configured, configured_learners, may_be_silent
from stacker.learners.rewards.reward import configured_rewards
from stacker.learners.stacking.cascade import cascade_curve, chosen_cascade
from stacker.learners.stacking.pool import silent_learners
from stacker.learners.stacking.stack import cross_fitted, fit_stack
from stacker.learners.transformer.chosen import ChosenTransformer, choose_transformers, configured_transformers
from stacker.learners.transformer.encoder_head import EncoderHeadLearner
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import SoftLabelParams
from stacker.training.counterfactuals import CheckParts, Counterfactuals, fit_counterfactuals
from stacker.training.cross_fitting import fitted_on_all, out_of_fold
from stacker.training.data_set import Prepared, prepare
from stacker.training.first_stage import after_first_stage, with_unvoted
from stacker.training.params import Params
from stacker.training.spread_fits import STAGE, fit_on_cluster
from stacker.training.stage_times import StageTimes, TimedProgress

FromElsewhere = OutsidePredictions | AskedJudge


@dataclass(frozen=True)
class Level0:
    """What K learners said of n battles that they had not seen.

    Attributes
    ----------
    names : K str
        Names of the learners, in the order of the stack's weights.
    probabilities : (n, K, 3) float
        Out-of-fold probabilities.
    swap_errors : K float by name
        Largest change of a held-out probability when the sides are swapped.
    """

    names: tuple[str, ...]
    probabilities: Floats
    swap_errors: dict[str, float]

    def optional(self, learners: Sequence[Configured]) -> list[int]:
        """Return the places of the learners that may say nothing of a battle."""
        return [place for place, learner in enumerate(learners) if may_be_silent(learner.kind)]

    def filled(self, prior: Floats) -> "Level0":
        """Return it with (n, 3) class shares where a learner says nothing, which is what it knows of such a battle."""
        silent = np.all(np.isnan(self.probabilities), axis=2)
        return replace(self, probabilities=np.where(silent[..., None], prior[:, None], self.probabilities))

    def by_name(self) -> dict[str, Floats]:
        """Return each learner's (n, 3) probabilities by its name."""
        return {name: self.probabilities[:, place] for place, name in enumerate(self.names)}


@dataclass(frozen=True)
class Trained:
    """A judge, and what was found on the way to it.

    Attributes
    ----------
    prepared : Prepared
        The battles in canonical order, their folds, features, and what learners were told of them.
    level : Level0
        What each learner said of the battles of the folds that it had not seen.
    transformers : list of dict
        By transformer: which model was asked for, which was found, and how its fit went (JSON values).
    times : StageTimes
        Wall-clock time of the features, of each learner's fits, of the stack and of the checks.
    outside : sequence of OutsidePredictions or AskedJudge
        Learners from elsewhere: what they have and have not, and signs of a leak.
    cascade : sequence of dict
        What asking language models about a part of the battles gives (`stacker.learners.stacking.cascade`).
    counterfactuals : Counterfactuals or None
        Made battles that the judge's checks were fitted to, where they were.
    """

    judge: Judge
    prepared: Prepared
    level: Level0
    transformers: list[dict[str, Any]]
    times: StageTimes
    outside: Sequence[FromElsewhere] = ()
    cascade: Sequence[dict[str, Any]] = ()
    counterfactuals: Counterfactuals | None = None


def train(
    battles: pd.DataFrame,
    params: Params,
    about: Mapping[str, Any] | None = None,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train a judge on battles.

    Every learner is fitted once per fold and predicts the battles held out; the level-1 model is fitted to these
    probabilities; each learner is then fitted to all battles, and checks of answers to battles made of their texts.
    Features and fits that are in `run.cache` are not computed again. The order of the rows makes no difference.

    Parameters
    ----------
    battles : DataFrame, n rows
        Columns `prompt`, `response_a`, `response_b` (tuples of turns), `outcome` (0 A, 1 B, 2 tie), `weight`, and `id`
        where there is one.
    params : Params
        The sections folds, features, encoder, learners, balance, transformer, stack, training and run are used.
    about : mapping or None
        What else the judge keeps of its making (JSON values).
    note : callable
        Told which encoder and transformers are used, and why there are no checks.

    Raises
    ------
    UserError
        When every learner is off, a model is not there or incomplete, or no battle can be held out.
    """
    times = StageTimes()
    tasks = tasks_at(params.run.cluster)
    tasks.announce(note)
    transformers = choose_transformers(params.transformer, params.encoder)
    with times.of("first stage"):
        transformers = after_first_stage(transformers, params, battles, progress, note)
        transformers = with_unvoted(transformers, params, battles, note)
    with times.of("answers from elsewhere"):
        outside = outside_of(params, battles, progress, note)
    learners = stack_learners(params, transformers, progress, outside)
    for file in outside:
        note(file.sentence())
    begun, timed = time.perf_counter(), TimedProgress(progress)
    prepared = prepare(params, battles, timed, note)
    encoding = 0.0 if prepared.encoder is None else timed.times.seconds.get(prepared.encoder.block.name, 0.0)
    times.add("text features", time.perf_counter() - begun - encoding)
    times.add("encoding", encoding)
    said = None if prepared.encoder is None else prepared.encoder.resolved.message
    for message in sorted({chosen.encoder.message or "" for chosen in transformers} - {said or "", ""}):
        note(message)
    data, fit = prepared.data, prepared.fit
    on_cluster = fit_on_cluster(tasks, params, transformers, learners, prepared, progress)
    if tasks.elsewhere:
        times.add(STAGE, on_cluster)
    level = level0(learners, prepared, progress, times)
    with times.of("stack"):
        pool = fit_stack(params.stack, level.probabilities, fit, prepared.folds, level.optional(learners))
    _look_for_leaks(outside, level, prepared, note)
    curve = cascade_of(params, learners, level, prepared)
    if curve:
        pool.cascade_ = chosen_cascade(curve, params.stack.cascade)
    fitted = members(learners, prepared, progress, times)
    made = {"battles": len(data), "prior": class_shares(fit.outcome, fit.weight).tolist(), **(about or {})}
    start = baseline(fitted, data, level.probabilities)
    seen = (data.texts, pool.predict_proba(level.probabilities), fit.outcome, fit.weight)
    caution = fit_caution(*seen) if params.stack.caution else None
    with times.of("checks"):
        checked = fit_counterfactuals(params, prepared, progress, note)
    own = checked if isinstance(checked, Counterfactuals) else None
    parts = own.parts if own is not None else checked
    judge = Judge(params.features.pinned(), prepared.encoder, fitted, pool, made, start, caution=caution)
    if isinstance(parts, CheckParts):
        judge = with_checks(judge, parts.checks, parts.even_style)
    described = [
        {**chosen.described(), "fit": member.learner.about_}
        for chosen in transformers
        for member in fitted
        if member.name == chosen.name and isinstance(member.learner, TransformerLearner | EncoderHeadLearner)
    ]
    return Trained(judge, prepared, level, described, times, outside, curve, own)


def outside_of(
    params: Params,
    battles: pd.DataFrame,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> list[FromElsewhere]:
    """Read the predictions from outside that the parameters name, by the battles' ids, and ask the language models."""
    files = [open_outside(each, battles) for each in params.learners.outside if each.enabled]
    folder = params.run.cache / "judges"
    asked = []
    for each in params.learners.judges:
        if each.enabled:
            with shared_replies(folder / each.name) as replies:
                asked.append(ask_judge(each, battles, replies, progress, note))
    return [*files, *asked]


def cascade_of(
    params: Params, learners: Sequence[Configured], level: Level0, prepared: Prepared
) -> list[dict[str, Any]]:
    """Return the curve of a cascade, from cross-fitted verdicts; empty where no language model is asked."""
    asked = [place for place, learner in enumerate(learners) if learner.kind == LANGUAGE_JUDGE]
    if not asked or len(asked) == len(learners):
        return []
    without = np.delete(level.probabilities, asked, axis=1)
    spoken = ~silent_learners(level.probabilities[:, asked]).all(axis=1) & ~silent_learners(without).all(axis=1)
    part, folds = prepared.fit.take(spoken), prepared.folds[spoken]
    free = cross_fitted(params.stack, without[spoken], part, folds)
    full = cross_fitted(params.stack, level.probabilities[spoken], part, folds)
    return cascade_curve(free, full, part.outcome, part.group)


def _look_for_leaks(
    outside: Sequence[FromElsewhere], level: Level0, prepared: Prepared, note: Callable[[str], None]
) -> None:
    for each in outside:
        said = level.probabilities[:, level.names.index(each.params.name)]
        each.told["leak"] = each.signs(said, prepared.fit, prepared.folds)
        if each.told["leak"]:
            note(each.told["leak"])


def stack_learners(
    params: Params,
    transformers: Sequence[ChosenTransformer],
    progress: Progress = silent,
    outside: Sequence[FromElsewhere] = (),
) -> list[Configured]:
    """Return every learner that the parameters ask for, in the order of the stack.

    Raises
    ------
    UserError
        When all are off, only files from outside are on, or two have one name.
    """
    found = [
        *configured_learners(params.learners, params.balance),
        *configured_transformers(
            transformers,
            progress,
            params.transformer.trees,
            params.learners.lightgbm,
            params.balance,
            _shared_encoder(params) if transformers else None,
        ),
        *(each.configured() for each in outside),
        *configured_rewards(
            params.learners.rewards, params.run.cache / "blocks", params.run.threads or usable_cores(), progress
        ),
        *configured_prior(params.stack.prior, params.features),
    ]
    names = Counter(learner.name.casefold() for learner in found)
    twice = [learner.name for learner in found if names[learner.name.casefold()] > 1]
    if twice:
        raise UserError(f"learners: {twice[0]} is the name of two learners; give it another.")
    if not found:
        raise UserError(
            "learners: every learner is off, and so are the transformers; set learners.linear.enabled, or another, "
            "to true."
        )
    return found


def _shared_encoder(params: Params) -> str | None:
    """Return the hash of the encoder whose embeddings a transformer may be a head on; None where it may not."""
    own = params.transformer
    if not params.features.embedding or own.trees != "none" or own.soft_labels != SoftLabelParams():
        return None
    return resolve(params.encoder.model, params.encoder.fallback, params.encoder.models_dir).sha256


def level0(
    learners: Sequence[Configured], prepared: Prepared, progress: Progress, times: StageTimes | None = None
) -> Level0:
    """Fit every learner once per fold, or find those fits on disk, and predict the battles held out."""
    times = times or StageTimes()
    found, swap_errors = [], {}
    for learner in learners:
        with times.of(learner.name):
            probabilities, swap_errors[learner.name] = out_of_fold(
                learner, prepared.data, prepared.fit, prepared.folds, prepared.prints, prepared.store, progress
            )
        found.append(probabilities)
    return Level0(tuple(learner.name for learner in learners), np.stack(found, axis=1), swap_errors)


def members(
    learners: Sequence[Configured], prepared: Prepared, progress: Progress, times: StageTimes | None = None
) -> list[Member]:
    """Return every learner fitted on all battles, as members of a judge."""
    times = times or StageTimes()
    found = {}
    # Counts of terms take a gigabyte where battles are many: who needs them comes first, so that trees have that room.
    for learner in sorted(learners, key=lambda each: each.kind != "sparse"):
        with times.of(learner.name):
            fitted, _ = fitted_on_all(learner, prepared.data, prepared.fit, prepared.prints, prepared.store, progress)
        found[learner.name] = Member(learner.name, learner.kind, fitted)
        if learner.kind == "sparse" and prepared.data.shared is not None:
            prepared.data.shared.forget()
            release_memory()
    return [found[learner.name] for learner in learners]
