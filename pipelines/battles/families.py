"""Families of sources that share prompts: what is held out whole must share no prompt with what is learnt from."""

from collections.abc import Iterable

import numpy as np

from pipelines.battles.arrays import Ints

CHANCE = 0.01
"""Share of a source's rows up to which common prompts are chance ("hello"): they do not join two sources."""
LEFT_OUT = -1


def families(source: Iterable[str], group: Ints) -> Ints:
    """Return the family of each battle: the sources that share prompts, directly or by others, are one.

    Parameters
    ----------
    source : n str
        Where each battle is from.
    group : (n,) int
        Its prompt, as `pipelines.battles.folds.prompt_groups` numbers it.

    Returns
    -------
    (n,) int64
        Numbers from 0. No prompt is in two families: where two share one by chance, it stays with the smaller, and the
        other's rows of it are `LEFT_OUT`.
    """
    from scipy.sparse.csgraph import connected_components

    names, of = np.unique(np.asarray(list(source), dtype=str), return_inverse=True)
    _, prompt = np.unique(group, return_inverse=True)
    counts = np.zeros((len(names), int(prompt.max(initial=-1)) + 1))
    np.add.at(counts, (of, prompt), 1.0)
    shared = counts @ (counts > 0).T / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    family = connected_components(np.maximum(shared, shared.T) > CHANCE, directed=False)[1].astype(np.int64)[of]
    owner = np.full(counts.shape[1], LEFT_OUT, dtype=np.int64)
    for number in np.argsort(-np.bincount(family), kind="stable"):  # the smallest comes last and keeps its prompts
        owner[prompt[family == number]] = number
    return np.where(owner[prompt] == family, family, LEFT_OUT)
