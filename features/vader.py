"""vaderSentiment's score of a sentence, value for value, without the library's cost that grows with its square.

The library lower-cases the whole sentence again for each word it looks at, and walks over all of its characters in
search of emoji. Here what its rules ask of a word is worked out once per distinct word, and only the words of its
lexicon are weighed; the arithmetic is the library's, in its order, so that the scores are equal and not merely close.
Source: vaderSentiment 3.3.2, `SentimentIntensityAnalyzer.polarity_scores`.
"""

import math
import re
import string
from functools import cache
from typing import NamedTuple

_KNOWN_WORDS = 100_000
_LONGEST_KNOWN = 40
"""Characters above which a word is not remembered: it will hardly come again."""


class Scores(NamedTuple):
    """What the library returns for a sentence: shares of negative, neutral and positive words, and the compound."""

    negative: float
    neutral: float
    positive: float
    compound: float


_NEUTRAL = Scores(0.0, 1.0, 0.0, 0.0)
_EMPTY = Scores(0.0, 0.0, 0.0, 0.0)


class Vader:
    """Scores sentences as `SentimentIntensityAnalyzer().polarity_scores` does."""

    def __init__(self) -> None:
        import vaderSentiment.vaderSentiment as library  # noqa: N813

        analyzer = library.SentimentIntensityAnalyzer()
        self._but_check = analyzer._but_check
        self._lexicon: dict[str, float] = analyzer.lexicon
        self._emojis: dict[str, str] = analyzer.emojis
        self._emoji = re.compile("[" + "".join(re.escape(sign) for sign in self._emojis if len(sign) == 1) + "]")
        self._boosters: dict[str, float] = library.BOOSTER_DICT
        self._special: dict[str, float] = library.SPECIAL_CASES
        self._phrase_starts = {
            " ".join(phrase.split()[:2]) for phrase in (*self._special, *self._boosters) if " " in phrase
        }
        self._negations = frozenset(library.NEGATE)
        self._negated_by: float = library.N_SCALAR
        self._capitals_add: float = library.C_INCR
        self._normalize = library.normalize
        # What is known of words as they stand in a text: bare and in lower case, whether in the lexicon, in capitals.
        self._words: dict[str, str] = {}
        self._weighty: set[str] = set()
        self._capitals: set[str] = set()

    def score(self, sentence: str, remember: bool = True) -> Scores:
        """Return the four scores of one sentence, rounded as the library rounds them.

        Parameters
        ----------
        sentence : str
            Any text; the time grows with its length.
        remember : bool
            False where so many new words would come that they should not be kept in memory.
        """
        if not sentence.isascii():
            sentence = self._without_emoji(sentence)
        tokens = sentence.split()
        words = self._words
        new = [token for token in tokens if token not in words]
        if new:
            self._learn(tokens)
        if self._weighty.isdisjoint(tokens):
            scores = _NEUTRAL if tokens else _EMPTY
        else:
            scores = self._weigh(tokens, sentence)
        for token in new:
            if not remember or len(token) > _LONGEST_KNOWN:
                words.pop(token, None)
                self._weighty.discard(token)
                self._capitals.discard(token)
        return scores

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

    def _learn(self, tokens: list[str]) -> None:
        """Work out what the rules ask of words; forget the others when there are too many."""
        if len(self._words) + len(tokens) > _KNOWN_WORDS:
            self._words.clear()
            self._weighty.clear()
            self._capitals.clear()
        for token in tokens:
            if token not in self._words:
                bare = token.strip(string.punctuation)
                if len(bare) <= 2:
                    bare = token  # an emoticon, most likely
                self._words[token] = lower = bare.lower()
                if lower in self._lexicon:
                    self._weighty.add(token)
                if bare.isupper():
                    self._capitals.add(token)

    def _weigh(self, tokens: list[str], sentence: str) -> Scores:
        """Apply the rules to a sentence with at least one word of the lexicon."""
        lowered = list(map(self._words.__getitem__, tokens))
        weighty = self._weighty
        mixed = not self._capitals.isdisjoint(tokens) and not self._capitals.issuperset(tokens)
        last = len(tokens) - 1
        sentiments: list[float] = [0] * len(tokens)
        for i in [i for i, token in enumerate(tokens) if token in weighty]:
            word = lowered[i]
            if word in self._boosters or (i < last and word == "kind" and lowered[i + 1] == "of"):
                continue
            sentiments[i] = self._valence(tokens, lowered, i, mixed)
        if "but" in lowered:
            sentiments = self._but_check(lowered, sentiments)
        return self._summed(sentiments, sentence)

    def _summed(self, sentiments: list[float], sentence: str) -> Scores:
        """Sum the valences of a sentence up: the library's `score_valence` and what it calls."""
        felt = [sentiment for sentiment in sentiments if sentiment]
        neutral = len(sentiments) - len(felt)
        total = positive = negative = 0.0
        for sentiment in felt:
            total += sentiment
            if sentiment > 0:
                positive += sentiment + 1
            else:
                negative += sentiment - 1
        emphasis = _emphasis(sentence)
        if total > 0:
            total += emphasis
        elif total < 0:
            total -= emphasis
        if positive > math.fabs(negative):
            positive += emphasis
        elif positive < math.fabs(negative):
            negative -= emphasis
        words = positive + math.fabs(negative) + neutral
        return Scores(
            round(math.fabs(negative / words), 3),
            round(math.fabs(neutral / words), 3),
            round(math.fabs(positive / words), 3),
            round(self._normalize(total), 4),
        )

    def _valence(self, tokens: list[str], lowered: list[str], i: int, mixed: bool) -> float:
        """Return the valence of the lexicon word at place `i` with what stands around it."""
        valence = base = self._lexicon[lowered[i]]
        if lowered[i] == "no" and i != len(lowered) - 1 and lowered[i + 1] in self._lexicon:
            valence = 0.0
        if i and (
            lowered[i - 1] == "no"
            or (i > 1 and lowered[i - 2] == "no")
            or (i > 2 and lowered[i - 3] == "no" and lowered[i - 1] in ("or", "nor"))
        ):
            valence = base * self._negated_by
        if mixed and tokens[i] in self._capitals:
            valence += self._capitals_add if valence > 0 else -self._capitals_add
        for back in range(1, min(i, 3) + 1):
            before = lowered[i - back]
            if before in self._lexicon:
                continue
            if before in self._boosters:
                boost = self._boosters[before]
                if valence < 0:
                    boost *= -1
                if mixed and tokens[i - back] in self._capitals:
                    boost += self._capitals_add if valence > 0 else -self._capitals_add
                if boost and back > 1:
                    boost = boost * (0.95 if back == 2 else 0.9)
                valence = valence + boost
            valence = self._negated(lowered, i, back, valence)
            if back == 3:
                valence = self._idioms(lowered, i, valence)
        if i > 0 and lowered[i - 1] == "least" and "least" not in self._lexicon:
            if i == 1 or lowered[i - 2] not in ("at", "very"):
                valence = valence * self._negated_by
        return valence

    def _negated(self, lowered: list[str], i: int, back: int, valence: float) -> float:
        """Apply the negation that may stand `back` words before."""
        if back == 2:
            if lowered[i - 2] == "never" and lowered[i - 1] in ("so", "this"):
                return valence * 1.25
            if lowered[i - 2] == "without" and lowered[i - 1] == "doubt":
                return valence
        elif back == 3:
            # The library's `and` and `or` bind so that the word right before is enough; kept as it is.
            emphasis = ("so", "this")
            if lowered[i - 1] in emphasis or (lowered[i - 3] == "never" and lowered[i - 2] in emphasis):
                return valence * 1.25
            if lowered[i - 3] == "without" and "doubt" in (lowered[i - 2], lowered[i - 1]):
                return valence
        word = lowered[i - back]
        return valence * self._negated_by if word in self._negations or "n't" in word else valence

    def _idioms(self, lowered: list[str], i: int, valence: float) -> float:
        """Apply special phrases around the word at place `i` >= 3, and boosters of two words before it."""
        pairs = [f"{lowered[place]} {lowered[place + 1]}" for place in range(i - 3, min(i + 1, len(lowered) - 1))]
        if self._phrase_starts.isdisjoint(pairs):
            return valence
        three, two, one, zero = lowered[i - 3 : i + 1]
        phrases = (f"{one} {zero}", f"{two} {one} {zero}", f"{two} {one}", f"{three} {two} {one}", f"{three} {two}")
        for phrase in phrases:
            if phrase in self._special:
                valence = self._special[phrase]
                break
        if i + 1 < len(lowered):
            phrase = f"{zero} {lowered[i + 1]}"
            valence = self._special.get(phrase, valence)
            if i + 2 < len(lowered):
                valence = self._special.get(f"{phrase} {lowered[i + 2]}", valence)
        for phrase in (f"{three} {two} {one}", f"{three} {two}", f"{two} {one}"):
            valence = valence + self._boosters.get(phrase, 0.0)
        return valence


def _emphasis(sentence: str) -> float:
    """Return what up to four exclamation marks, and more than one question mark, add."""
    questions = sentence.count("?")
    asked = 0.0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96
    return min(sentence.count("!"), 4) * 0.292 + asked


@cache
def vader() -> Vader:
    """Return the scorer of this process; its lexicon is read once."""
    return Vader()
