"""The counts that textstat's formulas are made of, gathered in one walk over a text and memoised by distinct word.

Nearly all of them are sums over the words of a text, and most words of a text have been met before: what a word adds
is worked out once and kept as one large integer with a field for each count, so that a text's counts are one sum.

textstat counts syllables by NLTK's cmudict where that can be downloaded, and by Pyphen's hyphenation patterns where
the dictionary lacks a word. Numbers that depend on the network are of no use: here every syllable comes from Pyphen.
Source of the definitions: textstat 0.7.13, `textstat/backend`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from features.hyphenation import Syllables
from features.text import pieces

_KNOWN_TOKENS = 100_000
_LONGEST_KNOWN = 40
"""Characters above which a token is not remembered: it will hardly come again."""
_KEPT_FROM_A_TEXT = 200_000
"""Characters of one text whose words are remembered; what a longer one holds would take many times its size."""
_LEARNT_AT_ONCE = 100_000
"""Characters of several texts that are learnt from at once."""
_LINSEAR_WORDS = 100

_STRAY_APOSTROPHE = re.compile(r"'(?![tsd]|ve|ll|re)")
_PUNCTUATION = re.compile(r"[^\w\s']")
_NOT_LETTER = re.compile(r"[^\w\s]")
_LETTER = re.compile(r"\w")
_STOPS = re.compile(r"[.!?]+")


@dataclass(slots=True)
class TextCounts:
    """Counts of one text, as textstat defines each of them; a token is a run of characters without white space."""

    tokens: int = 0
    characters: int = 0
    letters: int = 0
    """Letters, digits and underscores; a token that holds one is a word."""
    words: int = 0
    syllables: int = 0
    monosyllables: int = 0
    polysyllables: int = 0
    """Words of at least three syllables."""
    unfamiliar: int = 0
    """Words that are not on the Dale-Chall list, of any length."""
    difficult: int = 0
    """Unfamiliar words of at least two syllables."""
    complex: int = 0
    """Unfamiliar words of at least three syllables."""
    long_words: int = 0
    """Words of more than six letters."""
    mini_words: int = 0
    """Words of at most three letters."""
    sentences: int = 0
    linsear_points: int = 0
    linsear_sentences: int = 0


_SUMMED = TextCounts.__slots__[: TextCounts.__slots__.index("sentences")]
_FIELD = 40
"""Bits of a field: room for more characters than a text can have."""
_MASK = (1 << _FIELD) - 1
_PLACE = {name: place * _FIELD for place, name in enumerate(_SUMMED)}
_ONE = {name: 1 << place for name, place in _PLACE.items()}

# How a token stands to the sentences, which end at full stops inside a token too; a sentence of two words is none.
_NO_WORD, _WORD, _BREAKS = 0, 1, 2


class TokenTable:
    """What each token adds to the counts, worked out once per distinct token; bounded in size."""

    def __init__(self) -> None:
        self._syllables = Syllables()
        self._easy = easy_words()
        self._sums: dict[str, int] = {}
        self._kinds: dict[str, int] = {}
        self._wordless: set[str] = set()

    def count_all(self, texts: Sequence[str]) -> Iterator[TextCounts]:
        """Yield the counts of texts; the new words of many of them are learnt at once, which takes less time."""
        start = characters = 0
        for end, text in enumerate(texts, 1):
            characters += len(text)
            if characters > _LEARNT_AT_ONCE or end == len(texts):
                if characters <= 2 * _LEARNT_AT_ONCE:
                    met = set(chain.from_iterable(map(str.split, texts[start:end])))
                    self._learn(token for token in met if len(token) <= _LONGEST_KNOWN)
                yield from map(self.count, texts[start:end])
                start, characters = end, 0

    def count(self, text: str) -> TextCounts:
        """Count one text."""
        walk = _Walk()
        total = TextCounts()
        read = 0
        for piece in pieces(text):
            tokens = piece.split()
            new = self._learn(tokens)
            cut = 0
            if walk.words < _LINSEAR_WORDS:
                cut = self._first(tokens, _LINSEAR_WORDS - walk.words)
                self._add(walk, tokens[:cut])
                total.linsear_points = walk.words + 2 * walk.polysyllables
                total.linsear_sentences = walk.sentences
            self._add(walk, tokens[cut:])
            read += len(piece)
            for token in new:
                if read > _KEPT_FROM_A_TEXT or len(token) > _LONGEST_KNOWN:
                    del self._sums[token], self._kinds[token]
                    self._wordless.discard(token)
        for name, place in _PLACE.items():
            setattr(total, name, walk.sums >> place & _MASK)
        total.sentences = walk.sentences if text else 0
        if not total.tokens:
            total.linsear_sentences = 0
        return total

    def _learn(self, tokens: Iterable[str]) -> set[str]:
        """Make sure that every token is known, and return the new ones; forget the others when there are too many."""
        met = set(tokens)
        new = met.difference(self._sums)
        if len(new) + len(self._sums) > _KNOWN_TOKENS:
            self._sums.clear()
            self._kinds.clear()
            self._wordless.clear()
            new = met
        words = {token: _word(token) for token in new}
        # The library cleans a lower-case word once more before it judges its difficulty: "İ" leaves a dot behind.
        odd = {word: _PUNCTUATION.sub("", word) for word in words.values() if not word.isalnum()}
        distinct = list({*words.values(), *odd.values()})
        syllables = dict(zip(distinct, self._syllables.of(distinct).tolist(), strict=True))
        for token, word in words.items():
            if not word:
                self._wordless.add(token)
            hard = 0 if word in self._easy else syllables[odd.get(word, word)]
            self._sums[token], self._kinds[token] = _added(token, syllables[word] if word else 0, hard)
        return new

    def _first(self, tokens: list[str], words: int) -> int:
        """Return the place behind the n-th word, or behind the last token where there are fewer."""
        if self._wordless.isdisjoint(tokens[:words]):
            return min(words, len(tokens))
        for place, token in enumerate(tokens, 1):
            if token not in self._wordless:
                words -= 1
                if not words:
                    return place
        return len(tokens)

    def _add(self, walk: "_Walk", tokens: list[str]) -> None:
        """Add tokens to the counts."""
        walk.sums += sum(map(self._sums.__getitem__, tokens))
        in_sentence, full = walk.in_sentence, walk.full
        for kind in map(self._kinds.__getitem__, tokens):
            if kind == _WORD:
                in_sentence += 1
            elif kind:
                # Bit 2 says whether a word stands before the first stop of the token, bit 3 whether behind the last.
                full += in_sentence + (kind >> 2 & 1) > 2
                in_sentence = kind >> 3
        walk.in_sentence, walk.full = in_sentence, full


def _word(token: str) -> str:
    """Return the word in a token as textstat cleans it, in lower case; empty where there is none."""
    if token.isalnum():
        return token.lower()
    return _PUNCTUATION.sub("", _STRAY_APOSTROPHE.sub("", token)).lower()


def _added(token: str, syllables: int, hard: int) -> tuple[int, int]:
    """Return what a token adds to the sums, and how it stands to the sentences.

    Parameters
    ----------
    token : str
        As it stands in the text.
    syllables : int
        Syllables of its word.
    hard : int
        Syllables of its word where this is not on the list of easy ones, else 0.
    """
    plain = token.isalnum()
    letters = len(token) if plain else len(_NOT_LETTER.sub("", token))
    sums = _ONE["tokens"] + len(token) * _ONE["characters"]
    if letters:
        sums += _ONE["words"] + letters * _ONE["letters"] + syllables * _ONE["syllables"]
        if syllables == 1:
            sums += _ONE["monosyllables"]
        elif syllables >= 3:
            sums += _ONE["polysyllables"]
        if letters > 6:
            sums += _ONE["long_words"]
        elif letters <= 3:
            sums += _ONE["mini_words"]
        if hard:
            sums += _ONE["unfamiliar"]
            if hard >= 2:
                sums += _ONE["difficult"]
            if hard >= 3:
                sums += _ONE["complex"]
    if plain or not _STOPS.search(token):
        return sums, _WORD if letters else _NO_WORD
    parts = _STOPS.split(token)
    before, behind = _LETTER.search(parts[0]) is not None, _LETTER.search(parts[-1]) is not None
    return sums, _BREAKS | before << 2 | behind << 3


@dataclass(slots=True)
class _Walk:
    """How far the walk over a text has come."""

    sums: int = 0
    in_sentence: int = 0
    """Words since the last stop."""
    full: int = 0
    """Sentences of more than two words that have ended."""

    @property
    def words(self) -> int:
        """Words so far."""
        return self.sums >> _PLACE["words"] & _MASK

    @property
    def polysyllables(self) -> int:
        """Words of at least three syllables so far."""
        return self.sums >> _PLACE["polysyllables"] & _MASK

    @property
    def sentences(self) -> int:
        """Sentences, were the text to end here."""
        return max(1, self.full + (self.in_sentence > 2))


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
