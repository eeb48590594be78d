"""The block of whether the sentences of an answer belong together and to the prompt, and what it adds."""

from collections.abc import Sequence

import numpy as np

from features.blocks.interface import BATTLE, SCORE, SHARE, Block, Column
from features.blocks.reading.data_version import data_version
from features.blocks.reading.relevance import bank
from features.blocks.reading.sentence_vectors import SentenceVectors, encode_ahead, one_blas_thread, sentence_vectors
from pipelines.battles.arrays import Floats, Floats32

ELSEWHERE = 0.05
"""Share of other questions that a sentence is nearer to than to its own, from which on it counts as off the topic."""
_THE_SAME = 0.98
"""Cosine from which on two sentences are one."""
_LEAST = 0.15
"""Share of the characters that either part of an answer has where it is split in two."""


class Coherence(Block):
    """Compares the sentences of an answer with each other, and each of them with its prompt and with other prompts.

    What an answer adds is made of the sentences that the other answer of its battle has not: padding is of no prompt.
    """

    name = "coherence"
    version = data_version("relevance_bank.npz")
    usual = False
    group = "integrity"
    sees = BATTLE
    declared = (
        Column("neighbouring sentences above others", SCORE),
        Column("any two sentences", SCORE),
        Column("least alike parts", SCORE),
        Column("later sentences and the prompt", SCORE),
        Column("farthest third and the prompt", SCORE),
        Column("later sentences below the first", SCORE),
        Column("sentences off the topic", SHARE),
        Column("later sentences off the topic", SHARE),
        Column("first sentence and the rest", SCORE),
        Column("last sentence and the rest", SCORE),
        Column("nearness that falls", SCORE),
        Column("added sentences", SHARE),
        Column("added sentences and the prompt", SCORE),
        Column("added sentences off the topic", SHARE),
        Column("added sentences and the other answer", SCORE),
        Column("added sentences and the mean answer", SCORE),
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str], others: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array; NaN for what takes two sentences, or three."""
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        with one_blas_thread():
            encode_ahead(prompts, answers, others)
            for row, (prompt, answer, other) in enumerate(zip(prompts, answers, others, strict=True)):
                asked, said, against = map(sentence_vectors, (prompt, answer, other))
                near, off = (said.rows @ asked.whole).astype(np.float64), _off_topic(asked, said)
                rows[row] = (
                    *_together(said),
                    *_on_topic(near, off, said),
                    *_ends(near, said),
                    *_added(near, off, said, against),
                )
        return rows


def _together(said: SentenceVectors) -> tuple[float, ...]:
    """Return how alike neighbours are, above any two sentences, and the two parts that are least alike."""
    k = len(said.rows)
    if k < 2:
        return (np.nan,) * 3
    cosines = said.rows @ said.rows.T
    everywhere = float((cosines.sum() - np.trace(cosines)) / (k * (k - 1)))
    neighbours = float(np.diagonal(cosines, 1).mean())
    heads = np.cumsum(said.rows * said.weights[:, None], axis=0)
    tails = heads[-1] - heads
    shares = np.cumsum(said.weights)
    inside = np.flatnonzero((shares[:-1] >= _LEAST) & (shares[:-1] <= 1 - _LEAST))
    if not len(inside):
        return neighbours - everywhere if k > 2 else np.nan, everywhere, np.nan
    a, b = heads[inside], tails[inside]
    parts = np.einsum("ij,ij->i", a, b) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9)
    return neighbours - everywhere if k > 2 else np.nan, everywhere, float(parts.min())


def _off_topic(asked: SentenceVectors, said: SentenceVectors) -> Floats:
    """Return (k,) 1 for sentences that are nearer to other prompts than to their own, and 0."""
    best = np.maximum(said.rows @ asked.whole, (said.rows @ asked.rows.T).max(axis=1))
    elsewhere = (said.rows @ bank()["prompts"].T > best[:, None]).mean(axis=1)
    return np.asarray(elsewhere > ELSEWHERE, dtype=np.float64)


def _on_topic(near: Floats, off: Floats, said: SentenceVectors) -> tuple[float, ...]:
    """Return how near to the prompt the later sentences are, and what share is nearer to other prompts."""
    later = np.cumsum(said.weights) > 0.4
    weights = said.weights * later
    weights = weights / max(float(weights.sum()), 1e-9)
    lowest = np.sort(near)[: max(len(near) // 3, 1)]
    return (
        float(near @ weights),
        float(lowest.mean()),
        float(near[0] - near @ weights),
        float(off @ said.weights),
        float(off @ weights),
    )


def _ends(near: Floats, said: SentenceVectors) -> tuple[float, ...]:
    """Return how near the first and the last sentence are to the rest, and whether nearness to the prompt falls."""
    k = len(said.rows)
    if k < 3:
        return (np.nan,) * 3
    total = said.rows.sum(axis=0)
    rest = (total - said.rows[0], total - said.rows[-1])
    first, last = (
        float(row @ other) / max(float(np.linalg.norm(other)), 1e-9)
        for row, other in zip((said.rows[0], said.rows[-1]), rest, strict=True)
    )
    place = np.arange(k) - (k - 1) / 2
    spread = float(np.sqrt((place**2).sum() * ((near - near.mean()) ** 2).sum()))
    return first, last, -float(place @ near) / max(spread, 1e-9)


def _added(near: Floats, off: Floats, said: SentenceVectors, against: SentenceVectors) -> tuple[float, ...]:
    """Return the share of the sentences that the other answer has not, and what they are near to; NaN for none."""
    best = (said.rows @ against.rows.T).max(axis=1)
    weights = said.weights * (best < _THE_SAME)
    share = float(weights.sum())
    if share <= 0:
        return (0.0, *(np.nan,) * 4)
    weights = weights / share
    return (
        share,
        float(near @ weights),
        float(off @ weights),
        float(best @ weights),
        float(said.rows @ bank()["centre"] @ weights),
    )
