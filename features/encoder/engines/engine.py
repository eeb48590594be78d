"""What an engine is, and how engines on a CPU share texts among threads, or fill them up to few lengths."""

from collections.abc import Callable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from pipelines.battles.arrays import Floats32

Ids = list[int]
EngineName = Literal["auto", "torch", "onnx", "openvino"]
"""Engines that there are; those besides torch run converted copies, see `copies.KINDS`; auto takes the fastest here."""

FEW = 8
"""Texts, such as those of two battles, on which an engine may begin while other features are computed."""
_LENGTH_CLASS = 64
"""Tokens to a multiple of which lengths are rounded up by `in_classes`."""


class Engine(Protocol):
    """Turns the token ids of texts into rows, each text by itself."""

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array; `ids` are n lists of token ids, special tokens included."""


@runtime_checkable
class Begins(Protocol):
    """An engine that works by itself while Python does something else."""

    def begin(self, ids: Sequence[Ids]) -> Callable[[], Floats32]:
        """Begin on a few texts; what is returned waits for the rows that `embed` gives."""

    def begin_states(self, ids: Sequence[Ids], types: Sequence[Ids]) -> Callable[[], list[Floats32]]:
        """Begin on a few texts; what is returned waits for their last hidden states, (tokens, d) each."""


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


def in_classes(
    items: Sequence[Sized], batch_tokens: int, run: Callable[[Sequence[Any], int, int], list[Any]]
) -> list[Any]:
    """Return what `run(items, count, length)` gives of each, in batches whose shape follows from its own length class.

    On a GPU a row thus does not depend on those beside it; `run` fills up to `count` rows of `length` tokens.
    """
    classes: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        classes.setdefault(rounded_up(len(item), _LENGTH_CLASS), []).append(place)
    found: list[Any] = [None] * len(items)
    for length, places in sorted(classes.items(), reverse=True):
        count = max(1, batch_tokens // length)
        for start in range(0, len(places), count):
            part = places[start : start + count]
            for place, result in zip(part, run([items[place] for place in part], count, length), strict=True):
                found[place] = result
    return found
