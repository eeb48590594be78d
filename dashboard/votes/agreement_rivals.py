"""What a judge's agreement with the votes is to be held against: chance, and a judge that takes the longer answer.

By chance agrees whoever says "A", "B" and "tie" as often as the judge does, but of no battle in particular: the sum
over the outcomes of the share of votes times the share of calls, what Cohen's kappa (Cohen, 1960) takes off. The longer
answer is that with more characters; of two that are equally long it says "tie".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.votes.vote_weights import weights_of
from pipelines.battles.arrays import Floats
from pipelines.battles.table import text_of
from stacker.evaluate.intervals import LEVEL, Groups, resampled_interval
from stacker.evaluate.votes.kappa import UNSEEN
from stacker.evaluate.votes.weighted_votes import weighted_share_interval


@dataclass(frozen=True)
class Rate:
    """A share of the votes with its interval; None where there are no votes, or too few questions for an interval."""

    value: float | None
    low: float | None
    high: float | None


def chance_agreement(votes: pd.DataFrame, level: float = LEVEL, draws: int = 2_000, seed: int = 0) -> Rate:
    """Return how often a judge with the same habits would agree by chance with judged votes, weighed.

    Parameters
    ----------
    votes : DataFrame, n rows
        Needs `outcome`, `called`, `question` and, where votes weigh unequally, `weight`.
    level, draws, seed
        Of the interval, `resampled_interval`: drawn by question.
    """
    if not len(votes):
        return Rate(None, None, None)
    groups = Groups.of(votes["question"].to_numpy())
    cells = votes["outcome"].to_numpy(dtype=np.int64) * 3 + votes["called"].to_numpy(dtype=np.int64)
    counts = np.zeros((len(groups.size), 9))
    np.add.at(counts, (groups.place, cells), weights_of(votes))
    value = float(_by_chance(counts.sum(axis=0, keepdims=True))[0])
    return Rate(value, *resampled_interval(_by_chance, counts, np.full(9, UNSEEN), draws, seed, level))


def longer_hits(votes: pd.DataFrame) -> Floats:
    """Return (n,) 1 where the vote went to the longer answer, 0 where not; NaN without the columns of the answers."""
    if not {"response_a", "response_b"} <= set(votes.columns):
        return np.full(len(votes), np.nan)
    a, b = (
        np.array([len(text_of(turns)) for turns in votes[name]], dtype=np.int64)
        for name in ("response_a", "response_b")
    )
    call = np.where(a > b, 0, np.where(b > a, 1, 2))
    return np.asarray(call == votes["outcome"].to_numpy(dtype=np.int64), dtype=np.float64)


def longer_agreement(votes: pd.DataFrame, level: float = LEVEL) -> Rate:
    """Return how often the longer answer won, weighed, with an interval by question."""
    hits, weight = longer_hits(votes), weights_of(votes)
    if not len(hits) or not np.isfinite(hits).all() or weight.sum() <= 0:
        return Rate(None, None, None)
    low, high = weighted_share_interval(hits, weight, votes["question"].to_numpy(), level)
    return Rate(float(np.average(hits, weights=weight)), low, high)


def rates_so_far(votes: pd.DataFrame, hits: Floats) -> tuple[float, float]:
    """Return what chance and the longer answer agree with of some votes, without intervals.

    Parameters
    ----------
    hits : (n,) float
        `longer_hits` of the same votes.
    """
    weight = weights_of(votes)
    counts = np.bincount(
        votes["outcome"].to_numpy(dtype=np.int64) * 3 + votes["called"].to_numpy(dtype=np.int64), weight, 9
    )
    longer = float(np.average(hits, weights=weight)) if weight.sum() > 0 else float("nan")
    return float(_by_chance(counts[None, :].astype(np.float64))[0]), longer


def _by_chance(counts: Floats) -> Floats:
    """Return the chance agreement of each of (m, 9) tables of votes by calls."""
    shares = (counts / counts.sum(axis=1, keepdims=True)).reshape(-1, 3, 3)
    return np.asarray(np.einsum("mi,mi->m", shares.sum(axis=2), shares.sum(axis=1)))
