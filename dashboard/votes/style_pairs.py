"""Which two styles meet next: those whose battle says most about who leads, each pair with a known chance.

After some votes the strengths of Bradley and Terry (1952) have a covariance S (Laplace's). One more vote on the pair
x = e_i - e_j, whose outcome has the variance v, takes v (S x)_k^2 / (1 + v x'S x) off the variance of strength k. A
pair counts by the sum of this over the styles, each weighed by its chance to be the best one, and a little for every
style (`LEADER`): a style with few votes may still be the best, and its variance is large, so it is drawn more often.
That is the active sampling of Chatbot Arena (Chiang and others, 2024, section 5) with the weight on the lead. A share
of the draws (`EVEN`) goes to all pairs alike, so that no chance is small: the ranking weighs each vote by what it
stands for (`dashboard.votes.vote_weights.pair_weights`), which is then at most 1 / `EVEN`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select

from dashboard.votes.agreement import OUTCOME_OF
from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import BATTLES, VOTES, Pairing
from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.pair_design import logistic
from stacker.evaluate.strengths import fit_strengths

EVEN = 0.2
"""Share of the draws in which all pairs have the same chance."""
LEADER = 0.95
"""How much of a style's weight goes by its chance to be the best one; the rest is the same for all."""
SHARPNESS = 2
"""Power of what a pair is worth: a pair that is worth twice as much is drawn four times as often."""
DRAWS = 512
"""Draws of the strengths by which it is judged who may be the best one."""
_SCORES = np.array([1.0, 0.0, 0.5])


@dataclass(frozen=True)
class PairChances:
    """The chance of each of the P pairs of `count` styles to be drawn; they add up to 1, and none is 0.

    Attributes
    ----------
    first, second : (P,) int
        The pairs, first < second.
    chance : (P,) float
        Their chances.
    """

    first: Ints
    second: Ints
    chance: Floats

    def draw(self, dice: random.Random) -> tuple[int, int, Pairing]:
        """Return a pair, and how it came to be drawn."""
        (row,) = dice.choices(range(len(self.chance)), self.chance.tolist())
        return int(self.first[row]), int(self.second[row]), Pairing(len(self.chance), float(self.chance[row]))


def pair_chances(votes: Ints) -> PairChances:
    """Return with what chance each pair is to be drawn after some votes.

    Parameters
    ----------
    votes : (count, count, 3) int
        How often the style of a row stood left, that of a column right, and the left one won, the right one won, or
        neither. Sides do not matter.
    """
    count = len(votes)
    first, second = np.triu_indices(count, 1)
    alike = np.full(len(first), 1.0 / max(len(first), 1))
    left, right, outcome = np.nonzero(votes)
    if not len(left) or len(first) < 2:
        return PairChances(first, second, alike)
    # Battles by the lower number first: swapped sides change nothing, to the last bit.
    turned = left > right
    score = np.where(turned, 1 - _SCORES[outcome], _SCORES[outcome])
    rows = np.column_stack([np.minimum(left, right), np.maximum(left, right), score])
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    often = np.bincount(place.ravel(), votes[left, right, outcome]).astype(np.float64)
    fitted = fit_strengths(
        distinct[:, 0].astype(np.int64), distinct[:, 1].astype(np.int64), distinct[:, 2], count, weight=often
    )
    covariance = fitted.covariance
    known = LEADER * _chance_to_lead(fitted.values, covariance) + (1 - LEADER) / count
    moved = covariance[:, first] - covariance[:, second]
    expected = logistic(fitted.values[first] - fitted.values[second])
    spread = expected * (1 - expected)
    between = moved[first, np.arange(len(first))] - moved[second, np.arange(len(first))]
    worth = (spread * (known @ moved**2) / (1 + spread * between)) ** SHARPNESS
    return PairChances(first, second, EVEN * alike + (1 - EVEN) * worth / worth.sum())


def votes_between(store: VoteStore, names: Sequence[str], neutral: bool) -> Ints:
    """Count the votes between styles as `pair_chances` takes them. Call it from a thread.

    Parameters
    ----------
    names : sequence of str
        The styles' names.
    neutral : bool
        Whether votes are left out where an answer named its own model.

    Raises
    ------
    StoreFault
        When the store cannot be read.
    """
    query = select(BATTLES.c.style_a, BATTLES.c.style_b, VOTES.c.choice, func.count())
    query = query.join_from(VOTES, BATTLES).where(VOTES.c.undone_at.is_(None))
    query = query.where(BATTLES.c.style_a.in_(names), BATTLES.c.style_b.in_(names))
    if neutral:
        query = query.where(BATTLES.c.named == "")
    places = {name: place for place, name in enumerate(names)}
    found = np.zeros((len(names), len(names), 3), dtype=np.int64)
    for row in store.read(query.group_by(BATTLES.c.style_a, BATTLES.c.style_b, VOTES.c.choice)):
        left, right, choice, count = tuple(row)
        if left != right:
            found[places[left], places[right], OUTCOME_OF[choice]] += count
    return found


def _chance_to_lead(strengths: Floats, covariance: Floats) -> Floats:
    """Return each style's chance to be the strongest one; the same numbers for the same votes."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    drawn = strengths + np.random.default_rng(0).standard_normal((DRAWS, len(strengths))) @ root.T
    return np.asarray(np.bincount(drawn.argmax(axis=1), minlength=len(strengths)) / DRAWS)
