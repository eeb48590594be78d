"""What an engine is, and how engines on a CPU share texts among threads, or fill them up to few lengths."""

from collections.abc import Callable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, Protocol

import numpy as np

from pipelines.battles.arrays import Floats32

Ids = list[int]
EngineName = Literal["torch", "onnx", "openvino"]
"""Engines that there are; those besides torch run converted copies, see `copies.KINDS`."""


class Engine(Protocol):
    """Turns the token ids of texts into rows, each text by itself."""

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array; `ids` are n lists of token ids, special tokens included."""


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


def longest_first(
    ids: Sequence[Ids], threads: int, row: Callable[[Ids], Any], prepare: Callable[[], None] | None = None
) -> Floats32:
    """Return the (n, d) float32 rows of n texts, computed as `in_threads` says."""
    return np.array(in_threads(ids, threads, row, prepare), dtype=np.float32)


def in_threads(
    items: Sequence[Sized], threads: int, row: Callable[[Any], Any], prepare: Callable[[], None] | None = None
) -> list[Any]:
    """Return what `row` gives of each item, each computed alone, `threads` at once.

    The longest are begun first, so that the threads end together; `prepare` runs once in each thread.
    """
    order = sorted(range(len(items)), key=lambda place: len(items[place]), reverse=True)
    rows: list[Any] = [None] * len(items)
    with ThreadPoolExecutor(max(1, min(threads, len(items))), "encoder", initializer=prepare) as pool:
        for place, found in zip(order, pool.map(lambda place: row(items[place]), order), strict=True):
            rows[place] = found
    return rows
