"""Bradley-Terry ranking of the voted models or styles, as voted and with length and style held equal."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from dashboard.votes.vote_weights import pair_weights_of, weights_of
from features.style_control import CONTROLS, relative_differences, scaled, style_counts
from pipelines.battles.arrays import Floats
from pipelines.battles.table import text_of
from stacker.evaluate.intervals import LEVEL, Groups
from stacker.evaluate.pair_design import PairDesign
from stacker.evaluate.strengths import UNKNOWN
from stacker.evaluate.votes.weighted_votes import counted
from stacker.leaderboard.estimates.rank_ranges import rank_ranges
from stacker.leaderboard.estimates.strength_estimates import Evidence, estimate, profiled_ends, strength_ends

SCORE_OF_A = np.array([1.0, 0.0, 0.5])
MOST_CACHED = 20_000


@dataclass(frozen=True)
class Ranking:
    """Strengths of models or styles.

    Attributes
    ----------
    rows : DataFrame
        `name`, `votes`, `wins`, `ties`, `losses`, `strength` (log-odds, mean 0 in its group), `low`, `high`,
        `rank_low`, `rank_high` (all ranks lie between these at once, see `rank_ranges`), `group` (names of different
        groups never met, directly or by others, and cannot be compared); the strongest first.
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
    level: float = LEVEL,
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
        Coverage of the intervals, and probability that all ranges of ranks hold together. Both are those of
        `stacker.leaderboard`: votes on one question move together, and an end that nothing is known of is `UNKNOWN`.
    """
    with suppress(ImportError):
        import torch  # noqa: F401 - scipy asks a torch that another thread is still loading, and breaks
    a, b = (votes[f"{of}_{side}"].fillna("").astype(str).to_numpy(dtype=object) for side in ("a", "b"))
    kept = (a != "") & (b != "") & (a != b)
    outcome = votes["outcome"].to_numpy(dtype=np.int64)[kept]
    if not kept.any():
        return Ranking(_empty_rows(), _empty_effects(), 0)
    names, places = np.unique(np.concatenate([a[kept], b[kept]]).astype(str), return_inverse=True)
    first, second = np.split(places.astype(np.int64), 2)
    count, n = len(names), int(kept.sum())
    held = np.zeros((n, 0)) if controls is None else scaled(controls[kept])
    weights = (weights_of(votes) * pair_weights_of(votes))[kept]
    score, groups = SCORE_OF_A[outcome], Groups.of(votes["question"].to_numpy()[kept])
    # The name that comes first in the order stands first, so that no number depends on the sides.
    turned = first > second
    score, held = np.where(turned, 1 - score, score), np.where(turned[:, None], -held, held)
    design = PairDesign(np.minimum(first, second), np.maximum(first, second), held, count)
    evidence = Evidence(score, np.full(n, np.nan), weights)
    fitted = estimate(design, evidence, groups, "votes")
    low, high = strength_ends(fitted, level)
    weight = counted(evidence.weights("votes"), groups.place)
    low, high = profiled_ends(fitted, design, score, low, high, level, weight)
    ranges = rank_ranges(fitted, level)
    won = np.bincount(first[outcome == 0], minlength=count) + np.bincount(second[outcome == 1], minlength=count)
    lost = np.bincount(second[outcome == 0], minlength=count) + np.bincount(first[outcome == 1], minlength=count)
    voted = np.bincount(first, minlength=count) + np.bincount(second, minlength=count)
    rows = pd.DataFrame(
        {
            "name": names.astype(object),
            "votes": voted,
            "wins": won,
            "ties": voted - won - lost,
            "losses": lost,
            "strength": fitted.theta[:count],
            "low": np.maximum(low[:count], -UNKNOWN),
            "high": np.minimum(high[:count], UNKNOWN),
            "rank_low": ranges.low,
            "rank_high": ranges.high,
            "group": fitted.component,
        }
    ).sort_values(["strength", "name"], ascending=[False, True], ignore_index=True)
    effects = _empty_effects()
    if controls is not None:
        ends = [np.clip(end[count:], -UNKNOWN, UNKNOWN) for end in (low, high)]
        effects = pd.DataFrame(
            {"control": list(CONTROLS), "effect": fitted.theta[count:], "low": ends[0], "high": ends[1]}
        )
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
    names = ("name", "votes", "wins", "ties", "losses", "strength", "low", "high", "rank_low", "rank_high", "group")
    return pd.DataFrame({name: [] for name in names})


def _empty_effects() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in ("control", "effect", "low", "high")})
