"""A quick twin of textstat: the counts that its formulas are made of, in one walk over many texts.

textstat, called as `stacker.bench.plain` does, is the oracle in tests/features/blocks/test_readability.py and in
tests/features/fast/test_real_texts.py.
Nearly all of them are sums over the words of a text, and most words have been met before: what a word adds is worked
out once and kept as a row of small numbers. Many words have the same row, so that the rows are few, a word is known by
the number of its row, and the counts of many texts are one sum over rows.

textstat counts syllables by NLTK's cmudict where that can be downloaded, and by Pyphen's hyphenation patterns where
the dictionary has no word. Numbers that depend on the network are of no use: here every syllable comes from Pyphen.
Source of the definitions: textstat 0.7.13, `textstat/backend`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.fast.word_numbers import Remembered, Syllables
from features.text import batches, pieces
from pipelines.battles.arrays import Ints

_AT_ONCE = 100_000
"""Characters of several texts that are counted at once."""
_KNOWN_TOKENS = 100_000
_KNOWN_ROWS = 20_000
_KEPT_FROM_A_TEXT = 100_000
"""Characters of one text whose words are remembered; what a longer one holds would take many times its size."""
_LINSEAR_WORDS = 100

_STRAY_APOSTROPHE = re.compile(r"'(?![tsd]|ve|ll|re)")
_PUNCTUATION = re.compile(r"[^\w\s']")
_NOT_LETTER = re.compile(r"[^\w\s]")
_LETTER = re.compile(r"\w")
_STOPS = re.compile(r"[.!?]+")


@dataclass(slots=True)
class TextCounts:
    """Counts of n texts, (n,) each, as textstat defines them; a token is a run of characters without white space."""

    tokens: Ints
    characters: Ints
    letters: Ints
    """Letters, digits and underscores; a token that holds one is a word."""
    words: Ints
    syllables: Ints
    monosyllables: Ints
    polysyllables: Ints
    """Words of at least three syllables."""
    unfamiliar: Ints
    """Words that are not on the Dale-Chall list, of any length."""
    difficult: Ints
    """Unfamiliar words of at least two syllables."""
    complex: Ints
    """Unfamiliar words of at least three syllables."""
    long_words: Ints
    """Words of more than six letters."""
    mini_words: Ints
    """Words of at most three letters."""
    sentences: Ints
    linsear_points: Ints
    linsear_sentences: Ints


_NAMES = tuple(field.name for field in fields(TextCounts))
_SUMMED = _NAMES[: _NAMES.index("sentences")]
_WORDS, _POLYSYLLABLES = _SUMMED.index("words"), _SUMMED.index("polysyllables")
# How a token stands to the sentences, which end at full stops inside a token too: whether it is one word without a
# stop, whether it holds a stop, and then whether a word stands before the first stop and behind the last.
_IN_SENTENCE, _BREAKS, _BEFORE, _BEHIND = range(len(_SUMMED), len(_SUMMED) + 4)
_WIDTH = len(_SUMMED) + 4
_END = 0
"""The row that is laid behind the last token of each text: it adds nothing and ends a sentence."""


@dataclass(slots=True)
class _Walk:
    """How far the walk over m texts has come."""

    sums: Ints
    """(m, len(_SUMMED))."""
    full: Ints
    """Sentences of more than two words that have ended; one of two words is none."""
    words_in: Ints
    """Words since the last stop."""
    points: Ints
    """Linsear's points and sentences in the first hundred words, as far as these have come."""
    first_sentences: Ints

    @classmethod
    def begin(cls, count: int) -> "_Walk":
        """Stand before the first token of each of `count` texts."""
        sums = np.zeros((count, len(_SUMMED)), dtype=np.int64)
        return cls(sums, *(np.zeros(count, dtype=np.int64) for _ in range(4)))

    def counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the (m, len(_NAMES)) counts, were the texts to end here."""
        sentences = np.maximum(1, self.full + (self.words_in > 2)) * np.fromiter(map(bool, texts), np.int64, len(texts))
        first = np.where(self.sums[:, _SUMMED.index("tokens")] > 0, self.first_sentences, 0)
        return np.column_stack([self.sums, sentences, self.points, first])


class TokenTable:
    """What each token adds to the counts, worked out once per distinct token; bounded in size."""

    def __init__(self) -> None:
        self._syllables = Syllables()
        self._easy = easy_words()
        self._known = Remembered()
        self._words: dict[str, tuple[int, int]] = {}
        self._forget()

    def count_all(self, texts: Sequence[str]) -> TextCounts:
        """Count texts, each by itself."""
        found = np.zeros((len(texts), len(_NAMES)), dtype=np.int64)
        for batch in batches(texts, _AT_ONCE):
            some = [texts[place] for place in batch]
            found[batch] = self._count_long(some[0]) if len(some[0]) > _AT_ONCE else self._count_short(some)
        return TextCounts(*np.ascontiguousarray(found.T))

    def _count_short(self, texts: Sequence[str]) -> Ints:
        walk = _Walk.begin(len(texts))
        self._advance(walk, list(map(str.split, texts)), remember=True)
        return walk.counts(texts)

    def _count_long(self, text: str) -> Ints:
        walk = _Walk.begin(1)
        read = 0
        for piece in pieces(text):
            read += len(piece)
            self._advance(walk, [piece.split()], remember=read <= _KEPT_FROM_A_TEXT)
        return walk.counts([text])

    def _advance(self, walk: _Walk, texts: Sequence[list[str]], remember: bool) -> None:
        """Walk on over the next tokens of each text."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        rows = self._rows_of(list(chain.from_iterable(texts)), remember)
        rows = np.insert(rows, np.cumsum(lengths), _END)
        ends = np.cumsum(lengths + 1)
        added = self._table[rows]
        left = _LINSEAR_WORDS - walk.sums[:, _WORDS]
        if (left > 0).any():
            words = np.cumsum(added[:, _WORDS])
            earlier = np.append(0, words[ends - 1][:-1])
            first = words - added[:, _WORDS] < np.repeat(earlier + left, lengths + 1)
            first[ends - 1] = True
            begun = added[first]
            first_ends = np.cumsum(first, dtype=np.int64)[ends - 1]
            full, words_in = _sentences(begun, first_ends, walk.words_in)
            weights = begun[:, [_WORDS, _POLYSYLLABLES]]
            sums: Ints = walk.sums[:, [_WORDS, _POLYSYLLABLES]] + _summed(weights, first_ends)
            walk.points = np.where(left > 0, sums[:, 0] + 2 * sums[:, 1], walk.points)
            so_far = np.maximum(1, walk.full + full + (words_in > 2))
            walk.first_sentences = np.where(left > 0, so_far, walk.first_sentences)
        full, walk.words_in = _sentences(added, ends, walk.words_in)
        walk.full = walk.full + full
        walk.sums = walk.sums + _summed(added[:, : len(_SUMMED)], ends)

    def _rows_of(self, tokens: list[str], remember: bool) -> NDArray[np.int32]:
        """Return the place of each token's row in the table; forget the others when there are too many."""
        if self._used > _KNOWN_ROWS:
            self._forget()
        learn = partial(self._learnt, remember=remember)
        return self._known.numbers(tokens, learn, _KNOWN_TOKENS, remember)

    def _forget(self) -> None:
        """Begin anew, with the row of a text's end alone."""
        self._known.clear()
        self._table = np.zeros((256, _WIDTH), dtype=np.int32)
        self._table[_END, _BREAKS] = 1
        self._places: dict[tuple[int, int, int, int, int], int] = {}
        self._used = 1

    def _learnt(self, tokens: list[str], remember: bool) -> dict[str, int]:
        """Work out the rows of tokens, and return their places in the table."""
        joined = "\n".join(tokens)  # a token holds no white space, and patterns run once over all of them
        words = _PUNCTUATION.sub("", _STRAY_APOSTROPHE.sub("", joined)).lower().split("\n")
        letters = map(len, _NOT_LETTER.sub("", joined).split("\n"))
        met = self._words_of(dict.fromkeys(words), remember)
        places: dict[str, int] = {}
        known = self._places.get
        for token, word, count in zip(tokens, words, letters, strict=True):
            syllables, hard = met[word]
            stands = _stands(token, count) if "." in token or "!" in token or "?" in token else count > 0
            key = (len(token), count, syllables, hard, stands)
            place = known(key)
            if place is None:
                place = self._places[key] = self._placed(*key)
            places[token] = place
        return places

    def _words_of(self, words: Iterable[str], remember: bool) -> dict[str, tuple[int, int]]:
        """Return for each word its syllables, and those, at most three, that make it hard; others may be among them."""
        new = [word for word in words if word not in self._words]
        if len(new) + len(self._words) > _KNOWN_TOKENS:
            self._words = {}
            new = list(words)
        # The library cleans a lower-case word once more before it judges its difficulty: "İ" leaves a dot behind.
        odd = {word: _PUNCTUATION.sub("", word) for word in new if not word.isalnum()}
        distinct = list({*new, *odd.values()})
        syllables = dict(zip(distinct, self._syllables.of(distinct).tolist(), strict=True))
        found = {
            word: (syllables[word] if word else 0, 0 if word in self._easy else min(3, syllables[odd.get(word, word)]))
            for word in new
        }
        if len(new) > _KNOWN_TOKENS:
            return found
        if not remember:
            return found | {word: self._words[word] for word in words if word not in found}
        self._words |= found
        return self._words

    def _placed(self, length: int, letters: int, syllables: int, hard: int, stands: int) -> int:
        """Write the row of all tokens of one kind, and return its place.

        `hard` are the syllables of a word that is not on the list of easy ones, at most three, else 0.
        """
        if self._used == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        row = dict.fromkeys(_SUMMED, 0) | {"tokens": 1, "characters": length}
        if letters:
            row |= {"letters": letters, "words": 1, "syllables": syllables}
            row |= {"monosyllables": syllables == 1, "polysyllables": syllables >= 3}
            row |= {"long_words": letters > 6, "mini_words": letters <= 3}
            row |= {"unfamiliar": hard > 0, "difficult": hard >= 2, "complex": hard >= 3}
        self._table[self._used] = (*row.values(), *(stands >> bit & 1 for bit in range(4)))
        self._used += 1
        return self._used - 1


def _stands(token: str, letters: int) -> int:
    """Tell in bits how a token of so many letters, with a stop, stands to the sentences; 1 is one without a stop."""
    bare = token.rstrip(".!?")
    if "." not in bare and "!" not in bare and "?" not in bare:
        return 2 | (letters > 0) << 2
    parts = _STOPS.split(token)
    return 2 | (_LETTER.search(parts[0]) is not None) << 2 | (_LETTER.search(parts[-1]) is not None) << 3


def _sentences(added: NDArray[np.int32], ends: Ints, words_in: Ints) -> tuple[Ints, Ints]:
    """Count the sentences of more than two words that end in each of m texts, and the words behind its last stop.

    `added`, (N, _WIDTH), has the rows of their tokens, each text with that of its end, behind which its place in
    `ends`, (m,), is; `words_in`, (m,), are the words of the sentence that each text begins in.
    """
    words = np.cumsum(added[:, _IN_SENTENCE])
    stops = np.flatnonzero(added[:, _BREAKS])
    text = np.searchsorted(ends, stops, side="right")
    is_first = np.append(True, text[1:] != text[:-1])
    so_far = words[stops]
    inside = (
        np.diff(so_far, prepend=0) + np.append(0, added[stops[:-1], _BEHIND]) + np.where(is_first, words_in[text], 0)
    )
    is_end = stops == ends[text] - 1
    full = ~is_end & (inside + added[stops, _BEFORE] > 2)
    return np.bincount(text[full], minlength=len(ends)), inside[is_end].astype(np.int64)


def _summed(rows: NDArray[np.int32], ends: Ints) -> Ints:
    """Sum the rows of each text; none is without a row."""
    summed: Ints = np.add.reduceat(rows, np.append(0, ends[:-1]), axis=0, dtype=np.int64)
    return summed


def easy_words() -> frozenset[str]:
    """Return textstat's copy of the Dale-Chall list of familiar words, without importing textstat (and NLTK)."""
    spec = find_spec("textstat")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "resources" / "en" / "easy_words.txt"
    return frozenset(line.strip() for line in path.read_text(encoding="utf-8").splitlines())


@cache
def token_table() -> TokenTable:
    """Return the table of this process; patterns and word list are read once."""
    return TokenTable()
