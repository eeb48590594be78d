"""Reduces frozen embeddings to a few pair features; fitted on training rows only."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from features.pairs import Embeddings, PairMatrix, join, shared
from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError
from pipelines.files.saved_files import Tensors

ROWS_AT_ONCE = 4096


class EmbeddingReducer:
    """Principal directions of the difference of the two answers' embeddings and of the prompt's.

    The difference is not centred, so that swapping the sides turns the sign of every reduced difference exactly.

    Parameters
    ----------
    components : int
        Directions kept of the difference and, as many, of the prompt; fewer where there are fewer rows.
    seed : int
        Seed of the randomised decomposition.
    """

    def __init__(self, components: int, seed: int) -> None:
        self.components = components
        self.seed = seed

    def fit(self, embeddings: Embeddings) -> "EmbeddingReducer":
        """Find the directions; embeddings of n battles, (n, d) each."""
        from sklearn.decomposition import TruncatedSVD

        count = min(self.components, embeddings.a.shape[1] - 1, max(len(embeddings.a) - 1, 1))
        self.centre_ = embeddings.prompt.mean(axis=0, dtype=np.float64)

        def directions(rows: NDArray[np.float64]) -> NDArray[np.float64]:
            with np.errstate(invalid="ignore", divide="ignore"):  # a single row has no variance to explain
                found = TruncatedSVD(count, random_state=self.seed).fit(rows).components_
            # Row by row in memory: safetensors would write an array of another order scrambled.
            return np.ascontiguousarray(found, dtype=np.float64)

        self.difference_ = directions(embeddings.a.astype(np.float64) - embeddings.b)
        self.prompt_ = directions(embeddings.prompt - self.centre_)
        return self

    def transform(self, embeddings: Embeddings) -> PairMatrix:
        """Return (n, 3 * components) pair features: reduced difference, its absolute value, reduced prompt.

        Raises
        ------
        UserError
            When the embeddings have another length than those it was fitted to.
        """
        found, wanted = embeddings.a.shape[1], self.difference_.shape[1]
        if found != wanted:
            raise UserError(
                f"encoder: gives {found} numbers a text, and {wanted} are needed; use the one of the training."
            )
        # In float64 and only then rounded: the last bits of a float32 matrix product depend on the number of rows,
        # and a tree turns a last bit at a threshold into another leaf.
        difference = _project(embeddings.a, self.difference_, embeddings.b)
        prompt = _project(embeddings.prompt, self.prompt_, self.centre_)
        k = difference.shape[1]
        columns = [f"direction {number + 1}" for number in range(k)]
        odd = PairMatrix(
            difference,
            tuple(f"embedding: {column} (A - B)" for column in columns),
            np.arange(k),
            np.full(k, -1, dtype=np.float32),
        )
        return join(
            [
                odd,
                shared("embedding", columns, np.abs(difference), "|A - B|"),
                shared("embedding", columns, prompt),
            ]
        )

    def save(self, path: Path) -> None:
        """Write the directions as safetensors."""
        save_file({"difference": self.difference_, "prompt": self.prompt_, "centre": self.centre_}, path)

    @classmethod
    def load(cls, path: Path) -> "EmbeddingReducer":
        """Read what `save` wrote.

        Raises
        ------
        DamagedError
            When the file is missing or damaged.
        """
        stored = Tensors(path, "difference|prompt|centre")
        difference = stored.floats("difference", None, None)
        count, width = difference.shape
        reducer = cls(count, 0)
        reducer.difference_, reducer.prompt_ = difference, stored.floats("prompt", count, width)
        reducer.centre_ = stored.floats("centre", width)
        return reducer


def with_reduced(pairs: PairMatrix, embeddings: Embeddings | None, reducer: EmbeddingReducer | None) -> PairMatrix:
    """Return the pair features with the reduced embeddings beside them, where there are any."""
    if reducer is None or embeddings is None:
        return pairs
    return join([pairs, reducer.transform(embeddings)])


def _project(rows: Floats32, directions: NDArray[np.float64], minus: NDArray[np.floating]) -> Floats32:
    out = np.empty((len(rows), len(directions)), dtype=np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        away = minus[part] if minus.ndim == 2 else minus
        out[part] = (rows[part].astype(np.float64) - away) @ directions.T
    return out
