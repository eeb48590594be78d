"""The second verdict of a judge: what people would say if length and form were the same on both sides.

Votes reward length, layout and tone. Here these have no say: the margin is a sum over differences in what an answer
says (relevance), in whether it does what was asked for (instructions), and in whether it is an answer at all
(integrity). Relevance counts by how near the two answers are in meaning: where both say the same, the rest of it is
length, and votes bear that out. The checks of answers have their say as in the first verdict, only earlier and louder.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from features.blocks.registry import column_of
from features.pairs import PairMatrix, parsed
from pipelines.battles.arrays import Floats
from pipelines.files.atomic_files import write_json
from pipelines.files.saved_files import Names, Number, Saved, read_model
from stacker.learners.checks.answer_checks import AnswerChecks, Thresholds
from stacker.learners.stacking.pool import margins_and_ties, probabilities_of
from stacker.learners.stacking.recalibration import Recalibration

FILE = "even_style.json"
RELEVANCE, INSTRUCTIONS, INTEGRITY = "relevance", "instructions", "integrity"
GROUPS = (RELEVANCE, INSTRUCTIONS, INTEGRITY)
"""What the margin consists of."""
FARTHEST = 4.0
"""Root mean squares at which a difference is cut, so that one odd text does not decide."""
NEAR, WIDTH = 0.85, 0.02
"""Cosine of the two answers at which relevance is between its two weights, and how sharply it goes over."""
APART, ALIKE = 1.75, 0.25
"""Weight of relevance where the answers say different things, and where they say the same, in spreads of the rest."""
BLOCKS = ("style", "turns")
"""Blocks that it sees besides those that the checks see."""
NEARNESS = ("relevance: nearness to the other answer (A)", "relevance: nearness to the other answer (B)")
_LAYOUT = {
    "integrity": {
        "repeated sentences",
        "repeated phrases",
        "longest repetition",
        "compressed size",
        "heading lines",
        "lines of few words",
        "log words per line",
        "long words",
    },
    "overlap": {"log length ratio", "shared content words"},
}
"""Columns that grow with length, or tell the layout, though nothing declares them so."""
_REFUSALS = {
    "style": {
        "refusal phrases",
        "opens with a refusal",
        "apology phrases",
        "opens with an apology",
        "model-identity phrases",
        "opens with model identity",
    },
    "turns": {"empty answers"},
}
"""Columns of the blocks of form that tell whether an answer is one."""
_GROUP_OF = {"overlap": RELEVANCE, "relevance": RELEVANCE, "instructions": INSTRUCTIONS}
_OF_THE_OTHER = "other answer"


def group_of(name: str) -> str:
    """Return the group, of `GROUPS`, of a feature that the verdict sees."""
    return _GROUP_OF.get(parsed(name).block, INTEGRITY)


def content_names(pairs: PairMatrix) -> tuple[str, ...]:
    """Return the features, of those that there are, that tell how the answers differ in all but style and relevance."""
    return tuple(name for name in pairs.names if parsed(name).kind == "A - B" and _is_content(name))


def relevance_names(pairs: PairMatrix) -> tuple[str, ...]:
    """Return the features, of those that there are, that tell how the answers differ in relevance."""
    found = [name for name in pairs.names if parsed(name).kind == "A - B" and parsed(name).block == RELEVANCE]
    return tuple(name for name in found if _OF_THE_OTHER not in name)


def _is_content(name: str) -> bool:
    feature = parsed(name)
    if feature.block in _REFUSALS:
        return feature.column in _REFUSALS[feature.block]
    column = column_of(feature.block, feature.column)
    of_length = column is None or column.length or feature.column in _LAYOUT.get(feature.block, ())
    return feature.block in ("overlap", "instructions", "integrity") and not of_length


class Weights(Saved):
    """A sum over differences between the answers.

    Attributes
    ----------
    names : tuple of p str
        Features `... (A - B)`.
    scales : tuple of p float
        Their root mean squares among votes; 0 where a feature never differed, and counts for nothing.
    weights : tuple of p float
        What each adds to the margin for one such root mean square.
    """

    names: Names
    scales: tuple[Annotated[Number, Field(ge=0)], ...]
    weights: tuple[Number, ...]

    @model_validator(mode="after")
    def _as_many(self) -> "Weights":
        if not len(self.names) == len(self.scales) == len(self.weights):
            raise ValueError("names, scales and weights are not as many")
        if any(not name.endswith(" (A - B)") for name in self.names):
            raise ValueError("a feature is no difference between the answers")
        for name in self.names:
            parsed(name)
        return self

    def terms(self, pairs: PairMatrix) -> Floats:
        """Return (n, p): what each feature adds; the sign of all turns when the sides are swapped."""
        position = {name: column for column, name in enumerate(pairs.names)}
        values = pairs.values[:, [position[name] for name in self.names]].astype(np.float64)
        return scaled(values, np.array(self.scales)) * np.array(self.weights)


def scaled(values: Floats, scales: Floats) -> Floats:
    """Return (n, p) differences in root mean squares, cut at `FARTHEST`; 0 where one does not apply."""
    found = np.nan_to_num(values, nan=0.0, posinf=1e30, neginf=-1e30)
    return np.asarray(np.clip(found / np.where(scales > 0, scales, np.inf), -FARTHEST, FARTHEST))


class EvenStyleFile(Saved):
    """What even_style.json holds."""

    content: Weights
    relevance: Weights
    temperature: float = Field(1.0, gt=0, le=1e6, strict=True)
    thresholds: Thresholds


@dataclass(frozen=True)
class EvenStyle:
    """What tells the verdict with style held equal.

    Attributes
    ----------
    content, relevance : Weights
        The two sums, each of spread 1 among votes; relevance counts by `relevance_weight` besides.
    thresholds : Thresholds
        Where the checks of answers begin to count in this verdict.
    temperature : float
        Divides the margin, as votes between answers of like length and form show is right.
    """

    content: Weights
    relevance: Weights
    thresholds: Thresholds
    temperature: float = 1.0
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", (*self.content.names, *self.relevance.names))

    def terms(self, pairs: PairMatrix) -> Floats:
        """Return (n, p): what each feature of `names` adds to the log-odds of A against B."""
        relevance = self.relevance.terms(pairs) * relevance_weight(pairs)[:, None]
        return np.concatenate([self.content.terms(pairs), relevance], axis=1) / self.temperature

    def margins(self, pairs: PairMatrix) -> Floats:
        """Return (n,) log-odds of A against B before the checks; swapping the sides turns the sign, to the last bit."""
        # Row by row, and not by a product of matrices, whose order of adding depends on how many rows there are.
        return np.asarray(np.ascontiguousarray(self.terms(pairs)).sum(axis=1))

    def before_checks(self, voted: Floats, pairs: PairMatrix) -> Floats:
        """Return (n, 3) probabilities: this margin, and the tie log-odds of the verdict of the votes, (n, 3)."""
        return probabilities_of(self.margins(pairs), margins_and_ties(voted)[1])

    def strict(self, checks: AnswerChecks) -> AnswerChecks:
        """Return the judge's checks as they speak in this verdict: earlier, and of doubtful answers not besides."""
        return replace(checks, thresholds=self.thresholds, scale=Recalibration(), doubtful=None, even=True)

    def verdicts(self, voted: Floats, pairs: PairMatrix, checks: AnswerChecks) -> Floats:
        """Return (n, 3) verdicts with style held equal.

        Parameters
        ----------
        voted : (n, 3) float
            Verdicts of the votes before their checks.
        pairs : PairMatrix, n rows
            Features, of which those that are needed are found by name.
        checks : AnswerChecks
            The judge's.
        """
        return self.strict(checks).apply(self.before_checks(voted, pairs), pairs)

    def check(self, pairs: PairMatrix) -> None:
        """Look up every feature that is needed.

        Raises
        ------
        LackingFeaturesError
            When some are not computed.
        """
        pairs.require([*self.names, *NEARNESS])

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        content = EvenStyleFile(
            content=self.content, relevance=self.relevance, temperature=self.temperature, thresholds=self.thresholds
        )
        write_json(folder / FILE, content.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> "EvenStyle":
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            When the file is missing or damaged.
        """
        stored = read_model(folder / FILE, EvenStyleFile)
        return cls(stored.content, stored.relevance, stored.thresholds, stored.temperature)


def relevance_weight(pairs: PairMatrix) -> Floats:
    """Return (n,) how much relevance counts: `APART` where the answers say different things, `ALIKE` where the same."""
    columns = pairs.places(NEARNESS)
    cosine = np.clip(np.nan_to_num(pairs.values[:, columns].astype(np.float64), nan=NEAR), -1, 1).mean(axis=1)
    return np.asarray(ALIKE + (APART - ALIKE) / (1 + np.exp(np.clip((cosine - NEAR) / WIDTH, -50, 50))))
