"""Which votes a judge had learnt from, as far as that can be known; on these it is not compared."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.judges.saved_runs import SavedRun
from pipelines.errors import UserError


@dataclass(frozen=True)
class Seen:
    """Which votes a judge learnt from, as far as can be known.

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
    """Return which votes a judge learnt from, itself or by another battle with the same question.

    Parameters
    ----------
    run : SavedRun
        The judge.
    starter : bool
        Whether it is the one that comes with the install, which learnt from public votes alone.
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
