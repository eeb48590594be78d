"""Level 0 as a whole: out-of-fold probabilities of every learner, and each of them fitted on all battles."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent
from stacker.judge.members import Member
from stacker.learners.learner_registry import Configured, configured_learners
from stacker.learners.starter_prior import configured_prior
from stacker.learners.transformer.chosen import ChosenTransformer, configured_transformers
from stacker.training.cross_fitting import fitted_on_all, out_of_fold
from stacker.training.data_set import Prepared
from stacker.training.params import Params


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
    seconds : K float by name
        Wall-clock time, next to nothing where the fits were found on disk.
    """

    names: tuple[str, ...]
    probabilities: Floats
    swap_errors: dict[str, float]
    seconds: dict[str, float]

    def by_name(self) -> dict[str, Floats]:
        """Return each learner's (n, 3) probabilities by its name."""
        return {name: self.probabilities[:, place] for place, name in enumerate(self.names)}


def stack_learners(
    params: Params, transformers: Sequence[ChosenTransformer], progress: Progress = silent
) -> list[Configured]:
    """Return every learner that the parameters ask for, in the order of the stack.

    Parameters
    ----------
    params : Params
        All sections.
    transformers : sequence of ChosenTransformer
        What `choose_transformers` found on this disk.
    progress : Progress
        Told how far the transformers' fits have come.

    Raises
    ------
    UserError
        When every learner is off.
    """
    found = [
        *configured_learners(params.learners, params.balance),
        *configured_transformers(
            transformers, progress, params.transformer.trees, params.learners.lightgbm, params.balance
        ),
        *configured_prior(params.stack.prior, params.features),
    ]
    if not found:
        raise UserError(
            "learners: every learner is off, and so are the transformers; set learners.linear.enabled, or another, "
            "to true."
        )
    return found


def level0(learners: Sequence[Configured], prepared: Prepared, progress: Progress) -> Level0:
    """Fit every learner once per fold, or find those fits on disk, and predict the battles held out."""
    found, swap_errors, seconds = [], {}, {}
    for learner in learners:
        begun = time.perf_counter()
        probabilities, swap_errors[learner.name] = out_of_fold(
            learner, prepared.data, prepared.fit, prepared.folds, prepared.prints, prepared.store, progress
        )
        found.append(probabilities)
        seconds[learner.name] = time.perf_counter() - begun
    return Level0(tuple(learner.name for learner in learners), np.stack(found, axis=1), swap_errors, seconds)


def members(learners: Sequence[Configured], prepared: Prepared, progress: Progress) -> list[Member]:
    """Return every learner fitted on all battles, as members of a judge."""
    found = []
    for learner in learners:
        fitted, _ = fitted_on_all(learner, prepared.data, prepared.fit, prepared.prints, prepared.store, progress)
        found.append(Member(learner.name, learner.kind, fitted))
    return found
