"""The plain way to the same numbers: textstat and vaderSentiment through their public functions, text by text.

The yardstick that tests compare values with and the benchmark compares speed with; a run uses none of it.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.blocks.readability import FORMULAS

_SYLLABLES = "textstat.backend.counts._count_syllables"


@contextmanager
def pinned_textstat() -> Iterator[Any]:
    """Yield textstat counting syllables by Pyphen alone: cmudict, which it would download, counts as not there."""
    textstat = import_module("textstat").textstat
    module = sys.modules[_SYLLABLES]
    original = module.get_cmudict
    module.get_cmudict = lambda lang: None  # type: ignore[attr-defined]
    try:
        yield textstat
    finally:
        module.get_cmudict = original  # type: ignore[attr-defined]


def plain_readability(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return (len(texts), len(FORMULAS)) float64: what textstat says of each text, not clipped."""
    with pinned_textstat() as textstat:

        def share(count: float, text: str) -> float:
            words = textstat.lexicon_count(text)
            return count / words if words else 0.0

        rows = [
            [
                textstat.flesch_reading_ease(text),
                textstat.flesch_kincaid_grade(text),
                textstat.gunning_fog(text),
                textstat.smog_index(text),
                textstat.coleman_liau_index(text),
                textstat.automated_readability_index(text),
                textstat.dale_chall_readability_score(text),
                textstat.linsear_write_formula(text),
                textstat.spache_readability(text),
                textstat.lix(text),
                textstat.rix(text),
                textstat.mcalpine_eflaw(text),
                textstat.words_per_sentence(text),
                textstat.avg_syllables_per_word(text),
                share(textstat.difficult_words(text, unique=False), text),
                share(textstat.difficult_words(text, syllable_threshold=0, unique=False), text),
                share(textstat.polysyllabcount(text), text),
                share(textstat.monosyllabcount(text), text),
            ]
            for text in texts
        ]
    return np.array(rows, dtype=np.float64).reshape(len(texts), len(FORMULAS))


def plain_sentiment(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return (len(texts), 4) float64: negative, neutral, positive and compound of each whole text."""
    analyzer = import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    scores = (analyzer.polarity_scores(text) for text in texts)
    rows = [[score["neg"], score["neu"], score["pos"], score["compound"]] for score in scores]
    return np.array(rows, dtype=np.float64).reshape(len(texts), 4)
