"""Signs that predictions which are called out of fold were made by a model that was trained on these very battles.

None of them proves it, so they are told and not acted on. The thresholds stand far from what honest judges of people's
votes do: the best reach a log loss of .94 where the class shares alone give 1.097, and people agree with each other on
two votes of three.
"""

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import difference_interval
from stacker.evaluate.metrics import losses
from stacker.learners.balance import class_shares
from stacker.learners.stacking.stack import fit_temperature, scaled

FEWEST = 50
"""Battles with predictions below which nothing is looked for."""
NEAR_ZERO = 0.6
"""Share of the class shares' log loss below which no honest judge of votes comes."""
SURE = 0.97
MEMORISED = 0.03
"""Share of battles with so sure a prediction, right on all but a few, that is not to be had by reading answers."""
TOO_MODEST = 0.7
"""Temperature below which predictions are far more often right than they say: they know the votes."""
FOLD_ERRORS = 5.0
"""Standard errors by which one fold's log loss is below that of the others."""
SHARPER = 0.1
"""Nats by which predictions for battles to learn from are surer than those for battles to predict."""


def leak_signs(said: Floats, outcome: Ints, group: Ints, folds: Ints, test: Floats | None = None) -> list[str]:
    """Return what looks as if a model had been trained on the battles that it predicts, each as part of a sentence.

    Parameters
    ----------
    said : (n, 3) float
        Predictions that are called out of fold; rows of NaN are left out.
    outcome, group, folds : (n,) int
        Votes, prompt groups, and folds.
    test : (m, 3) float or None
        The same model's predictions for battles that nobody could train it on.
    """
    known = np.isfinite(said).all(axis=1)
    said, outcome, group, folds = said[known], outcome[known], group[known], folds[known]
    if len(said) < FEWEST:
        return []
    loss, weight = losses(said, outcome), np.ones(len(said))
    found = []
    shares = class_shares(outcome, weight)
    chance = float(losses(np.tile(shares, (len(said), 1)), outcome).mean())
    if loss.mean() < NEAR_ZERO * chance:
        found.append(f"its log loss is {loss.mean():.3f}, where the class shares alone have {chance:.3f}")
    sure = said.max(axis=1) > SURE
    right = np.exp(-loss[sure]) > 0.5
    if sure.mean() > MEMORISED and sure.sum() >= 5 and right.mean() > SURE:
        found.append(f"it is surer than {SURE:.0%} of {int(sure.sum()):,} battles and right on {int(right.sum()):,}")
    temperature = fit_temperature(said, outcome, weight)
    if temperature < TOO_MODEST:
        gap = difference_interval(loss, losses(scaled(said, temperature), outcome), group)
        if gap["low"] is not None and gap["low"] > 0:
            found.append(f"it is far oftener right than its probabilities say (temperature {temperature:.2f})")
    found += _folds(loss, folds)
    if test is not None:
        found += _sharper(said, test[np.isfinite(test).all(axis=1)])
    return found


def _folds(loss: Floats, folds: Ints) -> list[str]:
    numbers = np.unique(folds)
    if len(numbers) < 3:
        return []
    gaps = []
    for fold in numbers:
        own, rest = loss[folds == fold], loss[folds != fold]
        if len(own) > 10:
            error = np.sqrt(own.var(ddof=1) / len(own) + rest.var(ddof=1) / len(rest))
            gaps.append(((rest.mean() - own.mean()) / max(error, 1e-12), own.mean(), rest.mean()))
    if not gaps or max(gaps)[0] < FOLD_ERRORS:
        return []
    _, own, rest = max(gaps)
    return [f"one fold has a log loss of {own:.3f} and the others {rest:.3f}"]


def _sharper(said: Floats, test: Floats) -> list[str]:
    if len(test) < FEWEST:
        return []
    own, other = (-np.sum(each * np.log(np.clip(each, 1e-12, 1)), axis=1) for each in (said, test))
    gap = float(other.mean() - own.mean())
    error = float(np.sqrt(own.var(ddof=1) / len(own) + other.var(ddof=1) / len(other)))
    if gap < SHARPER or gap < FOLD_ERRORS * error:
        return []
    return [
        f"it is surer of battles to learn from than of those to predict (entropy {own.mean():.2f}, {other.mean():.2f})"
    ]
