"""What one booster of a learner is trained with: its rows, in both orders, its pace, how it is watched."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.pairs import PairMatrix
from pipelines.battles.arrays import FLIP, Floats, Ints
from stacker.learners.balance import Correction, softmax

BAGS_OF_MANY = 2
LOOK_EVERY_OF_MANY = 10
RARE = 20
"""Battles of an outcome below which trees see others as if they had ended so."""
UNSEEN_BATTLES = 5
"""Battles that are shown again so, evenly from all."""


@dataclass(frozen=True)
class SizeDependentParams:
    """How boosted trees are paced by the number of battles, so that a full set takes as many rounds as a small one.

    At one learning rate the rounds until training stops grow with the battles, and the time of a run with their square.
    A rate that grows with the root of the battles keeps the rounds in bounds; with many battles, fewer boosters need to
    be averaged, and a round changes too little to be looked at each time.

    Attributes
    ----------
    look_every : int
        Rounds between two looks at the held battles, where a look costs as much as half a round.
    """

    learning_rate: float
    bags: int
    look_every: int

    @classmethod
    def of(cls, params: Any, battles: int) -> "SizeDependentParams":
        """Return the pace of a fit on so many battles by `BoostingParams`; 0 switches its rules off."""
        rate = params.learning_rate
        if 0 < params.rate_from < battles:
            rate = min(rate * (battles / params.rate_from) ** 0.5, max(rate, params.max_learning_rate))
        many = 0 < params.many <= battles
        return cls(rate, min(params.bags, BAGS_OF_MANY) if many else params.bags, LOOK_EVERY_OF_MANY if many else 1)


@dataclass(frozen=True)
class Rows:
    """Battles as a booster is given them, in one order; it sees them in both.

    Attributes
    ----------
    pairs : PairMatrix, n rows
    outcome : (n,) int64
    weight : (n,) float64
    unseen : int
        How many of them, the last ones, stand for outcomes that hardly occur.
    """

    pairs: PairMatrix
    outcome: Ints
    weight: Floats
    unseen: int = 0

    def joined(self, pairs: PairMatrix, outcome: Ints, weight: Floats, unseen: int = 0) -> "Rows":
        """Return these rows and m more behind them."""
        return Rows(
            replace(self.pairs, values=np.concatenate([self.pairs.values, pairs.values])),
            np.concatenate([self.outcome, outcome]),
            np.concatenate([self.weight, weight]),
            unseen,
        )

    def with_unseen(self, weight: Floats) -> "Rows":
        """Return these rows, and where ties, or decided battles, are rare some of the rows again as what is rare.

        Without them, rounds would push the log-odds of what does not occur further and further down.

        Parameters
        ----------
        weight : (3,) float
            What each outcome weighs in all of them; next to nothing beside that of the rows.
        """
        ties = int(np.sum(self.outcome == 2))
        rare = np.repeat([0, 1, 2], [len(self.outcome) - ties < RARE, len(self.outcome) - ties < RARE, ties < RARE])
        if not len(rare):
            return self
        some = np.unique(np.linspace(0, len(self.outcome) - 1, UNSEEN_BATTLES).astype(np.int64))
        again, outcome = np.tile(some, len(rare)), np.repeat(rare, len(some))
        return self.joined(self.pairs.take(again), outcome, weight[outcome] / len(some), len(again))

    def both_outcomes(self) -> Ints:
        """Return the outcomes of the battles and then of the swapped battles, (2n,)."""
        return both_orders(self.outcome)

    def both_weights(self) -> Floats:
        """Return the weights of the battles and then of the swapped battles, (2n,)."""
        return np.tile(self.weight, 2)


@dataclass(frozen=True)
class Bag:
    """What one booster is trained with besides its rows.

    Attributes
    ----------
    held : Rows
        Battles that decide when training stops; never resampled.
    start : float
        Tie log-odds that training starts from.
    gamma : float or None
        Power of the focal loss; None trains the library's own log loss.
    correction : Correction
        What brings the booster's probabilities back to the real prior.
    pace : SizeDependentParams
        Learning rate, and how often the held battles are looked at.
    number : int
        Which of the boosters it is.
    """

    held: Rows
    start: float
    gamma: float | None
    correction: Correction
    pace: SizeDependentParams
    seed: int
    threads: int
    number: int = 0

    def loss(self, logs: Floats) -> float:
        """Return the log loss of (2n, 3) log-odds of the held battles and their swaps, by corrected probabilities.

        What is watched thus is the same whatever the balance: rebalanced training shall stop where it serves the real
        battles best.
        """
        return symmetric_log_loss(logs, self.held.outcome, self.held.weight, self.correction)


def half_of_columns(partner: Ints, seed: int, number: int) -> NDArray[np.bool_]:
    """Return (p,): the half of the features that a booster sees; the next one sees the other half.

    A feature and the one that takes its place when the sides are swapped stay together.

    Parameters
    ----------
    partner : (p,) int
        As `PairMatrix` has it.
    """
    first = np.minimum(np.arange(len(partner)), partner)
    distinct = np.random.default_rng((seed, number // 2)).permutation(np.unique(first))
    middle = len(distinct) // 2
    chosen = distinct[middle:] if number % 2 else distinct[:middle]
    return np.asarray(np.isin(first, chosen))


def both_orders(outcome: Ints) -> Ints:
    """Return the outcomes of n battles followed by those of the same battles with the sides swapped, (2n,)."""
    return np.concatenate([outcome, np.array(FLIP)[outcome]])


def starts(tie_log_odds: float, rows: int) -> Floats:
    """Return the log-odds that so many rows start from, (rows, 3)."""
    return np.tile([0.0, 0.0, tie_log_odds], (rows, 1))


def symmetric_log_loss(logs: Floats, outcome: Ints, weight: Floats, correction: Correction | None = None) -> float:
    """Return the log loss of the prediction averaged over both orders.

    Parameters
    ----------
    logs : (2n, 3)
        Log-odds or log probabilities of n battles followed by those of the swapped battles.
    outcome, weight : (n,)
        Votes and weights of the battles in their own order.
    correction : Correction or None
        Applied to the prediction first.
    """
    n = len(outcome)
    p = softmax((logs[:n] + logs[n:][:, FLIP]) / 2)
    if correction:
        p = correction.apply(p)
    return float(np.average(-np.log(p[np.arange(n), outcome]), weights=weight))
