"""What the starter judge's learners are given: battles of several sets, weighed as an arena might send them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints

TIE = 2
LEAST_OF_LANGUAGE = 50.0
"""Pairs of a language in a set from which on its ties are weighed by themselves."""


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
    family : (n,) int64
        Number of the family of sets that share prompts; rows of one family are held out together.
    """

    battle: Ints
    outcome: Ints
    weight: Floats
    family: Ints

    def take(self, rows: Ints) -> "Rows":
        """Return the chosen rows, with weights of mean 1 again."""
        weight = self.weight[rows]
        return Rows(self.battle[rows], self.outcome[rows], weight / weight.mean(), self.family[rows])


def weighted_rows(votes: pd.DataFrame, family: Ints, factors: Mapping[str, float], power: float, ties: float) -> Rows:
    """Weigh battles of several sets.

    Parameters
    ----------
    votes : DataFrame, m rows
        A battles table of `pipelines.starter.read_votes`; the weights of a pair of answers add up to 1.
    family : (m,) int64
        Of each battle, by `pipelines.battles.folds.families`.
    factors : mapping of float by set
        How much a set counts besides; 1 where it is not named.
    power : float
        All rows of a set together weigh its number of pairs to this power: at 1 the largest set rules, at 0 each has
        the same say.
    ties : float
        Share of ties, by weight, that every set, and every language of a set that has `LEAST_OF_LANGUAGE` pairs, is
        brought to, so that no learner takes its voters' habit for a property of its texts. Where there are none, each
        battle is given one beside its vote: it then says nothing of ties, and still which answer is preferred.
    """
    outcome, own = votes["outcome"].to_numpy(dtype=np.int64), votes["weight"].to_numpy(dtype=np.float64)
    source, lang = votes["source"].to_numpy(dtype=str), votes["lang"].to_numpy(dtype=str)
    parts = []
    for name in np.unique(source):
        inside = source == name
        total = own[inside].sum()
        for place in _languages(inside, lang, own):
            battle, voted, share = _with_ties(place, outcome[place], own[place], ties)
            weight = share * own[place].sum() / total * total**power * factors.get(name, 1.0)
            parts.append((battle, voted, weight, family[battle]))
    battle, voted, weight, families = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((voted, battle))
    weight = weight[order]
    return Rows(battle[order], voted[order].astype(np.int64), weight / weight.mean(), families[order].astype(np.int64))


def _languages(inside: NDArray[np.bool_], lang: NDArray[np.str_], own: Floats) -> list[Ints]:
    """Part a set's battles by language; languages of few pairs are one part."""
    large = [name for name in np.unique(lang[inside]) if own[inside & (lang == name)].sum() >= LEAST_OF_LANGUAGE]
    found = [np.flatnonzero(inside & (lang == name)) for name in large]
    found.append(np.flatnonzero(inside & ~np.isin(lang, large)))
    return [place for place in found if len(place)]


def _with_ties(place: Ints, outcome: Ints, own: Floats, ties: float) -> tuple[Ints, Ints, Floats]:
    """Return battles, outcomes and weights that add up to 1, ties among them at this share."""
    tied = outcome == TIE
    share = own / own.sum()
    if tied.all():
        return place, outcome, share
    if tied.any():
        return place, outcome, share * np.where(tied, ties / share[tied].sum(), (1 - ties) / share[~tied].sum())
    made_up = np.full(len(place), TIE, dtype=np.int64)
    shares = np.concatenate([share * (1 - ties), share * ties])
    return np.tile(place, 2), np.concatenate([outcome, made_up]), shares
