"""Bradley-Terry ranking of the voted models or styles, as voted and with length and style held equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dashboard.votes.vote_weights import weights_of
from features.style_control import CONTROLS, relative_differences, scaled, style_counts
from pipelines.battles.arrays import Floats
from pipelines.battles.table import text_of
from stacker.evaluate.strengths import fit_strengths, strength_intervals
from stacker.evaluate.votes.weighted_votes import counted

SCORE_OF_A = np.array([1.0, 0.0, 0.5])
MOST_CACHED = 20_000


@dataclass(frozen=True)
class Ranking:
    """Strengths of models or styles.

    Attributes
    ----------
    rows : DataFrame
        `name`, `votes`, `wins`, `ties`, `losses`, `strength` (log-odds, mean 0), `low`, `high`, `rank` (1 and the
        number of names that are better beyond doubt), `group` (names of different groups never met, directly or
        by others, and cannot be compared); the strongest first.
    effects : DataFrame
        `control`, `effect` (log-odds for one standard deviation more of it), `low`, `high`; empty without control.
    votes : int
        Votes that the ranking rests on.
    """

    rows: pd.DataFrame
    effects: pd.DataFrame
    votes: int


def rank(
    votes: pd.DataFrame,
    of: Literal["style", "model"],
    controls: Floats | None = None,
    level: float = 0.95,
    ridge: float = 0.1,
) -> Ranking:
    """Rank what was voted on.

    Parameters
    ----------
    votes : DataFrame, n rows
        From `with_outcomes`; battles without both names, or of a name against itself, are left out.
    of : "style" or "model"
        Which names.
    controls : (n, k) float, optional
        `style_differences` of the same rows, to rank with length and style held equal.
    level : float
        Coverage of the intervals, those of `strength_intervals`; votes on one question move together.
    ridge : float
        Pull of strengths and effects towards 0, as `fit_strengths` takes it.
    """
    a, b = (votes[f"{of}_{side}"].fillna("").astype(str).to_numpy(dtype=object) for side in ("a", "b"))
    kept = (a != "") & (b != "") & (a != b)
    outcome = votes["outcome"].to_numpy(dtype=np.int64)[kept]
    if not kept.any():
        return Ranking(_empty_rows(), _empty_effects(), 0)
    names, places = np.unique(np.concatenate([a[kept], b[kept]]).astype(str), return_inverse=True)
    first, second = np.split(places.astype(np.int64), 2)
    count, n = len(names), int(kept.sum())
    held = None if controls is None else scaled(controls[kept])
    score, question = SCORE_OF_A[outcome], votes["question"].to_numpy()[kept]
    weights = weights_of(votes)[kept]
    weight = None if np.ptp(weights) < 1e-12 else counted(weights, question)
    fitted = fit_strengths(first, second, score, count, held, ridge, weight=weight)
    extra = np.zeros((n, 0)) if held is None else held
    ends = strength_intervals(fitted, first, second, score, extra, question, level, weight)
    low, high = (end[:count] for end in ends)
    won = np.bincount(first[outcome == 0], minlength=count) + np.bincount(second[outcome == 1], minlength=count)
    lost = np.bincount(second[outcome == 0], minlength=count) + np.bincount(first[outcome == 1], minlength=count)
    voted = np.bincount(first, minlength=count) + np.bincount(second, minlength=count)
    met = coo_array((np.ones(n), (first, second)), shape=(count, count))
    rows = pd.DataFrame(
        {
            "name": names.astype(object),
            "votes": voted,
            "wins": won,
            "ties": voted - won - lost,
            "losses": lost,
            "strength": fitted.values,
            "low": low,
            "high": high,
            "rank": 1 + (low[None, :] > high[:, None]).sum(axis=1),
            "group": connected_components(met, directed=False)[1],
        }
    ).sort_values(["strength", "name"], ascending=[False, True], ignore_index=True)
    effects = _empty_effects()
    if controls is not None:
        least, most = (end[count:] for end in ends)
        effects = pd.DataFrame({"control": list(CONTROLS), "effect": fitted.coefficients, "low": least, "high": most})
    return Ranking(rows, effects, n)


def style_differences(response_a: Sequence[tuple[str, ...]], response_b: Sequence[tuple[str, ...]]) -> Floats:
    """Return (n, 5) `relative_differences` in `CONTROLS` between two answers."""
    if not len(response_a):
        return np.zeros((0, len(CONTROLS)))
    a = np.array([_counts(text_of(turns)) for turns in response_a], dtype=np.float64)
    b = np.array([_counts(text_of(turns)) for turns in response_b], dtype=np.float64)
    return relative_differences(a, b)


@lru_cache(maxsize=MOST_CACHED)
def _counts(text: str) -> tuple[float, ...]:
    return tuple(style_counts([text])[0].tolist())


def _empty_rows() -> pd.DataFrame:
    names = ("name", "votes", "wins", "ties", "losses", "strength", "low", "high", "rank", "group")
    return pd.DataFrame({name: [] for name in names})


def _empty_effects() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in ("control", "effect", "low", "high")})
