"""Verdicts on the battles of a file, some at a time and beside the voting, and the order in which to vote on them.

The least certain battles come first, or those that would teach the most; the order sharpens as the verdicts come.
"""

import threading
from collections.abc import Callable, Collection
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import text_of
from stacker.judge.judge import Judge

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


AT_ONCE = 8
"""Battles judged in one go; between two goes the judge answers others."""
MOST = 3_000
"""Battles that get a verdict ahead of being shown; the others come after them, in the order of the file."""


class Opinion(Protocol):
    """Gives verdicts, and what the battles are about."""

    def __call__(self, battles: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return (n, 3) probabilities and (n, d) vectors."""
        ...


def opinion_of(judge: Judge) -> Opinion:
    """Return a judge's opinion: its verdicts, and its embeddings (of words where it has none)."""

    def opinion(battles: pd.DataFrame) -> tuple[Floats, Floats]:
        from pipelines.terminal.command_line import silent

        data = judge.data(battles, cache=None, threads=1, progress=silent)
        probabilities = judge.verdicts(data, judge.member_probabilities(data))
        if data.embeddings is None:
            return probabilities, hashed_words([text_of(turns) for turns in battles["prompt"]])
        answers = (data.embeddings.a + data.embeddings.b) / 2
        return probabilities, np.concatenate([data.embeddings.prompt, answers], axis=1).astype(np.float64)

    return opinion


class FileVerdicts:
    """Verdicts on one file, filled by a thread of its own.

    Parameters
    ----------
    battles : DataFrame, n rows
        A battles table.
    opinion : Opinion or None
        None where no judge is loaded: then there are no verdicts.

    Attributes
    ----------
    fault : str
        Why the judge gave no more verdicts; "" where nothing is wrong.
    over : bool
        Whether no more verdicts come by themselves.
    """

    def __init__(self, battles: pd.DataFrame, opinion: Opinion | None) -> None:
        self.battles = battles
        self.fault = ""
        self.over = False
        self._opinion = opinion
        self._probabilities = np.full((len(battles), 3), np.nan)
        self._vectors: Floats | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def wanted(self) -> int:
        """Return how many battles get a verdict ahead."""
        return 0 if self._opinion is None else min(len(self.battles), MOST)

    @property
    def done(self) -> int:
        """Return how many have one."""
        return int(np.isfinite(self._probabilities[:, 0]).sum())

    def start(self, told: Callable[[], None]) -> None:
        """Begin; `told` is called from the thread after each step and at the end."""
        self._thread = threading.Thread(target=self._work, args=(told,), name="verdicts on a file", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its present step; call it when the page is left."""
        self._ended.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread's end, and return whether it came."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def of(self, row: int) -> tuple[float, float, float] | None:
        """Return the verdict on one battle, computed now if it is not there yet; None without a judge."""
        if self._opinion is None:
            return None
        if not np.isfinite(self._probabilities[row, 0]):
            self._judge(np.array([row], dtype=np.int64))
        a, b, tie = self._probabilities[row].tolist()
        return a, b, tie

    def next_row(self, order: Order, settled: Collection[int]) -> int | None:
        """Return the row to show next, of those that are not settled; None where all are.

        Parameters
        ----------
        order : Order
            Among the battles that have a verdict; those without come after them, in the order of the file.
        settled : collection of int
            Rows with a vote, and those that were passed over.
        """
        with self._lock:
            known = np.flatnonzero(np.isfinite(self._probabilities[:, 0]))
            probabilities = self._probabilities[known]
            vectors = None if self._vectors is None else self._vectors[known]
        if order != "file" and len(known) and vectors is not None:
            place = {int(row): number for number, row in enumerate(known)}
            inside = [place[row] for row in settled if row in place]
            rows = in_order(order, probabilities, lambda: vectors, inside, len(known), greedy=1)
            if len(rows):
                return int(known[rows[0]])
        rows = in_order("file", None, lambda: np.zeros((0, 0)), settled, len(self.battles))
        return int(rows[0]) if len(rows) else None

    def _work(self, told: Callable[[], None]) -> None:
        for start in range(0, self.wanted, AT_ONCE):
            if self._ended.is_set():
                return
            rows = np.arange(start, min(start + AT_ONCE, self.wanted), dtype=np.int64)
            try:
                self._judge(rows[~np.isfinite(self._probabilities[rows, 0])])
            except Exception as fault:  # noqa: BLE001 - the voting goes on without verdicts ahead, and the page says why
                self.fault = f"{type(fault).__name__}: {fault}"
                break
            told()
        self.over = True
        told()

    def _judge(self, rows: Ints) -> None:
        if self._opinion is None or not len(rows):
            return
        probabilities, vectors = self._opinion(self.battles.iloc[rows])
        with self._lock:
            if self._vectors is None:
                self._vectors = np.zeros((len(self.battles), vectors.shape[1]))
            self._vectors[rows] = vectors
            self._probabilities[rows] = probabilities
