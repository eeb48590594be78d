"""The block of how far an answer is made of the other one, and of what it has beyond it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import TypeVar

import numpy as np

from features.blocks.interface import ANSWER_AND_OTHER, FLAG, LOG_COUNT, SHARE, Block, Column
from features.blocks.reading.data_version import data_version
from features.blocks.reading.integrity import GRAM, is_heading
from features.blocks.reading.parts.sentence_kinds import is_filler, pleas_among
from features.blocks.reading.parts.text_parts import HEAD, plain, small_words, spoken
from features.text import words
from pipelines.battles.arrays import Floats32

_SENTENCES = 200
"""Sentences that are looked for in those of the other answer."""
Item = TypeVar("Item", str, tuple[str, ...])


class _Contents:
    """The words, phrases and sentences of one answer, counted."""

    __slots__ = ("found", "phrases", "plain", "sentences", "spoken", "words")

    def __init__(self, text: str) -> None:
        head = text[:HEAD]
        self.found = found = small_words(head)
        self.words = Counter(found)
        self.plain = " ".join(found)
        self.phrases = Counter(zip(*(found[start:] for start in range(GRAM)), strict=False))
        self.spoken = spoken(head)
        self.sentences = [plain(sentence) for sentence in self.spoken]


class Derivation(Block):
    """Tells what of an answer stands in the other one, and of what kind the rest is."""

    name = "derivation"
    version = data_version("integrity.yaml")
    usual = False
    group = "integrity"
    sees = ANSWER_AND_OTHER
    declared = (
        Column("phrases of the other answer", SHARE),
        Column("words of the other answer", SHARE),
        Column("sentences of the other answer", SHARE),
        Column("stands whole in the other answer", FLAG),
        Column("share beyond the other answer", SHARE),
        Column("filler beyond the other answer", SHARE),
        Column("pleas beyond the other answer", SHARE),
        Column("repetition beyond the other answer", SHARE),
        Column("sentences of the other answer said again", SHARE),
        Column("log words beyond the other answer", LOG_COUNT, length=True),
        Column("headings beyond the other answer", SHARE),
        Column("begins beyond the other answer", FLAG),
        Column("same beginning as the other answer", SHARE),
        Column("same end as the other answer", SHARE),
        Column("stops within a sentence of the other answer", FLAG),
        Column("parts of sentences of the other answer", SHARE),
        Column("skips within the other answer", SHARE),
    )

    def compute(self, answers: Sequence[str], others: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array: of each answer against the other one of its battle."""
        contents = lru_cache(maxsize=4)(_Contents)
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        for row, (answer, other) in enumerate(zip(answers, others, strict=True)):
            own, against = contents(answer), contents(other)
            phrases = _share(own.phrases, against.phrases) if own.phrases else float(own.plain == against.plain)
            rows[row] = (
                phrases,
                _share(own.words, against.words),
                _share(Counter(filter(None, own.sentences)), Counter(against.sentences)),
                own.plain in against.plain if own.plain else not against.plain,
                *_beyond(own, against),
                _same_start(own.found, against.found),
                _same_start(own.found[::-1], against.found[::-1]),
                *_parts(own, against),
                _skips(own.sentences, against.sentences),
            )
        return rows


def _share(own: Counter[Item], against: Counter[Item]) -> float:
    """Return the share of what is counted that the other has too, as often."""
    total = own.total()
    return sum(map(min, own.values(), map(against.get, own, repeat(0)))) / total if total else 0.0


def _beyond(own: _Contents, against: _Contents) -> Iterable[float]:
    """Describe the sentences that the other answer has not, or not as often."""
    left, had = Counter(against.sentences), set(against.sentences)
    seen: set[str] = set()
    extra: list[str] = []
    again = twice = 0
    first = False
    for number, (sentence, said) in enumerate(zip(own.sentences, own.spoken, strict=True)):
        if left[sentence] > 0:
            left[sentence] -= 1
        else:
            first |= number == 0
            extra.append(said)
            again += sentence in had
            twice += sentence in seen
        seen.add(sentence)
    if not extra:
        return (0.0,) * 8
    total = max(sum(map(len, extra)), 1)
    count = len(words(" ".join(extra)))
    return (
        count / max(own.words.total(), 1),
        sum(len(sentence) for sentence in extra if is_filler(sentence)) / total,
        sum(map(len, pleas_among(extra))) / total,
        twice / len(extra),
        again / len(extra),
        np.log1p(count),
        sum(map(is_heading, extra)) / len(extra),
        float(first),
    )


def _same_start(own: Sequence[str], against: Sequence[str]) -> float:
    """Return the share of the words up to the first one that differs."""
    same = next((place for place, (a, b) in enumerate(zip(own, against, strict=False)) if a != b), None)
    return (min(len(own), len(against)) if same is None else same) / max(len(own), 1)


def _parts(own: _Contents, against: _Contents) -> tuple[float, float]:
    """Return whether the text stops within a sentence of the other, and the share of sentences that are only parts."""
    known, joined = set(against.sentences), "\n".join(["", *against.sentences])
    parts = [bool(each) and each not in known and each in joined for each in own.sentences[:_SENTENCES]]
    last = own.sentences[-1] if own.sentences else ""
    stops = bool(last) and last not in known and f"\n{last}" in joined
    return float(stops), sum(parts) / max(len(parts), 1)


def _skips(own: Sequence[str], against: Sequence[str]) -> float:
    """Return how often a sentence does not follow the one that it follows in the other answer, of those in both."""
    after = dict(zip(against, against[1:], strict=False))
    known = set(against)
    pairs = [(one, then) for one, then in zip(own, own[1:], strict=False) if one in known and then in known]
    return sum(after.get(one) != then for one, then in pairs) / len(pairs) if pairs else 0.0
