"""Folds, grouped by normalised prompt and stratified by outcome; and families of sources that share prompts."""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from pydantic import Field

from pipelines.battles.arrays import Ints
from pipelines.battles.table import text_of
from pipelines.settings import MOST_FOLDS, Section


class FoldParams(Section):
    """How the battles are split for out-of-fold predictions; the run's seed decides which prompt goes where."""

    count: int = Field(5, ge=2, le=MOST_FOLDS)


def prompt_groups(prompts: Iterable[tuple[str, ...]]) -> Ints:
    """Return one number per battle, (n,); prompts that differ only in case, space or Unicode form share it."""
    number: dict[str, int] = {}
    return np.array([number.setdefault(normalised(turns), len(number)) for turns in prompts], dtype=np.int64)


def normalised(turns: tuple[str, ...]) -> str:
    """Return a prompt without differences of case, space and Unicode form (NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text_of(turns)).casefold().split())


def grouped_folds(group: Ints, outcome: Ints, count: int, seed: int) -> Ints:
    """Split battles into folds that keep groups whole and outcomes in proportion.

    Parameters
    ----------
    group : (n,) int
        Rows of one group stay in one fold.
    outcome : (n,) int
        Each outcome's share is about the same in every fold.
    count : int
        Folds wanted; fewer where there are fewer groups.
    seed : int
        Decides which group goes where.

    Returns
    -------
    (n,) int64
        The fold of each row, 0 to count - 1; all 0 where there is one group alone.
    """
    group, outcome = np.ascontiguousarray(group, dtype=np.int64), np.ascontiguousarray(outcome, dtype=np.int64)
    return _grouped_folds(group.tobytes(), outcome.tobytes(), count, seed).copy()


# Every learner asks for the same inner folds, and scikit-learn takes 4 seconds for 57,477 battles.
@lru_cache(maxsize=32)
def _grouped_folds(group: bytes, outcome: bytes, count: int, seed: int) -> Ints:
    from sklearn.model_selection import StratifiedGroupKFold

    groups, outcomes = np.frombuffer(group, dtype=np.int64), np.frombuffer(outcome, dtype=np.int64)
    folds = np.zeros(len(groups), dtype=np.int64)
    parts = min(count, len(np.unique(groups)))
    if parts < 2:
        return folds
    # scikit-learn wants every class to have at least as many rows as there are folds, and refuses where none has.
    labels = outcomes if np.bincount(outcomes).max() >= parts else np.zeros_like(outcomes)
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with_rare_classes = _without_rare(labels, parts)
    for fold, (_, held) in enumerate(splitter.split(np.zeros(len(groups)), with_rare_classes, groups)):
        folds[held] = fold
    return folds


def _without_rare(labels: Ints, least: int) -> Ints:
    """Give outcomes with fewer rows than folds the label of the commonest: there is nothing to stratify by."""
    counts = np.bincount(labels)
    return np.where(counts[labels] < least, counts.argmax(), labels)


def splits(folds: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield for each fold the rows outside it and those inside."""
    for fold in np.unique(folds):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def fold_hash(ids: Iterable[str], folds: Ints) -> str:
    """Return the SHA-256 of a fold assignment as 64 hex digits, from ids and folds in the order of the table."""
    digest = hashlib.sha256()
    for name, fold in zip(ids, folds.tolist(), strict=True):
        digest.update(f"{name}\t{fold}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


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
        Its prompt, as `prompt_groups` numbers it.

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
