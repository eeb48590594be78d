"""The block of the tone of a text: vaderSentiment by sentence, aggregated."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from features.blocks.interface import SCORE, SHARE, TEXT, Block, Column
from features.fast.vader import Scores, vader
from features.text import batches, is_english, sentence_list, sentences
from pipelines.battles.arrays import Floats32

_TONE = 0.05
"""The compound from which the library's authors call a sentence positive (or, negated, negative)."""
_AT_ONCE = 100_000
"""Characters of sentences that are scored at once: of several texts, or of a part of a long one."""
_KEPT_FROM_A_TEXT = 200_000
"""Characters of one text whose words are remembered; what a longer one holds would take many times its size."""
_COMPOUND = Scores._fields.index("compound")
_SHARES = [Scores._fields.index(share) for share in ("positive", "negative", "neutral")]


class Sentiment(Block):
    """Scores of the sentences of a text and how they vary; NaN where the text is not English or has no sentence."""

    name = "sentiment"
    library = "vaderSentiment"
    sees = TEXT
    declared = (
        Column("mean compound", SCORE),
        Column("lowest compound", SCORE),
        Column("highest compound", SCORE),
        Column("spread of compound", SCORE),
        Column("first compound", SCORE),
        Column("last compound", SCORE),
        Column("positive sentences", SHARE),
        Column("negative sentences", SHARE),
        Column("mean positive share", SHARE),
        Column("mean negative share", SHARE),
        Column("mean neutral share", SHARE),
    )

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.full((len(texts), len(self.columns)), np.nan, dtype=np.float32)
        english = [row for row, text in enumerate(texts) if is_english(text)]
        for batch in batches([texts[row] for row in english], _AT_ONCE):
            some = [english[place] for place in batch]
            if len(texts[some[0]]) > _AT_ONCE:
                rows[some] = _of_long_text(texts[some[0]])
            else:
                rows[some] = _of_texts([sentence_list(texts[row]) for row in some])
        return rows


def _of_texts(texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Return the (n, columns) numbers of n texts, given by their sentences; NaN where there is none."""
    scores = vader().score_all(list(chain.from_iterable(texts)))
    compound = scores[:, _COMPOUND]
    counts = np.fromiter(map(len, texts), np.int64, len(texts))
    of = np.repeat(np.arange(len(texts)), counts)
    ends = np.cumsum(counts)
    rows = np.full((len(texts), len(Sentiment.columns)), np.nan)
    some = np.flatnonzero(counts)
    if not len(some):
        return rows
    starts = (ends - counts)[some]
    compounds = compound.tolist()
    bounds = zip(starts.tolist(), ends[some].tolist(), strict=True)
    mean, spread = np.array([_mean_and_spread(compounds[start:end]) for start, end in bounds]).T
    sums = [compound >= _TONE, compound <= -_TONE, *(scores[:, share] for share in _SHARES)]
    rows[some] = np.stack(
        [
            mean,
            np.minimum.reduceat(compound, starts),
            np.maximum.reduceat(compound, starts),
            spread,
            compound[starts],
            compound[ends[some] - 1],
            # bincount adds one after the other, so that a text's sum does not depend on the texts beside it.
            *((np.bincount(of, each, len(texts)) / np.maximum(counts, 1))[some] for each in sums),
        ],
        axis=1,
    )
    return rows


def _of_long_text(text: str) -> list[float]:
    """Return the numbers of one text, scored part by part; NaN where it has no sentence."""
    parts: list[NDArray[np.float64]] = []
    sums = [0.0] * len(_SHARES)
    read = 0
    for part in _parts(text):
        read += sum(map(len, part))
        scores = vader().score_all(part, remember=read <= _KEPT_FROM_A_TEXT)
        parts.append(scores[:, _COMPOUND].copy())
        sums = [
            float(np.add.accumulate(np.append(total, scores[:, share]))[-1])
            for total, share in zip(sums, _SHARES, strict=True)
        ]
    if not parts:
        return [math.nan] * len(Sentiment.columns)
    compound = np.concatenate(parts)
    n = len(compound)
    mean, spread = _mean_and_spread(compound)
    ends = compound.min(), compound.max(), spread, compound[0], compound[-1]
    tones = (compound >= _TONE).sum() / n, (compound <= -_TONE).sum() / n
    return [mean, *map(float, ends), *map(float, tones), *(total / n for total in sums)]


def _parts(text: str) -> Iterator[list[str]]:
    """Yield the sentences of a text in lists of about `_AT_ONCE` characters."""
    part: list[str] = []
    characters = 0
    for sentence in sentences(text):
        part.append(sentence)
        characters += len(sentence) + 20  # a list of very short sentences takes more room than their text
        if characters > _AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


def _mean_and_spread(compounds: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation, the sums exact whatever their order."""
    n = len(compounds)
    mean = math.fsum(compounds) / n
    return mean, math.sqrt(math.fsum((compound - mean) ** 2 for compound in compounds) / n)
