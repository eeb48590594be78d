"""What each learner and each block is worth: the loss without it, and the loss with it alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from features.build import FeatureParams
from pipelines.battles.arrays import Floats, Ints
from pipelines.terminal.command_line import Progress
from stacker.evaluation import metrics
from stacker.evaluation.intervals import difference_interval, mean_interval
from stacker.judge.explain.groups import parsed
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.stacking.stack import StackParams, cross_fitted
from stacker.reporting.analysis.refits import held_out_losses, stepped

LIBRARIES = {"sentiment": "vaderSentiment", "readability": "textstat"}
"""What a block's numbers come from, where that is a library of its own."""
_BLOCK_OF = {"agreement": "overlap"}
"""Features of these names belong to another block's switch."""


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
        without = metrics.losses(cross_fitted(left, rest, fit, folds), fit.outcome)
        found.append({"name": name, **difference_interval(without, whole, fit.group)})
    return found


def block_ablation(
    make: Callable[[], Learner], data: LearnerData, fit: Fit, folds: Ints, prior: Floats, progress: Progress
) -> list[dict[str, Any]]:
    """Refit a learner of pair features without each block, and with each block alone.

    Parameters
    ----------
    make : callable
        Returns an unfitted learner.
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
    blocks = [name for name in FeatureParams.model_fields if name in present]
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
                "library": LIBRARIES.get(block),
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
    block = parsed(name).block
    return _BLOCK_OF.get(block, block)


def only(data: LearnerData, columns: np.ndarray, embeddings: bool) -> LearnerData:
    """Return the battles with the chosen columns, (p,) bool, and with or without their embeddings."""
    keep = np.flatnonzero(columns).tolist()
    return LearnerData(data.texts, data.pairs.columns(keep), data.embeddings if embeddings else None)
