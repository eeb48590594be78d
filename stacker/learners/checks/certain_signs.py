"""Signs of a worse answer whose direction nobody disputes, and a sum over them that can only say so.

Trees learn from the tricks that they are shown, also that what is longer, or stands whole in the other answer, is the
worse one, as it is in some of them: on a trick that they were never shown that may be turned round. Here each sign
has a direction that no training can turn: more repetition, filler, unfinished ends or disorder is never better, more
that is new and to the point never worse. So this sum sees less than trees do, but is hardly ever sure of the wrong.
"""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats
from pipelines.files.saved_files import Names, Number, Saved

WORSE = {
    "integrity": (
        "repeated sentences",
        "repeated phrases",
        "longest repetition",
        "words out of order",
        "unfinished end",
        "broken off",
        "open code block",
        "open brackets",
        "filler",
        "filler phrases per sentence",
        "pleas to a judge",
        "text that is a plea",
        "placeholders",
        "empty headings",
        "ends with a heading",
        "broken numbering",
        "empty",
        "odd characters",
        "sentences begun small",
    ),
    "derivation": (
        "filler beyond the other answer",
        "pleas beyond the other answer",
        "repetition beyond the other answer",
        "sentences of the other answer said again",
        "headings beyond the other answer",
        "stops within a sentence of the other answer",
        "parts of sentences of the other answer",
    ),
    "substance": (
        "phrases of the prompt",
        "sentences of the prompt's words",
        "most frequent word",
        "markup",
        "pictures and signs",
        "longest run of one sign",
        "empty cells and values",
        "references",
        "praise and claims",
        "begins with praise or a claim",
        "announces what does not follow",
        "words nobody can speak",
        "letters of another script",
        "beginnings elsewhere",
        "ends elsewhere",
        "begins in the middle",
        "items within lines",
        "ordinals out of order",
        "words twice in a row",
        "letters that no word holds",
        "says nothing of its own",
    ),
    "coherence": ("sentences off the topic", "later sentences off the topic", "added sentences off the topic"),
    "relevance": ("other questions that it is nearer to",),
}
"""Columns by block of which more is never better, of two answers of which one is made of the other."""
BETTER = {
    "integrity": ("word order",),
    "substance": (
        "begins as texts do",
        "ends as texts do",
        "lead-ins followed",
        "words shared by neighbouring sentences",
        "characters that words hold together",
        "content words that the prompt has not",
        "order of common words",
        "order of all common words",
        "order of Chinese characters",
    ),
    "coherence": (
        "neighbouring sentences above others",
        "least alike parts",
        "later sentences and the prompt",
    ),
    "relevance": ("nearness", "nearness above that to other questions"),
}
"""Columns of which more is never worse."""
FARTHEST = 4.0
"""Root mean squares at which a difference is cut."""
OPPOSED = 4.0
"""By how much the word of trees falls for each log-odds with which the signs say the opposite."""
_EMPTY_ADDITIONS = (
    "derivation: filler beyond the other answer",
    "derivation: pleas beyond the other answer",
    "derivation: repetition beyond the other answer",
    "derivation: sentences of the other answer said again",
    "coherence: added sentences off the topic",
)
_ADDED = "derivation: log words beyond the other answer"
_NEEDED = tuple(f"{name} ({side})" for name in (_ADDED, *_EMPTY_ADDITIONS) for side in "AB")
"""Features that what is new is told by."""


def directions() -> dict[str, float]:
    """Return the features `... (A - B)` of certain direction: 1 where more is better, and -1."""
    return {
        f"{block}: {column} (A - B)": direction
        for columns, direction in ((WORSE, -1.0), (BETTER, 1.0))
        for block, names in columns.items()
        for column in names
    }


class CertainSigns(Saved):
    """A sum over differences, each of which counts in one direction alone.

    Attributes
    ----------
    names : tuple of p str
        Features of `directions`.
    scales : tuple of p + 1 float
        Their root mean squares among real battles, and that of how much more is new.
    weights : tuple of p + 1 float
        What each adds to the log-odds, from 0 on.
    """

    names: Names
    scales: tuple[Annotated[Number, Field(gt=0)], ...]
    weights: tuple[Annotated[Number, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _of_certain_direction(self) -> "CertainSigns":
        if not len(self.names) + 1 == len(self.scales) == len(self.weights):
            raise ValueError("names, scales and weights are not as many")
        unknown = sorted(set(self.names) - directions().keys())
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no sign of certain direction")
        return self

    def margins(self, pairs: PairMatrix) -> Floats:
        """Return (n,) log-odds of A being the better one; swapping the sides turns the sign, to the last bit."""
        terms = cut(signed_differences(pairs, self.names), np.array(self.scales)) * np.array(self.weights)
        return np.asarray(np.ascontiguousarray(terms).sum(axis=1))

    def check(self, pairs: PairMatrix) -> None:
        """Look up every feature that is needed.

        Raises
        ------
        LackingFeaturesError
            When some are not computed.
        """
        pairs.require([*self.names, *_NEEDED])


def signed_differences(pairs: PairMatrix, names: tuple[str, ...]) -> Floats:
    """Return (n, p + 1): by how much A is better than B in each feature, and how much more of it is new."""
    known, position = directions(), {name: column for column, name in enumerate(pairs.names)}
    values = pairs.values[:, [position[name] for name in names]].astype(np.float64)
    signed = np.nan_to_num(values, nan=0.0, posinf=1e30, neginf=-1e30) * [known[name] for name in names]
    return np.column_stack([signed, _new(pairs, "A") - _new(pairs, "B")])


def cut(values: Floats, scales: Floats) -> Floats:
    """Return (n, p) differences in root mean squares, cut at `FARTHEST`, so that one odd text does not decide."""
    return np.asarray(np.clip(values / scales, -FARTHEST, FARTHEST))


def _new(pairs: PairMatrix, side: str) -> Floats:
    """Return (n,) log words of an answer that the other one has not, and that are not filler or off the topic."""
    position = {name: column for column, name in enumerate(pairs.names)}

    def column(name: str) -> Floats:
        return np.nan_to_num(pairs.values[:, position[f"{name} ({side})"]].astype(np.float64))

    empty = np.sum([column(name) for name in _EMPTY_ADDITIONS], axis=0)
    return np.asarray(np.log1p(np.expm1(column(_ADDED)) * np.clip(1 - empty, 0, 1)))


def unopposed(margin: Floats, certain: Floats) -> Floats:
    """Return (n,) log-odds of what the signs do not speak against: where they do, nearer to 0, and never beyond it."""
    against = np.maximum(-np.sign(margin) * certain, 0.0)
    return np.asarray(np.sign(margin) * np.maximum(np.abs(margin) - OPPOSED * against, 0.0))


def supported(gap: Floats, certain: Floats) -> Floats:
    """Return (n,) log-odds of what the signs speak for as well: at most `OPPOSED` for each of theirs."""
    return np.asarray(np.sign(gap) * np.minimum(np.abs(gap), OPPOSED * np.maximum(np.sign(gap) * certain, 0.0)))
