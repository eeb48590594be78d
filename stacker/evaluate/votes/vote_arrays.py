"""What is kept of a vote and its verdict: numbers and labels, no text, so that 100,000 votes take little memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import normalised
from stacker.evaluate.slices import traits_of


@dataclass(frozen=True)
class VoteArrays:
    """n votes and a judge's verdicts on their battles.

    Attributes
    ----------
    outcome : (n,) int
        Votes, 0, 1 or 2.
    both_bad : (n,) bool
        Whether both answers were called bad; such a vote is a tie.
    probabilities : (n, 3) float
        The verdicts; NaN where there is none.
    margin : (n,) float
        How far A is ahead, in the judge's measure.
    longer : (n,) int
        Characters of A's answer less those of B's.
    group : (n,) int
        The prompt, as a hash: prompts that differ only in case, space or Unicode form share it.
    pair : (n,) int
        Prompt and both answers, whichever side they are on, as a hash.
    turned : (n,) bool
        Whether A's answer is the second of its pair, in the order of their hashes.
    alike : (n,) bool
        Whether both answers are the same text.
    source, annotator : (n,) str
        Where the vote is from, and who gave it ("" where unknown).
    traits : DataFrame, n rows
        `stacker.evaluate.slices.traits_of` the battles.
    """

    outcome: Ints
    both_bad: NDArray[np.bool_]
    probabilities: Floats
    margin: Floats
    longer: Ints
    group: Ints
    pair: Ints
    turned: NDArray[np.bool_]
    alike: NDArray[np.bool_]
    source: NDArray[Any]
    annotator: NDArray[Any]
    traits: pd.DataFrame

    @classmethod
    def of(cls, battles: pd.DataFrame, probabilities: Floats, margin: Floats) -> Self:
        """Make them of a battles table of n rows with votes, and of (n, 3) and (n,) verdicts on it."""
        prompts, first, second = (
            _hashes([normalised(turns) for turns in battles["prompt"]]),
            _hashes(["\0".join(turns) for turns in battles["response_a"]]),
            _hashes(["\0".join(turns) for turns in battles["response_b"]]),
        )
        sizes = [np.array([sum(map(len, turns)) for turns in battles[name]]) for name in ("response_a", "response_b")]
        low, high = np.minimum(first, second), np.maximum(first, second)
        pairs = _hashes([f"{a} {b} {c}" for a, b, c in zip(prompts.tolist(), low.tolist(), high.tolist(), strict=True)])
        return cls(
            outcome=battles["outcome"].to_numpy(dtype=np.int64),
            both_bad=battles["both_bad"].to_numpy(dtype=bool),
            probabilities=np.asarray(probabilities, dtype=np.float64).reshape(-1, 3),
            margin=np.asarray(margin, dtype=np.float64),
            longer=np.asarray(sizes[0] - sizes[1], dtype=np.int64),
            group=prompts,
            pair=pairs,
            turned=first > second,
            alike=first == second,
            source=_names(battles["source"]),
            annotator=_names(battles["annotator"]),
            traits=traits_of(battles),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put several together, in their order."""
        found: dict[str, Any] = {
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(cls)
            if each.name != "traits"
        }
        return cls(**found, traits=pd.concat([part.traits for part in parts], ignore_index=True))

    def of_rows(self, rows: Ints | NDArray[np.bool_]) -> Self:
        """Take some of the votes."""
        found: dict[str, Any] = {
            each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name != "traits"
        }
        return type(self)(**found, traits=self.traits.iloc[rows].reset_index(drop=True))

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Whether there is a verdict, (n,)."""
        return np.asarray(np.isfinite(self.probabilities).all(axis=1))


def _hashes(texts: Sequence[str]) -> Ints:
    """Return 63 bits of each text's BLAKE2b: among a million texts two share them by a chance of 1 in 18 million."""
    found = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.array([int.from_bytes(digest, "big") >> 1 for digest in found], dtype=np.int64)


def _names(names: pd.Series) -> NDArray[Any]:
    """Return names as objects, each held once however often it occurs."""
    codes, values = pd.factorize(names)
    return np.asarray(values, dtype=object)[codes] if len(values) else np.empty(0, dtype=object)
