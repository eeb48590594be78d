"""What a judge does not know it says: verdicts on texts unlike those that it was trained on are drawn back.

Learners go on being sure where they know nothing: votes on English answers taught them what a long answer, or a list,
is worth, and they say the same of Chinese ones. How much of that holds is measured on votes in such a script by a judge
that has hardly seen it, and of what these votes leave open the most cautious is taken: the margin keeps the share at
the lower end of its 95 % interval. Ties come with it: people vote the more ties the less there is between two answers,
by a slope that votes show, and a pair whose margin is drawn back is one that the judge sees less between.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from features.text import SCRIPTS, script_counts
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import text_of, texts_of
from pipelines.files.atomic_files import write_json
from pipelines.files.saved_files import Number, Saved, read_model
from stacker.learners.stacking.pool import margins_and_ties, probabilities_of
from stacker.learners.stacking.recalibration import Recalibration

FILE = "caution.json"
ENOUGH, SHARE = 1000.0, 0.1
"""Battles in a script, and their share of all, either of which makes it known: a leaf of the starter judge's trees
takes 100 battles, and what makes up a tenth of the votes has had its part in how sure verdicts may be."""
KEPT = 0.3
"""Share of the margin that is kept where nothing is known and there are no votes to tell."""
FEWEST = 50
"""Votes for a side in one script from which on they tell what is kept of it."""
_HEAD = 2000
"""Characters of a text that are looked at."""
_STEEPEST = 5.0

Share = Annotated[float, Field(ge=0, le=1, strict=True)]


class CautionFile(Saved):
    """What caution.json holds."""

    known: tuple[Share, ...] = Field(min_length=len(SCRIPTS), max_length=len(SCRIPTS))
    kept: tuple[Share, ...] = Field(min_length=len(SCRIPTS), max_length=len(SCRIPTS))
    slope: float = Field(ge=0, le=_STEEPEST, strict=True)
    temperature: float = Field(1.0, gt=0, le=1e6, strict=True)
    tie_offset: Number = 0.0


@dataclass(frozen=True)
class Caution:
    """How far the verdicts of the votes are drawn back.

    Attributes
    ----------
    known : tuple of float
        How far each of `features.text.SCRIPTS` is known, 0 to 1.
    kept : tuple of float
        Share of the margin that is kept of each where nothing is known of it.
    slope : float
        By how much the log-odds of a tie fall for each unit of the margin's size.
    scale : Recalibration
        What was done to the verdicts of the votes after this was made: it speaks on the scale of before.
    """

    known: tuple[float, ...]
    kept: tuple[float, ...]
    slope: float
    scale: Recalibration = Recalibration()

    def apply(self, probabilities: Floats, texts: pd.DataFrame) -> Floats:
        """Return (n, 3) probabilities drawn back; verdicts on what is known stay as they are, to the last bit.

        Parameters
        ----------
        probabilities : (n, 3) float
            Verdicts of the votes.
        texts : DataFrame, n rows
            Columns `prompt`, `response_a`, `response_b`: tuples of turns.
        """
        factor = self.factors()[scripts_of(texts)]
        rows = np.flatnonzero(factor < 1)
        if not len(rows):
            return probabilities
        margin, tie = margins_and_ties(self.scale.undone(probabilities[rows]))
        drawn = margin * factor[rows]
        tie = tie + self.slope * (np.abs(margin) - np.abs(drawn))
        found = np.array(probabilities, dtype=np.float64)
        found[rows] = self.scale.apply(probabilities_of(drawn, tie))
        return found

    def factors(self) -> Floats:
        """Return (len(SCRIPTS),): what the margin of a battle in each script is multiplied by, 1 where it is known."""
        return np.asarray(1 - (1 - np.array(self.known)) * (1 - np.array(self.kept)))

    def finding(self, texts: pd.DataFrame) -> str | None:
        """Return the script of the first battle where little is known of it, one of `SCRIPTS`, and else None."""
        script = int(scripts_of(texts.head(1))[0])
        return SCRIPTS[script] if self.factors()[script] < 1 else None

    def recalibrated(self, by: Recalibration) -> "Caution":
        """Return what goes with a judge whose verdicts are recalibrated."""
        return replace(self, scale=self.scale.then(by))

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        scale = {"temperature": self.scale.temperature, "tie_offset": self.scale.tie_offset}
        content = CautionFile(known=self.known, kept=self.kept, slope=self.slope, **scale)
        write_json(folder / FILE, content.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> "Caution":
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            When the file is missing or damaged.
        """
        stored = read_model(folder / FILE, CautionFile)
        return cls(stored.known, stored.kept, stored.slope, Recalibration(stored.temperature, stored.tie_offset))


def scripts_of(texts: pd.DataFrame) -> Ints:
    """Return (n,): the script of most letters at the start of the three texts of n battles, as places in `SCRIPTS`.

    The same when the sides are swapped; Latin where there is no letter.
    """
    heads = [[text_of(turns)[:_HEAD] for turns in row] for row in zip(*texts_of(texts), strict=True)]
    counts = ([sum(each) for each in zip(*map(script_counts, row), strict=True)] for row in heads)
    return np.array([each.index(max(each)) for each in counts], dtype=np.int64)


def fit_caution(
    texts: pd.DataFrame, verdicts: Floats, outcome: Ints, weight: Floats, battle: Ints | None = None
) -> Caution:
    """Return how far a judge's verdicts are drawn back, from what it was trained on.

    Parameters
    ----------
    texts : DataFrame, n rows
        Columns `prompt`, `response_a`, `response_b` of the battles that the judge was trained on.
    verdicts : (m, 3) float
        What the stack says of rows that it had not seen; where these are held out by whole sources it had not seen
        their script either, but for what other sources have of it.
    outcome, weight : (m,)
        Their votes and weights.
    battle : (m,) int64 or None
        The battle of each row; None where row and battle are one.
    """
    script, group = scripts_of(texts), prompt_groups(texts["prompt"])
    counts = np.bincount(script, minlength=len(SCRIPTS)).astype(np.float64)
    known = np.minimum(np.maximum(counts / ENOUGH, counts / max(counts.sum(), 1.0) / SHARE), 1.0)
    if battle is not None:
        script, group = script[battle], group[battle]
    margin = margins_and_ties(verdicts)[0]
    familiar = known[script] == 1
    factor, slope = _margin_and_ties(margin[familiar], outcome[familiar], weight[familiar])
    lower = np.full(len(SCRIPTS), np.nan)
    for number in np.unique(script[~familiar]):
        rows = (script == number) & (outcome < 2)
        if rows.sum() >= FEWEST:
            lower[number] = _lowest_factor(margin[rows], outcome[rows] == 0, group[rows]) / factor
    measured = np.clip(lower[np.isfinite(lower)], 0.0, 1.0)
    kept = np.where(np.isfinite(lower), np.clip(lower, 0.0, 1.0), measured.min() if len(measured) else KEPT)
    return Caution(tuple(known.tolist()), tuple(kept.tolist()), slope)


def _margin_and_ties(margin: Floats, outcome: Ints, weight: Floats) -> tuple[float, float]:
    """Return which factor of n margins is right by these votes, and the slope of ties by the size of right margins.

    Votes are said to have the margin f m and the log-odds of a tie c - f s |m|; f and s are the most probable ones, in
    reason: at least .2, and 0 to 5.
    """
    from scipy import optimize  # not at the top: a judge that only gives verdicts starts without it

    if not len(margin) or weight.sum() <= 0:
        return 1.0, 0.0
    share, rows, size = weight / weight.sum(), np.arange(len(outcome)), np.abs(margin)

    def objective(theta: Floats) -> tuple[float, Floats]:
        p = probabilities_of(theta[0] * margin, theta[1] - theta[2] * size)
        loss = -np.sum(share * np.log(np.maximum(p[rows, outcome], 1e-300)))
        of_margin = 0.5 * ((p[:, 0] - (outcome == 0)) - (p[:, 1] - (outcome == 1)))
        of_tie = p[:, 2] - (outcome == 2)
        slopes = [np.sum(share * of_margin * margin), np.sum(share * of_tie), -np.sum(share * of_tie * size)]
        return float(loss), np.array(slopes)

    bounds = ((0.2, 5.0), (-12.0, 12.0), (0.0, 25.0))
    found = optimize.minimize(objective, [1.0, 0.0, 0.3], jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), float(np.clip(found[2] / found[0], 0.0, _STEEPEST))


def _lowest_factor(margin: Floats, won: np.ndarray, group: Ints) -> float:
    """Return the lower end of the 95 % interval of the factor of n margins that votes for a side say is right.

    The votes on one prompt move together (sandwich estimate, Huber, 1967).
    """
    factor = 0.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(factor * margin, -50, 50)))
        score, information = np.sum(margin * (won - p)), np.sum(margin**2 * p * (1 - p))
        if information < 1e-9:
            return 0.0
        step = float(np.clip(score / information, -1.0, 1.0))
        factor += step
        if abs(step) < 1e-10:
            break
    each = np.bincount(np.unique(group, return_inverse=True)[1], weights=margin * (won - p))
    return factor - 1.96 * float(np.sqrt(np.sum(each**2))) / float(information)
