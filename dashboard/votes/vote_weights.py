"""Weights of votes on a file, so that rates are those of the whole file and not of the battles that were shown first.

Where a judge's least certain battles are shown first it looks worse than it is. Each battle was shown with a known
chance, so that the votes can be weighed back to the file: with M of N battles voted on, the m-th of which was one of n
that were left and had the chance q, its vote weighs

    v = 1 + (N - M) / (N - m) (1 / (n q) - 1)

(the levelled unbiased risk estimator; Farquhar, Gal and Rainforth, 2021): the sum of v y over M is without bias for the
mean of y over the file, whatever the order learns from the votes, and every v is 1 where the whole file was voted on.
Here the weights of one person's votes on one file are divided by their mean (Hajek, 1971), so that they count together
as so many votes as they are. Votes whose chance is not known, on questions asked and from earlier versions, weigh 1.
"""

import numpy as np
import pandas as pd

from dashboard.votes.vote_records import DRAWN, PAIRED
from pipelines.battles.arrays import Floats


def vote_weights(votes: pd.DataFrame) -> Floats:
    """Return the (n,) weights of votes as `VoteStore.votes` returns them; their mean is 1 for each person and file."""
    if not set(DRAWN) <= set(votes.columns):
        return np.ones(len(votes))
    step, left, chance = (votes[name].to_numpy(dtype=np.float64) for name in DRAWN)
    known = np.isfinite(step) & np.isfinite(left) & np.isfinite(chance) & (left >= 1) & (chance > 0)
    weight = np.ones(len(votes))
    for rows in votes.assign(row=np.arange(len(votes)))[known].groupby(["origin", "session"], sort=False)["row"]:
        of = rows[1].to_numpy()
        # Two tabs may draw at one step: the votes are numbered by their order.
        number = np.empty(len(of))
        number[np.argsort(step[of], kind="stable")] = np.arange(1, len(of) + 1)
        size = np.maximum(left[of] + number - 1, len(of))  # of the file, without what was passed over
        to_come = np.maximum(size - number, 1.0)
        found = 1 + (size - len(of)) / to_come * (1 / (left[of] * chance[of]) - 1)
        weight[of] = found / found.mean() if found.sum() > 0 else 1.0
    return weight


def pair_weights(votes: pd.DataFrame) -> Floats:
    """Return (n,) weights of votes by which a ranking is that of pairs drawn alike; their mean is 1 where any differ.

    Some pairs of styles are drawn more often than others (`dashboard.votes.style_pairs`). A vote on a pair that was one
    of P, and drawn with the chance q, stands for 1 / (P q). Over N draws these add up to N / P for each pair, but for
    how often it happened to be drawn; where all the styles that P pairs have are there, the pairs get just that sum
    (post-stratification), which varies less, but no vote more than the largest 1 / (P q). When a vote was drawn says
    nothing about it, so that all votes on one pair weigh what they do on average. Votes whose chance is not known
    weigh 1.
    """
    if not {*PAIRED, "style_a", "style_b"} <= set(votes.columns):
        return np.ones(len(votes))
    of, chance = (votes[name].to_numpy(dtype=np.float64) for name in PAIRED)
    known = np.isfinite(of) & np.isfinite(chance) & (of >= 1) & (chance > 0)
    weight = np.ones(len(votes))
    if not known.any():
        return weight
    names = votes.loc[known, ["style_a", "style_b"]].astype(str).to_numpy()
    pair = pd.factorize(pd.Series(list(map(tuple, np.sort(names, axis=1)))))[0]
    stands_for, of = 1 / (of[known] * chance[known]), of[known]
    for pairs in np.unique(of):
        rows = of == pairs
        styles = len(np.unique(names[rows]))
        if styles * (styles - 1) == 2 * pairs:  # else styles were there that nobody voted on, or others before
            often = np.bincount(pair[rows])[pair[rows]]
            stands_for[rows] = np.minimum(rows.sum() / (pairs * often), stands_for[rows].max())
    weight[known] = (np.bincount(pair, stands_for) / np.bincount(pair))[pair]
    weight[known] /= weight[known].mean()
    return weight


def weights_of(votes: pd.DataFrame) -> Floats:
    """Return the (n,) column `weight` of votes; 1 each where there is none."""
    return votes["weight"].to_numpy(dtype=np.float64) if "weight" in votes.columns else np.ones(len(votes))


def pair_weights_of(votes: pd.DataFrame) -> Floats:
    """Return the (n,) column `pair_weight` of votes; 1 each where there is none."""
    found = "pair_weight" in votes.columns
    return votes["pair_weight"].to_numpy(dtype=np.float64) if found else np.ones(len(votes))
