"""How odd an answer is: by signs that hardly any real answer shows, whatever trick they come from.

No made answer is needed for it: of each sign it is known how far real answers go that people preferred, or called
equal. An answer counts as odd by the two signs in which it goes farthest beyond these, both by itself and next to the
other answer of its battle, so that a question for a poem in Latin makes no answer in Latin odd.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats, Ints
from pipelines.files.saved_files import Names, Number, Saved

SIGNS = {
    "substance: words twice in a row": 1.0,
    "substance: letters that no word holds": 1.0,
    "substance: order of common words": -1.0,
    "substance: order of all common words": -1.0,
    "substance: characters that words hold together": -1.0,
    "substance: order of Chinese characters": -1.0,
    "substance: phrases of the prompt": 1.0,
    "substance: sentences of the prompt's words": 1.0,
    "substance: empty cells and values": 1.0,
    "substance: praise and claims": 1.0,
    "substance: references": 1.0,
    "substance: log content words that the prompt has not": -1.0,
    "substance: longest run of one sign": 1.0,
    "substance: pictures and signs": 1.0,
    "overlap: Jaccard of words": 1.0,
    "overlap: answer words from the prompt": 1.0,
    "integrity: longest repetition": 1.0,
    "integrity: repeated sentences": 1.0,
    "integrity: empty headings": 1.0,
    "integrity: text that is a plea": 1.0,
    "integrity: filler": 1.0,
    "integrity: odd characters": 1.0,
    "integrity: placeholders": 1.0,
    "relevance: other questions that it is nearer to": 1.0,
    "relevance: nearness": -1.0,
    "relevance: nearness above that to other questions": -1.0,
}
"""Columns, and 1 where more is odd, -1 where less is."""
GLARING = {
    "integrity: repeated sentences": 0.0,
    "integrity: longest repetition": 0.5,
    "integrity: odd characters": 0.0,
    "integrity: placeholders": 0.8,
    "substance: words twice in a row": 0.0,
    "substance: phrases of the prompt": 0.0,
    "substance: sentences of the prompt's words": 0.0,
    "substance: pictures and signs": 2.5,
    "substance: letters that no word holds": 2.0,
}
"""Signs one of which is enough for an answer to be doubted, and by how many powers of ten it has to go farther than
what is repeated: people like some pictures, three dots at the end are a placeholder, and words of other languages and
names hold letters that no English word does. How far was chosen on Kaggle's rows and auto-j, where answers with as many
sentences again lost twice as often as they won, and those with pictures won three times as often as they lost."""
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
"""Shares of real answers beyond the stored values of a sign."""
_LEVELS = -np.log10(np.array(SHARES))
_TOLD = 2
"""Signs that are added up."""


class OddAnswers(Saved):
    """How far real answers go in each sign.

    Attributes
    ----------
    names : tuple of p str
        Keys of `SIGNS`.
    own, apart : tuple of p tuples
        Values that the `SHARES` of real answers are beyond: of a sign, and of its difference from the other answer.
    own_tail, apart_tail : tuple of p float
        How far they go on an average beyond the last but some, by which it is told how odd what is farther is.
    """

    names: Names
    own: tuple[tuple[Number, ...], ...]
    apart: tuple[tuple[Number, ...], ...]
    own_tail: tuple[Annotated[Number, Field(gt=0)], ...]
    apart_tail: tuple[Annotated[Number, Field(gt=0)], ...]

    @model_validator(mode="after")
    def _whole(self) -> "OddAnswers":
        sizes = {len(self.names), len(self.own), len(self.apart), len(self.own_tail), len(self.apart_tail)}
        if len(sizes) > 1 or any(len(values) != len(SHARES) for values in (*self.own, *self.apart)):
            raise ValueError("names, values and tails are not as many")
        if any(list(values) != sorted(values) for values in (*self.own, *self.apart)):
            raise ValueError("values do not rise")
        unknown = sorted(set(self.names) - SIGNS.keys())
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no sign of an odd answer")
        return self

    @classmethod
    def of(cls, pairs: PairMatrix, kept: np.ndarray) -> "OddAnswers":
        """Return how far the answers `kept`, (2, n) bool, of n real battles go."""
        names = tuple(name for name in SIGNS if f"{name} (A)" in set(pairs.names))
        own, apart = (values[kept] for values in _values(pairs, names))
        found = {}
        for key, values in (("own", own), ("apart", apart)):
            edges = np.quantile(values, 1 - np.array(SHARES), axis=0)
            beyond = [np.mean(np.maximum(column[column > edge] - edge, 0.0)) if (column > edge).any() else 0.0
                      for column, edge in zip(values.T, edges[5], strict=True)]  # fmt: skip
            tails = np.maximum(np.maximum(beyond, 0.1 * values.std(axis=0)), 1e-3)
            found[key] = tuple(tuple(column) for column in edges.T.tolist())
            found[f"{key}_tail"] = tuple(tails.tolist())
        return cls(names=names, **found)

    def oddness(self, pairs: PairMatrix) -> Floats:
        """Return (2, n): how odd answers A and B of n battles are, in powers of ten."""
        return np.asarray(np.sort(self.surprise(pairs), axis=-1)[..., -_TOLD:].sum(axis=-1))

    def glaring(self, pairs: PairMatrix) -> Floats:
        """Return (2, n): how far answers A and B go in the one of `GLARING` in which they go farthest."""
        less = np.array([GLARING.get(name, np.inf) for name in self.names])
        return np.asarray((self.surprise(pairs) - less).max(axis=-1, initial=0.0))

    def surprise(self, pairs: PairMatrix) -> Floats:
        """Return (2, n, p): how odd answers A and B are in each sign, by themselves and next to each other."""
        own, apart = _values(pairs, self.names)
        return np.minimum(_surprise(own, self.own, self.own_tail), _surprise(apart, self.apart, self.apart_tail))

    def check(self, pairs: PairMatrix) -> None:
        """Look up every feature that is needed.

        Raises
        ------
        LackingFeaturesError
            When some are not computed.
        """
        pairs.require([f"{name} ({side})" for name in self.names for side in "AB"])


def _values(pairs: PairMatrix, names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Return two (2, n, p): the signs of answers A and B, more being odder, and how much odder either is."""
    directions = np.array([SIGNS[name] for name in names])
    a, b = (
        np.nan_to_num(
            pairs.values[:, pairs.places(tuple(f"{name} ({side})" for name in names))].astype(np.float64), posinf=1e30
        )
        * directions
        for side in "AB"
    )
    return np.stack([a, b]), np.stack([a - b, b - a])


def _surprise(values: Floats, edges: tuple[tuple[float, ...], ...], tails: tuple[float, ...]) -> Floats:
    """Return the negative powers of ten of the shares of real answers that go as far, told by the tails at the end."""
    farther = np.maximum(values - _curves(edges).rising[:, -1], 0.0) / (np.array(tails) * np.log(10.0))
    return np.asarray(levels_of(values, edges) + farther)


def levels_of(values: Floats, edges: tuple[tuple[float, ...], ...]) -> Floats:
    """Return the negative powers of ten of the shares of real answers that go as far, up to those of the last edges.

    Parameters
    ----------
    values : (..., p)
        How far answers go in p signs.
    edges : tuple of p
        Values that `SHARES` of real answers are beyond; of equal ones the least level counts.
    """
    curves = _curves(edges)
    # As np.interp has it, for all signs at once: between two distinct edges on a straight line, at an edge its level.
    signs = np.arange(len(edges))
    at = (curves.distinct <= values[..., None]).sum(axis=-1) - 1
    low, high = np.maximum(at, 0), np.minimum(at + 1, curves.last)
    x, level = curves.distinct[signs, low], curves.levels[signs, low]
    width = np.where(high > low, curves.distinct[signs, high] - x, 1.0)
    slope = (curves.levels[signs, high] - level) / width
    inside = np.where(at < 0, 0.0, np.where((x == values) | (high == low), level, slope * (values - x) + level))
    # At an edge that many share the least level counts, beyond it the last one of those.
    last = (curves.rising < values[..., None]).sum(axis=-1) - 1
    above = np.where(last >= 0, _LEVELS[np.maximum(last, 0)], 0.0)
    return np.asarray(np.maximum(inside, above))


@dataclass(frozen=True)
class _Curves:
    """The (p, k) edges of p signs; those that are distinct, filled up with infinity, their least levels, the last."""

    rising: Floats
    distinct: Floats
    levels: Floats
    last: Ints


@lru_cache(maxsize=64)
def _curves(edges: tuple[tuple[float, ...], ...]) -> _Curves:
    rising = np.array(edges).reshape(len(edges), len(SHARES))
    distinct, levels = np.full_like(rising, np.inf), np.zeros_like(rising)
    last = np.zeros(len(edges), dtype=np.int64)
    for sign, row in enumerate(rising):
        known, first = np.unique(row, return_index=True)
        distinct[sign, : len(known)], levels[sign, : len(known)] = known, _LEVELS[first]
        last[sign] = len(known) - 1
    return _Curves(rising, distinct, levels, last)
