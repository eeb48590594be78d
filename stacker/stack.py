"""The stack: a level-1 pool over out-of-fold probabilities, with a cross-fitted score."""

import numpy as np

from pipelines.section import Section
from stacker.learners.base import Fit, Floats, Ints
from stacker.pool import Pool


def fit_pool(params: Section, probabilities: Floats, fit: Fit) -> Pool:
    """Fit the level-1 model to (n, K, 3) out-of-fold probabilities."""
    pool = Pool(params.form, params.shrink)  # type: ignore[attr-defined]
    return pool.fit(probabilities, fit.outcome, fit.weight)


def cross_fitted(params: Section, probabilities: Floats, fit: Fit, folds: Ints) -> Floats:
    """Return (n, 3): each fold's verdicts by a pool that was fitted to the other folds."""
    found = np.empty((len(folds), 3))
    for fold in np.unique(folds):
        train, held = folds != fold, folds == fold
        part = Fit(fit.outcome[train], fit.weight[train], fit.group[train], fit.seed)
        found[held] = fit_pool(params, probabilities[train], part).predict_proba(probabilities[held])
    return found
