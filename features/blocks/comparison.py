"""The blocks of what two texts share, in words and in meaning: an answer with its prompt, and the two answers."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from features.blocks.chinese.variants import data_hash, simplified
from features.blocks.interface import (
    BOTH_ANSWERS,
    COUNT,
    EMBEDDINGS,
    FLAG,
    PROMPT_AND_ANSWER,
    SCORE,
    SHARE,
    Block,
    Column,
)
from features.text import FUNCTION_WORDS, dominant_script, sentences, words
from pipelines.battles.arrays import Floats32

_HEAD = 100_000
"""Characters of a text that are compared; of real answers none is longer."""


class _Contents:
    """The words of one text, prepared for comparing; each Chinese character is one, Traditional as Simplified.

    Words as jieba finds them did not do better: on questions and answers in Chinese, the share of a question's words in
    an answer, rare ones more, tells its own answer from another question's in 92 % by characters, in 84 % by jieba (143
    pairs of llmeval_squared), and in 98 % by either on 1,200 pairs of llmeval2_zh_derived.
    """

    __slots__ = ("pairs", "script", "opening", "length", "content", "all")

    def __init__(self, text: str, opening: bool = False) -> None:
        head = simplified(text[:_HEAD])
        found = words(head.lower())
        self.length = len(found)
        self.all = frozenset(found)
        self.content = self.all - FUNCTION_WORDS
        self.pairs = frozenset(zip(found, found[1:], strict=False))
        self.script = dominant_script(head)
        first = next(sentences(head), "") if opening else ""
        self.opening = frozenset(words(first.lower())) - FUNCTION_WORDS


class Overlap(Block):
    """Compares an answer with its prompt; a share of nothing is 0."""

    name = "overlap"
    version = data_hash()
    sees = PROMPT_AND_ANSWER
    declared = (
        Column("shared content words", COUNT),
        Column("prompt coverage", SHARE),
        Column("answer words from the prompt", SHARE),
        Column("Jaccard of words", SHARE),
        Column("copied bigrams", SHARE),
        Column("prompt bigrams kept", SHARE),
        Column("first sentence on the prompt", SHARE),
        Column("same script", FLAG),
        Column("log length ratio", SCORE, length=True),
        Column("contains the prompt", FLAG),
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array."""
        contents = lru_cache(maxsize=4)(_Contents)
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            asked, said = contents(prompt), contents(answer, opening=True)
            both = len(asked.content & said.content)
            pairs = len(asked.pairs & said.pairs)
            rows[row] = (
                both,
                _share(both, len(asked.content)),
                _share(both, len(said.content)),
                _share(len(asked.all & said.all), len(asked.all | said.all)),
                _share(pairs, len(said.pairs)),
                _share(pairs, len(asked.pairs)),
                _share(len(asked.content & said.opening), len(said.opening)),
                asked.script == said.script,
                np.log1p(said.length) - np.log1p(asked.length),
                len(prompt) > 20 and simplified(prompt.strip()) in simplified(answer),
            )
        return rows


class Agreement(Block):
    """Compares the two answers of a battle; the same numbers whichever of them comes first."""

    name = "agreement"
    group = switch = "overlap"
    version = data_hash()
    sees = BOTH_ANSWERS
    declared = (
        Column("identical", FLAG),
        Column("Jaccard of words", SHARE),
        Column("Jaccard of bigrams", SHARE),
        Column("common opening", SHARE),
        Column("common ending", SHARE),
        Column("same script", FLAG),
        Column("shorter by longer", SHARE, length=True),
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array; the two arguments are the answers of a battle."""
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        for row, (one, other) in enumerate(zip(prompts, answers, strict=True)):
            first, second = _Contents(one), _Contents(other)
            shorter, longer = sorted((len(one), len(other)))
            rows[row] = (
                one == other,
                _share(len(first.all & second.all), len(first.all | second.all)),
                _share(len(first.pairs & second.pairs), len(first.pairs | second.pairs)),
                _share(_common(one, other), shorter),
                _share(_common(one[: -_HEAD - 1 : -1], other[: -_HEAD - 1 : -1]), shorter),
                first.script == second.script,
                _share(shorter, longer),
            )
        return rows


class Nearness(Block):
    """Nearness in meaning, as the frozen encoder sees it: cosines of rows of unit length."""

    name = "embedding"
    sees = EMBEDDINGS
    declared = (
        Column("cosine with the prompt", SCORE),
        Column("cosine of the answers", SCORE, of="both"),
    )

    def compute(self, rows: Floats32, others: Floats32) -> Floats32:
        """Return the (n, 1) float32 cosines of n rows with n others; each column asks for other rows."""
        return np.einsum("nd,nd->n", rows, others)[:, None]


def _share(part: float, whole: float) -> float:
    """Divide; a share of nothing is 0."""
    return part / whole if whole else 0.0


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
