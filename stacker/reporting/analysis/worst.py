"""The battles that the stack got most wrong, and those that no learner saw coming."""

from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluation import metrics


def worst_and_surprising(
    battles: pd.DataFrame, stack: Floats, learners: Floats, outcome: Ints, listed: int
) -> dict[str, list[dict[str, Any]]]:
    """List battles without their texts.

    Parameters
    ----------
    battles : DataFrame, n rows
        A battles table.
    stack : (n, 3) float
        The stack's out-of-fold verdicts.
    learners : (n, K, 3) float
        Those of its learners.
    outcome : (n,) int
        Votes.
    listed : int
        Battles of each list.

    Returns
    -------
    dict
        `worst`: those of the highest loss under the stack. `surprising`: of the others, those for which even the
        learner that was nearest has the highest loss. Each battle as `id`, `outcome`, `probabilities` of the stack,
        `loss`, and `least_loss` and `nearest`, the loss and the place of that learner.
    """
    own = metrics.losses(stack, outcome)
    each = np.stack([metrics.losses(learners[:, place], outcome) for place in range(learners.shape[1])], axis=1)
    least = each.min(axis=1)
    worst = np.argsort(-own, kind="stable")[:listed]
    others = np.argsort(-least, kind="stable")
    surprising = others[~np.isin(others, worst)][:listed]

    def described(row: int) -> dict[str, Any]:
        return {
            "id": str(battles["id"].iloc[row]),
            "outcome": int(outcome[row]),
            "probabilities": stack[row].tolist(),
            "loss": float(own[row]),
            "least_loss": float(least[row]),
            "nearest": int(each[row].argmin()),
        }

    return {"worst": [described(row) for row in worst], "surprising": [described(row) for row in surprising]}
