"""What the twins know of words: numbers worked out once per distinct word, and syllables of many words at once.

`Syllables` is a quick twin of Pyphen, the oracle in tests/features/fast/test_hyphenation.py.
"""

from collections.abc import Callable, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from features.text import code_points

LONGEST = 40
"""Characters above which a word is not remembered: it will hardly come again."""
_UNKNOWN = -1
_BLOCK = 1 << 14
"""Letters walked from at once: bounds the memory for one endless word."""
_ASCII = 127
_EDGE = 2
"""Letters at either end of a word between which Pyphen breaks none, whatever the file of patterns says of that."""
_NO_PATTERN = ("%", "#", "LEFTHYPHENMIN", "RIGHTHYPHENMIN", "COMPOUNDLEFTHYPHENMIN", "COMPOUNDRIGHTHYPHENMIN")


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
        from pyphen import LANGUAGES

        letters, values = patterns_of(LANGUAGES["en_US"].read_text("utf-8"))
        # Letters beyond ASCII in the patterns (é, ligatures) get the codes of control characters; others lead nowhere.
        beyond = np.unique(letters[letters > _ASCII])
        self._codes = {code: place for place, code in enumerate(beyond.tolist(), 1)}
        self._beyond = len(beyond)
        letters = np.where(letters > _ASCII, np.searchsorted(beyond, letters) + 1, letters)
        # The control characters whose codes were taken are in no pattern.
        self._codes |= dict.fromkeys(range(1, self._beyond + 1), 0)
        nodes = np.ones(len(letters), dtype=np.int64)  # node 0 is the end of every walk, node 1 the root
        followers, count = [], 2
        for depth in range(letters.shape[1]):
            longer = np.flatnonzero(letters[:, depth])
            steps, which = np.unique(nodes[longer] * (_ASCII + 1) + letters[longer, depth], return_inverse=True)
            nodes[longer] = count + which
            followers.append(steps)
            count += len(steps)
        self._next = np.zeros((count, _ASCII + 1), dtype=np.int32)
        self._next.flat[np.concatenate(followers)] = np.arange(2, count)
        self._said = np.zeros((count, values.shape[1]), dtype=np.uint8)
        self._said[nodes] = values
        self._speaks = self._said.max(axis=1) > 0

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
        # A break counts from behind the first letters of a word to before its last ones.
        first = starts + _EDGE
        last = np.maximum(first, starts + lengths - _EDGE + 1)
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


def patterns_of(file: str) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Read hyphenation patterns such as `.ad4der`, each a line after the first one, all at once.

    Pyphen takes 50 ms to read them and each process needs them; `HyphDict` is the oracle in the tests.

    Returns
    -------
    (n, longest) int64, (n, reach) uint8
        Code points of each pattern's letters, 0 behind the last, and the values before, between and behind them, of
        which each pattern has one that is not 0.
    """
    lines = [line for line in map(str.strip, file.split("\n")[1:]) if line and not line.startswith(_NO_PATTERN)]
    signs = code_points("\n".join([*lines, ""])).astype(np.int64)
    ends = signs == ord("\n")
    digits = (signs >= ord("0")) & (signs <= ord("9"))
    row = np.cumsum(ends) - ends
    before = np.cumsum(~digits) - ~digits - row  # letters before each sign, in all lines
    depth = before - np.append(0, before[ends])[row]
    letters = np.zeros((len(lines), depth.max()), dtype=np.int64)
    values = np.zeros((len(lines), depth.max() + 1), dtype=np.uint8)
    inside = ~digits & ~ends
    letters[row[inside], depth[inside]] = signs[inside]
    values[row[digits], depth[digits]] = signs[digits] - ord("0")
    some = values.max(axis=1) > 0
    reach = 1 + int(np.flatnonzero(values.max(axis=0))[-1])
    return letters[some], values[some, :reach]
