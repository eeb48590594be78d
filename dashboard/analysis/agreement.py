"""How often the judge and the voters agree: rates with Wilson intervals, confusion, and Cohen's kappa."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.analysis.votes import Floats, Ints
from stacker.reporting.intervals import wilson

PERIODS = (("1min", 60.0), ("1h", 3_600.0), ("1D", 86_400.0), ("7D", 604_800.0), ("28D", 2_419_200.0))
"""Lengths of time that votes are put together in, from the shortest, with their seconds."""
MOST_PERIODS = 20


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa with its interval; None where one of the two never varies or there are no votes."""

    value: float | None
    low: float | None
    high: float | None


def agreement(votes: pd.DataFrame) -> dict[str, float | int | None]:
    """Return `votes`, `agreed`, `rate` (None without votes), `low` and `high` over all judged votes."""
    agreed, n = int(votes["agrees"].sum()), len(votes)
    low, high = wilson(agreed, n)
    return {
        "votes": n,
        "agreed": agreed,
        "rate": agreed / n if n else None,
        "low": float(low),
        "high": float(high),
    }


def agreement_by(votes: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the agreement by the values of a column, the most votes first.

    Returns
    -------
    DataFrame
        `value`, `votes`, `agreed`, `rate`, `low`, `high`; rows with an empty value are left out.
    """
    named = votes[votes[column].fillna("").astype(str) != ""]
    grouped = named.groupby(column, sort=True)["agrees"].agg(votes="size", agreed="sum").reset_index()
    return _rated(grouped.rename(columns={column: "value"}).sort_values("votes", ascending=False, kind="stable"))


def agreement_by_style(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the agreement by the style that won, as `agreement_by` does; ties and unnamed styles are left out."""
    won = np.where(votes["outcome"] == 0, votes["style_a"], np.where(votes["outcome"] == 1, votes["style_b"], ""))
    return agreement_by(votes.assign(style=won), "style")


def period_of(times: Sequence[pd.Timestamp] | pd.Series, most: int = MOST_PERIODS) -> str:
    """Return the shortest of `PERIODS` that parts the span of some times into at most `most` pieces."""
    series = pd.Series(times)
    span = (series.max() - series.min()).total_seconds() if len(series) else 0.0
    return next((name for name, seconds in PERIODS if span / seconds < most), PERIODS[-1][0])


def agreement_over_time(votes: pd.DataFrame, period: str | None = None) -> pd.DataFrame:
    """Return the agreement of each stretch of time that has votes, and of all votes up to its end.

    Parameters
    ----------
    votes : DataFrame
        Judged votes with `voted_at` (UTC) and `agrees`.
    period : str, optional
        A pandas frequency such as `1D`; by default `period_of` chooses.

    Returns
    -------
    DataFrame
        `start` (UTC), `votes`, `agreed`, `rate`, `low`, `high` of the stretch; `votes_so_far`, `rate_so_far`,
        `low_so_far`, `high_so_far`.
    """
    if votes.empty:
        names = ["start", "votes", "agreed", "rate", "low", "high"]
        return pd.DataFrame({name: [] for name in [*names, *(f"{name}_so_far" for name in (names[1], *names[3:]))]})
    period = period or period_of(votes["voted_at"])
    start = votes["voted_at"].dt.floor(period)
    grouped = votes.groupby(start.rename("start"), sort=True)["agrees"].agg(votes="size", agreed="sum").reset_index()
    found = _rated(grouped)
    n, k = found["votes"].cumsum(), found["agreed"].cumsum()
    low, high = wilson(k, n)
    return found.assign(votes_so_far=n, rate_so_far=k / n, low_so_far=low, high_so_far=high)


def confusion(votes: pd.DataFrame) -> Ints:
    """Return a (3, 3) table of counts: rows what was voted, columns what the judge called, in the order A, B, tie."""
    table = np.zeros((3, 3), dtype=np.int64)
    np.add.at(table, (votes["outcome"].to_numpy(dtype=np.int64), votes["called"].to_numpy(dtype=np.int64)), 1)
    return table


def kappa(table: Ints, level: float = 0.95, draws: int = 2_000, seed: int = 0) -> Kappa:
    """Return Cohen's kappa (Cohen, 1960) of a table of counts with a bootstrap interval.

    Parameters
    ----------
    table : (k, k) int
        Counts by what was voted (rows) and called (columns).
    level : float
        Coverage of the percentile interval.
    draws, seed : int
        Tables drawn anew from the shares of this one; draws without a kappa are left out.
    """
    n = int(table.sum())
    value = float(_kappas(table[None].astype(np.float64))[0]) if n else np.nan
    if not np.isfinite(value):
        return Kappa(None, None, None)
    drawn = np.random.default_rng(seed).multinomial(n, (table / n).ravel(), size=draws)
    several = _kappas(drawn.reshape(draws, *table.shape).astype(np.float64))
    low, high = np.nanquantile(several, [(1 - level) / 2, (1 + level) / 2])
    return Kappa(value, float(low), float(high))


def _kappas(tables: Floats) -> Floats:
    """Return the kappa of each of (m, k, k) tables; NaN where chance alone agrees always."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    seen = np.einsum("mii->m", shares)
    chance = np.einsum("mi,mi->m", shares.sum(axis=2), shares.sum(axis=1))
    return np.divide(seen - chance, 1 - chance, out=np.full(len(tables), np.nan), where=chance < 1 - 1e-12)


def _rated(grouped: pd.DataFrame) -> pd.DataFrame:
    agreed = grouped["agreed"].astype("int64")
    low, high = wilson(agreed, grouped["votes"])
    rate = (agreed / grouped["votes"]).astype("float64")
    return grouped.assign(agreed=agreed, rate=rate, low=low, high=high).reset_index(drop=True)
