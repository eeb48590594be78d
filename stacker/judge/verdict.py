"""What a judge says of one battle."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats
from pipelines.battles.table import OUTCOMES
from stacker.evaluate.metrics import most_probable
from stacker.learners.stacking.pool import margins_and_ties

SIDES = ("A", "B", "tie")
"""The three outcomes as people say them, in the order of `pipelines.battles.table.OUTCOMES`."""
DECIDED = "decided"
"""Name of `Verdict.decided` in frames and files, which have it where the judge has a threshold."""


@dataclass(frozen=True)
class Verdict:
    """The probabilities that a person prefers answer A, prefers answer B, or calls it a tie; they add up to 1.

    Attributes
    ----------
    decided : bool or None
        Whether the judge is sure enough for its guarantee (`stacker.judge.abstention`), or abstains; None where it has
        no threshold.
    """

    a: float
    b: float
    tie: float
    decided: bool | None = None

    @classmethod
    def of(cls, probabilities: Floats, decided: bool | None = None) -> "Verdict":
        """Make it of (3,) probabilities."""
        a, b, tie = np.asarray(probabilities, dtype=np.float64).tolist()
        return cls(a, b, tie, decided)

    @property
    def probabilities(self) -> tuple[float, float, float]:
        """The probabilities of A, B and tie."""
        return self.a, self.b, self.tie

    @property
    def preferred(self) -> str:
        """The most probable outcome: "A", "B" or "tie"; equal chances of A and B count as a tie."""
        return SIDES[int(most_probable(np.array([self.probabilities]))[0])]

    @property
    def expected_score(self) -> float:
        """What answer A gets from a vote on average: 1 for a win, half for a tie."""
        return self.a + self.tie / 2

    @property
    def margin(self) -> float:
        """Log-odds of A against B; its sign turns when the sides are swapped."""
        return float(margins_and_ties(np.array(self.probabilities))[0])

    @property
    def tie_log_odds(self) -> float:
        """Log-odds of a tie against the geometric mean of A and B; the same when the sides are swapped."""
        return float(margins_and_ties(np.array(self.probabilities))[1])

    def swapped(self) -> "Verdict":
        """Return the verdict for the same battle with the sides swapped."""
        return Verdict(self.b, self.a, self.tie, self.decided)

    def to_dict(self) -> dict[str, Any]:
        """Return the probabilities by the names of the outcomes, and `decided` where the judge has a threshold."""
        known = {} if self.decided is None else {DECIDED: self.decided}
        return dict(zip(OUTCOMES, self.probabilities, strict=True)) | known

    def __str__(self) -> str:
        a, b, tie = (f"{100 * p:.1f} %" for p in self.probabilities)
        return f"A {a}, B {b}, tie {tie}" + ("; not decided" if self.decided is False else "")
