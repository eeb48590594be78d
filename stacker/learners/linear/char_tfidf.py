"""TF-IDF of the letter sequences of words, by whole arrays: scikit-learn's `char_wb` in a fraction of time and memory.

A sequence of up to four letters is one 64-bit number, 16 bits a letter, so that those of a thousand texts are counted
by sorting and looked up by bisection. scikit-learn makes a Python string of each.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints

_TEXTS_AT_ONCE = 1000
BITS = 16
LONGEST = 64 // BITS
"""Letters of the longest sequence."""
SPACE = 1
"""The code of a space; 0 stands behind the end of a sequence."""
MOST_LETTERS = (1 << BITS) - 2
"""Letters that have a code; more frequent ones come first."""
_UNKNOWN = (1 << BITS) - 1

Keys = NDArray[np.uint64]
Places = NDArray[np.int64]


class CharTfidf:
    """`TfidfVectorizer(analyzer="char_wb", sublinear_tf=True)` for sequences of up to four letters.

    Parameters
    ----------
    lengths : (int, int)
        Shortest and longest sequence, 1 to 4.
    most : int
        Sequences kept, the most frequent ones.
    least_texts : int
        Texts that a sequence must be in.

    Raises
    ------
    ValueError
        When a length is not 1 to 4; in `fit`, when no sequence is in enough texts.
    """

    def __init__(self, lengths: tuple[int, int], most: int, least_texts: int) -> None:
        if not 1 <= lengths[0] <= lengths[1] <= LONGEST:
            raise ValueError(f"sequences of {lengths[0]} to {lengths[1]} letters; 1 to {LONGEST} are possible")
        self.lengths = lengths
        self.most = most
        self.least_texts = least_texts

    def fit(self, texts: Sequence[str]) -> "CharTfidf":
        """Choose the sequences and their weights."""
        found, letters = np.unique(codepoints("".join(map(spaced, texts))), return_counts=True)
        common = np.sort(found[np.argsort(-letters, kind="stable")[:MOST_LETTERS]])
        self.letters_ = "".join(map(chr, common[common != ord(" ")].tolist()))
        keys, counts, holders = np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            more = _counted(*self._sequences(texts[start : start + _TEXTS_AT_ONCE]))
            keys, counts, holders = _merged((keys, counts, holders), more)
        if len(found) > MOST_LETTERS:  # a sequence with a letter that has no code would stand for many
            holders = np.where((codes_of(keys) == _UNKNOWN).any(axis=1), 0, holders)
        kept = self._kept(counts, holders)
        self.idf_ = np.log((1 + len(texts)) / (1 + holders[kept])) + 1
        self.keys_, self.letters_ = _recoded(keys[kept], self.letters_)
        del self.__dict__["_code"]  # of the letters before
        return self

    def chosen(self, keys: Keys, letters: str, counts: Floats, holders: Ints, texts: int) -> tuple[Self, Ints]:
        """Choose the sequences and their weights as `fit` does, where sequences were counted before.

        Parameters
        ----------
        keys, letters : (n,) uint64, str
            Sequences in rising order, and the letters that their codes stand for, in rising order too.
        counts, holders : (n,) numbers
            How often each occurs in the texts, and in how many of them.
        texts : int
            How many there are.

        Returns
        -------
        CharTfidf, (terms,) int
            Itself, and the places of the chosen ones among `keys`.
        """
        kept = self._kept(counts, holders)
        self.keys_, self.letters_ = _recoded(keys[kept], letters)
        self.idf_ = np.log((1 + texts) / (1 + holders[kept])) + 1
        return self, kept

    def _kept(self, counts: Any, holders: Any) -> Ints:
        kept = np.flatnonzero(holders >= self.least_texts)
        if not len(kept):
            raise ValueError("no sequence of letters is in enough texts")
        return np.sort(kept[np.argsort(-counts[kept], kind="stable")[: self.most]])

    def transform(self, texts: Sequence[str]) -> Any:
        """Return the (len(texts), sequences) CSR float32 array, rows of length 1 or 0."""
        from scipy import sparse

        parts = [
            self._rows(texts[start : start + _TEXTS_AT_ONCE]) for start in range(0, len(texts), _TEXTS_AT_ONCE)
        ] or [self._rows(texts)]
        return parts[0] if len(parts) == 1 else sparse.vstack(parts, format="csr")

    @cached_property
    def vocabulary_(self) -> dict[str, int]:
        """The place of each sequence."""
        names, codes = f"\0 {self.letters_}", codes_of(self.keys_)
        return {"".join(names[code] for code in row if code): place for place, row in enumerate(codes.tolist())}

    def restore(self, letters: str, keys: Keys, idf: NDArray[np.float64]) -> "CharTfidf":
        """Take over what another one has learnt; a `ValueError` where a letter is there twice, or not at all."""
        if len(set(letters)) != len(letters):
            raise ValueError("letters holds one twice")
        if codes_of(keys).max(initial=0) > SPACE + len(letters):
            raise ValueError("keys holds a letter that is not among letters")
        self.letters_, self.keys_, self.idf_ = letters, keys, idf
        return self

    def _rows(self, texts: Sequence[str]) -> Any:
        from scipy import sparse

        keys, holders = self._sequences(texts)
        places = np.searchsorted(self.keys_, keys)
        places[places == len(self.keys_)] = 0
        known = self.keys_[places] == keys
        ones = np.ones(int(known.sum()), dtype=np.float32)
        shape = (len(texts), len(self.keys_))
        rows = sparse.csr_array(sparse.coo_array((ones, (holders[known], places[known])), shape=shape))
        rows.data = (1 + np.log(rows.data)) * self.idf_.astype(np.float32)[rows.indices]
        of = np.repeat(np.arange(len(texts)), np.diff(rows.indptr))
        lengths = np.sqrt(np.bincount(of, weights=rows.data.astype(np.float64) ** 2, minlength=len(texts)))
        rows.data = (rows.data / lengths[of]).astype(np.float32)
        return rows

    def _sequences(self, texts: Sequence[str]) -> tuple[Keys, Places]:
        """Return every sequence of the texts as a number, and the text that it is in."""
        words = [spaced(text) for text in texts]
        codes = self._code[codepoints("".join(words))]
        text = np.repeat(np.arange(len(texts)), [len(each) for each in words])
        # Words stand apart by two spaces: one of each word's own edges.
        parted = np.append((codes[:-1] == SPACE) & (codes[1:] == SPACE), True)
        keys, holders = [], []
        sequence = np.zeros(len(codes), dtype=np.uint64)
        whole = np.ones(len(codes), dtype=np.bool_)
        for place in range(self.lengths[1]):
            if place >= len(codes):
                break
            if place:
                whole = whole[:-1] & ~parted[place - 1 : len(codes) - 1]
            sequence = sequence[: len(whole)] | codes[place:] << np.uint64(BITS * place)
            if place + 1 >= self.lengths[0]:
                keys.append(sequence[whole])
                holders.append(text[: len(whole)][whole])
        if not keys:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        return np.concatenate(keys), np.concatenate(holders)

    @cached_property
    def _code(self) -> Keys:
        """The code of each code point; letters that were not met have one that no sequence holds."""
        return code_table(self.letters_)


def code_table(letters: str) -> Keys:
    """Return the code of each code point where these are the letters."""
    codes = np.full(0x110000, _UNKNOWN, dtype=np.uint64)
    codes[ord(" ")] = SPACE
    codes[codepoints(letters)] = np.arange(2, 2 + len(letters))
    return codes


def codes_of(keys: Keys) -> Places:
    """Return (n, LONGEST) codes of the letters of n sequences, 0 behind the last one."""
    shifts = [np.uint64(BITS * place) for place in range(LONGEST)]
    return np.stack([(keys >> shift) & np.uint64(_UNKNOWN) for shift in shifts], axis=1).astype(np.int64)


def _recoded(keys: Keys, letters: str) -> tuple[Keys, str]:
    """Return sequences by codes of those letters alone that they hold, and these letters; the order stays."""
    codes = codes_of(keys)
    used = np.unique(codes[codes > SPACE])
    own = np.zeros(len(letters) + 2, dtype=np.uint64)
    own[SPACE] = SPACE
    own[used] = np.arange(2, 2 + len(used))
    shifts = np.array([BITS * place for place in range(LONGEST)], dtype=np.uint64)
    return np.bitwise_or.reduce(own[codes] << shifts, axis=1), "".join(letters[code - 2] for code in used.tolist())


def spaced(text: str) -> str:
    """Return the words of a text in lower case, each between spaces of its own."""
    words = text.lower().split()
    return f" {'  '.join(words)} " if words else ""


def codepoints(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)


def _counted(keys: Keys, holders: Places) -> tuple[Keys, Places, Places]:
    """Return the distinct sequences, how often each occurs, and in how many texts."""
    distinct, of = np.unique(keys, return_inverse=True)
    pairs = np.unique(holders * max(len(distinct), 1) + of)
    held = np.bincount(pairs % max(len(distinct), 1), minlength=len(distinct))
    return distinct, np.bincount(of, minlength=len(distinct)), held


def _merged(one: tuple[Keys, Places, Places], other: tuple[Keys, Places, Places]) -> tuple[Keys, Places, Places]:
    """Add up the counts of two sets of texts."""
    keys, of = np.unique(np.concatenate([one[0], other[0]]), return_inverse=True)
    counts, holders = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    for place, part in ((of[: len(one[0])], one), (of[len(one[0]) :], other)):
        counts[place] += part[1]
        holders[place] += part[2]
    return keys, counts, holders
