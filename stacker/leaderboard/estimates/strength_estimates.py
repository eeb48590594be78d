"""Bradley-Terry strengths by votes, by verdicts, or by both, each with what every group of battles moved it by.

By both it is prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, 2023) with power tuning
(PPI++; Angelopoulos, Duchi and Zrnic, 2023) for the M-estimator of Bradley and Terry. All battles have verdicts. What
counts of a verdict is by how much it differs from what the judge's own strengths of the two models expect: how that
goes with the votes is learnt where there are some, and its mean over the other battles says how far the voted ones
were lucky draws. A judge that likes a model too well moves nothing; however wrong it is, the votes are not biased.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import LEVEL, Groups
from stacker.evaluate.pair_design import PairDesign, fit_pairs, logistic
from stacker.evaluate.strengths import FEW, MOST_PROFILED, Likelihood
from stacker.evaluate.votes.weighted_votes import counted
from stacker.leaderboard.estimates.leverage import without_own_pull

RIDGE, CONTROL_RIDGE = 0.1, 1.0
"""Weights of the squared strengths, as `fit_strengths` has it, and of the squared effects."""
ROUNDS = 2
"""How often the power is tuned: first at the strengths of the votes alone, then at its own."""
MOST_POWER = 10.0
"""A judge may be less sure than people are and still be right; more than this is chance."""
Basis = Literal["votes", "verdicts", "both"]


@dataclass(frozen=True)
class Evidence:
    """What is known of n battles.

    Attributes
    ----------
    votes, verdicts : (n,) float
        What the first model got from people and, as expected, from the judge: 1 a win, 0 a loss, .5 a tie; NaN where
        there is no vote, or no verdict.
    weight : (n,) float, optional
        How much each vote counts; alike by default. Only the basis "votes" uses it: by both, the battles without a vote
        stand for those with one, and their votes' weights are not known.
    """

    votes: Floats
    verdicts: Floats
    weight: Floats | None = None

    def rows(self, basis: Basis) -> Ints:
        """Return the battles that a basis rests on."""
        voted, judged = np.isfinite(self.votes), np.isfinite(self.verdicts)
        return np.flatnonzero(voted if basis == "votes" else judged)

    def scores(self, basis: Basis) -> Floats:
        """Return (n,) scores by people or by the judge."""
        return self.votes if basis == "votes" else self.verdicts

    def weights(self, basis: Basis) -> Floats:
        """Return the (m,) weights of the battles that a basis rests on, 1 in their mean."""
        rows = self.rows(basis)
        if basis != "votes" or self.weight is None or not len(rows):
            return np.ones(len(rows))
        return np.asarray(self.weight[rows] / self.weight[rows].mean())


@dataclass(frozen=True)
class Estimate:
    """Strengths of `count` models and effects of k controls (d = count + k), and how they would vary.

    Attributes
    ----------
    theta : (d,) float
        Strengths in log-odds, those of each component with mean 0; then effects.
    influence : (G, d) float
        What each group of battles moved them by; the sum of the outer products is their covariance, each group being
        judged by a fit that it did not pull towards itself, and by a power that was tuned without it.
    model_based : (d, d) float
        Covariance that as many votes without ties would give, on the same pairs with the same weights.
    floor : (count,) float
        Share of `model_based` below which variances of a model do not go.
    freedom : (count,) float
        Degrees of freedom of each strength: groups of equal size that would say as much, less 1.
    component : (count,) int
        Models of different components never met, directly or by others, and cannot be compared.
    power : float
        Weight of the verdicts: 0 where they say nothing of the votes, 1 where they are as sure as the votes have it.
    by_votes : (G, d) float or None
        `influence` with no weight on the verdicts.
    """

    theta: Floats
    influence: Floats
    model_based: Floats
    floor: Floats
    freedom: Floats
    component: Ints
    power: float = 0.0
    by_votes: Floats | None = None

    @property
    def count(self) -> int:
        """Return how many models there are."""
        return len(self.floor)

    @property
    def covariance(self) -> Floats:
        """Return the (d, d) covariance by groups."""
        return self.influence.T @ self.influence


def components_of(design: PairDesign) -> Ints:
    """Return (count,) numbers: models that met, directly or by others, share theirs."""
    met = coo_array((np.ones(len(design.first)), (design.first, design.second)), shape=(design.count, design.count))
    return np.asarray(connected_components(met, directed=False)[1], dtype=np.int64)


def estimate(design: PairDesign, evidence: Evidence, groups: Groups, basis: Basis) -> Estimate:
    """Estimate strengths and effects.

    Parameters
    ----------
    design : PairDesign
        n battles.
    evidence : Evidence
        Their votes and verdicts.
    groups : Groups
        Of the n battles; those of one prompt move together.
    basis : "votes", "verdicts" or "both"
        "both" takes the battles with a verdict. It holds where those of them that have a vote are drawn at random.
    """
    if basis == "both" and (powered := _by_both(design, evidence, groups)) is not None:
        return powered
    used: Basis = "votes" if basis == "both" else basis
    rows = evidence.rows(used)
    own, score = design.of(rows), evidence.scores(used)[rows]
    place, many = groups.place[rows], len(groups.size)
    weight = counted(evidence.weights(used), place)
    pulls = _pulls(own)
    theta, hessian = fit_pairs(own, weight, weight * score, pulls)
    expected = logistic(own.gaps(theta))
    off, spread = weight * (score - expected), weight * expected * (1 - expected)
    residual = without_own_pull(own, spread, off[:, None], place, hessian)
    component = components_of(own)
    bread = _from_mean(component, own.size) @ np.linalg.inv(hessian)
    influence = own.totals(residual[:, 0], place, many) @ bread.T
    return Estimate(
        theta=theta,
        influence=influence,
        model_based=bread @ (own.gram(weight * spread) + np.diag(pulls)) @ bread.T,
        floor=_floor(own, score, weight),
        freedom=_freedom(own, place, many, weight),
        component=component,
        by_votes=influence if basis == "both" else None,
    )


def _by_both(design: PairDesign, evidence: Evidence, groups: Groups) -> Estimate | None:
    """Return the prediction-powered estimate; None where no battle is judged that nobody voted on."""
    judged = evidence.rows("verdicts")
    voted = np.isfinite(evidence.votes[judged])
    n, rest = int(voted.sum()), int((~voted).sum())
    if not n or not rest:
        return None
    of, many, place, pulls = design.of(judged), len(groups.size), groups.place[judged], _pulls(design)
    labels = evidence.votes[judged][voted]
    expected = logistic(of.gaps(fit_pairs(of, np.ones(len(judged)), evidence.verdicts[judged], pulls)[0]))
    surprise = evidence.verdicts[judged] - expected
    labelled, unlabelled = of.of(np.flatnonzero(voted)), of.of(np.flatnonzero(~voted))
    in_labelled, in_rest = place[voted], place[~voted]
    per_labelled = np.bincount(in_labelled, minlength=many)[:, None]
    per_rest = np.bincount(in_rest, minlength=many)[:, None]
    component = components_of(labelled)
    from_mean = _from_mean(component, of.size)
    mean = of.total(surprise) / len(judged)
    elsewhere = unlabelled.totals(surprise[~voted], in_rest, many) - per_rest * mean

    def moved(theta: Floats, hessian: Floats) -> tuple[Floats, Floats]:
        """Return what each group moves the estimate by through its votes, and through its verdicts at power 1."""
        own = logistic(labelled.gaps(theta))
        off = np.column_stack([labels - own, surprise[voted]])
        votes, verdicts = without_own_pull(labelled, own * (1 - own), off, in_labelled, hessian).T
        u = labelled.totals(votes, in_labelled, many) - per_labelled * (labelled.total(off[:, 0]) / n)
        v = labelled.totals(verdicts, in_labelled, many) - per_labelled * mean - n / rest * elsewhere
        bread = from_mean @ np.linalg.inv(hessian)
        return u @ bread.T, v @ bread.T

    power, weight = 0.0, voted.astype(np.float64)
    theta, hessian = fit_pairs(labelled, np.ones(n), labels, pulls)
    label = np.where(voted, np.nan_to_num(evidence.votes[judged]), 0.0)
    for _ in range(ROUNDS):
        power, _ = tuned(*moved(theta, hessian), design.count)
        theta, hessian = fit_pairs(of, weight, label + power * np.where(voted, -1.0, n / rest) * surprise, pulls)
    u, v = moved(theta, hessian)
    _, without = tuned(u, v, design.count)
    return Estimate(
        theta=from_mean @ theta,
        influence=u - without[:, None] * v,
        model_based=from_mean @ np.linalg.inv(hessian) @ from_mean.T,
        floor=np.where(_floor(labelled, labels) == 1, 1.0, 0.0),  # what a good judge spares is no lack of spread
        freedom=_freedom(labelled, in_labelled, many),
        component=component,
        power=power,
        by_votes=u,
    )


def tuned(u: Floats, v: Floats, count: int) -> tuple[float, Floats]:
    """Return the power under which the variances are least in sum, and (G,) the powers without each group.

    Each variance is measured by that of the votes alone, so that no model counts for more because it has few votes. A
    group that had its say in the power that it is judged by would make the judge look better than it is.

    Parameters
    ----------
    u, v : (G, d) float
        What each group moves the estimates by through its votes, and through its verdicts at power 1.
    count : int
        The first so many of the d coefficients count.
    """
    size = np.sqrt(np.sum(u[:, :count] ** 2, axis=0))
    unit = np.divide(1.0, size, out=np.zeros_like(size), where=size > 1e-12)
    ours, theirs = u[:, :count] * unit, v[:, :count] * unit
    both, square = np.sum(ours * theirs, axis=1), np.sum(theirs**2, axis=1)

    def share(top: Floats, bottom: Floats) -> Floats:
        found = np.divide(top, bottom, out=np.zeros_like(bottom), where=bottom > 1e-12)
        return np.asarray(np.clip(found, 0.0, MOST_POWER))

    whole = share(np.array([both.sum()]), np.array([square.sum()]))
    return float(whole[0]), share(both.sum() - both, square.sum() - square)


def strength_ends(found: Estimate, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of the d strengths and effects; infinite where nothing is known."""
    from scipy import stats

    count, variance = found.count, np.sum(found.influence**2, axis=0)
    variance[:count] = np.maximum(variance[:count], found.floor * np.diag(found.model_based)[:count])
    freedom = np.concatenate([found.freedom, np.full(len(variance) - count, found.freedom.max(initial=0.0))])
    half = np.where(freedom >= 1, stats.t.isf((1 - level) / 2, np.maximum(freedom, 1)) * np.sqrt(variance), np.inf)
    return found.theta - half, found.theta + half


def profiled_ends(
    found: Estimate,
    design: PairDesign,
    score: Floats,
    low: Floats,
    high: Floats,
    level: float = LEVEL,
    weight: Floats | float = 1.0,
) -> tuple[Floats, Floats]:
    """Widen the intervals of models with few wins or losses to where the penalised likelihood excludes a strength.

    Parameters
    ----------
    found : Estimate
        By votes on the n battles of `design`, whose scores are all 0, .5 or 1.
    design, score
        n battles.
    low, high : (d,) float
        `strength_ends`.
    weight : (n,) float
        Of the votes, as `counted` returns them.
    """
    if len(score) > MOST_PROFILED:
        return low, high
    low, high = low.copy(), high.copy()
    likelihood = Likelihood(design.dense(), score, _pulls(design), weight)
    from_mean = _from_mean(found.component, design.size)
    for model in np.flatnonzero((found.floor == 1) & (found.freedom >= 1)):
        least, most = (likelihood.profiled(from_mean[model], side, level) for side in (-1.0, 1.0))
        low[model], high[model] = min(low[model], least), max(high[model], most)
    return low, high


def _pulls(design: PairDesign) -> Floats:
    return np.concatenate([np.full(design.count, RIDGE), np.full(design.size - design.count, CONTROL_RIDGE)])


def _from_mean(component: Ints, size: int) -> Floats:
    """Return the (d, d) matrix that measures strengths from the mean of their component."""
    found = np.eye(size)
    together = component[:, None] == component[None, :]
    found[: len(component), : len(component)] -= together / together.sum(axis=1, keepdims=True)
    return found


def _freedom(design: PairDesign, place: Ints, many: int, weight: Floats | None = None) -> Floats:
    """Return each model's number of equal groups (Kish, 1965) less 1, (count,)."""
    cells = many * design.count
    met = np.bincount(place * design.count + design.first, weight, cells) + np.bincount(
        place * design.count + design.second, weight, cells
    )
    per = met.reshape(many, design.count).astype(np.float64)
    square = np.sum(per**2, axis=0)
    return np.asarray(np.divide(per.sum(axis=0) ** 2, square, out=np.zeros_like(square), where=square > 0) - 1)


def _floor(design: PairDesign, score: Floats, weight: Floats | None = None) -> Floats:
    """Return the share of the model-based variance that each model has at least, (count,).

    Scores that are wins, losses and ties may all be alike by chance, and their spread is none then: theirs is at least
    that of battles with so many ties, and for a model with few wins or losses that of battles without ties. Expected
    scores between have a spread of their own.
    """
    if not np.isin(score, (0.0, 0.5, 1.0)).all():
        return np.zeros(design.count)
    often = np.ones(len(score)) if weight is None else weight
    decided = 1 - (np.sum(often[score == 0.5]) + 1) / (often.sum() + 2)
    got, lacked = often * score, often * (1 - score)
    won = np.bincount(design.first, got, design.count) + np.bincount(design.second, lacked, design.count)
    lost = np.bincount(design.first, lacked, design.count) + np.bincount(design.second, got, design.count)
    return np.where(np.minimum(won, lost) < FEW, 1.0, decided)
