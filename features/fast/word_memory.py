"""Numbers of words, worked out once per distinct word and remembered within bounds."""

from collections.abc import Callable
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

LONGEST = 40
"""Characters above which a word is not remembered: it will hardly come again."""
_UNKNOWN = -1


class Remembered(dict[str, int]):
    """The number, 0 or more, of each word that was met."""

    def numbers(
        self, words: list[str], learn: Callable[[list[str]], dict[str, int]], most: int, remember: bool
    ) -> NDArray[np.int32]:
        """Return the number of each of n words, (n,); the others are forgotten when there are too many.

        Parameters
        ----------
        words : list of n str
            As they stand in the texts.
        learn : callable
            Given distinct words that are not known, returns their numbers.
        most : int
            Words that are remembered at most; of a call that meets more new ones, none is.
        remember : bool
            Whether new words are remembered at all.
        """
        found = np.fromiter(map(self.get, words, repeat(_UNKNOWN)), np.int32, len(words))
        unknown = np.flatnonzero(found == _UNKNOWN)
        if len(unknown):
            met = [words[place] for place in unknown.tolist()]
            learnt = learn(list(dict.fromkeys(met)))
            found[unknown] = list(map(learnt.__getitem__, met))
            if remember and len(learnt) <= most:
                if len(self) + len(learnt) > most:
                    self.clear()
                self.update(each for each in learnt.items() if len(each[0]) <= LONGEST)
        return found
