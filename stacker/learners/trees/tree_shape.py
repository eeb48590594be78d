"""Whether the child indices of saved trees make trees: a walk from a root must end, in a leaf of that tree."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Ints

DEEPEST = 512
"""Splits from the root to a leaf; exact explanations (TreeSHAP) call themselves that deep."""


def check_trees(sizes: Ints, tree: Ints, node: Ints, children: Sequence[Ints]) -> None:
    """Check that the nodes of each tree hang together as one binary tree whose root is node 0.

    Both libraries number a child after its parent, so it is enough that each child has a higher number than its parent
    and that each node but the root is the child of one split.

    Parameters
    ----------
    sizes : (t,) int
        Nodes of each tree, leaves included.
    tree, node : (s,) int
        Of each split of all trees: the number of its tree, and its own number in that tree.
    children : two (s,) int
        The numbers of its left and of its right child.

    Raises
    ------
    ValueError
        Says which tree is none.
    """
    owner = np.concatenate([tree, tree])
    parent, child = np.concatenate([node, node]), np.concatenate(children)
    _refuse(owner, (child <= parent) | (child >= sizes[owner]), "has a child that cannot be one")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    below = starts[owner] + child
    times = np.bincount(below, minlength=int(starts[-1]))
    times[starts[:-1]] += 1  # the roots, which are no child: every child has a higher number than 0
    whose = np.repeat(np.arange(len(sizes)), sizes)
    _refuse(whose, times != 1, "has a node that is reached more than once or never")
    above = np.full(len(times), -1)
    above[below] = starts[owner] + parent
    _refuse(whose, _depths(above) > DEEPEST, f"is more than {DEEPEST} splits deep")


def _depths(above: Ints) -> Ints:
    """Return how far each node is from its root, from the place of its parent (-1 for a root)."""
    # Each pass doubles the distance that is looked back over.
    depth = (above >= 0).astype(np.int64)
    while (above >= 0).any():
        known = above >= 0
        depth[known] += depth[above[known]]
        above = np.where(known, above[above], -1)
    return depth


def _refuse(tree: Ints, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        raise ValueError(f"tree {tree[wrong.argmax()]} {what}")
