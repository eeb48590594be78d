"""The block of how an answer addresses its prompt in meaning, and how near the two answers are to each other."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from features.blocks.interface import BATTLE, SCORE, SHARE, Block, Column
from features.blocks.reading.data_version import data_version
from features.blocks.reading.sentence_vectors import SentenceVectors, encode_ahead, one_blas_thread, sentence_vectors
from pipelines.battles.arrays import Floats32

NEAREST = 5
"""Other prompts that are nearest to an answer, against which its own is held."""


class Relevance(Block):
    """Compares an answer's sentences with its prompt's, with other prompts, and with the other answer's.

    Other prompts are those in `relevance_bank.npz`: an answer that is as near to many of them answers none.
    """

    name = "relevance"
    version = data_version("relevance_bank.npz")
    usual = False
    group = "overlap"
    sees = BATTLE
    declared = (
        Column("nearness", SCORE),
        Column("nearest sentence", SCORE),
        Column("sentences on the whole", SCORE),
        Column("farthest sentence", SCORE),
        Column("first sentence", SCORE),
        Column("last sentence", SCORE),
        Column("parts of the question covered", SCORE),
        Column("part of the question covered least", SCORE),
        Column("nearness above that to other questions", SCORE),
        Column("other questions that it is nearer to", SHARE),
        Column("nearness above that to the nearest other questions", SCORE),
        Column("nearness to the mean answer", SCORE),
        Column("nearness to the other answer", SCORE),
        Column("sentences near the other answer", SCORE),
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str], others: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array: of each answer to its prompt, against the other one."""
        rows = np.zeros((len(answers), len(self.columns)), dtype=np.float32)
        with one_blas_thread():
            encode_ahead(prompts, answers, others)
            for row, (prompt, answer, other) in enumerate(zip(prompts, answers, others, strict=True)):
                own = sentence_vectors(answer)
                rows[row] = (*_to_prompt(sentence_vectors(prompt), own), *_to_other(own, sentence_vectors(other)))
        return rows


def _to_prompt(prompt: SentenceVectors, answer: SentenceVectors) -> tuple[float, ...]:
    """Return the columns of an answer and its prompt."""
    known = bank()
    cosine = float(prompt.whole @ answer.whole)
    near = answer.rows @ prompt.whole
    covered = (prompt.rows @ answer.rows.T).max(axis=1)
    asked = known["prompts"] @ answer.whole
    return (
        cosine,
        float(near.max()),
        float(near @ answer.weights),
        float(near.min()),
        float(near[0]),
        float(near[-1]),
        float(covered @ prompt.weights),
        float(covered.min()),
        (cosine - float(asked.mean())) / (float(asked.std()) + 1e-3),
        float((asked > cosine).mean()),
        cosine - float(np.sort(asked)[-NEAREST:].mean()),
        float(known["centre"] @ answer.whole),
    )


def _to_other(own: SentenceVectors, other: SentenceVectors) -> tuple[float, ...]:
    """Return how near the two answers are to each other, and this one's sentences to those of the other."""
    return float(own.whole @ other.whole), float((own.rows @ other.rows.T).max(axis=1) @ own.weights)


def make_bank(prompts: Sequence[str], answers: Sequence[str]) -> dict[str, Floats32]:
    """Return what `relevance_bank.npz` holds: the vectors of prompts, and the mean of those of answers."""
    asked, said = (np.stack([sentence_vectors(text).whole for text in texts]) for texts in (prompts, answers))
    return {"prompts": asked, "centre": said.mean(axis=0)}


@cache
def bank() -> dict[str, Floats32]:
    """Return the vectors of other prompts, and of the mean answer, that `relevance_bank.npz` holds."""
    with np.load(Path(__file__).with_name("relevance_bank.npz"), allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}
