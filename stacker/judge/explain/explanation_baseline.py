"""The battle that explanations start from: a typical one that favours neither side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats, Floats32
from pipelines.files.saved_files import Tensors
from stacker.judge.members import Member
from stacker.learners.learner_interface import LearnerData
from stacker.learners.stacking.pool import margins_and_ties

STATED = (
    "a typical battle that favours neither side: numbers of an answer, of the prompt and the distances between the "
    "answers at their median over the training battles, differences at 0; learners that read the texts favour neither "
    "side and are as inclined to a tie as on average"
)
"""The baseline, in words."""


@runtime_checkable
class PairLearner(Protocol):
    """A learner whose verdict depends on pair features alone."""

    def pairs(self, data: LearnerData) -> PairMatrix:
        """Return the features it sees."""
        ...

    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return (n, 3) probabilities from those features."""
        ...


@dataclass(frozen=True)
class Baseline:
    """The battle that explanations start from.

    Attributes
    ----------
    rows : dict of (p,) float32 by learner
        Typical values of the pair features that a learner sees; the same when the sides are swapped.
    ties : dict of float by learner
        Mean tie log-odds of the learners that read the texts.
    """

    rows: Mapping[str, Floats32]
    ties: Mapping[str, float]

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        from safetensors.numpy import save_file

        rows = {f"row {name}": np.ascontiguousarray(row) for name, row in self.rows.items()}
        save_file({**rows, **{f"tie {name}": np.array([tie]) for name, tie in self.ties.items()}}, path)

    @classmethod
    def load(cls, path: Path) -> "Baseline":
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            When the file is missing or damaged.
        """
        stored = Tensors(path, "(row|tie) .*")
        rows = {
            name.removeprefix("row "): stored.floats(name, None, unknown=True)
            for name in stored
            if name.startswith("row ")
        }
        ties = {
            name.removeprefix("tie "): float(stored.floats(name, 1)[0]) for name in stored if name.startswith("tie ")
        }
        return cls(rows, ties)

    def check(self, members: Sequence[Member], data: LearnerData) -> None:
        """Check that it is one of these learners, which see `data` of no battle.

        Raises
        ------
        ValueError
            When it is missing one of them, or a learner sees another number of features.
        """
        for member in members:
            if isinstance(member.learner, PairLearner):
                count = len(member.learner.pairs(data).names)
                if len(self.rows.get(member.name, ())) != count:
                    raise ValueError(f"has no row of {count} features for {member.name}")
            elif member.name not in self.ties:
                raise ValueError(f"has no tie log-odds for {member.name}")


def baseline(members: Sequence[Member], data: LearnerData, probabilities: Floats) -> Baseline:
    """Take the baseline from training battles.

    Parameters
    ----------
    members : sequence of K members
        The fitted learners.
    data : LearnerData, n rows
        The battles they trained on.
    probabilities : (n, K, 3) float
        What the learners said of these battles without having seen them.
    """
    rows: dict[str, Floats32] = {}
    ties: dict[str, float] = {}
    _, said = margins_and_ties(probabilities)
    for place, member in enumerate(members):
        if isinstance(member.learner, PairLearner):
            rows[member.name] = typical_row(member.learner.pairs(data))
        else:
            known = np.isfinite(said[:, place])
            # Not by the mask alone: the mean of a copy may differ in its last digit.
            own = said[:, place] if known.all() else said[known, place]
            ties[member.name] = float(own.mean()) if len(own) else 0.0
    return Baseline(rows, ties)


def typical_row(pairs: PairMatrix) -> Floats32:
    """Return the (p,) features of a typical battle that favours neither side.

    A and B have their common median, A - B is 0, everything else has its median; NaN where nothing is known. Swapping
    the sides leaves the row as it is.
    """
    row = np.zeros(len(pairs.names), dtype=np.float32)
    for column, partner in enumerate(pairs.partner.tolist()):
        if pairs.sign[column] < 0 or partner < column:
            row[column] = row[partner]  # 0 where the sign turns, else what was found for the other side
            continue
        values = pairs.values[:, [column] if partner == column else [column, partner]]
        finite = values[np.isfinite(values)]
        row[column] = np.median(finite) if len(finite) else np.nan
    return row
