"""The blocks of what two texts share: an answer with its prompt, and the two answers with each other."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from features.blocks import Floats
from features.english import FUNCTION_WORDS
from features.text import dominant_script, sentences, words

Ints = NDArray[np.int64]

_HEAD = 100_000
"""Characters of a text that are compared; of real answers none is longer."""


_AT_ONCE = 1024
"""Pairs of texts that are compared at once."""
_WORD_BITS = 24
_TEXT_BITS = 2 * _WORD_BITS
_WITHOUT_TEXT = (1 << _TEXT_BITS) - 1


class _Sets:
    """A set of numbers below 2^48 for each of some texts, all of them in one sorted array."""

    def __init__(self, of: Ints, numbers: Ints, count: int) -> None:
        self._members = np.unique(of << _TEXT_BITS | numbers)
        ends = np.searchsorted(self._members, np.arange(1, count + 1) << _TEXT_BITS)
        self._starts = np.append(0, ends[:-1])
        self.sizes: Ints = ends - self._starts

    def of_pairs(self, texts: Ints) -> Ints:
        """Return the members of the n-th text's set, with n in place of the text, for all n."""
        sizes = self.sizes[texts]
        pair = np.repeat(np.arange(len(texts)), sizes)
        inside = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        members = self._members[self._starts[texts][pair] + inside]
        found: Ints = members & _WITHOUT_TEXT | pair << _TEXT_BITS
        return found


def _both(one: _Sets, first: Ints, other: _Sets, second: Ints) -> Ints:
    """Count what the set of the text `first[n]` and that of the text `second[n]` share, for all n."""
    members = np.sort(np.concatenate([one.of_pairs(first), other.of_pairs(second)]))
    twice = members[1:][members[1:] == members[:-1]]
    return np.bincount(twice >> _TEXT_BITS, minlength=len(first))


class _Contents:
    """The words of some distinct texts, numbered and prepared for comparing.

    Parameters
    ----------
    texts : iterable of str
        Texts; one that comes again is prepared once.
    opening : bool
        Whether their first sentences are asked for.
    """

    def __init__(self, texts: Iterable[str], opening: bool = False) -> None:
        self._place = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        heads = [text[:_HEAD] for text in self._place]
        count = len(heads)
        numbers: defaultdict[str, int] = defaultdict(int, {word: place for place, word in enumerate(FUNCTION_WORDS)})
        numbers.default_factory = numbers.__len__
        of, found, self.lengths = _numbered([words(head.lower()) for head in heads], numbers)
        self.all = _Sets(of, found, count)
        telling = found >= len(FUNCTION_WORDS)
        self.content = _Sets(of[telling], found[telling], count)
        within = np.flatnonzero(of[1:] == of[:-1])
        self.pairs = _Sets(of[within], found[within] << _WORD_BITS | found[within + 1], count)
        self.script = np.array([dominant_script(head) for head in heads], dtype=np.int64)
        if opening:
            of, found, _ = _numbered([words(next(sentences(head), "").lower()) for head in heads], numbers)
            telling = found >= len(FUNCTION_WORDS)
            self.opening = _Sets(of[telling], found[telling], count)

    def places(self, texts: Sequence[str]) -> Ints:
        """Return the place of each of some texts among the distinct ones."""
        return np.fromiter(map(self._place.__getitem__, texts), np.int64, len(texts))


def _numbered(texts: Sequence[list[str]], numbers: defaultdict[str, int]) -> tuple[Ints, Ints, Ints]:
    """Return for all words of texts their text and their number, and the number of words of each text."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    found = np.fromiter(map(numbers.__getitem__, chain.from_iterable(texts)), np.int64, int(lengths.sum()))
    return np.repeat(np.arange(len(texts)), lengths), found, lengths


class Overlap:
    """Compares an answer with its prompt; a share of nothing is 0."""

    name = "overlap"
    version = "1"
    columns: tuple[str, ...] = (
        "shared content words",
        "prompt coverage",
        "answer words from the prompt",
        "Jaccard of words",
        "copied bigrams",
        "prompt bigrams kept",
        "first sentence on the prompt",
        "same script",
        "log length ratio",
        "contains the prompt",
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
        """Return a (len(answers), len(columns)) float32 array."""
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        for start in range(0, len(answers), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            rows[part] = _with_prompt(prompts[part], answers[part])
        return rows


def _with_prompt(prompts: Sequence[str], answers: Sequence[str]) -> NDArray[np.float64]:
    """Return the numbers of answers and their prompts, in the order of the columns of `Overlap`."""
    contents = _Contents(chain(prompts, answers), opening=True)
    asked, said = contents.places(prompts), contents.places(answers)
    both = _both(contents.content, asked, contents.content, said)
    pairs = _both(contents.pairs, asked, contents.pairs, said)
    opening = _both(contents.content, asked, contents.opening, said)
    lengths = np.log1p(contents.lengths.astype(np.float64))
    return np.column_stack(
        [
            both,
            _share(both, contents.content.sizes[asked]),
            _share(both, contents.content.sizes[said]),
            _jaccard(contents.all, asked, said),
            _share(pairs, contents.pairs.sizes[said]),
            _share(pairs, contents.pairs.sizes[asked]),
            _share(opening, contents.opening.sizes[said]),
            contents.script[asked] == contents.script[said],
            lengths[said] - lengths[asked],
            [len(one) > 20 and one.strip() in other for one, other in zip(prompts, answers, strict=True)],
        ]
    )


class Agreement:
    """Compares the two answers of a battle; the same numbers whichever of them comes first."""

    name = "agreement"
    version = "1"
    columns: tuple[str, ...] = (
        "identical",
        "Jaccard of words",
        "Jaccard of bigrams",
        "common opening",
        "common ending",
        "same script",
        "shorter by longer",
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
        """Return a (len(answers), len(columns)) float32 array; the two arguments are the answers of a battle."""
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        for start in range(0, len(answers), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            rows[part] = _with_other(prompts[part], answers[part])
        return rows


def _with_other(some: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
    """Return the numbers of two answers each, in the order of the columns of `Agreement`."""
    contents = _Contents(chain(some, others))
    first, second = contents.places(some), contents.places(others)
    ends = np.array(
        [
            (_common(a, b), _common(a[: -_HEAD - 1 : -1], b[: -_HEAD - 1 : -1]))
            for a, b in zip(some, others, strict=True)
        ]
    )
    sizes = np.array([sorted((len(a), len(b))) for a, b in zip(some, others, strict=True)])
    shorter, longer = sizes.T
    return np.column_stack(
        [
            [a == b for a, b in zip(some, others, strict=True)],
            _jaccard(contents.all, first, second),
            _jaccard(contents.pairs, first, second),
            _share(ends[:, 0], shorter),
            _share(ends[:, 1], shorter),
            contents.script[first] == contents.script[second],
            _share(shorter, longer),
        ]
    )


def _jaccard(sets: _Sets, first: Ints, second: Ints) -> NDArray[np.float64]:
    """Return what two texts' sets share, as a share of what is in either."""
    both = _both(sets, first, sets, second)
    return _share(both, sets.sizes[first] + sets.sizes[second] - both)


def _share(part: Ints, whole: Ints) -> NDArray[np.float64]:
    """Divide; a share of nothing is 0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole != 0)


def _common(one: str, other: str) -> int:
    """Count the characters that two texts begin with alike, by halving."""
    low, high = 0, min(len(one), len(other), _HEAD)
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
