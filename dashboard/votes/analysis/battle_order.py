"""In which order to vote on a file: the least certain battles first, or those that would teach the most."""

from collections.abc import Callable, Collection
from typing import Literal

import numpy as np

from pipelines.battles.arrays import Floats, Ints

Order = Literal["uncertain", "informative", "file"]
ORDERS: tuple[Order, ...] = ("uncertain", "informative", "file")
GREEDY = 400
"""Battles that are chosen one by one for diversity; nobody votes on more in one sitting, the rest go by entropy."""
COMPARED = 3_000
"""Battles among which the next one is sought, and those voted on that it is to be unlike."""
AT_ONCE = 500
HASHED = 512


def entropy(probabilities: Floats) -> Floats:
    """Return the entropy of (n, 3) verdicts as a share of the largest, log 3; 0 is certain, 1 knows nothing."""
    p = np.clip(probabilities, 1e-300, 1.0)
    return np.asarray(-(probabilities * np.log(p)).sum(axis=1) / np.log(3.0))


def uncertain_first(probabilities: Floats) -> Ints:
    """Return the rows of (n, 3) verdicts, the least certain first; equals in the order of the file."""
    return np.argsort(-entropy(probabilities), kind="stable").astype(np.int64)


def informative_first(
    probabilities: Floats, vectors: Floats, voted: Collection[int] = (), greedy: int = GREEDY
) -> Ints:
    """Return the rows, those first that are both uncertain and unlike what was voted on or is asked before them.

    The next battle is always the one with the largest product of entropy and distance, where distance is half of
    one less the largest cosine with any battle voted on or already placed: 0 for the same again, 1 for the opposite.
    It is sought among the `COMPARED` least certain battles, which are compared with as many of those voted on, an
    even sample of more: so the time grows with the battles, and up to that many nothing is left out.

    Parameters
    ----------
    probabilities : (n, 3) float
        Verdicts.
    vectors : (n, d) float
        What the battles are about; need not be scaled.
    voted : collection of int
        Rows with a vote: left out of the order, and avoided.
    greedy : int
        Rows placed so; the rest follow by entropy.
    """
    settled = np.sort(np.fromiter(voted, dtype=np.int64, count=len(voted)))
    by_entropy = uncertain_first(probabilities)
    by_entropy = by_entropy[~np.isin(by_entropy, settled)]
    rows = np.sort(by_entropy[:COMPARED])
    units, unsure = _units(vectors[rows]), entropy(probabilities[rows])
    distance = _distance(units, _units(vectors[_sampled(settled)]))
    free = np.ones(len(rows), dtype=bool)
    placed: list[int] = []
    for _ in range(min(greedy, len(rows))):
        # rounded: how a product of matrices ends in its last digits must not decide between two that are the same
        place = int(np.where(free, np.round(unsure * distance, 12), -1.0).argmax())
        placed.append(place)
        free[place] = False
        distance = np.minimum(distance, _distance(units, units[place : place + 1]))
    first = rows[np.array(placed, dtype=np.int64)]
    return np.concatenate([first, by_entropy[~np.isin(by_entropy, first)]])


def in_order(
    order: Order,
    probabilities: Floats | None,
    vectors: Callable[[], Floats],
    voted: Collection[int],
    count: int,
    greedy: int = GREEDY,
) -> Ints:
    """Return the rows of a file of `count` battles without a vote, in the wished order; without verdicts the file's.

    `vectors` is called only where the order needs them; `greedy` is that of `informative_first`.
    """
    if probabilities is None or order == "file":
        rows = np.arange(count, dtype=np.int64)
    elif order == "uncertain":
        rows = uncertain_first(probabilities)
    else:
        return informative_first(probabilities, vectors(), voted, greedy)
    return rows[~np.isin(rows, np.fromiter(voted, dtype=np.int64, count=len(voted)))]


def hashed_words(texts: list[str]) -> Floats:
    """Return (n, 512) vectors of the words and signs of texts, where no encoder is at hand."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 3), n_features=HASHED, norm="l2")
    cleaned = [text.encode("utf-8", "replace").decode("utf-8")[:4_000] for text in texts]
    return np.asarray(hashing.transform(cleaned).toarray(), dtype=np.float64)


def _units(vectors: Floats) -> Floats:
    """Return vectors of length 1; those of length 0 stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors, dtype=np.float64), where=length > 0)


def _sampled(rows: Ints) -> Ints:
    return rows if len(rows) <= COMPARED else rows[np.linspace(0, len(rows) - 1, COMPARED).astype(np.int64)]


def _distance(units: Floats, others: Floats) -> Floats:
    """Return the distance of each unit vector from the nearest of others; 1 where there are none."""
    nearest = np.full(len(units), -1.0)
    for start in range(0, len(others), AT_ONCE):
        np.maximum(nearest, (units @ others[start : start + AT_ONCE].T).max(axis=1), out=nearest)
    return np.clip((1.0 - nearest) / 2.0, 0.0, 1.0)
