"""Which terms the answers of a data set hold, counted once for every fit on a part of it.

Folds share most of their texts, and taking texts apart takes far longer than what is then reckoned with their terms
(1,172 of Kaggle's battles: 8.5 of 10.7 seconds of processor time). A fit chooses its own vocabulary and weights, from
its own rows alone. A term is a 64-bit number, and terms are numbered in the order in which a vocabulary has them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from pipelines.terminal.machine import free_memory
from stacker.learners.linear.char_tfidf import BITS, MOST_LETTERS, SPACE, Keys, code_table, codepoints, spaced

MOST_BYTES, MEMORY_SHARE = 1_200_000_000, 0.25
"""Counts that would take more than either, the share being one of the free memory, are not kept."""
BYTES_A_CHARACTER = 6
"""An estimate for sequences of two to four letters: nearly one distinct one a letter."""
_TEXTS_AT_ONCE = 512
WORD = re.compile(r"(?u)\b\w\w+\b")
"""The words of scikit-learn's vectorisers."""
_WORD_BITS = np.uint64(32)

Counted = tuple[Keys, NDArray[np.uint32], Ints]
"""Of some texts: the distinct keys of each, how often each key occurs, and how many keys each text has."""


@dataclass(frozen=True)
class TermCounts:
    """Terms of n distinct texts.

    Attributes
    ----------
    matrix : (n, terms) CSR
        How often each text holds each term; the indices of a row rise.
    keys : (terms,) uint64
        The terms, rising: the order of a vocabulary.
    places : dict of int by str
        The row of each text.
    names : callable
        From keys of words to the words.
    letters : str
        What the codes in keys of letter sequences stand for.
    """

    matrix: Any
    keys: Keys
    places: dict[str, int]
    names: Callable[[Keys], list[str]]
    letters: str = ""

    def rows(self, texts: Sequence[str]) -> Ints | None:
        """Return the rows of texts; None where one was not counted."""
        try:
            return np.array([self.places[text] for text in texts], dtype=np.int64)
        except KeyError:
            return None

    def frequencies(self, rows: Ints) -> tuple[Floats, Ints]:
        """Return of each term how often it occurs in some rows, and in how many of them."""
        some = self.matrix[rows]
        terms = len(self.keys)
        often = np.bincount(some.indices, weights=some.data, minlength=terms)
        return np.asarray(often, dtype=np.float64), np.asarray(
            np.bincount(some.indices, minlength=terms), dtype=np.int64
        )

    def weighted(self, rows: Ints, columns: Ints, idf: Floats) -> Any:
        """Return TF-IDF rows of a vocabulary, (k, terms of it) CSR float32, with sublinear counts and of length 1 or 0.

        Parameters
        ----------
        columns : (terms,) int
            The place of each term in the vocabulary, -1 for those that are not in it.
        """
        from scipy import sparse

        some = self.matrix[rows]
        column = columns[some.indices]
        known = column >= 0
        ends = np.concatenate([[0], np.cumsum(known)])[some.indptr]
        column = column[known]
        values = (1 + np.log(some.data[known].astype(np.float32))) * idf.astype(np.float32)[column]
        of = np.repeat(np.arange(len(rows)), np.diff(ends))
        # Letters are squared in float64 and words, by scikit-learn, in float32, where each fit counts by itself.
        squares = values.astype(np.float64) ** 2 if self.letters else values**2
        lengths = np.sqrt(np.bincount(of, weights=squares, minlength=len(rows)))
        values = (values / lengths[of]).astype(np.float32)
        return sparse.csr_array((values, column, ends), shape=(len(rows), len(idf)))


def fits_into_memory(texts: Iterable[str]) -> bool:
    """Return whether the counts of texts are small enough to keep."""
    need = BYTES_A_CHARACTER * sum(map(len, texts))
    return need <= min(MOST_BYTES, MEMORY_SHARE * free_memory())


def letter_counts(answers: Sequence[str], lengths: tuple[int, int], least: int, threads: int) -> TermCounts | None:
    """Count the sequences of letters that `CharTfidf` knows; None where there are more letters than it has codes for.

    Parameters
    ----------
    answers : sequence of str
        All of them, those that occur more than once too.
    least : int
        Answers that a sequence must be in to be kept: in fewer, no fit on a part of them keeps it.
    """
    texts, often = _once(answers)
    letters: set[int] = set()
    for part in _parts(texts):
        letters.update(np.unique(codepoints("".join(map(spaced, part)))).tolist())
    known = "".join(map(chr, sorted(letters - {ord(" ")})))
    if len(known) > MOST_LETTERS:
        return None
    table = code_table(known)

    def counted(part: Sequence[str]) -> Counted:
        words = [spaced(text) for text in part]
        codes = table[codepoints("".join(words))]
        sequences = _sequences(codes, lengths)
        ends = np.cumsum([len(text) for text in words])
        return _distinct(np.split(sequences, ends[:-1]))

    with ThreadPoolExecutor(max(threads, 1), thread_name_prefix="letters") as pool:
        return _joined(texts, often, pool.map(counted, _parts(texts)), least, lambda keys: keys, lambda _: [], known)


def word_counts(answers: Sequence[str], lengths: tuple[int, int], least: int) -> TermCounts | None:
    """Count words and pairs of words as scikit-learn's vectorisers see them; None for longer phrases."""
    texts, often = _once(answers)
    shortest, longest = lengths
    if longest > 2:
        return None
    number: dict[str, int] = {}

    def counted(part: Sequence[str]) -> Counted:
        found = []
        for text in part:
            words = WORD.findall(text.lower())
            own = np.fromiter((number.setdefault(word, len(number)) for word in words), np.uint64, len(words))
            first = own + np.uint64(1) << _WORD_BITS
            keys = [first] if shortest == 1 else []
            if longest == 2:
                keys.append(first[:-1] | own[1:] + np.uint64(1))
            found.append(np.concatenate(keys))
        return _distinct(found)

    def alphabetic(keys: Keys) -> Keys:
        # A space comes before every sign of a word, so that phrases in the order of their words are in that of letters.
        rank = np.zeros(len(words) + 1, dtype=np.uint64)
        rank[1 + order] = np.arange(1, len(words) + 1)
        return rank[keys >> _WORD_BITS] << _WORD_BITS | rank[keys & np.uint64(0xFFFFFFFF)]

    def names(keys: Keys) -> list[str]:
        first, second = (keys >> _WORD_BITS).tolist(), (keys & np.uint64(0xFFFFFFFF)).tolist()
        return [
            ordered[one - 1] if not other else f"{ordered[one - 1]} {ordered[other - 1]}"
            for one, other in zip(first, second, strict=True)
        ]

    parts = [counted(part) for part in _parts(texts)]
    words = list(number)
    order = np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)
    ordered = [words[place] for place in order.tolist()]
    return _joined(texts, often, iter(parts), least, alphabetic, names)


def most_frequent(often: Floats, holders: Ints, most: int, least: int) -> Ints:
    """Return the places of the most frequent terms that enough texts hold, as scikit-learn chooses them.

    Parameters
    ----------
    often, holders : (terms,) numbers
        How often each occurs, and in how many texts.

    Raises
    ------
    ValueError
        When there are none.
    """
    kept = np.flatnonzero(holders >= least)
    if not len(kept):
        raise ValueError("no word is in enough texts")
    if len(kept) > most:
        # As scikit-learn sorts, so that of terms that are as frequent the same ones are left out.
        kept = np.sort(kept[(-often.astype(np.float32)[kept]).argsort()[:most]])
    return kept


def smooth_idf(holders: Ints, texts: int) -> Any:
    """Return the weights that scikit-learn gives terms which so many of the texts hold, in its float32."""
    idf = np.full(len(holders), texts + 1, dtype=np.float32) / (holders + 1).astype(np.float32)
    return np.log(idf) + 1


def _once(answers: Sequence[str]) -> tuple[list[str], Ints]:
    """Return each text once, and how often it occurs."""
    found = Counter(answers)
    return list(found), np.fromiter(found.values(), np.int64, len(found))


def _parts(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)]


def _sequences(codes: Keys, lengths: tuple[int, int]) -> Keys:
    """Return (n, number of lengths) keys of the sequences that begin at each letter, 0 where a word ends before."""
    found = np.zeros((len(codes), lengths[1] - lengths[0] + 1), dtype=np.uint64)
    # Words stand apart by two spaces: one of each word's own edges.
    parted = np.append((codes[:-1] == SPACE) & (codes[1:] == SPACE), True)
    sequence = np.zeros(len(codes), dtype=np.uint64)
    whole = np.ones(len(codes), dtype=np.bool_)
    for place in range(min(lengths[1], len(codes))):
        if place:
            whole = whole[:-1] & ~parted[place - 1 : len(codes) - 1]
        sequence = sequence[: len(whole)] | codes[place:] << np.uint64(BITS * place)
        if place + 1 >= lengths[0]:
            found[: len(whole), place + 1 - lengths[0]] = np.where(whole, sequence, 0)
    return found


def _distinct(texts: Sequence[Keys]) -> Counted:
    keys, counts, sizes = [], [], []
    for each in texts:
        ordered = np.sort(each, axis=None)
        ordered = ordered[np.searchsorted(ordered, np.uint64(1)) :]  # 0 is no term
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
        keys.append(ordered[starts])
        counts.append(np.diff(np.append(starts, len(ordered))).astype(np.uint32))
        sizes.append(len(starts))
    return np.concatenate(keys), np.concatenate(counts), np.array(sizes, dtype=np.int64)


def _joined(
    texts: Sequence[str],
    often: Ints,
    parts: Iterator[Counted],
    least: int,
    final: Callable[[Keys], Keys],
    names: Callable[[Keys], list[str]],
    letters: str = "",
) -> TermCounts:
    """Put the parts under one another, their terms numbered, without those in fewer than `least` texts."""
    from scipy import sparse

    known, numbers = np.empty(0, np.uint64), np.empty(0, np.int32)
    held: list[Any] = []
    kind: type[np.unsignedinteger[Any]] = np.uint16
    for keys, counts, sizes in parts:
        fresh = np.unique(keys)
        fresh = fresh[~np.isin(fresh, known, assume_unique=True)]
        if len(fresh):
            place = np.searchsorted(known, fresh)
            numbers = np.insert(numbers, place, np.arange(len(known), len(known) + len(fresh), dtype=np.int32))
            known = np.insert(known, place, fresh)
        if counts.max(initial=0) > np.iinfo(np.uint16).max:
            kind = np.uint32
        held.append((numbers[np.searchsorted(known, keys)], counts.astype(kind), sizes))
    texts_with = np.zeros(len(known), dtype=np.int64)
    distinct_with = np.zeros(len(known), dtype=np.int64)
    start = 0
    for own, _, sizes in held:
        times = np.repeat(often[start : start + len(sizes)], sizes)
        start += len(sizes)
        texts_with += np.bincount(own, weights=times, minlength=len(known)).astype(np.int64)
        distinct_with += np.bincount(own, minlength=len(known))
    kept = texts_with[numbers] >= least
    keys, numbers = final(known[kept]), numbers[kept]
    order = np.argsort(keys)
    column = np.full(len(known), -1, dtype=np.int32)
    column[numbers[order]] = np.arange(len(order), dtype=np.int32)
    size = int(distinct_with[numbers].sum())
    indices, data = np.empty(size, dtype=np.int32), np.empty(size, dtype=kind)
    ends, start = [np.zeros(1, dtype=np.int64)], 0
    for number in range(len(held)):
        own, counts, sizes = held[number]
        held[number] = None  # both forms of all of it would be too much
        found = column[own]
        there = found >= 0
        stop = start + int(there.sum())
        indices[start:stop], data[start:stop] = found[there], counts[there]
        ends.append(start + np.concatenate([[0], np.cumsum(there)])[np.cumsum(sizes)])
        start = stop
    matrix = sparse.csr_array((data, indices, np.concatenate(ends)), shape=(len(texts), len(order)))
    matrix.sort_indices()
    return TermCounts(matrix, keys[order], {text: place for place, text in enumerate(texts)}, names, letters)
