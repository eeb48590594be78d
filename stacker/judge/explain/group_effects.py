"""Explanations of whole verdicts: exact Shapley values of a few groups against a stated baseline.

A verdict is two numbers: the log-odds of A against B, and the tie log-odds (`stacker.learners.stacking.pool`). The
players are the groups of `stacker.judge.explain.groups`. Where a group is absent, the pair features of that group have
the values of a typical battle which favours neither side; a learner that reads the texts favours neither side and has
its mean tie log-odds. The level-1 model adds learners up, so the groups' values add up to the verdict less the
baseline, to rounding; swapping the sides turns the sign of every margin value, to the last bit; a group that changes
nothing gets exactly 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats, Floats32
from pipelines.files.saved_files import Tensors
from stacker.judge.explain.groups import group_of_feature, group_of_kind, shown_order
from stacker.judge.explain.shapley import coalitions, shapley_values
from stacker.learners.learner_interface import Learner, LearnerData
from stacker.learners.stacking.pool import Pool, margins_and_ties

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


class Member(Protocol):
    """A learner of a judge; see `stacker.judge.judge`."""

    @property
    def name(self) -> str:
        """Its name in the results."""
        ...

    @property
    def kind(self) -> str:
        """Its kind, a key of `stacker.learners.learner_registry.KINDS`."""
        ...

    @property
    def learner(self) -> Learner:
        """The fitted learner."""
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
            When it lacks one of them, or a learner sees another number of features.
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
        The battles they learnt from.
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
            ties[member.name] = float(said[:, place].mean())
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


@dataclass(frozen=True)
class GroupEffects:
    """Shapley values of the groups for n verdicts.

    Attributes
    ----------
    groups : tuple of G str
        Groups that any learner of the judge uses, in the order they are shown.
    margin : (n, G) float
        What each adds to the log-odds of A against B, which are 0 at the baseline.
    tie : (n, G) float
        What each adds to the tie log-odds.
    base_tie : float
        Tie log-odds at the baseline.
    """

    groups: tuple[str, ...]
    margin: Floats
    tie: Floats
    base_tie: float


def group_effects(
    members: Sequence[Member], pool: Pool, base: Baseline, data: LearnerData, said: Floats | None = None
) -> GroupEffects:
    """Attribute n verdicts to groups of features and learners.

    Parameters
    ----------
    members : sequence of K members
        The judge's learners in the order of the pool's weights.
    pool : Pool
        The fitted level-1 model.
    base : Baseline
        Where explanations start.
    data : LearnerData, n rows
        The battles.
    said : (n, K, 3) float or None
        What the learners say of them, where that is known already: a transformer takes its time.
    """
    seen = {m.name: m.learner.pairs(data) for m in members if isinstance(m.learner, PairLearner)}
    owners = {name: [group_of_feature(column) for column in pairs.names] for name, pairs in seen.items()}
    players = shown_order({group for owner in owners.values() for group in owner})
    readers = {m.name: group_of_kind(m.kind) for m in members if m.name not in seen}
    groups = shown_order({*players, *readers.values()})
    place = {group: number for number, group in enumerate(groups)}
    margin, tie = np.zeros((len(data), len(groups))), np.zeros((len(data), len(groups)))
    base_tie = pool.tie_offset_
    there = coalitions(len(players))
    worth = np.zeros((len(data), len(there), 2))
    for number, (member, w, v) in enumerate(zip(members, pool.margin_weights_, pool.tie_weights_, strict=True)):
        if member.name in seen:
            shown = there[:, [players.index(owner) for owner in owners[member.name]]]
            for row in range(len(data)):
                margins, ties = _coalition_verdicts(
                    member.learner, seen[member.name], row, shown, base.rows[member.name]
                )
                worth[row] += np.stack([w * margins, v * ties], axis=1)
        else:
            # It is a player by itself and the pool adds learners up: its value is what it says less what it says
            # when it is absent, and no coalition has to be asked for it.
            margins, ties = margins_and_ties(member.learner.predict_proba(data) if said is None else said[:, number])
            column = place[readers[member.name]]
            margin[:, column] += w * margins
            tie[:, column] += v * (ties - base.ties[member.name])
            base_tie += v * base.ties[member.name]
    if len(data):
        values = shapley_values(worth.transpose(1, 0, 2))
        for number, group in enumerate(players):
            margin[:, place[group]] += values[number, :, 0]
            tie[:, place[group]] += values[number, :, 1]
        base_tie += worth[0, 0, 1]
    t = pool.temperature_
    return GroupEffects(groups, margin / t, tie / t, float(base_tie / t))


def _coalition_verdicts(
    learner: Any, pairs: PairMatrix, row: int, shown: np.ndarray, typical: Floats32
) -> tuple[Floats, Floats]:
    """Return the margins and tie log-odds of one battle as every coalition shows it."""
    # Of coalitions that show the learner the same, one is asked for: a learner need not use every group.
    values, back = _distinct(np.where(shown, pairs.values[row], typical))
    margins, ties = margins_and_ties(learner.predict_pairs(PairMatrix(values, pairs.names, pairs.partner, pairs.sign)))
    return margins[back], ties[back]


def _distinct(rows: Floats32) -> tuple[Floats32, list[int]]:
    places: dict[bytes, int] = {}
    keep: list[int] = []
    back = []
    for number, row in enumerate(rows):
        place = places.setdefault(row.tobytes(), len(keep))
        if place == len(keep):
            keep.append(number)
        back.append(place)
    return rows[keep], back
