"""Answers that are doubtful, and no more than that: what speaks for them then no longer decides.

A penalty costs real votes something wherever it is wrong. Of an answer such as one or two in a hundred real ones are,
only so much is taken as makes it lose by a hair, and nothing where it loses already: that costs next to nothing where
it is wrong, and a trick that looks good no longer wins. So are answers that say nothing of their own, next to ones
that do, and those that go farther in one glaring sign than nearly all real ones.
"""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats
from pipelines.files.saved_files import Number, Saved
from stacker.learners.checks.odd_answers import SHARES, levels_of

BEGINS, WHOLLY = 1.8, 2.3
"""Powers of ten of the share of real answers that are as bad, from which on an answer is doubtful, and wholly so."""
GLARES, BLINDS = 2.3, 2.8
"""Powers of ten of the share of real answers that go as far in one glaring sign, from which on it makes an answer
doubtful, and wholly so."""
APART = 0.5
"""By how many of these it must be worse than the other answer of its battle to be held to be."""
BEYOND = 0.02
"""Log-odds by which a doubtful answer loses at most."""

SURELY = 3.0
"""How much is taken at most of what speaks for an answer that says nothing, or shows a glaring sign, in log-odds."""
_SAYS_SOMETHING = 4.0
"""Words of its own from which on an answer surely says something."""
_NOTHING, _OWN = "substance: says nothing of its own ({})", "substance: log words of its own ({})"
NOTHING_SAID = tuple(name.format(side) for name in (_NOTHING, _OWN) for side in "AB")
"""Features by which it is told that an answer says nothing of its own."""


class DoubtfulAnswers(Saved):
    """How bad, and how far off the topic, real answers are.

    Attributes
    ----------
    bad, off_topic : tuple of float
        `AnswerChecks.excess` that `odd_answers.SHARES` of real answers which did not lose are beyond.
    strength : float
        How much is taken of what speaks for a doubtful answer at most, in log-odds.
    """

    bad: tuple[Number, ...]
    off_topic: tuple[Number, ...]
    strength: Annotated[Number, Field(ge=0, le=20)]

    @model_validator(mode="after")
    def _rises(self) -> "DoubtfulAnswers":
        for values in (self.bad, self.off_topic):
            if len(values) != len(SHARES) or list(values) != sorted(values):
                raise ValueError(f"values do not rise, or are not {len(SHARES)}")
        return self

    @classmethod
    def of(cls, excess: Floats, strength: float) -> "DoubtfulAnswers":
        """Return how far (k, 3) real answers go, the first two columns of which count."""
        bad, off_topic = np.quantile(excess[:, :2], 1 - np.array(SHARES), axis=0).T.tolist()
        return cls(bad=tuple(bad), off_topic=tuple(off_topic), strength=strength)

    def doubts(self, excess: Floats) -> Floats:
        """Return (2, n) log-odds that answers A and B are doubted by, from their excess, (2, n, 3 or more)."""
        level = levels_of(excess[..., :2], (self.bad, self.off_topic)).max(axis=-1)
        doubtful = np.clip((level - BEGINS) / (WHOLLY - BEGINS), 0, 1)
        return np.asarray(self.strength * doubtful * np.clip((level - level[::-1]) / APART, 0, 1))


def glaring_doubts(glaring: Floats) -> Floats:
    """Return (2, n) log-odds that answers A and B are doubted by, from `OddAnswers.glaring`, (2, n)."""
    doubtful = np.clip((glaring - GLARES) / (BLINDS - GLARES), 0, 1)
    return np.asarray(SURELY * doubtful * np.clip((glaring - glaring[::-1]) / APART, 0, 1))


def taken_back(margin: Floats, doubts: Floats) -> Floats:
    """Return (n,) log-odds of A against B less what the favoured one is doubted by more, (2, n), to `BEYOND` at most.

    Swapping the sides turns the sign, to the last bit.
    """
    doubt = np.maximum(np.where(margin > 0, doubts[0] - doubts[1], doubts[1] - doubts[0]), 0.0)
    return np.asarray(np.sign(margin) * np.maximum(np.abs(margin) - doubt, -BEYOND * np.minimum(doubt, 1.0)))


def says_nothing(pairs: PairMatrix) -> Floats:
    """Return (2, n): 1 for an answer that says nothing of its own where the other one surely does, and 0.

    Of 4,205 real battles that were not learnt from 16 have one; it lost 13 of them, and won none.
    """
    nothing, own = pairs.values[:, pairs.places(NOTHING_SAID)].T.astype(np.float64).reshape(2, 2, len(pairs))
    return np.asarray(nothing * np.clip((np.expm1(own) - 1) / (_SAYS_SOMETHING - 1), 0, 1)[::-1])
