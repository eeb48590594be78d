"""A part of the quick twin of vaderSentiment: the words that its rules ask about, and what they ask of each."""

from collections.abc import Iterable
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints

Flags = NDArray[np.bool_]

NO_WORD, OTHER, CONTRACTED = 0, 1, 2
"""Numbers of no word, of a word that no rule asks about, and of a word with n't that the library does not list."""


class Asked:
    """The words that the rules ask about, numbered, and what they ask of each.

    A word as it stands in a text has the code `2 * number + (it is in capitals)`; the arrays are by code.
    """

    def __init__(self, lexicon: dict[str, float], boosters: dict[str, float], negations: Iterable[str]) -> None:
        negations = frozenset(negations)
        marked = "no or nor never so this without doubt least at very kind of but".split()
        phrases = [phrase.split() for phrase in (*library().SPECIAL_CASES, *boosters) if " " in phrase]
        words = dict.fromkeys((*lexicon, *boosters, *negations, *marked, *chain.from_iterable(phrases)))
        self.numbers = {word: number for number, word in enumerate(words, CONTRACTED + 1)}
        self.marks = {word: 2 * self.numbers[word] for word in marked}
        count = 2 * (len(self.numbers) + CONTRACTED + 1)

        def by_code(of_words: Iterable[float], contracted: float = 0) -> Floats:
            of_numbers = np.array([0.0, 0.0, contracted, *of_words])
            return np.repeat(of_numbers, 2)

        self.valence = by_code(lexicon.get(word, 0.0) for word in words)
        self.boost = by_code(boosters.get(word, 0.0) for word in words)
        self.in_lexicon: Flags = by_code(map(lexicon.__contains__, words)) > 0
        self.boosts: Flags = by_code(map(boosters.__contains__, words)) > 0
        self.negates: Flags = by_code((word in negations or "n't" in word for word in words), contracted=1) > 0
        self.capitals: Flags = np.arange(count) % 2 == 1
        # The last two words of each idiom and of each booster of several words: without them none can be there.
        ends = np.array([[self.numbers[word] for word in phrase[-2:]] for phrase in phrases], dtype=np.int64)
        self.first_of_end: Flags = np.zeros(count, dtype=np.bool_)
        self.first_of_end[np.concatenate([2 * ends[:, 0], 2 * ends[:, 0] + 1])] = True
        self.count = count
        self.ends: Ints = np.unique(ends[:, 0] * count + ends[:, 1])


class Mark:
    """Tells of codes whether they are those of some words, in capitals or not."""

    def __init__(self, marks: dict[str, int]) -> None:
        self._marks = marks

    def __call__(self, codes: NDArray[np.int32], *words: str) -> Flags:
        """Return where the codes are those of any of the words."""
        low = codes & ~1
        found: Flags = low == self._marks[words[0]]
        for word in words[1:]:
            found = found | (low == self._marks[word])
        return found


def library() -> Any:
    """Return the module of vaderSentiment that holds lexicons and rules."""
    return import_module("vaderSentiment.vaderSentiment")
