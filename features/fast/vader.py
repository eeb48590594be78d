"""A quick twin of vaderSentiment: its scores of many sentences at once, value for value; the library is slow.

The library is the oracle in tests/features/fast (test_vader, test_real_texts). Time grows with length alone here.

The library lower-cases the whole sentence again for each word it looks at, and walks over all of its characters in
search of emoji. Here what its rules ask of a word is worked out once per distinct word, and the rules are applied to
the lexicon's words of all the sentences at once, step by step; the arithmetic is the library's, in its order, so that
the scores are equal and not merely close. Source: vaderSentiment 3.3.2, `SentimentIntensityAnalyzer.polarity_scores`.
"""

import string
from collections.abc import Sequence
from functools import cache
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.fast.vader_words import CONTRACTED, NO_WORD, OTHER, Asked, Flags, Mark, library
from features.fast.word_numbers import Remembered
from pipelines.battles.arrays import Floats, Ints

_KNOWN_WORDS = 100_000


class Scores(NamedTuple):
    """What the library returns for a sentence: shares of negative, neutral and positive words, and the compound."""

    negative: float
    neutral: float
    positive: float
    compound: float


class Vader:
    """Scores sentences as `SentimentIntensityAnalyzer().polarity_scores` does."""

    def __init__(self) -> None:
        rules = library()
        analyzer = rules.SentimentIntensityAnalyzer()
        self._but_check = analyzer._but_check
        self._emojis: dict[str, str] = analyzer.emojis
        signs = [ord(sign) for sign in self._emojis if len(sign) == 1]
        self._is_emoji: Flags = np.isin(np.arange(max(signs) + 2), signs)
        self._boosters: dict[str, float] = rules.BOOSTER_DICT
        self._special: dict[str, float] = rules.SPECIAL_CASES
        self._negated_by: float = rules.N_SCALAR
        self._capitals_add: float = rules.C_INCR
        self._asked = Asked(analyzer.lexicon, self._boosters, rules.NEGATE)
        self._least_counts = "least" not in analyzer.lexicon
        self._known = Remembered()

    def score_all(self, sentences: Sequence[str], remember: bool = True) -> Floats:
        """Return the (n, 4) scores of n sentences in the order of `Scores`, rounded as the library rounds them.

        Parameters
        ----------
        sentences : sequence of n str
            Any texts; each is scored by itself, and the time grows with their length.
        remember : bool
            False where so many new words would come that they should not be kept in memory.
        """
        texts = self._without_emoji(sentences)
        split = list(map(str.split, texts))
        lengths = np.fromiter(map(len, split), np.int64, len(split))
        found = np.zeros((len(split), 4))
        found[lengths > 0, 1] = 1.0
        tokens = list(chain.from_iterable(split))
        codes = self._known.numbers(tokens, self._learnt, _KNOWN_WORDS, remember)
        ends = np.cumsum(lengths)
        at = np.flatnonzero(self._asked.in_lexicon[codes] & ~self._asked.boosts[codes])
        if not len(at):
            return found
        of = np.searchsorted(ends, at, side="right")
        around = _Around.of(codes, at, ends - lengths, ends, of)
        loud = np.bincount(
            np.searchsorted(ends, np.flatnonzero(self._asked.capitals[codes]), side="right"), minlength=len(split)
        )
        mixed = ((loud > 0) & (loud < lengths))[of]
        valence = self._valence(around, mixed, self._with_idioms(codes, ends, of), split, of)
        valence = self._after_but(codes, ends, around, valence, split, of)
        felt = np.unique(of)
        found[felt] = _summed(valence, of, felt, lengths, [texts[place] for place in felt.tolist()])
        return found

    def _without_emoji(self, sentences: Sequence[str]) -> list[str]:
        """Put an emoji's description in its place, as the library does, with a space before it."""
        texts = list(sentences)
        beyond = [place for place, text in enumerate(texts) if not text.isascii()]
        joined = "".join([texts[place] for place in beyond])
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        at = np.flatnonzero(self._is_emoji[np.minimum(codes, len(self._is_emoji) - 1)])
        if len(at):
            ends = np.cumsum([len(texts[place]) for place in beyond])
            for one in np.unique(np.searchsorted(ends, at, side="right")).tolist():
                texts[beyond[one]] = self._described(texts[beyond[one]])
        return texts

    def _described(self, sentence: str) -> str:
        """Return one sentence with the descriptions of its emoji."""
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

    def _learnt(self, tokens: list[str]) -> dict[str, int]:
        """Work out the codes of words as they stand in a text."""
        bare = list(map(_bare, tokens))
        numbers = map(self._asked.numbers.get, map(str.lower, bare), repeat(OTHER))
        return {
            token: 2 * (CONTRACTED if number == OTHER and "n't" in word.lower() else number) + word.isupper()
            for token, word, number in zip(tokens, bare, numbers, strict=True)
        }

    def _with_idioms(self, codes: NDArray[np.int32], ends: Ints, of: Ints) -> Flags:
        """Tell of each word of the lexicon whether its sentence could hold an idiom or a booster of several words."""
        first = np.flatnonzero(self._asked.first_of_end[codes[:-1]])
        pairs = (codes[first].astype(np.int64) >> 1) * self._asked.count + (codes[first + 1] >> 1)
        holding = np.searchsorted(ends, first[np.isin(pairs, self._asked.ends)], side="right")
        held: Flags = np.isin(of, holding) if len(holding) else np.zeros(len(of), dtype=np.bool_)
        return held

    def _valence(
        self, around: "_Around", mixed: Flags, idiomatic: Flags, split: Sequence[list[str]], of: Ints
    ) -> Floats:
        """Return the valence of each word of the lexicon with what stands around it: `sentiment_valence`."""
        asked, mark = self._asked, Mark(self._asked.marks)
        own, before = around.own, around.before
        base = asked.valence[own]
        valence = np.where(mark(own, "no") & asked.in_lexicon[around.behind], 0.0, base)
        one, two, three = before
        no = mark(one, "no") | mark(two, "no") | (mark(three, "no") & mark(one, "or", "nor"))
        valence = np.where(no, base * self._negated_by, valence)
        add = self._capitals_add
        valence = np.where(mixed & asked.capitals[own], valence + np.where(valence > 0, add, -add), valence)
        for back, code in enumerate(before, 1):
            boost = asked.boost[code]
            boost = np.where(valence < 0, -boost, boost)
            loud = asked.boosts[code] & mixed & asked.capitals[code]
            boost = np.where(loud, boost + np.where(valence > 0, add, -add), boost)
            if back > 1:
                boost = boost * (0.95 if back == 2 else 0.9)
            changed = self._negated(mark, before, back, np.where(asked.boosts[code], valence + boost, valence))
            there = (code > NO_WORD) & ~asked.in_lexicon[code]
            if back == 3:
                for place in np.flatnonzero(there & idiomatic).tolist():
                    at = int(around.place[place])
                    near = [_bare(token).lower() for token in split[of[place]][at - 3 : at + 3]]
                    changed[place] = self._idioms(near, float(changed[place]))
            valence = np.where(there, changed, valence)
        if self._least_counts:
            least = mark(one, "least") & ((around.place == 1) | ~mark(two, "at", "very"))
            valence = np.where(least, valence * self._negated_by, valence)
        # The library leaves the first word of `kind of` out.
        return np.where(mark(own, "kind") & mark(around.behind, "of"), 0.0, valence)

    def _negated(self, mark: "Mark", before: Sequence[NDArray[np.int32]], back: int, valence: Floats) -> Floats:
        """Apply the negation that may stand `back` words before."""
        one, two, three = before
        negated = self._asked.negates[before[back - 1]]
        more = np.zeros(len(valence), dtype=np.bool_)
        if back == 2:
            more = mark(two, "never") & mark(one, "so", "this")
            negated = negated & ~(mark(two, "without") & mark(one, "doubt"))
        elif back == 3:
            # The library's `and` and `or` bind so that the word right before is enough; kept as it is.
            more = (mark(three, "never") & mark(two, "so", "this")) | mark(one, "so", "this")
            negated = negated & ~(mark(three, "without") & (mark(two, "doubt") | mark(one, "doubt")))
        return np.where(more, valence * 1.25, np.where(negated, valence * self._negated_by, valence))

    def _idioms(self, near: list[str], valence: float) -> float:
        """Apply special phrases around a word, and boosters of two words before it, to its valence so far.

        `near` are three words before it, the word, and up to two behind it, in lower case.
        """
        three, two, one, zero = near[:4]
        phrases = (f"{one} {zero}", f"{two} {one} {zero}", f"{two} {one}", f"{three} {two} {one}", f"{three} {two}")
        for phrase in phrases:
            if phrase in self._special:
                valence = self._special[phrase]
                break
        if len(near) > 4:
            phrase = f"{zero} {near[4]}"
            valence = self._special.get(phrase, valence)
            if len(near) > 5:
                valence = self._special.get(f"{phrase} {near[5]}", valence)
        for phrase in (f"{three} {two} {one}", f"{three} {two}", f"{two} {one}"):
            valence = valence + self._boosters.get(phrase, 0.0)
        return valence

    def _after_but(
        self,
        codes: NDArray[np.int32],
        ends: Ints,
        around: "_Around",
        valence: Floats,
        split: Sequence[list[str]],
        of: Ints,
    ) -> Floats:
        """Have the library weigh what stands before and behind the first `but` of a sentence."""
        but = np.flatnonzero(codes & ~1 == self._asked.marks["but"])
        for sentence in np.unique(np.searchsorted(ends, but, side="right")).tolist():
            rows = slice(*np.searchsorted(of, [sentence, sentence + 1]).tolist())
            places = around.place[rows].tolist()
            if places:
                sentiments: list[float] = [0] * len(split[sentence])
                for place, felt in zip(places, valence[rows].tolist(), strict=True):
                    sentiments[place] = felt
                sentiments = self._but_check([_bare(token) for token in split[sentence]], sentiments)
                valence[rows] = [sentiments[place] for place in places]
        return valence


class _Around(NamedTuple):
    """The words of the lexicon in some sentences, and the codes of the words around each; 0 where there is none."""

    place: Ints
    """Of the word in its sentence."""
    own: NDArray[np.int32]
    before: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
    behind: NDArray[np.int32]

    @classmethod
    def of(cls, codes: NDArray[np.int32], at: Ints, starts: Ints, ends: Ints, sentence: Ints) -> "_Around":
        """Look around the words at the places `at` of all the words; `sentence` is the sentence of each."""
        place = at - starts[sentence]
        one, two, three = (np.where(place >= back, codes[np.maximum(at - back, 0)], NO_WORD) for back in (1, 2, 3))
        last = at + 1 >= ends[sentence]
        behind = np.where(last, NO_WORD, codes[np.where(last, at, at + 1)])
        return cls(place, codes[at], (one, two, three), behind)


def _summed(valence: Floats, of: Ints, felt: Ints, lengths: Ints, texts: Sequence[str]) -> Floats:
    """Sum the valences of sentences up: the library's `score_valence` and what it calls.

    Each of k words of the lexicon has its valence and its sentence, (k,); m of n sentences, `felt`, with their texts,
    have such a word; `lengths`, (n,), are the words of each.
    """

    def by_sentence(weights: Floats) -> Floats:
        # Adds in the order of the words, as the library does.
        return np.bincount(of, weights=weights, minlength=len(lengths)).astype(np.float64)[felt]

    total = by_sentence(valence)
    positive = by_sentence(np.where(valence > 0, valence + 1, 0.0))
    negative = by_sentence(np.where(valence < 0, valence - 1, 0.0))
    neutral = lengths[felt].astype(np.float64) - by_sentence((valence != 0).astype(np.float64))
    emphasis = _emphasis(texts)
    total = total + np.sign(total) * emphasis
    more_positive, more_negative = positive > np.abs(negative), positive < np.abs(negative)
    positive = np.where(more_positive, positive + emphasis, positive)
    negative = np.where(more_negative, negative - emphasis, negative)
    words = positive + np.abs(negative) + neutral
    compound = np.clip(total / np.sqrt(total * total + 15), -1.0, 1.0)
    shares = (_rounded(np.abs(part / words), 3) for part in (negative, neutral, positive))
    return np.stack([*shares, _rounded(compound, 4)], axis=1)


def _emphasis(texts: Sequence[str]) -> Floats:
    """Return what up to four exclamation marks, and more than one question mark, add."""
    marks = np.array([(text.count("!"), text.count("?")) for text in texts], dtype=np.int64).reshape(-1, 2)
    shouts, questions = marks.T
    asked = np.where(questions < 2, 0.0, np.where(questions <= 3, questions * 0.18, 0.96))
    return np.minimum(shouts, 4) * 0.292 + asked


def _rounded(values: Floats, digits: int) -> Floats:
    """Round as Python's `round` does, which looks at all the digits of a number that is nearly in the middle."""
    scaled = values * 10**digits
    found: Floats = np.rint(scaled) / 10**digits
    middle = np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < 1e-6)
    found[middle] = [round(value, digits) for value in values[middle].tolist()]
    return found


def _bare(token: str) -> str:
    """Return a word without the signs around it; what has no three characters then is an emoticon, most likely."""
    bare = token.strip(string.punctuation)
    return bare if len(bare) > 2 else token


@cache
def vader() -> Vader:
    """Return the scorer of this process; its lexicon is read once."""
    return Vader()
