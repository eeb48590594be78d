"""How much of a judge's skill is length: what the lengths alone give, and whom votes and judge prefer by length."""

from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import text_of
from stacker.evaluation import metrics
from stacker.evaluation.intervals import ratio_interval


def length_control(
    battles: pd.DataFrame,
    stack: Floats,
    length: Floats,
    prior: Floats,
    outcome: Ints,
    group: Ints,
) -> dict[str, Any]:
    """Compare the stack with the lengths alone.

    Parameters
    ----------
    battles : DataFrame, n rows
        A battles table.
    stack, length, prior : (n, 3) float
        Out-of-fold verdicts of the stack, of the lengths alone and of the class prior.
    outcome, group : (n,) int
        Votes and prompt groups.

    Returns
    -------
    dict
        `share`: (prior - length only) / (prior - stack) in log loss, the part of the skill that length gives, with
        `low` and `high`; all None where the stack is no better than the prior, and the bounds where it may not be.
        `votes_for_longer` and `stack_for_longer`: share of battles, voted for one side, in which the longer answer won
        or had the higher probability (equal lengths left out; None where no battle is left).
    """
    by = {name: metrics.losses(p, outcome) for name, p in (("prior", prior), ("length", length), ("stack", stack))}
    share = ratio_interval(by["prior"] - by["length"], by["prior"] - by["stack"], group)
    sizes = [np.array([len(text_of(turns)) for turns in battles[name]]) for name in ("response_a", "response_b")]
    used = (outcome < 2) & (sizes[0] != sizes[1])
    longer_a = sizes[0][used] > sizes[1][used]
    voted_a, ahead = outcome[used] == 0, metrics.most_probable_shares(stack[used, :2])
    return {
        "share": share["ratio"],
        "low": share["low"],
        "high": share["high"],
        "battles_of_unequal_length": int(used.sum()),
        "votes_for_longer": float(np.mean(voted_a == longer_a)) if used.any() else None,
        "stack_for_longer": float(np.where(longer_a, ahead[:, 0], ahead[:, 1]).mean()) if used.any() else None,
    }
