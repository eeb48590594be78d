"""95 % intervals over battles that come in groups (one prompt each): of means, shares and ratios, and by resampling.

Battles of one prompt are not independent, so every interval here lets them move together. Each is held to its level by
simulation in tests/stacker/evaluate/test_intervals.py, from few and unequal groups on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints

Interval = dict[str, float | None]
LEVEL = 0.95
LEAST_GROUPS = 10
"""Groups below which a mean has no interval: the spread of so few says too little of the spread of others."""

MOST_WEIGHTS = 2_000_000
"""Weights of groups that are in memory at a time."""


@dataclass(frozen=True)
class Groups:
    """How n rows lie in G groups.

    Attributes
    ----------
    place : (n,) int
        The group of each row, 0 to G - 1.
    size : (G,) float
        Rows of each group.
    """

    place: Ints
    size: Floats

    @classmethod
    def of(cls, group: NDArray[Any]) -> Self:
        """Read them off one label a row."""
        _, place = np.unique(group, return_inverse=True)
        return cls(place.astype(np.int64), np.bincount(place).astype(np.float64))

    @property
    def equal_groups(self) -> float:
        """How many groups of equal size would say as much, were all rows of a group alike (Kish, 1965)."""
        return float(self.size.sum() ** 2 / np.sum(self.size**2))

    def residuals(self, values: Floats) -> Floats:
        """Return (G,) whose squares add up to the variance of the mean of (n,) values.

        They are the groups' totals less what the mean expects of them, over n, each scaled up by what the group itself
        pulled the mean towards it (CR2; Bell and McCaffrey, 2002): the variance is unbiased for independent rows, and a
        group that holds most of them does not look certain.
        """
        rows = self.size.sum()
        off = np.bincount(self.place, weights=values - values.mean())
        return np.asarray(off / rows / np.sqrt(1 - self.size / rows))

    @property
    def freedom(self) -> float:
        """Bell and McCaffrey's degrees of freedom: one less than equal groups, fewer the more unequal they are."""
        rows = self.size.sum()
        pull = self.size**2 / (1 - self.size / rows)
        return float(rows**2 / (np.sum(self.size**2) + (pull.sum() ** 2 - np.sum(pull**2)) / rows**2))

    def reach(self, level: float = LEVEL) -> float:
        """Return how many standard errors an interval reaches."""
        return _reach(self.freedom, level)


def mean_interval(values: Floats, group: NDArray[Any], level: float = LEVEL) -> Interval:
    """Return the mean of n values with its interval, by Student's t over the groups.

    Where values are as skewed as an exponential distribution, 0.89 of ten groups' intervals cover and 0.93 of thirty's.

    Parameters
    ----------
    values : (n,) float
        At least one: losses of rows, or differences of two predictors' losses of the same rows.
    group : (n,) labels
        Rows of one group move together.
    level : float
        Coverage.

    Returns
    -------
    dict
        `mean`, `low`, `high`; the latter two are None with fewer than `LEAST_GROUPS` groups.
    """
    groups, mean = Groups.of(group), float(values.mean())
    if len(groups.size) < LEAST_GROUPS:
        return {"mean": mean, "low": None, "high": None}
    half = groups.reach(level) * float(np.sqrt(np.sum(groups.residuals(values) ** 2)))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def difference_interval(first: Floats, second: Floats, group: NDArray[Any], level: float = LEVEL) -> Interval:
    """Return mean(first) - mean(second) of (n,) paired values as `difference`, with the ends of `mean_interval`."""
    found = mean_interval(first - second, group, level)
    return {"difference": found["mean"], "low": found["low"], "high": found["high"]}


def in_words(found: Mapping[str, Any]) -> str:
    """Return a difference of `difference_interval` as the end of a sentence."""
    if found["low"] is None:
        return f"{found['difference']:+.4f}, without an interval: there are fewer than {LEAST_GROUPS} prompts"
    return f"{found['difference']:+.4f}, 95 % interval {found['low']:+.4f} to {found['high']:+.4f} (paired, by prompt)"


def ratio_interval(top: Floats, bottom: Floats, group: NDArray[Any], level: float = LEVEL) -> Interval:
    """Return the ratio of two means over the same n rows with Fieller's (1954) interval.

    Returns
    -------
    dict
        `ratio`, None where the mean of `bottom` is not above 0; `low` and `high`, None with fewer than `LEAST_GROUPS`
        groups or where that mean may as well be 0: the ratio has no bounds then.
    """
    over, under = float(top.mean()), float(bottom.mean())
    found: Interval = {"ratio": over / under if under > 0 else None, "low": None, "high": None}
    groups = Groups.of(group)
    if len(groups.size) < LEAST_GROUPS or under <= 0:
        return found
    one, other = groups.residuals(top), groups.residuals(bottom)
    reach = groups.reach(level) ** 2
    # All ratios r whose difference top - r bottom may be 0: (over - r under)^2 <= reach * variance(r).
    a = under**2 - reach * float(other @ other)
    b = over * under - reach * float(one @ other)
    c = over**2 - reach * float(one @ one)
    if a <= 0:
        return found
    half = max(b**2 - a * c, 0.0) ** 0.5 / a
    return found | {"low": b / a - half, "high": b / a + half}


def draws_interval(values: Floats, size: int, group: NDArray[Any], level: float = LEVEL) -> Interval:
    """Return the mean loss after learning from a draw of battles, over draws from n battles that were all drawn before.

    The draws share battles with each other and with what they are scored on, so that their spread alone says too
    little: those of nearly all battles would hardly differ, whatever other n battles would have given. Two sources add
    up: the battles that are scored, by group, and those that are trained on. The variance over draws of `size` from n
    is what a sum over the battles drawn has; over samples of n battles the mean of all such draws has size / (n - size)
    times as much, and that of R draws 1 / R more (a two-stage sample; Cochran, 1977, ch. 10).

    Parameters
    ----------
    values : (R, n) float
        Loss of each battle after learning from each of R draws, NaN for those that were drawn.
    size : int
        Battles of a draw.
    group : (n,) labels
        Battles of one group move together.
    level : float
        Coverage.

    Returns
    -------
    dict
        `mean`, `low`, `high`; the latter two are None with one draw, with fewer than `LEAST_GROUPS` groups, and where
        a draw takes all.
    """
    draws, rows = values.shape
    scored = np.isfinite(values)
    found: Interval = {"mean": float(np.mean([row[some].mean() for row, some in zip(values, scored, strict=True)]))}
    seen = scored.any(axis=0)
    groups = Groups.of(np.asarray(group)[seen])
    if draws < 2 or len(groups.size) < LEAST_GROUPS or size >= rows:
        return found | {"low": None, "high": None}
    of_battle = np.where(scored, values, 0.0).sum(axis=0)[seen] / scored.sum(axis=0)[seen]
    apart = np.where(scored[:, seen], values[:, seen] - of_battle, 0.0).sum(axis=1) / scored.sum(axis=1)
    scoring = float(np.sum(groups.residuals(of_battle) ** 2))
    learning = float(apart.var(ddof=1)) * (size / (rows - size) + 1 / draws)
    total = scoring + learning
    freedom = total**2 / max(scoring**2 / groups.freedom + learning**2 / (draws - 1), 1e-300)
    half = _reach(freedom, level) * total**0.5
    mean = float(found["mean"] or 0.0)
    return found | {"low": mean - half, "high": mean + half}


def share_interval(hits: Floats, group: NDArray[Any], level: float = LEVEL) -> tuple[float, float]:
    """Return the ends of an interval for the share of n hits (0 to 1 each): Korn and Graubard's (1998), never empty.

    It is the exact one of Clopper and Pearson (1934) for as many independent rows as these are worth: n where every row
    is a group of its own, fewer the more the rows of a group are alike; one for each group where all are hits or none,
    as nothing then says how alike they are. 0 to 1 for no row.
    """
    from scipy import stats  # half a second that judges need not wait for

    rows = len(hits)
    if rows == 0:
        return 0.0, 1.0
    groups, share = Groups.of(group), float(np.mean(hits))
    worth = float(rows)
    if len(groups.size) < rows:
        worth = groups.equal_groups
        chance = share * (1 - share)
        if len(groups.size) > 1 and chance > 1e-12:
            variance = float(np.sum(groups.residuals(hits) ** 2))
            alike = max(variance * (rows - 1) / chance, 1.0)
            known = _reach(rows - 1, level) / groups.reach(level)
            worth = max(rows / alike * known**2, 1.0)
    k, tail = share * worth, (1 - level) / 2
    low = float(stats.beta.ppf(tail, k, worth - k + 1)) if k > 1e-9 else 0.0
    high = float(stats.beta.ppf(1 - tail, k + 1, worth - k)) if worth - k > 1e-9 else 1.0
    return low, high


def resampled_interval(
    statistic: Callable[[Floats], Floats],
    counts: Floats,
    prior: Floats,
    draws: int = 2000,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float | None, float | None]:
    """Return the interval of a statistic of counts by the Bayesian bootstrap of their groups (Rubin, 1981).

    Parameters
    ----------
    statistic : callable
        From (draws, c) weighted counts to (draws,) values; NaN where it is not defined.
    counts : (G, c) float
        What was counted in each group; groups are weighed anew as a whole.
    prior : (c,) float
        Counts that are thought of besides, each weighed anew on its own, so that what was not seen yet is not taken to
        be impossible: without them a table that agrees throughout would have an interval of no width. They
        weigh as many counts as a group holds, for what was not seen yet would come by groups too.
    draws, seed : int
        Of the bootstrap.
    level : float
        Coverage.

    Returns
    -------
    low, high : float or None
        None with fewer than `LEAST_GROUPS` groups.
    """
    if len(counts) < LEAST_GROUPS:
        return None, None
    rng = np.random.default_rng(seed)
    size = counts.sum(axis=1)
    weighed = rng.standard_gamma(prior, (draws, len(prior))) * (np.sum(size**2) / size.sum())
    for part in np.array_split(np.arange(draws), max(draws * len(counts) // MOST_WEIGHTS, 1)):
        weighed[part] += rng.standard_exponential((len(part), len(counts))) @ counts
    low, high = np.nanquantile(statistic(weighed), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _reach(freedom: float, level: float) -> float:
    from scipy import stats

    return float(stats.t.isf((1 - level) / 2, freedom))
