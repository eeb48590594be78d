"""Orders any number of answers to one prompt by a judge's verdicts on every pair of them, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import FLIP, Floats, Ints
from stacker.evaluate.strengths import strengths

RIDGE = 0.1
"""Weight of the squared strengths; an answer that is sure to win every vote stays finite."""
FEW_VOTES = 30
"""Votes on an answer up to which its strength's distribution is drawn: it has few values then, and is no normal one."""
DRAWS = 2000
NEWTON_STEPS = 30


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
    name : str
        Its key, where answers were given by name; otherwise "".
    decided : float or None
        Share of the verdicts on it that the judge decides (`Verdict.decided`); None where the judge has no threshold.
    """

    place: int
    strength: float
    low: float
    high: float
    rank: int
    rank_low: int
    rank_high: int
    expected_score: float
    name: str = ""
    decided: float | None = None


def ranking(
    first: np.ndarray,
    second: np.ndarray,
    probabilities: Floats,
    count: int,
    votes: int = 1,
    level: float = 0.95,
    names: Sequence[str] = (),
    decided: NDArray[np.bool_] | None = None,
) -> list[RankedAnswer]:
    """Order answers by Bradley-Terry strengths that are fitted to expected scores.

    The interval is that of the strengths which `votes` votes on each pair, drawn from the verdicts, would give. Where
    they are few they are drawn, always the same way and in an order that the verdicts alone decide; where many, it is
    the sandwich estimate of their spread (White, 1982), with the variance that a verdict, ties included, says a vote
    has.

    Parameters
    ----------
    first, second : (n,) int
        The two answers of each pair, numbered from 0; no pair occurs twice.
    probabilities : (n, 3) float
        Verdicts on the pairs.
    count : int
        Number of answers.
    votes : int
        Votes on each pair that the interval stands for.
    level : float
        Share of such votes whose strengths the interval holds.
    names : sequence of str
        What the answers are called; empty where they have no names.
    decided : (n,) bool, optional
        Which pairs the judge decides.

    Returns
    -------
    list of RankedAnswer
        The strongest first; equal ones in the order given.
    """
    if count == 0:
        return []
    score = probabilities[:, 0] + probabilities[:, 2] / 2
    strength = strengths(first, second, score, count, RIDGE)
    met = np.bincount(first, minlength=count) + np.bincount(second, minlength=count)
    ends = _drawn_ends if votes * met.max(initial=0) < FEW_VOTES else _normal_ends
    low, high = ends(first, second, probabilities, strength, votes, level)
    won = np.bincount(first, score, count) + np.bincount(second, 1 - score, count)
    mean = np.divide(won, met, out=np.full(count, 0.5), where=met > 0)
    sure = np.zeros(len(first)) if decided is None else np.asarray(decided, dtype=np.float64)
    share = (np.bincount(first, sure, count) + np.bincount(second, sure, count)) / np.maximum(met, 1)
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
            name=names[place] if names else "",
            decided=None if decided is None else float(share[place]),
        )
        for rank, place in enumerate(order)
    ]


def every_pair(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both places of each pair of `count` answers."""
    first, second = np.triu_indices(count, 1)
    return first.astype(np.int64), second.astype(np.int64)


def _normal_ends(
    first: Ints, second: Ints, probabilities: Floats, strength: Floats, votes: int, level: float
) -> tuple[Floats, Floats]:
    from scipy.special import ndtri

    design = _design(first, second, len(strength))
    score = probabilities[:, 0] + probabilities[:, 2] / 2
    expected = 1 / (1 + np.exp(-(design @ strength)))
    curvature = (design.T * (expected * (1 - expected))) @ design + RIDGE * np.eye(len(strength))
    variance = probabilities[:, 0] + probabilities[:, 2] / 4 - score**2
    noise = (design.T * (variance / votes)) @ design
    bread = np.linalg.inv(curvature)
    reach = -float(ndtri((1 - level) / 2)) * np.sqrt(np.clip(np.diag(bread @ noise @ bread), 0, None))
    return strength - reach, strength + reach


def _drawn_ends(
    first: Ints, second: Ints, probabilities: Floats, strength: Floats, votes: int, level: float
) -> tuple[Floats, Floats]:
    """Draw votes from the verdicts and fit strengths to each draw; answers of one strength share the wider ends."""
    count = len(strength)
    rounded = strength.round(6)
    to = np.empty(count, dtype=np.int64)
    to[np.argsort(-rounded, kind="stable")] = np.arange(count)
    # The stronger answer first, and pairs by strength: the draws then do not know the order that was given.
    turned = to[first] > to[second]
    first, second = np.where(turned, to[second], to[first]), np.where(turned, to[first], to[second])
    verdicts = np.where(turned[:, None], probabilities[:, FLIP], probabilities)
    order = np.lexsort((second, first))
    first, second, verdicts = first[order], second[order], verdicts[order]
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(votes, verdicts / verdicts.sum(axis=1, keepdims=True), size=(DRAWS, len(first)))
    found = _fitted(_design(first, second, count), (drawn[..., 0] + drawn[..., 2] / 2) / votes)
    low = np.quantile(found, (1 - level) / 2, axis=0, method="lower")[to]
    high = np.quantile(found, (1 + level) / 2, axis=0, method="higher")[to]
    _, alike = np.unique(rounded, return_inverse=True)
    for number in np.unique(alike):
        low[alike == number], high[alike == number] = low[alike == number].min(), high[alike == number].max()
    return np.minimum(low, strength), np.maximum(high, strength)


def _fitted(design: Floats, scores: Floats) -> Floats:
    """Return the (draws, count) strengths, mean 0, fitted to (draws, pairs) scores by Newton's method."""
    count = design.shape[1]
    found = np.zeros((len(scores), count))
    outer = np.einsum("pi,pj->pij", design, design).reshape(len(design), count * count)
    for _ in range(NEWTON_STEPS):
        expected = 1 / (1 + np.exp(-(found @ design.T)))
        slope = (scores - expected) @ design - RIDGE * found
        curvature = ((expected * (1 - expected)) @ outer).reshape(-1, count, count) + RIDGE * np.eye(count)
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        found += step
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(found - found.mean(axis=1, keepdims=True))


def _design(first: Ints, second: Ints, count: int) -> Floats:
    design = np.zeros((len(first), count))
    rows = np.arange(len(first))
    design[rows, first], design[rows, second] = 1.0, -1.0
    return design
