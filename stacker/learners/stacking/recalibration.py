"""Recalibration from few votes: one temperature and one tie offset, held near those of the judge unless votes insist.

A verdict is a margin m and tie log-odds t (`stacker.learners.stacking.pool`). Recalibrated they are

    m' = m / T    and    t' = l + (t - l) / T + b,

where l is the mean of t over the votes, so that the temperature T moves how sure verdicts are and not how many ties
there are, and the offset b moves the share of ties. The shares of A and B are not free: a judge that had one for each
would know the position.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from pipelines.errors import UserError
from stacker.learners.stacking.pool import Pool, margins_and_ties, probabilities_of

FREEDOM, SPREAD_TEMPERATURE, SPREAD_OFFSET = 3.0, 0.2, 0.3
"""The prior: Student's t about what the judge says, and its scales for the temperature's logarithm and for the offset.
A vote holds about .1 of information on the one and .2 on the other, so that twenty know them to within .7 and .5, and
a hundred to within .3 and .2: few votes are believed little. The tails are heavy, so that votes which insist are
followed. Chosen by simulation alone (margins of spread .8, tie log-odds of mean -.2 and spread .35): where the judge
is right twenty votes cost .001 of log loss; where its tie log-odds are off by 1 they win half of the .12 to win, and a
hundred nine tenths; where the temperature should be 2, nothing and a third of .015."""
FEWEST = 10
"""Votes below which nothing is fitted."""
_BOUNDS = ((np.log(0.05), np.log(20.0)), (-12.0, 12.0))


@dataclass(frozen=True)
class Recalibration:
    """What is done to a judge's log-odds: all are divided by a temperature, and those of a tie are moved besides.

    Attributes
    ----------
    temperature : float
        Above 1 where the judge was surer than these people let it be.
    tie_offset : float
        Added to the tie log-odds, after the division.
    """

    temperature: float = 1.0
    tie_offset: float = 0.0

    def apply(self, probabilities: Floats) -> Floats:
        """Return (n, 3) probabilities recalibrated; the swap stays exact."""
        margin, tie = margins_and_ties(probabilities)
        return probabilities_of(margin / self.temperature, tie / self.temperature + self.tie_offset)

    def undone(self, probabilities: Floats) -> Floats:
        """Return the (n, 3) probabilities that `apply` made these of."""
        margin, tie = margins_and_ties(probabilities)
        return probabilities_of(margin * self.temperature, (tie - self.tie_offset) * self.temperature)

    def then(self, by: "Recalibration") -> "Recalibration":
        """Return this recalibration and another one after it, as one."""
        return Recalibration(self.temperature * by.temperature, self.tie_offset / by.temperature + by.tie_offset)

    def of_pool(self, pool: Pool) -> Pool:
        """Return a level-1 model that gives the recalibrated verdicts of another."""
        stored = pool.to_dict()
        stored["temperature"] *= self.temperature
        stored["tie_offset"] += self.tie_offset * stored["temperature"]
        changed = Pool.from_dict(stored)
        changed.fallbacks_ = {silent: self.of_pool(each) for silent, each in pool.fallbacks_.items()}
        return changed


def fit_recalibration(probabilities: Floats, outcome: Ints, weight: Floats | None = None) -> Recalibration:
    """Return the most probable temperature and tie offset after some votes.

    The posterior is the votes' likelihood times the prior above, whose scales were chosen by the reasoning that stands
    with them. Without information (no vote, or verdicts that are all even) it is the judge as it was.

    Parameters
    ----------
    probabilities : (n, 3) float
        Verdicts on battles that the judge did not learn from.
    outcome : (n,) int
        Votes.
    weight : (n,) float, optional
        How much each counts, as shares: together they count as so many votes as their inequality leaves (Kish, 1965).
    """
    from scipy import optimize  # not at the top: a judge that only gives verdicts starts without it

    if not len(outcome):
        return Recalibration()
    weight = np.ones(len(outcome)) if weight is None else np.asarray(weight, dtype=np.float64)
    weight = weight * (weight.sum() / np.sum(weight**2))
    margin, tie = margins_and_ties(probabilities)
    level = float(np.average(tie, weights=weight))
    rows, ties = np.arange(len(outcome)), outcome == 2
    scales = np.array([SPREAD_TEMPERATURE, SPREAD_OFFSET])

    def objective(theta: Floats) -> tuple[float, Floats]:
        heat = np.exp(-theta[0])
        m, t = margin * heat, (tie - level) * heat
        p = probabilities_of(m, level + t + theta[1])
        slope_m = weight * 0.5 * ((p[:, 0] - (outcome == 0)) - (p[:, 1] - (outcome == 1)))
        slope_t = weight * (p[:, 2] - ties)
        spread = theta / scales
        moved = 0.5 * (FREEDOM + 1) * np.sum(np.log1p(spread**2 / FREEDOM))
        pull = (FREEDOM + 1) * spread / (FREEDOM + spread**2) / scales
        slope = np.array([-np.sum(m * slope_m) - np.sum(t * slope_t), np.sum(slope_t)])
        loss = -np.sum(weight * np.log(np.maximum(p[rows, outcome], 1e-300)))
        return float(loss + moved), slope + pull

    # The prior's tails leave room for a second mode: one start at the judge as it is, one at the voted share of ties.
    voted = (float(weight[ties].sum()) + 0.5) / (float(weight.sum()) + 1.0)
    said = float(np.average(probabilities[:, 2], weights=weight))
    away = np.log(voted / (1 - voted)) - np.log(np.clip(said, 1e-6, 1.0) / np.clip(1 - said, 1e-6, 1.0))
    found = [
        optimize.minimize(objective, start, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options={"ftol": 1e-13})
        for start in (np.zeros(2), np.array([0.0, float(np.clip(away, -10, 10))]))
    ]
    best = found[0] if found[0].fun <= found[1].fun + 1e-9 else found[1]
    temperature = float(np.exp(best.x[0]))
    return Recalibration(temperature, level * (1.0 - 1.0 / temperature) + float(best.x[1]))


def check_votes(outcome: Ints, named: str) -> None:
    """Raise a `UserError` for (n,) votes that nothing can be fitted to; `named` is what the sentence calls them."""
    if len(outcome) < FEWEST:
        held = f"{len(outcome)} vote{'s' * (len(outcome) != 1)}"
        raise UserError(f"{named}: holds {held}, and at least {FEWEST} are needed; collect 20 to 100.")
    counts = np.bincount(outcome, minlength=3)
    if counts[2] == len(outcome):
        raise UserError(
            f"{named}: all {len(outcome):,} votes are ties, which do not tell how sure the judge may be; "
            f"add votes for A and for B."
        )
    if counts[:2].min() == 0:
        side = "A" if counts[0] else "B"
        raise UserError(
            f"{named}: no vote of {len(outcome):,} is for {'B' if side == 'A' else 'A'}, so that {side} seems to be "
            f"the better answer by its place; shuffle the sides before people vote, or correct the winners."
        )
