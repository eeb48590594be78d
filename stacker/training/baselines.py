"""What every learner has to beat: uniform, the class prior, and the lengths alone."""

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.battles.folds import grouped_folds
from pipelines.battles.table import text_of
from stacker.learners.balance import class_shares
from stacker.learners.learner_interface import Fit
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic

BASELINES = ("uniform", "class prior", "length only")


def out_of_fold_baselines(texts: pd.DataFrame, fit: Fit, folds: np.ndarray) -> dict[str, Floats]:
    """Return (n, 3) out-of-fold probabilities of each baseline; all arguments are of the same n battles."""
    odd, even = length_features(texts)
    found = {name: np.full((len(texts), 3), 1 / 3) for name in BASELINES}
    for fold in np.unique(folds):
        held, train = folds == fold, folds != fold
        # With A and B made equal: no baseline may learn the position either.
        found["class prior"][held] = class_shares(fit.outcome[train], fit.weight[train])
        inner = grouped_folds(fit.group[train], fit.outcome[train], 4, fit.seed)
        model = AntisymmetricLogistic((0.01, 0.1, 1.0)).fit(
            odd[train], even[train], fit.outcome[train], fit.weight[train], inner
        )
        found["length only"][held] = model.predict_proba(odd[held], even[held])
    return found


def length_features(texts: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return odd (n, 2) and even (n, 3) features of the answers' and the prompt's lengths in characters."""
    logs = [
        np.log1p([len(text_of(turns)) for turns in texts[column]]) for column in ("response_a", "response_b", "prompt")
    ]
    gap = logs[0] - logs[1]
    odd = np.stack([gap, np.sign(gap) * np.sqrt(np.abs(gap))], axis=1)
    even = np.stack([np.sqrt(np.abs(gap)), logs[0] + logs[1] - 13.0, logs[2] - 5.0], axis=1)
    return odd, even
