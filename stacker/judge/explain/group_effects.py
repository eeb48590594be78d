"""Explanations of whole verdicts: exact Shapley values of a few groups against a stated baseline.

A verdict is two numbers: the log-odds of A against B, and the tie log-odds (`stacker.learners.stacking.pool`). The
players are groups of features and learners, `GROUPS` among them. Where a group is absent, the pair features of that
group have the values of a typical battle which favours neither side; a learner that reads the texts favours neither
side and has its mean tie log-odds. The level-1 model adds learners up, so the groups' values add up to the verdict less
the baseline, to rounding; swapping the sides turns the sign of every margin value, to the last bit; a group that
changes nothing gets exactly 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.blocks.registry import column_of, group_of, groups
from features.pairs import PairMatrix, parsed
from pipelines.battles.arrays import Floats, Floats32
from stacker.judge.explain.explanation_baseline import Baseline, PairLearner
from stacker.judge.members import Member
from stacker.learners.learner_interface import LearnerData
from stacker.learners.learner_registry import KINDS
from stacker.learners.stacking.pool import Pool, margins_and_ties

LENGTH = "length"
PROMPT = "prompt"
WORDS = "sparse words"
TRANSFORMER = "transformer"
OUTSIDE = "outside predictions"
MODELS = "language models"
CAUTION = "caution"
CHECKS = "checks"
GROUPS = (LENGTH, *groups(), PROMPT, WORDS, TRANSFORMER, OUTSIDE, MODELS, CAUTION, CHECKS)
"""Groups in the order they are shown; others come after them.

`length` is how much was written, by whatever block it is counted; `prompt` is what the question alone tells, by any
block; `overlap` is what an answer shares with the prompt and with the other answer; the rest are the blocks
themselves, and the learners that read the texts; `caution` is what draws their sum back where little is known of texts
like these; `checks` is what the checks of answers add to all of them.
"""


def group_of_feature(name: str) -> str:
    """Return the group of a pair feature."""
    feature = parsed(name)
    if feature.kind == "prompt":
        return PROMPT
    column = column_of(feature.block, feature.column)
    return LENGTH if column is not None and column.length else group_of(feature.block)


def group_of_kind(kind: str) -> str:
    """Return the group of a learner that reads the texts by itself, from its kind."""
    return (KINDS[kind].group if kind in KINDS else None) or kind


def shown_order(groups: set[str]) -> tuple[str, ...]:
    """Return the groups in the order they are shown."""
    return tuple(sorted(groups, key=lambda group: (GROUPS.index(group) if group in GROUPS else len(GROUPS), group)))


MOST_PLAYERS = 12
"""More players make more coalitions (4,096) than one explanation may cost."""


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

    def with_group(self, group: str, before: Floats, after: Floats) -> "GroupEffects":
        """Return them with one more group, `caution` or `checks`: what turns (n, 3) verdicts into others."""
        (margin, tie), (margin_then, tie_then) = margins_and_ties(before), margins_and_ties(after)
        return GroupEffects(
            (*self.groups, group),
            np.column_stack([self.margin, margin_then - margin]),
            np.column_stack([self.tie, tie_then - tie]),
            self.base_tie,
        )


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


def coalitions(players: int) -> NDArray[np.bool_]:
    """Return who takes part in each coalition.

    Parameters
    ----------
    players : int
        Number of players, 0 to 12.

    Returns
    -------
    (2 ** players, players) bool
        Row r holds player i where bit i of r is set: the first row is empty, the last one holds everybody.

    Raises
    ------
    ValueError
        When there are too many players.
    """
    if not 0 <= players <= MOST_PLAYERS:
        raise ValueError(f"{players} players: exact values are for 0 to {MOST_PLAYERS}; join some of them to groups")
    rows = np.arange(2**players)
    return (rows[:, None] >> np.arange(players) & 1).astype(bool)


def shapley_values(worth: Floats) -> Floats:
    """Return each player's mean gain over all orders in which the players can come together (Shapley, 1953).

    The values add up to the worth of everybody less that of nobody; a player that changes no coalition's worth gets
    exactly 0; where every worth is negated, so is every value, to the last bit.

    Parameters
    ----------
    worth : (2 ** players, ...) float
        Worth of the coalitions in the order of `coalitions`; further axes are games of their own.

    Returns
    -------
    (players, ...) float
        Values in the units of the worth.

    Raises
    ------
    ValueError
        When the number of coalitions is no power of 2.
    """
    players = len(worth).bit_length() - 1
    if len(worth) != 2**players:
        raise ValueError(f"{len(worth)} coalitions: must be a power of 2")
    sizes = coalitions(players).sum(axis=1)
    whole = factorial(players)
    share = np.array([factorial(size) * factorial(players - size - 1) / whole for size in range(players)])
    rows = np.arange(2**players)
    values = np.zeros((players, *worth.shape[1:]))
    for player in range(players):
        without = rows[rows >> player & 1 == 0]
        gain = worth[without | 1 << player] - worth[without]
        weight = share[sizes[without]].reshape(-1, *[1] * (gain.ndim - 1))
        values[player] = (weight * gain).sum(axis=0)
    return values
