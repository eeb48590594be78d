"""Which votes can teach a judge, which a judge had trained on, and the parameters of a run that learns from them."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.generators.generator import USABLE
from dashboard.judges.saved_runs import SavedRun
from dashboard.votes.agreement import OUTCOME_OF
from dashboard.votes.vote_records import ASPECTS
from features.build import FeatureParams
from pipelines.battles.sources import DataParams, SourceParams
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from stacker.learners.judges.starter_prior import needed_blocks
from stacker.training.params import FEW_VOTES_LEARNERS, Params

LEAST = 100
"""Votes from which on it is offered: what RESULTS.md's table of own votes begins with; below, nobody has measured."""


@dataclass(frozen=True)
class Usable:
    """The votes that a judge may learn from.

    Attributes
    ----------
    votes : DataFrame, n rows
        Rows of `VoteStore.votes`, the oldest first.
    left_out : int
        Votes that cannot teach, whatever they are about.
    people : int
        Sessions or accounts that the votes come from.
    aspects : dict of int
        How many votes could teach if only those about one of `vote_records.ASPECTS` counted, or, under "any", those
        with any reason named; what no vote is about is left out.
    """

    votes: pd.DataFrame
    left_out: int
    people: int
    aspects: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.votes)

    @property
    def enough(self) -> bool:
        """Whether learning is offered."""
        return len(self) >= LEAST


def usable_votes(votes: pd.DataFrame, neutral: bool = True, about: str = "") -> Usable:
    """Return the votes that can teach: decided, tie or both bad (a tie, as on Kaggle), with both texts.

    A vote on an answer that ended in an error is left out. The store holds one vote a battle; where a person voted
    several times on the same two answers to the same question, on whichever sides they stood, the last vote counts.

    Parameters
    ----------
    votes : DataFrame
        As `VoteStore.votes` returns it, the oldest first.
    neutral : bool
        Whether votes are left out where an answer named its own model, as in exports (`dashboard.leave_out_named`).
    about : str
        "" takes votes whatever was named as their reason, "any" those with a reason, and one of
        `vote_records.ASPECTS` those about it.
    """
    kept = np.array([_can_teach(row, neutral) for row in votes.to_dict("records")], dtype=bool)
    found = votes[kept]
    battle = [
        (row["session"], row["prompt"], *sorted((row["response_a"], row["response_b"])))
        for row in found.to_dict("records")
    ]
    last = ~pd.Series(battle, dtype=object).duplicated(keep="last").to_numpy(dtype=bool)
    found = found[last].reset_index(drop=True)
    left_out = len(votes) - len(found)
    known = {aspect: _about(found, aspect) for aspect in ("any", *ASPECTS)}
    aspects = {aspect: int(rows.sum()) for aspect, rows in known.items() if rows.any()}
    if about:
        found = found[known[about]].reset_index(drop=True)
    return Usable(found, left_out, int(found["session"].nunique()), aspects)


def _about(votes: pd.DataFrame, aspect: str) -> NDArray[np.bool_]:
    """Return (n,) bool: which votes have a reason that names an aspect, or any reason."""
    named = set().union(*ASPECTS.values()) if aspect == "any" else set(ASPECTS[aspect])
    given = votes["reasons"].tolist() if "reasons" in votes.columns else [""] * len(votes)
    return np.array([not named.isdisjoint(each.split()) for each in given], dtype=bool)


def _can_teach(row: Mapping[Hashable, Any], neutral: bool) -> bool:
    texts = all(_any_text(row[name]) for name in TEXT_COLUMNS)
    whole = all(row[name] in ("", *USABLE) for name in ("fault_a", "fault_b"))
    return texts and whole and row["choice"] in OUTCOME_OF and not (neutral and row.get("named", ""))


def _any_text(turns: object) -> bool:
    return isinstance(turns, tuple) and any(turn.strip() for turn in turns)


@dataclass(frozen=True)
class Seen:
    """Which votes a judge trained on, as far as can be known.

    Attributes
    ----------
    rows : (n,) bool
        True where it did, or may have.
    why : "none", "ids" or "time"
        How it is known: it never could have; the run's out-of-fold table names the battles; or, where that is not
        there, every vote that is older than the judge may have been among them.
    """

    rows: NDArray[np.bool_]
    why: Literal["none", "ids", "time"]


def seen_by(run: SavedRun, starter: bool, votes: pd.DataFrame, group: NDArray[np.int64]) -> Seen:
    """Return which votes a judge trained on, itself or by another battle with the same question.

    Parameters
    ----------
    starter : bool
        Whether it is the one that comes with the install, which trained on public votes alone.
    votes : DataFrame, n rows
        Needs `battle_id`, `origin_id` and `voted_at`.
    group : (n,) int
        Votes on one question have one number.
    """
    if starter:
        return Seen(np.zeros(len(votes), dtype=bool), "none")
    try:
        table = run.out_of_fold()
    except UserError:
        table = None
    if table is None or "id" not in table.columns:
        own = (votes["voted_at"] <= pd.Timestamp(run.written)).to_numpy(dtype=bool)
        return Seen(np.isin(group, group[own]), "time")
    ids = table["id"].astype(str)
    known = {*ids, *ids.str.rpartition(":")[2]} - {""}  # of several sources each id has its source's name before it
    own = (votes["battle_id"].isin(known) | votes["origin_id"].isin(known)).to_numpy(dtype=bool)
    return Seen(np.isin(group, group[own]), "ids")


FEW = 1_000
"""Below so many votes only small trees and the linear learner go beside the starter judge: what RESULTS.md's table of
own votes was measured with. Words and transformers need more."""
SOURCE = "votes"
"""What the votes are called in the run's tables."""


def run_params(params: Params, count: int, votes: Path, folder: Path, threads: int) -> Params:
    """Return the parameters of a run on votes.

    Parameters
    ----------
    params : Params
        Those of params.yaml; its features, encoder, folds, cache and seed hold.
    count : int
        How many votes there are; below `FEW` small settings take the place of those of params.yaml.
    votes : Path
        The file of the votes, the only source.
    threads : int
        How many cores it may use.
    """
    blocks = dict.fromkeys(needed_blocks(), True)
    changes = {
        "data": DataParams(sources=(SourceParams(path=votes, name=SOURCE),), on_bad_row=params.data.on_bad_row),
        "features": FeatureParams(**(params.features.model_dump() | blocks)),
        "stack": params.stack.model_copy(update={"prior": "starter"}),
        "report": params.report.model_copy(update={"enabled": False}),
        "run": params.run.model_copy(update={"folder": folder, "threads": threads}),
        "dashboard": {},
    }
    if count < FEW:
        changes["learners"] = FEW_VOTES_LEARNERS
        changes["transformer"] = params.transformer.model_copy(update={"enabled": False})
    return params.model_copy(update=changes)
