"""The block of the tone of a text: vaderSentiment by sentence, aggregated."""

import math
from collections.abc import Sequence
from importlib.metadata import version as version_of

import numpy as np

from features.blocks import Floats
from features.english import is_english
from features.text import sentences
from features.vader import vader

_TONE = 0.05
"""The compound from which the library's authors call a sentence positive (or, negated, negative)."""
_KEPT_FROM_A_TEXT = 200_000
"""Characters of one text whose words are remembered; what a longer one holds would take many times its size."""


class Sentiment:
    """Scores of the sentences of a text and how they vary; NaN where the text is not English or has no sentence."""

    name = "sentiment"
    columns: tuple[str, ...] = (
        "mean compound",
        "lowest compound",
        "highest compound",
        "spread of compound",
        "first compound",
        "last compound",
        "positive sentences",
        "negative sentences",
        "mean positive share",
        "mean negative share",
        "mean neutral share",
    )

    def __init__(self) -> None:
        self.version = f"1-{version_of('vaderSentiment')}"

    def compute(self, texts: Sequence[str]) -> Floats:
        """Return a (len(texts), len(columns)) float32 array."""
        rows = np.full((len(texts), len(self.columns)), np.nan, dtype=np.float32)
        for row, text in enumerate(texts):
            if is_english(text):
                numbers = _numbers(text)
                if numbers:
                    rows[row] = numbers
        return rows


def _numbers(text: str) -> list[float]:
    """Return the numbers of one text in the order of the columns, none where it has no sentence."""
    score = vader().score
    compounds: list[float] = []
    positive = negative = neutral = 0.0
    read = 0
    for sentence in sentences(text):
        read += len(sentence)
        scores = score(sentence, remember=read <= _KEPT_FROM_A_TEXT)
        compounds.append(scores.compound)
        positive += scores.positive
        negative += scores.negative
        neutral += scores.neutral
    n = len(compounds)
    if not n:
        return []
    mean = math.fsum(compounds) / n
    return [
        mean,
        min(compounds),
        max(compounds),
        math.sqrt(math.fsum((compound - mean) ** 2 for compound in compounds) / n),
        compounds[0],
        compounds[-1],
        sum(compound >= _TONE for compound in compounds) / n,
        sum(compound <= -_TONE for compound in compounds) / n,
        positive / n,
        negative / n,
        neutral / n,
    ]
