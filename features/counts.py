"""The counts that textstat's formulas are made of, gathered in one walk over a text and memoised by distinct word.

textstat counts syllables by NLTK's cmudict where that can be downloaded, and by Pyphen's hyphenation patterns where
the dictionary lacks a word. Numbers that depend on the network are of no use: here every syllable comes from Pyphen.
Source of the definitions: textstat 0.7.13, `textstat/backend`.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from features.text import pieces

_KNOWN_TOKENS = 200_000
_LONGEST_KNOWN = 64
_LONGEST_WORD = 256
"""Longer words are hyphenated in windows of this many letters."""

_STRAY_APOSTROPHE = re.compile(r"'(?![tsd]|ve|ll|re)")
_PUNCTUATION = re.compile(r"[^\w\s']")
_NOT_LETTER = re.compile(r"[^\w\s]")
_WORD_CHARACTER = re.compile(r"\w")
_STOPS = re.compile(r"[.!?]+")
_LINSEAR_WORDS = 100


class Token(NamedTuple):
    """What a run of characters without white space adds to the counts of its text."""

    characters: int
    letters: int
    """Characters of a word: letters, digits and underscores. A token with none of them is no word."""
    syllables: int
    difficulty: int
    """0 for a word on the Dale-Chall list and for no word, else 1 + its syllables."""
    starts: bool
    """Whether something of a word stands before the first full stop within the token."""
    breaks: bool
    """Whether a full stop, question or exclamation mark stands in the token."""
    ends: bool
    """Whether something of a word stands behind the last of these."""


@dataclass(slots=True)
class TextCounts:
    """Counts of one text, as textstat defines each of them."""

    tokens: int = 0
    characters: int = 0
    letters: int = 0
    words: int = 0
    syllables: int = 0
    monosyllables: int = 0
    polysyllables: int = 0
    unfamiliar: int = 0
    """Words that are not on the Dale-Chall list, of any length."""
    difficult: int = 0
    """Of these, words of at least two syllables."""
    complex: int = 0
    """Of these, words of at least three syllables."""
    long_words: int = 0
    mini_words: int = 0
    sentences: int = 0
    linsear_points: int = 0
    linsear_sentences: int = 0


class Syllables:
    """Counts syllables by Pyphen's patterns for American English."""

    def __init__(self) -> None:
        from pyphen import Pyphen

        # Its own copy of the patterns: their memo of words grows without bound and is emptied here.
        self._pyphen = Pyphen(lang="en_US", cache=False)
        self._reach: int = self._pyphen.hd.maxlen

    def of(self, word: str) -> int:
        """Return the syllables of one lower-case word."""
        if len(word) <= _LONGEST_WORD:
            count = len(self._pyphen.positions(word)) + 1
            self._pyphen.hd.cache.clear()
            return count
        return self._of_long(word)

    def _of_long(self, word: str) -> int:
        """Count in windows: a pattern reaches no further than its length, so wide enough margins change nothing."""
        count = 1
        known: dict[str, tuple[int, ...]] = {}
        for start in range(0, len(word), _LONGEST_WORD):
            stop = min(start + _LONGEST_WORD, len(word))
            left, right = max(0, start - self._reach), min(len(word), stop + self._reach)
            window = word[left:right]
            positions = known.get(window)
            if positions is None:
                # A false edge inside the word could match patterns for a word's edge, but only within the margin.
                positions = tuple(int(place) for place in self._pyphen.hd.positions(window))
                self._pyphen.hd.cache.clear()
                if len(known) < 64:
                    known[window] = positions
            first, last = max(2, start) - left, min(len(word) - 2, stop - 1) - left
            count += sum(1 for place in positions if first <= place <= last)
        return count


class TokenTable:
    """What each token adds to the counts, worked out once per distinct token; bounded in size."""

    def __init__(self) -> None:
        self._syllables = Syllables()
        self._easy = easy_words()
        self._known: dict[str, Token] = {}

    def count(self, text: str) -> TextCounts:
        """Count one text."""
        total = TextCounts()
        known = self._known
        in_sentence = sentences = 0
        for token in chain.from_iterable(piece.split() for piece in pieces(text)):
            characters, letters, syllables, difficulty, starts, breaks, ends = known.get(token) or self._token(token)
            total.tokens += 1
            total.characters += characters
            in_sentence += starts
            if breaks:
                sentences += in_sentence > 2
                in_sentence = ends
            if not letters:
                continue
            total.letters += letters
            total.words += 1
            total.syllables += syllables
            if syllables >= 3:
                total.polysyllables += 1
            elif syllables == 1:
                total.monosyllables += 1
            if difficulty:
                total.unfamiliar += 1
                if difficulty >= 3:
                    total.difficult += 1
                    if difficulty >= 4:
                        total.complex += 1
            if letters > 6:
                total.long_words += 1
            elif letters <= 3:
                total.mini_words += 1
            if total.words == _LINSEAR_WORDS:
                total.linsear_points = total.words + 2 * total.polysyllables
                total.linsear_sentences = max(1, sentences + (in_sentence > 2))
        total.sentences = max(1, sentences + (in_sentence > 2)) if text else 0
        if total.words < _LINSEAR_WORDS:
            total.linsear_points = total.words + 2 * total.polysyllables
            total.linsear_sentences = total.sentences if total.tokens else 0
        return total

    def _token(self, token: str) -> Token:
        """Work out what a token adds, and remember it unless it is long."""
        letters = len(_NOT_LETTER.sub("", token))
        syllables = difficulty = 0
        if letters:
            word = _PUNCTUATION.sub("", _STRAY_APOSTROPHE.sub("", token)).lower()
            syllables = self._syllables.of(word)
            if word not in self._easy:
                # The library cleans the lower-cased word once more here: "İ" leaves a dot behind that is dropped.
                cleaned = _PUNCTUATION.sub("", word)
                difficulty = 1 + (syllables if cleaned == word else self._syllables.of(cleaned))
        first, *rest = _STOPS.split(token)
        found = Token(
            len(token),
            letters,
            syllables,
            difficulty,
            _WORD_CHARACTER.search(first) is not None,
            bool(rest),
            bool(rest) and _WORD_CHARACTER.search(rest[-1]) is not None,
        )
        if len(token) <= _LONGEST_KNOWN:
            if len(self._known) >= _KNOWN_TOKENS:
                self._known.clear()
            self._known[token] = found
        return found


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
