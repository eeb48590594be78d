"""vaderSentiment's score of a sentence, value for value, without the library's cost that grows with its square.

The library lower-cases the whole sentence again for each word it looks at, and walks over all of its characters in
search of emoji. Here what it asks of a word is worked out once per distinct word, and only the words of its lexicon
are weighed; the arithmetic is the library's, step by step, so that the scores are equal and not merely close.
Source: vaderSentiment 3.3.2, `SentimentIntensityAnalyzer.polarity_scores`.
"""

import re
import string
from functools import cache
from typing import NamedTuple

_KNOWN_WORDS = 100_000
_LONGEST_KNOWN = 64


class Scores(NamedTuple):
    """What the library returns for a sentence: shares of negative, neutral and positive words, and the compound."""

    negative: float
    neutral: float
    positive: float
    compound: float


class _Word(NamedTuple):
    """What the rules ask of a word."""

    lower: str
    valence: float | None
    """The lexicon's valence, None where the lexicon does not have the word."""
    capitals: bool
    booster: float | None
    negates: bool


_NEUTRAL = Scores(0.0, 1.0, 0.0, 0.0)
_EMPTY = Scores(0.0, 0.0, 0.0, 0.0)


class Vader:
    """Scores sentences as `SentimentIntensityAnalyzer().polarity_scores` does."""

    def __init__(self) -> None:
        import vaderSentiment.vaderSentiment as library  # noqa: N813

        analyzer = library.SentimentIntensityAnalyzer()
        self._library = library
        self._score_valence = analyzer.score_valence
        self._but_check = analyzer._but_check
        self._lexicon: dict[str, float] = analyzer.lexicon
        self._emojis: dict[str, str] = analyzer.emojis
        self._emoji = re.compile("[" + "".join(re.escape(sign) for sign in self._emojis if len(sign) == 1) + "]")
        self._negations = frozenset(library.NEGATE)
        self._words: dict[str, _Word] = {}

    def score(self, sentence: str) -> Scores:
        """Return the four scores of one sentence, rounded as the library rounds them."""
        if not sentence.isascii():
            sentence = self._without_emoji(sentence)
        known = self._words
        items = []
        weighed = False
        for token in sentence.split():
            word = known.get(token) or self._word(token)
            items.append(word)
            if word[1] is not None:
                weighed = True
        if not weighed:
            return _NEUTRAL if items else _EMPTY
        return self._weigh(items, sentence.strip())

    def _without_emoji(self, sentence: str) -> str:
        """Put an emoji's description in its place, as the library does, with a space before it."""
        if not self._emoji.search(sentence):
            return sentence
        parts: list[str] = []
        after_space = True
        for character in sentence:
            description = self._emojis.get(character)
            if description is None:
                parts.append(character)
                after_space = character == " "
            else:
                parts.append(description if after_space else " " + description)
                after_space = False
        return "".join(parts)

    def _word(self, token: str) -> _Word:
        """Work out what the rules ask of a word, and remember it."""
        stripped = token.strip(string.punctuation)
        item = token if len(stripped) <= 2 else stripped
        lower = item.lower()
        word = _Word(
            lower,
            self._lexicon.get(lower),
            item.isupper(),
            self._library.BOOSTER_DICT.get(lower),
            lower in self._negations or "n't" in lower,
        )
        if len(token) <= _LONGEST_KNOWN:
            if len(self._words) >= _KNOWN_WORDS:
                self._words.clear()
            self._words[token] = word
        return word

    def _weigh(self, items: list[_Word], sentence: str) -> Scores:
        """Apply the rules to a sentence with at least one word of the lexicon."""
        capitals = sum(item.capitals for item in items)
        mixed = 0 < capitals < len(items)
        sentiments: list[float] = [0] * len(items)
        last = len(items) - 1
        for i, item in enumerate(items):
            if item.valence is None or item.booster is not None:
                continue
            if i < last and item.lower == "kind" and items[i + 1].lower == "of":
                continue
            sentiments[i] = self._valence(items, i, mixed)
        if any(item.lower == "but" for item in items):
            sentiments = self._but_check([item.lower for item in items], sentiments)
        scores = self._score_valence(sentiments, sentence)
        return Scores(scores["neg"], scores["neu"], scores["pos"], scores["compound"])

    def _valence(self, items: list[_Word], i: int, mixed: bool) -> float:
        """Return the valence of the lexicon word at place `i` with what stands around it."""
        item = items[i]
        base = item.valence
        assert base is not None
        valence = base
        if item.lower == "no" and i != len(items) - 1 and items[i + 1].valence is not None:
            valence = 0.0
        if (
            (i > 0 and items[i - 1].lower == "no")
            or (i > 1 and items[i - 2].lower == "no")
            or (i > 2 and items[i - 3].lower == "no" and items[i - 1].lower in ("or", "nor"))
        ):
            valence = base * self._library.N_SCALAR
        if item.capitals and mixed:
            valence += self._library.C_INCR if valence > 0 else -self._library.C_INCR
        for back in (1, 2, 3):
            if i < back or items[i - back].valence is not None:
                continue
            boost = self._boost(items[i - back], valence, mixed)
            if back == 2 and boost != 0:
                boost = boost * 0.95
            if back == 3 and boost != 0:
                boost = boost * 0.9
            valence = self._negated(items, i, back, valence + boost)
            if back == 3:
                valence = self._idioms(items, i, valence)
        if i > 0 and items[i - 1].valence is None and items[i - 1].lower == "least":
            if i == 1 or items[i - 2].lower not in ("at", "very"):
                valence = valence * self._library.N_SCALAR
        return valence

    def _boost(self, before: _Word, valence: float, mixed: bool) -> float:
        """Return what a booster or dampener before a word adds to it."""
        if before.booster is None:
            return 0.0
        boost = before.booster
        if valence < 0:
            boost *= -1
        if before.capitals and mixed:
            boost += self._library.C_INCR if valence > 0 else -self._library.C_INCR
        return boost

    def _negated(self, items: list[_Word], i: int, back: int, valence: float) -> float:
        """Apply the negation that may stand `back` words before."""
        if back == 2:
            if items[i - 2].lower == "never" and items[i - 1].lower in ("so", "this"):
                return valence * 1.25
            if items[i - 2].lower == "without" and items[i - 1].lower == "doubt":
                return valence
        elif back == 3:
            emphasis = ("so", "this")
            # The library's `and`/`or` bind so that the word right before is enough; kept as it is.
            if (items[i - 3].lower == "never" and items[i - 2].lower in emphasis) or items[i - 1].lower in emphasis:
                return valence * 1.25
            if items[i - 3].lower == "without" and "doubt" in (items[i - 2].lower, items[i - 1].lower):
                return valence
        return valence * self._library.N_SCALAR if items[i - back].negates else valence

    def _idioms(self, items: list[_Word], i: int, valence: float) -> float:
        """Apply special phrases around the word at place `i` >= 3, and boosters of two words before it."""
        three, two, one, zero = (items[place].lower for place in range(i - 3, i + 1))
        special = self._library.SPECIAL_CASES
        for phrase in (
            f"{one} {zero}",
            f"{two} {one} {zero}",
            f"{two} {one}",
            f"{three} {two} {one}",
            f"{three} {two}",
        ):
            if phrase in special:
                valence = special[phrase]
                break
        if i + 1 < len(items):
            phrase = f"{zero} {items[i + 1].lower}"
            valence = special.get(phrase, valence)
            if i + 2 < len(items):
                valence = special.get(f"{phrase} {items[i + 2].lower}", valence)
        for phrase in (f"{three} {two} {one}", f"{three} {two}", f"{two} {one}"):
            valence = valence + self._library.BOOSTER_DICT.get(phrase, 0.0)
        return valence


@cache
def vader() -> Vader:
    """Return the scorer of this process; its lexicon is read once."""
    return Vader()
