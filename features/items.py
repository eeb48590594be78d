"""The distinct texts, pairs and triples of texts of battles, which of their rows are known, and where new ones go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.blocks.interface import (
    ANSWER,
    ANSWER_AND_OTHER,
    BATTLE,
    BOTH_ANSWERS,
    LANGUAGE_MODEL,
    PROMPT_AND_ANSWER,
    TEXT,
    ComputesRows,
)
from features.cache import KeepsRows, key_of
from features.parallel import Chunk, Texts
from pipelines.battles.arrays import Floats32
from pipelines.battles.table import text_of, texts_of
from pipelines.terminal.command_line import Progress

ITEMS = (TEXT, ANSWER, PROMPT_AND_ANSWER, ANSWER_AND_OTHER, BATTLE, BOTH_ANSWERS, LANGUAGE_MODEL)
"""What blocks see that is computed once for each distinct text, or pair of texts."""


@dataclass(frozen=True)
class DistinctTexts:
    """The distinct texts of n battles, and the place of each battle's prompt and answers among them."""

    texts: list[str]
    keys: list[bytes]
    prompt: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]


@dataclass(frozen=True)
class Items:
    """The distinct items that blocks see, and the place among them of what each of n battles needs.

    `of` is (3, n) where a text is an item (answer A, answer B, the prompt), (2, n) where an answer is one, by itself,
    with the prompt or with the other answer, and (1, n) where the two answers are.
    """

    texts: Texts
    keys: list[bytes]
    of: NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """What a block must do: its items, the rows so far, and which of them are missing."""

    block: ComputesRows
    items: Items
    rows: Floats32
    missing: list[int]

    @property
    def characters(self) -> int:
        """Characters that are still to be looked at."""
        return sum(len(column[place]) for column in self.items.texts for place in self.missing)


def distinct_texts(battles: pd.DataFrame) -> DistinctTexts:
    """Join the turns of each text and number the distinct texts in the order they are met."""
    place: dict[str, int] = {}
    columns = []
    for column in texts_of(battles):
        places = (place.setdefault(text_of(turns), len(place)) for turns in column)
        columns.append(np.fromiter(places, dtype=np.int64, count=len(battles)))
    texts = list(place)
    return DistinctTexts(texts, [key_of(text) for text in texts], *columns)


def items_seen(sees: str, found: DistinctTexts) -> Items:
    """Find the distinct texts, or the distinct pairs or triples of texts, that blocks see."""
    if sees == TEXT:
        return Items((found.texts,), found.keys, np.stack([found.a, found.b, found.prompt]))
    prompt, answer, other = (np.stack(sides) for sides in ([found.prompt] * 2, [found.a, found.b], [found.b, found.a]))
    columns = {
        ANSWER: (answer,),
        PROMPT_AND_ANSWER: (prompt, answer),
        LANGUAGE_MODEL: (prompt, answer),
        ANSWER_AND_OTHER: (answer, other),
        BATTLE: (prompt, answer, other),
        BOTH_ANSWERS: tuple(places[None] for places in _ordered(found)),
    }[sees]
    number: dict[tuple[int, ...], int] = {}
    each = zip(*(column.ravel().tolist() for column in columns), strict=True)
    of = np.array([number.setdefault(places, len(number)) for places in each], dtype=np.int64)
    texts = tuple([found.texts[places[column]] for places in number] for column in range(len(columns)))
    if len(columns) == 1:
        keys = [found.keys[place] for (place,) in number]
    else:
        keys = [key_of(*(found.keys[place].hex() for place in places)) for places in number]
    return Items(texts, keys, of.reshape(columns[0].shape))


def _ordered(found: DistinctTexts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order the two answers of each battle by their content, so that the sides make no difference."""
    swap = np.array([found.keys[a] > found.keys[b] for a, b in zip(found.a, found.b, strict=True)], dtype=bool)
    return np.where(swap, found.b, found.a), np.where(swap, found.a, found.b)


def work_of(block: ComputesRows, items: Items, cache: KeepsRows | None) -> Work:
    """Look up what is known of a block's items."""
    if cache is None:
        rows = np.full((len(items.keys), len(block.columns)), np.nan, dtype=np.float32)
        return Work(block, items, rows, list(range(len(items.keys))))
    rows, known = cache.get(block, items.keys)
    return Work(block, items, rows, np.flatnonzero(~known).tolist())


def store(
    works: Sequence[Work], results: Iterator[tuple[Chunk, Floats32]], cache: KeepsRows | None, progress: Progress
) -> None:
    """Put computed rows in their places and into the cache, and report."""
    of = {work.block.name: work for work in works}
    done: dict[str, int] = {}
    for chunk, rows in results:
        name = chunk.block.name
        work = of[name]
        if name not in done:
            done[name] = len(work.items.keys) - len(work.missing)
            progress(name, done[name], len(work.items.keys))
        work.rows[list(chunk.places)] = rows
        if cache is not None:
            cache.put(work.block, [work.items.keys[place] for place in chunk.places], rows)
        done[name] += len(chunk.places)
        progress(name, done[name], len(work.items.keys))
    for name, work in of.items():
        if name not in done:
            progress(name, len(work.items.keys), len(work.items.keys))
