"""What the starter judge's learners are given: battles of several sets, weighed as an arena might send them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.starter import StarterSet
from stacker.learners.base import Floats, Ints

TIE = 2


@dataclass(frozen=True)
class Rows:
    """Rows to learn from; several can be of one battle.

    Attributes
    ----------
    battle : (n,) int64
        Place of the battle in the table.
    outcome : (n,) int64
        0 A preferred, 1 B preferred, 2 tie.
    weight : (n,) float64
        Mean 1.
    kin : (n,) int64
        Number of the kind of set; rows of one kin are held out together.
    """

    battle: Ints
    outcome: Ints
    weight: Floats
    kin: Ints

    def take(self, rows: Ints) -> "Rows":
        """Return the chosen rows, with weights of mean 1 again."""
        weight = self.weight[rows]
        return Rows(self.battle[rows], self.outcome[rows], weight / weight.mean(), self.kin[rows])


def weighted_rows(
    votes: pd.DataFrame, sets: Sequence[StarterSet], factors: Mapping[str, float], power: float, ties: float
) -> Rows:
    """Weigh battles of several sets.

    Parameters
    ----------
    votes : DataFrame, m rows
        A battles table of `pipelines.starter.read_votes`; the weights of a pair of answers add up to 1.
    sets : sequence of StarterSet
        Where the battles are from.
    factors : mapping of float by set
        How much a set counts besides; 1 where it is not named.
    power : float
        All rows of a set together weigh its number of pairs to this power: at 1 the largest set rules, at 0 each has
        the same say.
    ties : float
        Share of ties, by weight, that every set is brought to, so that no learner takes a set's habit of voting ties
        for a property of its texts. A set without any is given one for each battle, beside its vote: it then says
        nothing of ties, and still which answer is preferred.
    """
    source = votes["source"].to_numpy(dtype=str)
    outcome, own = votes["outcome"].to_numpy(dtype=np.int64), votes["weight"].to_numpy(dtype=np.float64)
    kinds = list(dict.fromkeys(each.kin for each in sets))
    parts = []
    for each in sets:
        place = np.flatnonzero(source == each.name)
        if len(place) == 0:
            continue
        tied = outcome[place] == TIE
        battle, voted, share = place, outcome[place], own[place]
        if tied.any() and not tied.all():
            share = share * np.where(tied, ties / share[tied].sum(), (1 - ties) / share[~tied].sum())
        elif not tied.any():
            share = share / share.sum()
            battle, voted = np.tile(place, 2), np.concatenate([voted, np.full(len(place), TIE)])
            share = np.concatenate([share * (1 - ties), share * ties])
        else:
            share = share / share.sum()
        total = own[place].sum() ** power * factors.get(each.name, 1.0)
        parts.append((battle, voted, share * total, np.full(len(battle), kinds.index(each.kin))))
    battle, voted, weight, kin = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((voted, battle))
    weight = weight[order]
    return Rows(battle[order], voted[order].astype(np.int64), weight / weight.mean(), kin[order].astype(np.int64))
