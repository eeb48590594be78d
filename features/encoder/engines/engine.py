"""What an engine is, and token ids filled up under a mask, so that many texts share few lengths."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from pipelines.battles.arrays import Floats32

Ids = list[int]


class Engine(Protocol):
    """Turns the token ids of texts into rows, each text by itself."""

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array; `ids` are n lists of token ids, special tokens included."""
        ...


def rounded_up(tokens: int, step: int) -> int:
    """Return the lowest multiple of `step` that is not under `tokens`."""
    return -(-tokens // step) * step


def filled(texts: Sequence[Ids], length: int, padding: int) -> tuple[Any, Any]:
    """Return the ids of n texts, filled up with `padding`, and their mask, as (n, length) int64 arrays."""
    ids = np.full((len(texts), length), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask
