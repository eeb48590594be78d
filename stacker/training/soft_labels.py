"""From votes to distributions: shares of the voters on one pair, grades, and a teacher's verdicts found by id."""

import numpy as np
import pandas as pd

from pipelines.battles.arrays import FLIP, Floats
from pipelines.errors import UserError
from stacker.learners.judges.outside_file import read_outside
from stacker.learners.soft_votes import SoftVotes
from stacker.learners.transformer.params import SoftLabelParams

TIE = 2


def soft_votes(params: SoftLabelParams, battles: pd.DataFrame, weight: Floats) -> SoftVotes | None:
    """Return the votes of n battles as distributions, None where all are plain ones.

    Shares are taken over votes on one pair of answers to one prompt, so that no fold sees another's votes: folds keep
    the battles of a prompt together.

    Parameters
    ----------
    battles : DataFrame, n rows
        As `stacker.training.train.train` takes them.
    weight : (n,)
        Weights of the votes.

    Raises
    ------
    UserError
        When the teacher's file cannot be read, or is of other battles.
    """
    if not (params.voters or params.graded or params.teacher):
        return None
    shares, weight = np.eye(3)[battles["outcome"].to_numpy(dtype=np.int64)], weight.copy()
    if params.graded:
        shares, weight = graded(shares, weight, battles["source"] if "source" in battles else None)
    if params.voters:
        shares = of_voters(shares, weight, battles)
    teacher = np.full(shares.shape, np.nan)
    if params.teacher is not None:
        if "id" not in battles:
            raise UserError(
                "transformer.soft_labels.teacher: these battles have no ids, by which verdicts are found; give battles "
                "with ids."
            )
        file = read_outside(params.teacher)
        file.check_ids(battles["id"])
        teacher = file.of(battles["id"])
    return SoftVotes(shares, weight, teacher, params.share, params.temperature)


def graded(shares: Floats, weight: Floats, source: "pd.Series[str] | None") -> tuple[Floats, Floats]:
    """Return (n, 3) shares and (n,) weights of graded votes.

    A vote that weighs w of the most that one of its source does is w of its outcome and 1 - w a tie, and weighs as much
    as that one.
    """
    most = pd.Series(weight).groupby(np.zeros(len(weight)) if source is None else source.to_numpy()).transform("max")
    how_far = (weight / most.to_numpy())[:, None]
    return shares * how_far + np.eye(3)[TIE] * (1 - how_far), most.to_numpy(dtype=np.float64)


def of_voters(shares: Floats, weight: Floats, battles: pd.DataFrame) -> Floats:
    """Return (n, 3): the weighted mean of the shares of all votes on a battle's pair, whichever side an answer has."""
    columns = (battles[name] for name in ("prompt", "response_a", "response_b"))
    turned = np.zeros(len(battles), dtype=bool)
    keys: list[int] = []
    known: dict[object, int] = {}
    for row, (prompt, a, b) in enumerate(zip(*columns, strict=True)):
        turned[row] = a > b
        keys.append(known.setdefault((prompt, b, a) if turned[row] else (prompt, a, b), len(known)))
    straight = np.where(turned[:, None], shares[:, FLIP], shares)
    total, summed = np.zeros(len(known)), np.zeros((len(known), 3))
    np.add.at(total, keys, weight)
    np.add.at(summed, keys, straight * weight[:, None])
    mean = (summed / total[:, None])[keys]
    return np.where(turned[:, None], mean[:, FLIP], mean)
