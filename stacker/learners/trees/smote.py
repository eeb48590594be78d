"""Battles that SMOTE makes between real ones, in the space of pair features, each with its swapped twin."""

import numpy as np

from features.pairs import PairMatrix
from pipelines.battles.arrays import FLIP, Floats, Ints

CAP = 5.0
"""Scaled features are cut at this many typical sizes when neighbours are looked for."""
COMPARED = 10
"""Neighbours by which borderline SMOTE decides whether a battle stands near other classes."""


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
    seed : int
        Decides what is drawn.

    Returns
    -------
    PairMatrix, (m,) int64
        m synthetic battles and their outcomes; m is 0 where the classes are equal or the rarer one has too few rows.
    """
    from imblearn.over_sampling import SMOTE, BorderlineSMOTE

    both = np.concatenate([outcome, np.array(FLIP)[outcome]])
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
