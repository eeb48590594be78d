"""How far two answers are of the same words and phrases: one made of the other, a part of it, or both the same."""

from functools import cache

import numpy as np

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats

_SIZE, _WHOLE = "integrity: log words in order seen ({})", "derivation: stands whole in the other answer ({})"
_PHRASES, _WORDS = "derivation: phrases of the other answer ({})", "derivation: words of the other answer ({})"
_FEW = 5.0
"""Words and marks below which an answer has too few phrases to be told by them."""
NEEDED = tuple(name.format(side) for name in (_SIZE, _WHOLE, _PHRASES, _WORDS) for side in "AB")


def made_of_each_other(pairs: PairMatrix) -> Floats:
    """Return (n,) how far one answer is made of the other: 0 in nearly all real battles, 1 where it stands in it whole.

    Answers of fewer than eight words and marks say nothing; of twenty and more all.
    """
    size = np.expm1(_columns(pairs, _SIZE)).min(axis=0)
    return np.asarray(stands_within(pairs) * np.clip((size - 8) / 12, 0, 1))


def stands_within(pairs: PairMatrix) -> Floats:
    """Return (n,) how far one answer, of whatever size, is made of the other's phrases, or both of the same words."""
    phrases, words = _columns(pairs, _PHRASES), _columns(pairs, _WORDS)
    inside = np.clip((phrases.max(axis=0) - 0.8) / 0.15, 0, 1)
    alike = np.clip((words.min(axis=0) - 0.9) / 0.08, 0, 1)
    return np.asarray(np.maximum(inside, alike) * (words.max(axis=0) > 0.9))


def same_words(pairs: PairMatrix) -> Floats:
    """Return (n,) bool: whether both answers have the same words in the same order."""
    return np.asarray(_columns(pairs, _WHOLE).all(axis=0))


def parts_of_the_other(pairs: PairMatrix) -> Floats:
    """Return (2, n) how far either answer is put together of the other's phrases, or is of a few of its words."""
    few = (np.expm1(_columns(pairs, _SIZE)) < _FEW) & (_columns(pairs, _WORDS) > 0.9)
    return np.asarray(np.maximum(np.clip((_columns(pairs, _PHRASES) - 0.7) / 0.15, 0, 1), few))


def _columns(pairs: PairMatrix, name: str) -> Floats:
    """Return (2, n): a column of either answer."""
    found = pairs.places(_of_sides(name))
    return pairs.values[:, found].T.astype(np.float64)


@cache
def _of_sides(name: str) -> tuple[str, ...]:
    return tuple(name.format(side) for side in "AB")
