"""Residuals of a fit as they would be had the group of a battle not pulled the fit towards itself."""

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.pair_design import PairDesign

MOST_NUMBERS = 2_000_000
"""Numbers of matrices that are in memory at a time."""


def without_own_pull(design: PairDesign, weight: Floats, residual: Floats, group: Ints, hessian: Floats) -> Floats:
    """Return (n, m) residuals of each battle from fits without its group, to first order.

    They are (I - W X H^-1 X')^-1 r within a group: the sandwich that is made of them is the jackknife that leaves one
    group out (CR3; Bell and McCaffrey, 2002), which does not take a few groups of a model for certainty.

    Parameters
    ----------
    design : PairDesign
        n battles, d coefficients.
    weight : (n,) float
        Each battle's share in the Hessian, expected * (1 - expected).
    residual : (n, m) float
        Scores less expected ones, m kinds of them.
    group : (n,) int
        Groups of battles.
    hessian : (d, d) float
        With the pull of the ridge, or else a group that alone knows a coefficient would have no fit without it.
    """
    found = residual.copy()
    inverse = np.linalg.inv(hessian)
    order = np.argsort(group, kind="stable")
    _, starts, sizes = np.unique(group[order], return_index=True, return_counts=True)
    for size in np.unique(sizes):
        begin = starts[sizes == size]
        rows = order[begin[:, None] + np.arange(size)[None, :]]
        if size > design.size:
            for each in rows:
                found[each] = _of_large_group(design.of(each), weight[each], residual[each], hessian)
            continue
        for part in np.array_split(rows, max(1, rows.size * design.size // MOST_NUMBERS)):
            x = design.of(part.ravel()).dense().reshape(*part.shape, design.size)
            own = x @ inverse @ x.transpose(0, 2, 1)
            kept = np.eye(size) - weight[part][:, :, None] * own
            found[part] = np.linalg.solve(kept, residual[part])
    return found


def _of_large_group(design: PairDesign, weight: Floats, residual: Floats, hessian: Floats) -> Floats:
    """Return the same for one group with more battles than coefficients, by Woodbury's identity."""
    totals = np.column_stack([design.total(column) for column in residual.T])
    rest = np.linalg.solve(hessian - design.gram(weight), totals)
    return np.asarray(residual + weight[:, None] * np.column_stack([design.gaps(column) for column in rest.T]))
