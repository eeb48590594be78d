"""How much of a judge's skill is length: what the lengths alone give, and whom votes and judge prefer by length."""

from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles import text_of
from stacker import metrics
from stacker.learners.base import Floats, Ints

LEVEL = 0.95


def length_control(
    battles: pd.DataFrame,
    stack: Floats,
    length: Floats,
    prior: Floats,
    outcome: Ints,
    group: Ints,
    draws: int,
    seed: int,
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
    draws, seed : int
        Bootstrap, by prompt group, of the share of skill.

    Returns
    -------
    dict
        `share`: (prior - length only) / (prior - stack) in log loss, the part of the skill that length gives, with
        `low` and `high`; all None where the stack is no better than the prior, and the bounds where it may not be.
        `votes_for_longer` and `stack_for_longer`: share of battles, voted for one side, in which the longer answer won
        or had the higher probability (equal lengths left out; None where no battle is left).
    """
    by = {name: metrics.losses(p, outcome) for name, p in (("prior", prior), ("length", length), ("stack", stack))}
    gained, whole = by["prior"] - by["length"], by["prior"] - by["stack"]
    share: dict[str, float | None] = {"share": None, "low": None, "high": None}
    if whole.sum() > 0:
        share["share"] = float(gained.sum() / whole.sum())
        drawn = _ratios(gained, whole, group, draws, seed)
        if drawn is not None:
            low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            share |= {"low": float(low), "high": float(high)}
    sizes = [np.array([len(text_of(turns)) for turns in battles[name]]) for name in ("response_a", "response_b")]
    used = (outcome < 2) & (sizes[0] != sizes[1])
    longer_a = sizes[0][used] > sizes[1][used]
    voted_a, told_a = outcome[used] == 0, stack[used, 0] > stack[used, 1]
    return {
        **share,
        "battles_of_unequal_length": int(used.sum()),
        "votes_for_longer": float(np.mean(voted_a == longer_a)) if used.any() else None,
        "stack_for_longer": float(np.mean(told_a == longer_a)) if used.any() else None,
    }


def _ratios(top: Floats, bottom: Floats, group: Ints, draws: int, seed: int) -> Floats | None:
    """Return the drawn ratios of sums, or None where a denominator is not above 0: no interval can be given then."""
    _, place = np.unique(group, return_inverse=True)
    tops, bottoms = np.bincount(place, weights=top), np.bincount(place, weights=bottom)
    rng = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        times = np.bincount(rng.integers(len(tops), size=len(tops)), minlength=len(tops))
        below = float(times @ bottoms)
        if below <= 0:
            return None
        found[draw] = times @ tops / below
    return found
