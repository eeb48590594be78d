"""Win rates of models: as observed by votes, verdicts or both, and with length and style held equal."""

from dataclasses import dataclass

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import LEVEL, Groups, share_interval
from stacker.evaluate.pair_design import PairDesign, logistic
from stacker.evaluate.votes.weighted_votes import weighted_share_interval
from stacker.leaderboard.estimates.strength_estimates import Estimate, tuned


@dataclass(frozen=True)
class WinRate:
    """A mean score with its interval; `low` and `high` are None where nothing is known of its spread.

    Attributes
    ----------
    power : float
        Weight of the verdicts; 0 where it is of votes or verdicts alone.
    groups : (G,) int or None
        The groups of its battles.
    squares : (G, 2) float or None
        Each group's share in the variance by the votes alone, and by both.
    """

    rate: float
    low: float | None
    high: float | None
    power: float = 0.0
    groups: Ints | None = None
    squares: Floats | None = None


def mean_score(score: Floats, group: Ints, level: float = LEVEL, weight: Floats | None = None) -> WinRate | None:
    """Return the mean of n scores from 0 to 1, None for no score; the interval is that of `exact_ends`.

    Scores of votes, which are 0, .5 and 1, may have (n,) weights.
    """
    if not len(score):
        return None
    if weight is not None:
        return WinRate(float(np.average(score, weights=weight)), *weighted_share_interval(score, weight, group, level))
    mean = float(score.mean())
    if np.isin(score, (0.0, 0.5, 1.0)).all():
        return WinRate(mean, *share_interval(score, group, level))
    groups = Groups.of(group)
    if len(groups.size) < 2:
        return WinRate(mean, None, None)
    return WinRate(mean, *exact_ends(mean, float(np.sum(groups.residuals(score) ** 2)), groups, level))


def powered_mean(vote: Floats, verdict: Floats, group: Ints, level: float = LEVEL) -> WinRate | None:
    """Return what n battles would score by people: the votes' mean, moved by what verdicts say of the unvoted battles.

    Prediction-powered inference with power tuning (Angelopoulos, Duchi and Zrnic, 2023), by groups: mean(vote) - power
    * (mean verdict where voted - mean verdict elsewhere). However wrong the judge is, it holds where those with a vote
    were drawn at random; a judge that says nothing of the votes gets no weight.

    Parameters
    ----------
    vote : (n,) float
        0 to 1, NaN where there is none.
    verdict : (n,) float
        0 to 1.
    group : (n,) int
        Battles of one group move together.
    level : float
        Coverage.
    """
    voted = np.isfinite(vote)
    if not voted.any():
        return None
    labels = vote[voted]
    alone, own = mean_score(labels, group[voted], level), Groups.of(group[voted])
    if voted.all() or len(own.size) < 2 or np.ptp(labels) == 0:
        return alone
    number, place = np.unique(group, return_inverse=True)
    u, v = np.zeros((2, len(number)))
    numbers = np.unique(place[voted])
    u[numbers], v[numbers] = own.residuals(labels), own.residuals(verdict[voted])
    rest = Groups.of(place[~voted])
    if len(rest.size) > 1:
        v[np.unique(place[~voted])] -= rest.residuals(verdict[~voted])
    else:
        return alone
    power, without = tuned(u[:, None], v[:, None], 1)
    mean = float(labels.mean() - power * (verdict[voted].mean() - verdict[~voted].mean()))
    both = (u - without * v) ** 2
    ends = exact_ends(mean, float(both.sum()), own, level)
    return WinRate(min(max(mean, 0.0), 1.0), *ends, power, number, np.column_stack([u**2, both]))


def exact_ends(mean: float, variance: float, groups: Groups, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a mean of scores from 0 to 1 by Korn and Graubard (1998), as `share_interval` has it.

    It is Clopper and Pearson's for as many independent votes as would have the variance, fewer by Student's t: it is
    not symmetric near 0 and 1, does not leave them, and has a width where the variance happens to be small.
    """
    from scipy import stats

    if variance <= 1e-12:
        return mean, mean
    inner = min(max(mean, 1e-3), 1 - 1e-3)
    known = float(stats.norm.isf((1 - level) / 2)) / groups.reach(level)
    worth = max(inner * (1 - inner) / variance * known**2, 1.0)
    wins, tail = inner * worth, (1 - level) / 2
    low = float(stats.beta.ppf(tail, wins, worth - wins + 1))
    return low, float(stats.beta.ppf(1 - tail, wins + 1, worth - wins))


def equal_style_rates(
    found: Estimate,
    design: PairDesign,
    group: Ints,
    groups: int,
    level: float = LEVEL,
    against: int | None = None,
    weight: Floats | None = None,
) -> list[WinRate | None]:
    """Return each model's win rate in the same battles, had both answers the same length and style.

    It is AlpacaEval's length-controlled win rate (Dubois, Galambosi, Liang and Hashimoto, 2024) with Chatbot Arena's
    features: the fitted model's mean expected score over the model's battles, with all controls at 0. Without controls
    it would be the observed win rate.

    Parameters
    ----------
    found : Estimate
        With the effects of the controls.
    design : PairDesign
        The n battles over which is averaged.
    group, groups : (n,) int, int
        Groups of the battles, as numbered for `found`, and how many there are.
    against : int or None
        Only battles against this model count; None for all.
    weight : (n,) float, optional
        How much each battle counts; alike by default.
    """
    from scipy import stats

    weight = np.ones(len(design.first)) if weight is None else weight
    rates: list[WinRate | None] = []
    for model in range(found.count):
        rows = np.flatnonzero((design.first == model) | (design.second == model))
        other = np.where(design.first[rows] == model, design.second[rows], design.first[rows])
        if against is not None:
            rows, other = rows[other == against], other[other == against]
        if not len(rows):
            rates.append(None)
            continue
        often = weight[rows] / weight[rows].sum()
        met = np.bincount(other, often, found.count)
        expected = logistic(found.theta[model] - found.theta[: found.count])
        rate, slope = float(met @ expected), met * expected * (1 - expected)
        moved = found.influence[:, model] * slope.sum() - found.influence[:, : found.count] @ slope
        moved = moved + np.bincount(group[rows], often * (expected[other] - rate), groups)
        if found.freedom[model] < 1:
            rates.append(WinRate(rate, None, None))
            continue
        contrast = slope.sum() * np.eye(found.count)[model] - slope
        least = found.floor[model] * float(contrast @ found.model_based[: found.count, : found.count] @ contrast)
        reach = float(stats.t.isf((1 - level) / 2, found.freedom[model]))
        half = reach * max(float(moved @ moved), least) ** 0.5 / max(rate * (1 - rate), 1e-12)
        odds = np.log(rate / (1 - rate))
        low, high = logistic(np.array([odds - half, odds + half]))
        rates.append(WinRate(rate, float(low), float(high)))
    return rates
