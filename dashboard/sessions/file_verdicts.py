"""Verdicts on the battles of a file, some at a time and beside the voting, so that the order sharpens as they come."""

import threading
from collections.abc import Callable, Collection
from typing import Protocol

import numpy as np
import pandas as pd

from dashboard.votes.analysis.battle_order import Order, hashed_words, in_order
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import text_of
from stacker.judge.judge import Judge

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
        probabilities = judge.pool.predict_proba(judge.member_probabilities(data))
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

    def has(self, row: int) -> bool:
        """Return whether `of` answers at once."""
        return self._opinion is None or bool(np.isfinite(self._probabilities[row, 0]))

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
