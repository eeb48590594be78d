"""Votes that are distributions over the three outcomes: of several voters, by a grade, and a teacher's verdicts."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    """

    shares: Floats
    weight: Floats
    teacher: Floats
    share: float = 0.5
    temperature: float = 2.0

    def take(self, rows: Any) -> "SoftVotes":
        """Return the chosen battles, by places or (n,) bool."""
        return SoftVotes(self.shares[rows], self.weight[rows], self.teacher[rows], self.share, self.temperature)

    def flip(self, swapped: Any) -> "SoftVotes":
        """Return the battles with the sides swapped where (n,) bool say so."""
        turned = np.asarray(swapped, dtype=bool)[:, None]
        shares, teacher = (np.where(turned, rows[:, FLIP], rows) for rows in (self.shares, self.teacher))
        return SoftVotes(shares, self.weight, teacher, self.share, self.temperature)

    def digest(self) -> bytes:
        """Return bytes that are equal for equal ones alone."""
        found = hashlib.sha256(f"{self.share} {self.temperature}".encode())
        for rows in (self.shares, self.weight, self.teacher):
            found.update(np.ascontiguousarray(rows).tobytes())
        return found.digest()
