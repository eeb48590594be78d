"""How boosted trees are paced by the number of battles, so that a full set takes as many rounds as a small one.

At one learning rate the rounds until training stops grow with the battles, and the time of a run with their square. A
rate that grows with the root of the battles keeps the rounds in bounds; with many battles, fewer boosters need to be
averaged, and a round changes too little to be looked at each time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stacker.learners.trees.boosting import BoostingParams

BAGS_OF_MANY = 2
LOOK_EVERY_OF_MANY = 10


@dataclass(frozen=True)
class SizeDependentParams:
    """What a fit on n battles is done with.

    Attributes
    ----------
    learning_rate : float
        Shrinkage of each tree.
    bags : int
        Boosters that are trained.
    look_every : int
        Rounds between two looks at the held battles, where a look costs as much as half a round.
    """

    learning_rate: float
    bags: int
    look_every: int

    @classmethod
    def of(cls, params: "BoostingParams", battles: int) -> "SizeDependentParams":
        """Return the pace of a fit on so many battles; `rate_from` and `many` of 0 switch the rules off."""
        rate = params.learning_rate
        if 0 < params.rate_from < battles:
            rate = min(rate * (battles / params.rate_from) ** 0.5, max(rate, params.rate_most))
        many = 0 < params.many <= battles
        return cls(rate, min(params.bags, BAGS_OF_MANY) if many else params.bags, LOOK_EVERY_OF_MANY if many else 1)
