"""The stack: a level-1 pool over out-of-fold probabilities and its temperature, with a cross-fitted score."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import optimize

from pipelines.battles.arrays import Floats, Ints
from pipelines.errors import UserError
from pipelines.settings import Section
from stacker.evaluate.metrics import log_loss
from stacker.learners.balance import softmax
from stacker.learners.learner_interface import Fit
from stacker.learners.stacking.pool import Pool, silent_learners

RANGE = (0.2, 5.0)
"""Temperatures that are looked at."""
SPREAD = 0.15
"""How far from 1 a temperature is expected to be, as the standard deviation of its logarithm: few battles cannot tell,
and many need little, as the weights already say how sure the learners together may be."""


def scaled(probabilities: Floats, temperature: float, level: float = 0.0) -> Floats:
    """Return (n, 3) probabilities with their log-odds divided by a temperature; the swap stays exact.

    The log-odds of a tie, log p(tie) - (log p(A) + log p(B)) / 2, are measured from `level`.
    """
    logs = np.log(np.clip(probabilities, 1e-12, 1.0)) / temperature
    logs[:, 2] += level * (1.0 - 1.0 / temperature)
    return softmax(logs)


def fit_temperature(
    probabilities: Floats, outcome: Ints, weight: Floats, level: float = 0.0, spread: float = np.inf
) -> float:
    """Return the temperature of the lowest log loss (Guo et al., 2017); above 1 where the probabilities were too sure.

    Parameters
    ----------
    probabilities : (n, 3) float
        Of battles that the model which gave them had not seen.
    outcome, weight : (n,)
        Votes and their weights.
    level : float
        See `scaled`.
    spread : float
        Standard deviation of the logarithm's normal prior, whose mean is a temperature of 1; none by default.
    """
    total = float(np.sum(weight))

    def penalised(log: float) -> float:
        loss = log_loss(scaled(probabilities, float(np.exp(log)), level), outcome, weight)
        return loss + 0.5 * (log / spread) ** 2 / total

    bounds = tuple(np.log(RANGE))
    found = optimize.minimize_scalar(penalised, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


class StackParams(Section):
    """The level-1 model over the learners' out-of-fold probabilities.

    `form` pool keeps every weight at or above 0, logistic leaves them free; `shrink` pulls the weights towards equal
    ones. `temperature` scales the verdict by one number fitted to held-out verdicts, near 1 where these are few.
    `prior` starter takes the verdicts of the judge inside the package as one more learner, the last, and leans on it
    where votes are few; there is no temperature then, as that judge is calibrated and the pull towards it says how sure
    a verdict may be. With `caution` the judge draws verdicts on texts in a script that these votes hardly have towards
    the shares of votes (`stacker.learners.checks.caution`).
    `cascade` is which part of what language models bring in log loss a cascade is to keep (`stacker.predict --cascade`,
    `stacker.learners.stacking.cascade`).
    """

    form: Literal["pool", "logistic"] = "pool"
    shrink: float = Field(5.0, ge=0, le=1e12)
    temperature: bool = True
    cascade: float = Field(0.9, gt=0, le=1)
    prior: Literal["starter"] | None = None
    caution: bool = True


MOST_PATTERNS = 48
"""Level-1 models that are fitted for battles of which some learners say nothing; other such battles take the one that
goes without fewest more."""
Silent = tuple[int, ...]


def silent_patterns(probabilities: Floats, optional: Sequence[int] = ()) -> list[Silent]:
    """Return which learners may be silent together: as seen, each alone, and all of them; none where none may.

    Parameters
    ----------
    probabilities : (n, K, 3) float
        A row of NaN is a battle of which the learner says nothing.
    optional : sequence of int
        Learners that may say nothing of other battles, whether they do here or not.
    """
    silent = silent_learners(probabilities)
    places = tuple(sorted({*optional, *np.flatnonzero(silent.any(axis=0)).tolist()}))
    seen, counts = np.unique(silent, axis=0, return_counts=True)
    found = [tuple(np.flatnonzero(seen[row]).tolist()) for row in np.argsort(-counts, kind="stable")]
    singles = [(place,) for place in places]
    wanted = dict.fromkeys([places, *singles[:MOST_PATTERNS], *found[:MOST_PATTERNS]])
    return [each for each in wanted if each and len(each) < probabilities.shape[1]]


def fit_stack(
    params: StackParams,
    probabilities: Floats,
    fit: Fit,
    folds: Ints,
    optional: Sequence[int] = (),
    patterns: Sequence[Silent] | None = None,
) -> Pool:
    """Fit the level-1 model to (n, K, 3) out-of-fold probabilities, and its temperature to cross-fitted verdicts.

    With a prior no temperature is fitted: it cost 0.008 of log loss on 100 of Kaggle's rows, and gained none on 1,000.
    Where learners may be silent, each level-1 model is fitted to the battles of which all of its learners speak: that
    for battles without a learner is bitwise the one of a run that never had it.

    Parameters
    ----------
    optional : sequence of int
        As in `silent_patterns`.
    patterns : sequence of tuples of int, or None
        For which silent learners there are level-1 models of the others; None is `silent_patterns`.

    Raises
    ------
    UserError
        When every learner is silent on a battle.
    """
    silent = silent_learners(probabilities)
    if silent.all(axis=1).any():
        raise UserError(
            "learners: none of those that are switched on says anything of some battles; switch on one that does, such "
            "as learners.linear."
        )
    if patterns is None:
        patterns = silent_patterns(probabilities, optional)
    pool = _fit_speaking(params, probabilities, silent, (), fit, folds)
    pool.fallbacks_ = {each: _fit_speaking(params, probabilities, silent, each, fit, folds) for each in patterns}
    return pool


def _fit_speaking(
    params: StackParams, probabilities: Floats, silent: NDArray[np.bool_], without: Silent, fit: Fit, folds: Ints
) -> Pool:
    """Fit the level-1 model of all learners but some to the battles of which all of these speak."""
    if silent.any() or without:
        kept = [place for place in range(probabilities.shape[1]) if place not in without]
        rows = ~silent[:, kept].any(axis=1)
        if not rows.any():
            return Pool.even(len(kept), params.form, params.shrink)
        # In the order of memory that a run of these learners has: sums over another may differ in their last digits.
        probabilities = np.ascontiguousarray(probabilities[rows][:, kept])
        fit, folds = fit.take(rows), folds[rows]
    pool = _fit_pool(params, probabilities, fit)
    if params.temperature and params.prior is None and len(np.unique(folds)) > 1:
        plain = params.model_copy(update={"temperature": False})
        held = cross_fitted(plain, probabilities, fit, folds)
        pool.scale(fit_temperature(held, fit.outcome, fit.weight, pool.level_, SPREAD))
    return pool


def cross_fitted(params: StackParams, probabilities: Floats, fit: Fit, folds: Ints) -> Floats:
    """Return (n, 3): each fold's verdicts by a level-1 model, temperature included, fitted to the other folds."""
    found = np.empty((len(folds), 3))
    silent = silent_learners(probabilities)
    patterns = silent_patterns(probabilities) if silent.any() else []
    for fold in np.unique(folds):
        train, held = folds != fold, folds == fold
        if not train.any():
            train = held
        pool = fit_stack(params, probabilities[train], fit.take(train), folds[train], patterns=patterns)
        found[held] = pool.predict_proba(probabilities[held])
    return found


def _fit_pool(params: StackParams, probabilities: Floats, fit: Fit) -> Pool:
    prior = None if params.prior is None else -1
    return Pool(params.form, params.shrink, prior).fit(probabilities, fit.outcome, fit.weight)
