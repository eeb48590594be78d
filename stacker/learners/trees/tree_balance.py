"""Class balance of boosted trees: the focal loss as their libraries take it, and battles that SMOTE makes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats, Ints
from stacker.learners.balance import others_of
from stacker.learners.trees.bags import both_orders

LEAST_CURVATURE = 1e-6
"""The libraries want a positive Hessian; where the exact one is below this, for battles that the model gets badly
wrong, this is taken: the leaf's penalty then bounds the step."""
CAP = 5.0
"""Scaled features are cut at this many typical sizes when neighbours are looked for."""
COMPARED = 10
"""Neighbours by which borderline SMOTE decides whether a battle stands near other classes."""


def focal_derivatives(logs: Floats, outcome: Ints, gamma: float) -> tuple[Floats, Floats]:
    """Return the exact gradient and diagonal of the Hessian of the focal loss by (n, 3) log-odds, each (n, 3).

    The loss is -(1 - p)^gamma log p, p being the probability of what was voted (Lin et al., 2017); 0 is the log loss.
    With p the probability of the vote, q = 1 - p and d_j = [j voted] - p_j:
    gradient_j = d_j s, s = gamma q^(gamma - 1) p log p - q^gamma;
    Hessian_jj = d_j^2 p s' - s p_j (1 - p_j), s' = ds/dp. The second may be negative.
    """
    p, voted, rest, log_voted = _parts(logs, outcome)
    power = rest**gamma
    # q^(gamma - 1) log p and q^(gamma - 2) log p p d_j^2 stay finite where q goes to 0, if the powers go first.
    log_by_rest = log_voted / rest
    slope = power * (gamma * voted * log_by_rest - 1.0)
    bend_by_rest = gamma * power * (2.0 + log_voted - (gamma - 1.0) * voted * log_by_rest)  # s' q
    away = -p
    away[np.arange(len(p)), outcome] = rest
    gradient = away * slope[:, None]
    # d_j is at most q in size, so that d_j^2 / q needs no floor of its own.
    curvature = (away**2 / rest[:, None]) * (voted * bend_by_rest)[:, None] - slope[:, None] * p * others_of(p)
    return gradient, curvature


def focal_objective(
    outcome: Ints, weight: Floats, gamma: float, scale: float
) -> Callable[[NDArray[Any], Any], tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return the focal loss as an objective that LightGBM and XGBoost take.

    Parameters
    ----------
    outcome, weight : (n,)
        Votes and weights of the rows, in the order of the library's data.
    scale : float
        What the library multiplies the Hessian of its own softmax by, so that gamma 0 gives its own trees.

    Returns
    -------
    callable
        From the library's (n, 3) log-odds and its data to (n, 3) gradients and Hessians, the latter at least
        `LEAST_CURVATURE`, both times weight.
    """

    def objective(logs: NDArray[Any], _: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        gradient, curvature = focal_derivatives(np.asarray(logs, dtype=np.float64), outcome, gamma)
        positive = np.maximum(scale * curvature, LEAST_CURVATURE)
        return ((gradient * weight[:, None]).astype(np.float32), (positive * weight[:, None]).astype(np.float32))

    return objective


def _parts(logs: Floats, outcome: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the probabilities, (n, 3), and of the vote: probability, 1 - probability and logarithm, each (n,)."""
    rows = np.arange(len(logs))
    centred = logs - logs.max(axis=1, keepdims=True)
    e = np.exp(centred)
    total = (e[:, 0] + e[:, 1]) + e[:, 2]
    p = e / total[:, None]
    others = np.array([[1, 2], [0, 2], [0, 1]])[outcome]
    rest = p[rows[:, None], others].sum(axis=1)
    log_voted = np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)), centred[rows, outcome] - np.log(total))
    return p, p[rows, outcome], np.maximum(rest, 1e-300), log_voted


def synthetic_battles(
    pairs: PairMatrix, outcome: Ints, kind: str, neighbours: int, seed: int
) -> tuple[PairMatrix, Ints]:
    """Return battles that make the classes equal: ties where they are the rarer ones, else decided battles.

    Both orders of each battle are searched, so which side was called A makes no difference. The rows returned are in
    one order; whoever trains on them and on their flip has the twin of each.

    Parameters
    ----------
    pairs : PairMatrix, n rows
        Training rows alone: nothing that is held out may be among them.
    outcome : (n,) int64
        Votes.
    kind : "smote" or "borderline_smote"
        Which of imbalanced-learn's methods draws them.
    neighbours : int
        Nearest neighbours of the same class to draw from; fewer where the class is smaller.

    Returns
    -------
    PairMatrix, (m,) int64
        m synthetic battles and their outcomes; m is 0 where the classes are equal or the rarer one has too few rows.
    """
    from imblearn.over_sampling import SMOTE, BorderlineSMOTE

    both = both_orders(outcome)
    counts = np.bincount(both, minlength=3)
    # A tie and its twin are two rows of one class; the twin of a battle that A won counts for B.
    rare, wanted = (2, (counts[0] - counts[2]) // 2) if counts[2] < counts[0] else (0, counts[2] - counts[0])
    if wanted == 0 or counts[rare] < 2 or counts.min() == 0:
        return pairs.take(np.zeros(0, dtype=np.int64)), np.zeros(0, dtype=np.int64)
    space = _Space(pairs)
    rows = np.concatenate([space.points(pairs.values), space.points(pairs.flip().values)])
    settings = {
        "sampling_strategy": {rare: int(counts[rare] + wanted)},
        "k_neighbors": min(neighbours, int(counts[rare]) - 1),
        "random_state": seed,
    }
    if kind == "smote":
        sampler = SMOTE(**settings)
    else:
        sampler = BorderlineSMOTE(m_neighbors=min(COMPARED, len(both) - 1), **settings)
    found, labels = sampler.fit_resample(rows, both)
    return space.pairs(found[len(both) :]), np.asarray(labels[len(both) :], dtype=np.int64)


class _Space:
    """The scaled space in which neighbours are near: what is missing is a coordinate of its own.

    Scales are those of both orders together, so that swapping a battle and scaling it can be done in either order.
    """

    def __init__(self, pairs: PairMatrix) -> None:
        both = np.concatenate([pairs.values, pairs.flip().values])
        known = np.isfinite(both)
        count = np.maximum(known.sum(axis=0), 1)
        self.centre = np.where(known, both, 0).sum(axis=0, dtype=np.float64) / count
        self.centre[pairs.sign < 0] = 0.0
        spread = np.sqrt((np.where(known, both - self.centre, 0) ** 2).sum(axis=0) / count)
        self.spread = np.where(spread > 1e-9, spread, 1.0)
        self.gaps = np.flatnonzero(~known.all(axis=0))
        self.like = pairs

    def points(self, values: np.ndarray) -> Floats:
        """Return (n, p + gaps) coordinates: scaled features, missing ones in the middle, then 1 for each missing."""
        scaled = (values - self.centre) / self.spread
        missing = np.isnan(scaled[:, self.gaps])
        return np.concatenate([np.clip(np.nan_to_num(scaled), -CAP, CAP), missing], axis=1).astype(np.float32)

    def pairs(self, points: Floats) -> PairMatrix:
        """Return the battles at (m, p + gaps) coordinates.

        Where more than half of a feature came from a battle without it, it is missing; else it is that of the battle
        that has it. The differences are made anew from A and B, so they are what a real battle's would be.
        """
        like = self.like
        p = len(like.names)
        scaled, lacking = points[:, :p].astype(np.float64), points[:, p:].astype(np.float64)
        share = np.clip(1.0 - lacking, 0.5, 1.0)
        scaled[:, self.gaps] = np.where(lacking > 0.5, np.nan, scaled[:, self.gaps] / share)
        values = (scaled * self.spread + self.centre).astype(np.float32)
        place = {name: column for column, name in enumerate(like.names)}
        for name, column in place.items():
            stem = name.removesuffix(" (A - B)")
            if stem == name:
                continue
            a, b, size = (place.get(f"{stem} ({form})") for form in ("A", "B", "|A - B|"))
            if a is not None and b is not None:
                values[:, column] = values[:, a] - values[:, b]
            if size is not None:
                values[:, size] = np.abs(values[:, column])
        return PairMatrix(values, like.names, like.partner, like.sign)
