"""When a judge abstains: a threshold of certainty with a guarantee, from few votes.

The guarantee: with a chance of at least `level` over the votes that the threshold was chosen by, the judge agrees with
at least the share `agreement` of further votes of the same kind, among the battles that it decides. A battle is decided
where the judge is sure enough of a side; a verdict that calls a tie never is.

Why it holds, whatever the judge and however few the votes:

1. Of each prompt one vote is taken, by a hash of its texts: these are independent draws from prompts of the same kind.
2. For a threshold that was fixed before the votes, the number of decided votes that agree is binomial, given how many
   are decided. "At most `agreement` of them agree" is rejected where so many agreeing ones have a chance of at most its
   part of alpha (the exact binomial tail; Clopper and Pearson, 1934).
3. `THRESHOLDS` are fixed, and so is the order in which they are tested, the strictest first. Each has an equal part of
   alpha and hands it on, with what it was handed itself, where it is passed (the fallback procedure of Wiens and
   Dmitrienko, 2005). The chance that any threshold is passed wrongly is then at most alpha, so that any that was passed
   may be chosen for whatever reason (Learn then Test; Angelopoulos et al., 2021): the one that decides most.
4. The same votes may recalibrate the judge. What is tested is the certainty of the judge as it was, before it saw them
   (`certainty`), and the side that it called: neither knows of the recalibration, which can be undone exactly and turns
   no verdict from A to B, as it but divides their log-odds. It moves ties alone. A side is therefore decided only where
   it was `OVER_TIE` times as likely as a tie, and where the recalibration moves ties further than that, only thresholds
   that passed and leave a tie no room are chosen from: no verdict that is decided is called a tie afterwards.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import share_interval
from stacker.evaluate.metrics import most_probable
from stacker.learners.stacking.recalibration import Recalibration

THRESHOLDS = (0.8, 0.7, 0.6, 0.5, 0.4, 0.0)
"""Of the probability of the side that the judge, as it was before it was recalibrated, takes for the better one."""
OVER_TIE = 1.3
"""How many times as likely as a tie a side has to be before any threshold."""
AGREEMENT, LEVEL = 0.6, 0.9
"""What is guaranteed where nothing else is asked for."""


@dataclass(frozen=True)
class Abstention:
    """A threshold below which a judge abstains, and what is guaranteed above it.

    Attributes
    ----------
    threshold : float
        Least probability of a side, of the judge as it was before `recalibration`, with which a battle is decided.
    recalibration : Recalibration
        What was done to the judge besides.
    agreement, level : float
        At least this share of the decided battles is voted as the judge says, with this confidence.
    votes, decided : int
        Votes of one prompt each that it was chosen by, and how many of them were decided.
    """

    threshold: float
    recalibration: Recalibration
    agreement: float
    level: float
    votes: int
    decided: int

    def decides(self, probabilities: Floats) -> NDArray[np.bool_]:
        """Return (n,): whether the judge decides battles on which, recalibrated, it says the (n, 3) probabilities."""
        sure = certainty(self.recalibration.undone(probabilities)) >= self.threshold
        return np.asarray(sure & (most_probable(probabilities) != 2))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        of = self.recalibration
        return {
            "threshold": self.threshold,
            "temperature": of.temperature,
            "tie_offset": of.tie_offset,
            "agreement": self.agreement,
            "level": self.level,
            "votes": self.votes,
            "decided": self.decided,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Abstention":
        """Return what `to_dict` described."""
        others = {name: value for name, value in stored.items() if name not in ("temperature", "tie_offset")}
        return cls(recalibration=Recalibration(stored["temperature"], stored["tie_offset"]), **others)


@dataclass(frozen=True)
class ThresholdResult:
    """A threshold: how many votes it decides, how many of them agree, that share's interval, and whether it passed."""

    threshold: float
    decided: int
    agreed: int
    low: float
    high: float
    passed: bool


def certainty(probabilities: Floats) -> Floats:
    """Return the (n,) probabilities of the likelier side; -1 where there is none, or a tie is too likely."""
    a, b, tie = probabilities.T
    side = np.maximum(a, b)
    return np.where((a == b) | (side < OVER_TIE * tie), -1.0, side)


def one_of_each(group: Ints, key: NDArray[Any]) -> Ints:
    """Return the rows of one vote of each prompt, the one with the least key.

    Parameters
    ----------
    group : (n,) int
        Prompts.
    key : (n,) labels
        Hashes that know neither the vote nor the order of the file.
    """
    order = np.lexsort((key, group))
    _, first = np.unique(np.asarray(group)[order], return_index=True)
    return np.sort(order[first])


def threshold_results(
    probabilities: Floats, outcome: Ints, agreement: float = AGREEMENT, level: float = LEVEL
) -> list[ThresholdResult]:
    """Test every threshold, the strictest first; see the module's text for why any that passed holds.

    Parameters
    ----------
    probabilities : (n, 3) float
        Of the judge before it is recalibrated.
    outcome : (n,) int
        Independent votes: of one prompt each.
    agreement, level : float
        What is to be guaranteed, and with what confidence; both between 0 and 1.
    """
    from scipy import stats  # not at the top: a judge that only gives verdicts starts without it

    sure = certainty(probabilities)
    agrees = np.where(probabilities[:, 0] > probabilities[:, 1], 0, 1) == outcome
    part = (1.0 - level) / len(THRESHOLDS)
    handed, found = 0.0, []
    for threshold in THRESHOLDS:
        inside = sure >= threshold
        decided, agreed = int(inside.sum()), int(agrees[inside].sum())
        chance = float(stats.binom.sf(agreed - 1, decided, agreement))
        passed = chance <= part + handed
        handed = part + handed if passed else 0.0
        low, high = share_interval(agrees[inside].astype(np.float64), np.arange(decided))
        found.append(ThresholdResult(threshold, decided, agreed, low, high, passed))
    return found


def chosen_abstention(
    tested: list[ThresholdResult], recalibration: Recalibration, votes: int, agreement: float, level: float
) -> Abstention | None:
    """Return the passed threshold that decides most and no tie, or None where there is none.

    A side of probability p was, before, at least p / (1 - p) times as likely as a tie, and at least `OVER_TIE` times;
    afterwards it still is likelier where the logarithm of that is above the tie offset times the temperature.
    """
    away = recalibration.tie_offset * recalibration.temperature
    for each in sorted(tested, key=lambda each: each.threshold):
        least = max(np.log(OVER_TIE), np.log(max(each.threshold, 1e-300) / (1.0 - each.threshold)))
        if each.passed and least > away:
            return Abstention(each.threshold, recalibration, agreement, level, votes, each.decided)
    return None
