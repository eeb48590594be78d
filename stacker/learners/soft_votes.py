"""Votes that are distributions over the three outcomes: of several voters, by a grade, and a teacher's verdicts."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import FLIP, Floats


@dataclass(frozen=True)
class SoftVotes:
    """What is known of n battles besides one outcome each.

    Attributes
    ----------
    shares : (n, 3) float64
        How the vote is spread over A, B and tie; one of them is 1 where it is a plain vote.
    weight : (n,) float64
        Weight of each battle, in the place of that of its plain vote.
    teacher : (n, 3) float64
        Probabilities to distil, NaN where there are none.
    share : float
        Of the loss of a battle with a teacher, what is the distance from it; the rest is that from the vote.
    temperature : float
        At which student and teacher are compared.
    tie_offset : (n,) float64 or None
        Added to the log-odds of a tie in training alone: by how much ties are more frequent where the vote is from.
    unvoted : (n,) bool or None
        Which have no vote of a person: they are learned from, and never choose between settings.
    """

    shares: Floats
    weight: Floats
    teacher: Floats
    share: float = 0.5
    temperature: float = 2.0
    tie_offset: Floats | None = None
    unvoted: NDArray[np.bool_] | None = None

    def take(self, rows: Any) -> "SoftVotes":
        """Return the chosen battles, by places or (n,) bool."""
        offset = None if self.tie_offset is None else self.tie_offset[rows]
        unvoted = None if self.unvoted is None else self.unvoted[rows]
        shares, weight, teacher = self.shares[rows], self.weight[rows], self.teacher[rows]
        return SoftVotes(shares, weight, teacher, self.share, self.temperature, offset, unvoted)

    def flip(self, swapped: Any) -> "SoftVotes":
        """Return the battles with the sides swapped where (n,) bool say so."""
        turned = np.asarray(swapped, dtype=bool)[:, None]
        shares, teacher = (np.where(turned, rows[:, FLIP], rows) for rows in (self.shares, self.teacher))
        return replace(self, shares=shares, teacher=teacher)

    def digest(self) -> bytes:
        """Return bytes that are equal for equal ones alone."""
        found = hashlib.sha256(f"{self.share} {self.temperature}".encode())
        for rows in (self.shares, self.weight, self.teacher):
            found.update(np.ascontiguousarray(rows).tobytes())
        found.update(b"" if self.tie_offset is None else self.tie_offset.tobytes())
        found.update(b"" if self.unvoted is None else b"unvoted" + self.unvoted.tobytes())
        return found.digest()
