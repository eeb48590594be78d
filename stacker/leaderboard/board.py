"""A leaderboard: strengths, ranks and win rates of models by votes, verdicts or both, as JSON values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from features.style_control import CONTROLS, scaled
from pipelines.battles.arrays import Floats
from stacker.evaluate.intervals import LEVEL, Groups, resampled_interval
from stacker.evaluate.votes.weighted_votes import counted
from stacker.leaderboard.board_data import BoardData
from stacker.leaderboard.estimates.rank_ranges import rank_ranges
from stacker.leaderboard.estimates.strength_estimates import (
    Basis,
    Estimate,
    estimate,
    profiled_ends,
    strength_ends,
)
from stacker.leaderboard.estimates.win_rates import WinRate, equal_style_rates, mean_score, powered_mean

Ended = dict[str, float | None]
PICKED = 3.3
"""Standard errors by which voted battles differ from the others before it is said: one in a thousand by chance."""


def board(data: BoardData, level: float = LEVEL, against: str = "", seed: int = 0) -> dict[str, Any]:
    """Rank the models of some battles.

    Parameters
    ----------
    data : BoardData
        At least one battle.
    level : float
        Coverage of every interval, and probability that all ranges of ranks hold together.
    against : str
        Win rates count battles against this model alone; "" for all battles.
    seed : int
        Of the draws behind the ranges of ranks.

    Returns
    -------
    dict
        `basis` ("votes", "verdicts" or "both": what the ranks rest on), counts, `weighed` (whether votes weigh
        unequally), `models` (the strongest first, in components that never met), `controls` (effects of length and
        style), and with votes and verdicts `saved` (what the verdicts were worth in votes) and `picked` (whether the
        voted battles differ from the others).
    """
    groups = Groups.of(data.group)
    voted, judged = np.isfinite(data.evidence.votes), np.isfinite(data.evidence.verdicts)
    bases: list[Basis] = [*(["votes"] if voted.any() else []), *(["verdicts"] if judged.any() else [])]  # type: ignore[list-item]
    mixed = bool((voted & judged).any() and (judged & ~voted).any())
    if mixed:
        bases.append("both")
    main: Basis = "both" if mixed else bases[0]
    opponent = data.names.index(against) if against else None
    by = {basis: _by(data, groups, basis, level, opponent, seed) for basis in bases}
    plain, rows = by[main]["plain"], by[main]["rows"]
    order = sorted(
        range(len(data.names)),
        key=lambda model: (
            -int(np.sum(plain.component == plain.component[model])),
            int(plain.component[model]),
            -round(float(plain.theta[model]), 9),
            model,
        ),
    )
    met = np.bincount(np.concatenate([data.first, data.second]), minlength=len(data.names))
    counted = voted & judged if main == "both" else voted
    sides = np.concatenate([data.first[counted], data.second[counted]])
    found: dict[str, Any] = {
        "basis": main,
        "level": level,
        "against": against or None,
        "battles": len(data.first),
        "prompts": len(groups.size),
        "votes": int(voted.sum()),
        "weighed": bool(np.ptp(data.evidence.weights("votes")) > 1e-9) if voted.any() else False,
        "verdicts": int(judged.sum()),
        "nameless": data.nameless,
        "same": data.same,
        "unjudged": data.unjudged,
        "components": int(plain.component.max(initial=-1)) + 1,
        "models": [
            {
                "model": data.names[model],
                "component": int(plain.component[model]),
                "battles": int(met[model]),
                "votes": int(np.sum(sides == model)),
                **rows[model],
                "by": {basis: by[basis]["rows"][model] for basis in bases if basis != main},
            }
            for model in order
        ],
        "controls": by[main]["effects"],
    }
    if mixed:
        found["saved"] = _saved(by["both"], int((voted & judged).sum()))
        found["picked"] = _picked(data, voted, judged)
    return found


def _by(data: BoardData, groups: Groups, basis: Basis, level: float, against: int | None, seed: int) -> dict[str, Any]:
    """Return the estimates of one basis: without and with controls, a row a model, the effects."""
    used = data.evidence.rows(basis)
    held = np.zeros_like(data.controls)
    held[used] = scaled(data.controls[used])
    plain_design, design = data.design(held[:, :0]), data.design(held)
    plain, equal = (estimate(each, data.evidence, groups, basis) for each in (plain_design, design))
    weight = counted(data.evidence.weights(basis), groups.place[used])
    low, high = strength_ends(plain, level)
    equal_low, equal_high = strength_ends(equal, level)
    if basis == "votes":
        score = data.evidence.votes[used]
        low, high = profiled_ends(plain, plain_design.of(used), score, low, high, level, weight)
        equal_low, equal_high = profiled_ends(equal, design.of(used), score, equal_low, equal_high, level, weight)
    ranges, equal_ranges = (rank_ranges(each, level, seed) for each in (plain, equal))
    rates = [_rate(data, groups, basis, model, level, against) for model in range(len(data.names))]
    styled = equal_style_rates(equal, design.of(used), groups.place[used], len(groups.size), level, against, weight)
    rows = [
        {
            "rank": {"low": int(ranges.low[model]), "high": int(ranges.high[model])},
            "strength": _ended(plain.theta[model], low[model], high[model]),
            "win_rate": _of_rate(rates[model]),
            "controlled_rank": {"low": int(equal_ranges.low[model]), "high": int(equal_ranges.high[model])},
            "controlled_strength": _ended(equal.theta[model], equal_low[model], equal_high[model]),
            "controlled_win_rate": _of_rate(styled[model]),
        }
        for model in range(len(data.names))
    ]
    count = len(data.names)
    effects = [
        {"control": name, **_ended(equal.theta[at], equal_low[at], equal_high[at])}
        for at, name in enumerate(CONTROLS, start=count)
        if np.any(held[:, at - count])
    ]
    return {"plain": plain, "rows": rows, "effects": effects, "rates": rates}


def _rate(
    data: BoardData, groups: Groups, basis: Basis, model: int, level: float, against: int | None
) -> WinRate | None:
    """Return the observed win rate of a model."""
    rows = data.evidence.rows(basis)
    first, second = data.first[rows], data.second[rows]
    mine = (first == model) | (second == model)
    if against is not None:
        mine &= (first == against) | (second == against) if model != against else False
    weight = data.evidence.weights(basis)[mine]
    rows, turned = rows[mine], second[mine] == model
    votes, verdicts = (
        np.where(turned, 1 - score[rows], score[rows]) for score in (data.evidence.votes, data.evidence.verdicts)
    )
    if basis == "both":
        return powered_mean(votes, verdicts, groups.place[rows], level)
    if basis == "votes":
        return mean_score(votes, groups.place[rows], level, weight)
    return mean_score(verdicts, groups.place[rows], level)


def _of_rate(rate: WinRate | None) -> Ended:
    if rate is None:
        return {"value": None, "low": None, "high": None}
    return {"value": rate.rate, "low": rate.low, "high": rate.high}


def _ended(value: float, low: float, high: float) -> Ended:
    """Return JSON values of an estimate and its ends, None where they are infinite."""
    ends = (float(end) if np.isfinite(end) else None for end in (low, high))
    return dict(zip(("value", "low", "high"), (float(value), *ends), strict=True))


def _saved(both: dict[str, Any], votes: int) -> dict[str, Any]:
    """Return how many votes the verdicts were worth, for strengths and for win rates."""
    plain: Estimate = both["plain"]
    count, rates = plain.count, [rate for rate in both["rates"] if rate is not None and rate.squares is not None]
    found: dict[str, Any] = {"votes": votes, "power": plain.power}
    if plain.by_votes is not None:
        alone, ours = (each[:, :count] ** 2 for each in (plain.by_votes, plain.influence))
        found["strengths"] = _worth(_in_units(alone, alone), _in_units(ours, alone), votes)
    if rates:
        found["win_rates"] = _worth_of_rates(rates, votes, len(plain.influence))
    return found


def _in_units(squares: Floats, alone: Floats) -> Floats:
    """Return (G,): each group's share in the variances, each measured by that of the votes alone."""
    size = alone.sum(axis=0)
    return np.asarray(np.sum(np.divide(squares, size, out=np.zeros_like(squares), where=size > 1e-18), axis=1))


def _worth_of_rates(rates: Sequence[WinRate], votes: int, groups: int) -> dict[str, Any]:
    """Return the same for win rates."""
    squares = np.zeros((groups, 2))
    for rate in rates:
        if rate.squares is not None and rate.groups is not None:
            squares[rate.groups] += rate.squares / rate.squares[:, 0].sum()
    return _worth(squares[:, 0], squares[:, 1], votes)


def _worth(alone: Floats, both: Floats, votes: int) -> dict[str, Any]:
    """Return the ratio of two variances with its interval, and the votes that it stands for."""
    ratio = float(alone.sum() / both.sum()) if both.sum() > 0 else 1.0
    counts = np.column_stack([alone, both])
    low, high = resampled_interval(lambda drawn: drawn[:, 0] / drawn[:, 1], counts, np.zeros(2), draws=1000)
    return {"ratio": ratio, "low": low, "high": high, "worth": votes * ratio, "saved": votes * (ratio - 1)}


def _picked(data: BoardData, voted: np.ndarray, judged: np.ndarray) -> dict[str, Any]:
    """Compare how sure the verdicts are on voted battles and on the others: alike where votes were drawn at random."""
    sure = np.abs(2 * data.evidence.verdicts[judged] - 1)
    which, group = voted[judged], data.group[judged]
    difference = float(sure[which].mean() - sure[~which].mean())
    _, place = np.unique(group, return_inverse=True)
    pull = np.where(which, (sure - sure[which].mean()) / which.sum(), -(sure - sure[~which].mean()) / (~which).sum())
    error = float(np.sqrt(np.sum(np.bincount(place, pull) ** 2)))
    return {"difference": difference, "standard_error": error, "likely": abs(difference) > PICKED * error}
