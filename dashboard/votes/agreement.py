"""Votes beside verdicts: what both mean, and how often they agree: rates with intervals, confusion, Cohen's kappa.

Votes on one question are not independent, so that the intervals let them move together.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard.votes.agreement_rivals import longer_hits, rates_so_far
from dashboard.votes.vote_records import Choice
from dashboard.votes.vote_weights import pair_weights, vote_weights, weights_of
from pipelines.battles.arrays import Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import UNLABELLED
from stacker.evaluate.intervals import LEAST_GROUPS, Groups
from stacker.evaluate.metrics import most_probable
from stacker.evaluate.votes.kappa import Kappa, cohen_kappa
from stacker.evaluate.votes.weighted_votes import equal_rows, weighted_share_interval

OUTCOME_OF: dict[Choice, int] = {"a": 0, "b": 1, "tie": 2, "both_bad": 2}
"""A choice as the place of its outcome; "both bad" is a tie, as on Kaggle and in the Arena's exports."""
VERDICT = ["p_a", "p_b", "p_tie"]


def outcomes(choices: pd.Series) -> Ints:
    """Return the outcomes of n choices, (n,) int64."""
    return np.asarray(choices.map(OUTCOME_OF), dtype=np.int64)


def with_outcomes(votes: pd.DataFrame) -> pd.DataFrame:
    """Add what the vote and the verdict mean.

    Parameters
    ----------
    votes : DataFrame, n rows
        As `VoteStore.votes` returns it.

    Returns
    -------
    DataFrame
        The same rows with `outcome` (0, 1, 2), `called` (as `stacker.evaluate.metrics.most_probable` says, -1 without a
        verdict), `agrees` (True, False, or missing without a verdict), `question` (its number; votes on one question
        are not independent), `weight` and, for the ranking, `pair_weight` (`dashboard.votes.vote_weights`).
    """
    probabilities = votes[VERDICT].to_numpy(dtype=np.float64).reshape(-1, 3)
    judged = np.isfinite(probabilities).all(axis=1)
    outcome = outcomes(votes["choice"])
    call = np.full(len(votes), UNLABELLED, dtype=np.int64)
    call[judged] = most_probable(probabilities[judged])
    agrees = pd.array(call == outcome, dtype="boolean")
    agrees[~judged] = pd.NA
    found = votes.assign(outcome=outcome, called=call, agrees=agrees, question=prompt_groups(votes["prompt"]))
    return found.assign(weight=vote_weights(votes), pair_weight=pair_weights(votes))


def neutral_only(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the votes on battles where neither answer named its own model (`dashboard.votes.self_naming`)."""
    return votes[votes["named"] == ""]


def judged_only(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the votes that have a verdict to compare with; `votes` comes from `with_outcomes`."""
    return votes[votes["called"] != UNLABELLED]


PERIODS = (("1min", 60.0), ("1h", 3_600.0), ("1D", 86_400.0), ("7D", 604_800.0), ("28D", 2_419_200.0))
"""Lengths of time that votes are put together in, from the shortest, with their seconds."""
MOST_PERIODS = 20
RATED = ("votes", "agreed", "rate", "low", "high")
SO_FAR = ("votes", "rate", "low", "high", "chance", "longer")


def agreement(votes: pd.DataFrame) -> dict[str, float | int | None]:
    """Return `votes`, `agreed` (counts), `rate` (weighed; None without votes), `low`, `high` over all judged votes."""
    hits, weight = votes["agrees"].to_numpy(dtype=np.float64), weights_of(votes)
    low, high = weighted_share_interval(hits, weight, votes["question"].to_numpy())
    return {
        "votes": len(hits),
        "agreed": int(hits.sum()),
        "rate": float(np.average(hits, weights=weight)) if weight.sum() > 0 else None,
        "low": low,
        "high": high,
    }


def agreement_by(votes: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the agreement by the values of a column, the most votes first.

    Returns
    -------
    DataFrame
        `value`, `votes`, `agreed`, `rate`, `low`, `high`; rows with an empty value are left out.
    """
    named = votes[votes[column].fillna("").astype(str) != ""]
    rows = [{"value": value, **agreement(part)} for value, part in named.groupby(column, sort=True)]
    found = pd.DataFrame(rows, columns=["value", *RATED])
    return found.sort_values("votes", ascending=False, kind="stable", ignore_index=True)


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
        `low_so_far`, `high_so_far`; and `chance_so_far`, `longer_so_far`: how often chance and the longer answer would
        have agreed (`dashboard.votes.agreement_rivals`), the last missing where the answers are not there.
    """
    period = period or period_of(votes["voted_at"])
    start, longer = votes["voted_at"].dt.floor(period), longer_hits(votes)
    rows = []
    for begin, part in votes.groupby(start.rename("start"), sort=True):
        until = votes[start <= begin]
        until = until.assign(weight=vote_weights(until))  # what is weighed to the file goes by the votes so far
        so_far = agreement(until)
        so_far["chance"], so_far["longer"] = rates_so_far(until, longer[(start <= begin).to_numpy()])
        rows.append(
            {"start": begin, **agreement(until.loc[part.index]), **{f"{name}_so_far": so_far[name] for name in SO_FAR}}
        )
    return pd.DataFrame(rows, columns=["start", *RATED, *(f"{name}_so_far" for name in SO_FAR)])


def confusion(votes: pd.DataFrame) -> Ints:
    """Return a (3, 3) table of counts, not weighed: rows what was voted, columns the judge's call, both A, B, tie."""
    table = np.zeros((3, 3), dtype=np.int64)
    np.add.at(table, (votes["outcome"].to_numpy(dtype=np.int64), votes["called"].to_numpy(dtype=np.int64)), 1)
    return table


def kappa(votes: pd.DataFrame, level: float = 0.95, draws: int = 2_000, seed: int = 0) -> Kappa:
    """Return Cohen's kappa (Cohen, 1960) of judged votes, weighed, with its interval, drawn by question."""
    weight = weights_of(votes)
    calls = np.eye(3)[votes["called"].to_numpy(dtype=np.int64)] * weight[:, None]
    outcome, question = votes["outcome"].to_numpy(dtype=np.int64), votes["question"].to_numpy()
    found = cohen_kappa(outcome, calls, question, level, draws, seed)
    if len(votes) and equal_rows(weight, Groups.of(question)) < LEAST_GROUPS:
        return Kappa(found.value, None, None)
    return found
