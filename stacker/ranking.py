"""Orders any number of answers to one prompt by a judge's verdicts on every pair of them, with intervals."""

from dataclasses import dataclass

import numpy as np

from stacker.learners.base import Floats
from stacker.strength import strengths

RIDGE = 0.1
"""Weight of the squared strengths; an answer that is sure to win every vote stays finite."""


@dataclass(frozen=True)
class RankedAnswer:
    """One answer's place among the others.

    Attributes
    ----------
    place : int
        Its place in the list that was given, from 0.
    strength : float
        Bradley-Terry strength in log-odds; the mean over the answers is 0.
    low, high : float
        Interval of the strength that would be found from votes in place of the verdicts.
    rank, rank_low, rank_high : int
        1 for the strongest, and the ranks between which the intervals leave it: 1 plus the number of answers whose
        interval lies wholly above, to the number of answers less those whose interval lies wholly below.
    expected_score : float
        What it gets on average from a vote against one of the others: 1 for a win, half for a tie.
    """

    place: int
    strength: float
    low: float
    high: float
    rank: int
    rank_low: int
    rank_high: int
    expected_score: float


def ranking(
    first: np.ndarray, second: np.ndarray, probabilities: Floats, count: int, votes: int = 1, level: float = 0.95
) -> list[RankedAnswer]:
    """Order answers by Bradley-Terry strengths that are fitted to expected scores.

    The interval is that of the strengths which `votes` votes on each pair, drawn from the verdicts, would give: the
    sandwich estimate of their spread (White, 1982), with the variance that a verdict, ties included, says a vote has.
    It is computed, not drawn, so it needs no seed and does not depend on the order of the answers.

    Parameters
    ----------
    first, second : (n,) int
        The two answers of each pair, numbered from 0.
    probabilities : (n, 3) float
        Verdicts on the pairs.
    count : int
        Number of answers.
    votes : int
        Votes on each pair that the interval stands for.
    level : float
        Share of such votes whose strengths the interval holds.

    Returns
    -------
    list of RankedAnswer
        The strongest first; equal ones in the order given.
    """
    from scipy.special import ndtri

    if count == 0:
        return []
    score = probabilities[:, 0] + probabilities[:, 2] / 2
    strength = strengths(first, second, score, count, RIDGE)
    spread = _spread(first, second, probabilities, score, strength, count, votes)
    reach = float(ndtri(0.5 + level / 2)) * spread
    low, high = strength - reach, strength + reach
    met = np.bincount(first, minlength=count) + np.bincount(second, minlength=count)
    won = np.bincount(first, score, count) + np.bincount(second, 1 - score, count)
    mean = np.divide(won, met, out=np.full(count, 0.5), where=met > 0)
    order = sorted(range(count), key=lambda place: (-round(float(strength[place]), 9), place))
    return [
        RankedAnswer(
            place=place,
            strength=float(strength[place]),
            low=float(low[place]),
            high=float(high[place]),
            rank=rank + 1,
            rank_low=1 + int(np.sum(low > high[place])),
            rank_high=count - int(np.sum(high < low[place])),
            expected_score=float(mean[place]),
        )
        for rank, place in enumerate(order)
    ]


def every_pair(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both places of each pair of `count` answers."""
    first, second = np.triu_indices(count, 1)
    return first.astype(np.int64), second.astype(np.int64)


def _spread(
    first: np.ndarray,
    second: np.ndarray,
    probabilities: Floats,
    score: Floats,
    strength: Floats,
    count: int,
    votes: int,
) -> Floats:
    design = np.zeros((len(first), count))
    rows = np.arange(len(first))
    design[rows, first], design[rows, second] = 1.0, -1.0
    expected = 1 / (1 + np.exp(-(design @ strength)))
    curvature = (design.T * (expected * (1 - expected))) @ design + RIDGE * np.eye(count)
    variance = probabilities[:, 0] + probabilities[:, 2] / 4 - score**2
    noise = (design.T * (variance / votes)) @ design
    bread = np.linalg.inv(curvature)
    return np.sqrt(np.clip(np.diag(bread @ noise @ bread), 0, None))
