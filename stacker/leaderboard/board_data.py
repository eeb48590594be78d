"""Battles as a leaderboard needs them: models, scores, prompts and styles as numbers, gathered piece by piece."""

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import pandas as pd

from features.style_control import CONTROLS, relative_differences, style_counts
from pipelines.battles.arrays import FLIP, Floats, Ints
from pipelines.battles.folds import normalised
from pipelines.battles.table import UNLABELLED, text_of
from stacker.evaluate.pair_design import PairDesign
from stacker.leaderboard.estimates.strength_estimates import Evidence

VOTES = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
"""Scores of A and of B by outcome."""


@dataclass(frozen=True)
class BoardData:
    """n battles between named models.

    Attributes
    ----------
    names : tuple of str
        The models, sorted.
    first, second : (n,) int
        The models of each battle, the one whose name is first in the order first, so that no number depends on sides.
    evidence : Evidence
        What people and the judge said of the first.
    controls : (n, 5) float
        `features.style_control.CONTROLS` of the first answer against the second.
    group : (n,) int
        The prompt of each battle.
    nameless, same, unjudged : int
        Battles left out because a model has no name, or meets itself, or because there is neither vote nor verdict.
    """

    names: tuple[str, ...]
    first: Ints
    second: Ints
    evidence: Evidence
    controls: Floats
    group: Ints
    nameless: int = 0
    same: int = 0
    unjudged: int = 0

    def design(self, controls: Floats) -> PairDesign:
        """Return the design of a Bradley-Terry model with these (n, k) controls."""
        return PairDesign(self.first, self.second, controls, len(self.names))

    def with_votes(self, most: int, seed: int) -> "BoardData":
        """Return the same battles as if only `most` votes, drawn at random, had been given."""
        voted = np.flatnonzero(np.isfinite(self.evidence.votes))
        kept = np.random.default_rng(seed).permutation(voted)[:most]
        votes = np.full(len(self.first), np.nan)
        votes[kept] = self.evidence.votes[kept]
        return BoardData(
            **{name: value for name, value in vars(self).items() if name != "evidence"},
            evidence=Evidence(votes, self.evidence.verdicts, self.evidence.weight),
        )


@dataclass
class Gatherer:
    """Takes battles piece by piece and keeps some hundred bytes of each, and not its texts."""

    numbers: dict[str, int] = field(default_factory=dict)
    prompts: dict[bytes, int] = field(default_factory=dict)
    styles: dict[bytes, Floats] = field(default_factory=dict)
    parts: list[tuple[Ints, Ints, Floats, Floats, Floats, Ints, Floats]] = field(default_factory=list)
    nameless: int = 0
    same: int = 0
    unjudged: int = 0

    def named(self, battles: pd.DataFrame) -> pd.DataFrame:
        """Return the battles that two different named models fight; the others are counted."""
        a, b = battles["model_a"], battles["model_b"]
        nameless, same = (a == "") | (b == ""), a == b
        self.nameless += int(nameless.sum())
        self.same += int((same & ~nameless).sum())
        return battles[~nameless & ~same]

    def add(self, battles: pd.DataFrame, probabilities: Floats | None) -> None:
        """Keep the numbers of n battles that `named` let through.

        Parameters
        ----------
        battles : DataFrame, n rows
            A battles table.
        probabilities : (n, 3) float or None
            Of A, B and tie; NaN where the judge gives no verdict.
        """
        n = len(battles)
        outcome = battles["outcome"].to_numpy(dtype=np.int64)
        votes = np.where(outcome == UNLABELLED, np.nan, VOTES[:, outcome])
        said = np.full((2, n), np.nan)
        if probabilities is not None:
            said = np.stack([p[:, 0] + p[:, 2] / 2 for p in (probabilities, probabilities[:, FLIP])])
        known = np.isfinite(votes[0]) | np.isfinite(said[0])
        self.unjudged += int((~known).sum())
        a, b = (
            np.array([self.numbers.setdefault(name, len(self.numbers)) for name in battles[side]], dtype=np.int64)
            for side in ("model_a", "model_b")
        )
        style = np.stack([self._styles(battles[f"response_{side}"]) for side in "ab"])
        group = np.array([self._prompt(turns) for turns in battles["prompt"]], dtype=np.int64)
        turned = (battles["model_a"] > battles["model_b"]).to_numpy().astype(np.int64)
        rows = np.arange(n)
        first, second = np.stack([a, b])[turned, rows], np.stack([b, a])[turned, rows]
        differences = relative_differences(style[turned, rows], style[1 - turned, rows])
        weight = battles["weight"].to_numpy(dtype=np.float64)
        columns = (first, second, votes[turned, rows], said[turned, rows], differences, group, weight)
        self.parts.append(tuple(column[known] for column in columns))

    def finish(self) -> BoardData:
        """Return all that was added."""
        if not self.parts:
            columns = [np.zeros(0)] * 4 + [np.zeros((0, len(CONTROLS))), np.zeros(0), np.zeros(0)]
        else:
            columns = [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        numbers = np.array([columns[0], columns[1]], dtype=np.int64)
        used = np.zeros(len(self.numbers), dtype=bool)
        used[numbers.ravel()] = True
        names = sorted(name for name, number in self.numbers.items() if used[number])
        to = np.zeros(len(self.numbers), dtype=np.int64)
        to[[self.numbers[name] for name in names]] = np.arange(len(names))
        return BoardData(
            names=tuple(names),
            first=to[numbers[0]],
            second=to[numbers[1]],
            evidence=Evidence(columns[2], columns[3], columns[6]),
            controls=columns[4],
            group=columns[5].astype(np.int64),
            nameless=self.nameless,
            same=self.same,
            unjudged=self.unjudged,
        )

    def _prompt(self, turns: tuple[str, ...]) -> int:
        return self.prompts.setdefault(_digest(normalised(turns)), len(self.prompts))

    def _styles(self, answers: pd.Series) -> Floats:
        texts = [text_of(turns) for turns in answers]
        keys = [_digest(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.styles}
        self.styles.update(zip(new, style_counts(list(new.values())), strict=True))
        return np.stack([self.styles[key] for key in keys]) if keys else np.zeros((0, len(CONTROLS)))


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
