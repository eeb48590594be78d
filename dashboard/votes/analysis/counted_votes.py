"""Votes beside verdicts: what a choice means as an outcome, what a verdict calls, and whether the two agree."""

import numpy as np
import pandas as pd

from dashboard.votes.vote_records import Choice
from pipelines.battles.arrays import Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import UNLABELLED
from stacker.judge.verdict import most_probable

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
        The same rows with `outcome` (0, 1, 2), `called` (what `stacker.judge.verdict.most_probable` says, -1 without a
        verdict), `agrees` (True, False, or missing without a verdict) and `question` (its number; votes on one question
        are not independent).
    """
    probabilities = votes[VERDICT].to_numpy(dtype=np.float64).reshape(-1, 3)
    judged = np.isfinite(probabilities).all(axis=1)
    outcome = outcomes(votes["choice"])
    call = np.full(len(votes), UNLABELLED, dtype=np.int64)
    call[judged] = most_probable(probabilities[judged])
    agrees = pd.array(call == outcome, dtype="boolean")
    agrees[~judged] = pd.NA
    return votes.assign(outcome=outcome, called=call, agrees=agrees, question=prompt_groups(votes["prompt"]))


def neutral_only(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the votes on battles where neither answer named its own model (`dashboard.sessions.self_naming`)."""
    return votes[votes["named"] == ""]


def judged_only(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the votes that have a verdict to compare with; `votes` comes from `with_outcomes`."""
    return votes[votes["called"] != UNLABELLED]
