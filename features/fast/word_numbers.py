"""What the twins know of words: numbers worked out once per distinct word, and syllables of many words at once.

`Syllables` is a quick twin of Pyphen, the oracle in tests/features/fast/test_hyphenation.py.
"""

from collections.abc import Callable, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

LONGEST = 40
"""Characters above which a word is not remembered: it will hardly come again."""
_UNKNOWN = -1
_BLOCK = 1 << 14
"""Letters walked from at once: bounds the memory for one endless word."""


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


class Syllables:
    """Counts syllables as `len(Pyphen(lang="en_US").positions(word)) + 1` does, in a fraction of the time.

    The patterns are kept as a tree of their letters. From every letter of all the words at once the tree is walked
    down; where a pattern ends, its values are laid over the places between the letters, and the highest value wins.
    An odd one allows a break. Source: F. M. Liang, "Word Hy-phen-a-tion by Com-put-er", 1983.
    """

    def __init__(self) -> None:
        from pyphen import Pyphen

        hyphenator = Pyphen(lang="en_US", cache=False)
        self._left: int = hyphenator.left
        self._right: int = hyphenator.right
        patterns: dict[str, tuple[int, Sequence[int]]] = hyphenator.hd.patterns
        reach = max(offset + len(values) for offset, values in patterns.values())
        tree: list[dict[str, int]] = [{}, {}]  # node 0 is the end of every walk, node 1 the root
        said: dict[int, list[int]] = {}
        for letters, (offset, values) in patterns.items():
            node = 1
            for letter in letters:
                if letter not in tree[node]:
                    tree[node][letter] = len(tree)
                    tree.append({})
                node = tree[node][letter]
            said[node] = [0] * offset + [int(value) for value in values] + [0] * (reach - offset - len(values))
        # Letters beyond ASCII in the patterns (é, ligatures) get the codes of control characters; others lead nowhere.
        beyond = sorted({letter for followers in tree for letter in followers if not letter.isascii()})
        self._codes = {ord(letter): code for code, letter in enumerate(beyond, 1)}
        self._beyond = len(beyond)
        self._next = np.zeros((len(tree), 128), dtype=np.int32)
        for node, followers in enumerate(tree):
            for letter, follower in followers.items():
                self._next[node, self._codes.get(ord(letter), ord(letter))] = follower
        # The control characters whose codes were taken are in no pattern.
        self._codes |= dict.fromkeys(range(1, self._beyond + 1), 0)
        self._said = np.zeros((len(tree), reach), dtype=np.uint8)
        self._speaks = np.zeros(len(tree), dtype=np.bool_)
        for node, row in said.items():
            self._said[node] = row
            self._speaks[node] = True

    def of(self, words: Sequence[str]) -> NDArray[np.int64]:
        """Return the syllables of lower-case words, (len(words),), none of which holds a full stop."""
        if not words:
            return np.zeros(0, dtype=np.int64)
        # Each word stands between full stops, which the patterns know as a word's edges.
        pointed = f".{'.'.join(words)}."
        plain = pointed.isascii()
        if not plain:
            pointed = pointed.translate(self._codes)
        letters = np.frombuffer(pointed.encode("ascii", "replace"), dtype=np.uint8)
        if plain:
            letters = np.where(letters > self._beyond, letters, 0)
        breaks = np.zeros(len(letters) + self._said.shape[1], dtype=np.uint8)
        for start in range(0, len(letters), _BLOCK):
            self._walk(letters, breaks, start, min(start + _BLOCK, len(letters)))
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        starts = np.cumsum(lengths + 1) - lengths
        # A break counts from behind the first `left` letters of a word to before its last `right` letters.
        first = starts + self._left
        last = np.maximum(first, starts + lengths - self._right + 1)
        breaks &= 1
        allowed = np.flatnonzero(breaks)
        return 1 + np.searchsorted(allowed, last) - np.searchsorted(allowed, first)

    def _walk(self, letters: NDArray[np.uint8], breaks: NDArray[np.uint8], start: int, stop: int) -> None:
        """Walk the tree from each letter from `start` to before `stop`, and lay what the patterns say over `breaks`."""
        places = np.arange(start, stop)
        nodes = np.ones(len(places), dtype=np.int32)
        for depth in range(len(letters)):
            inside = places + depth < len(letters)
            places, nodes = places[inside], nodes[inside]
            nodes = self._next[nodes, letters[places + depth]]
            alive = nodes > 0
            places, nodes = places[alive], nodes[alive]
            if not len(places):
                return
            speaking = self._speaks[nodes]
            said = self._said[nodes[speaking]]
            rows, columns = np.nonzero(said)
            np.maximum.at(breaks, places[speaking][rows] + columns, said[rows, columns])
