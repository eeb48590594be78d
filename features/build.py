"""Battles in, features out: runs each switched-on block once per distinct text and builds the pair features."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import create_model

from features.blocks.interface import (
    ANSWER,
    ANSWER_AND_OTHER,
    BATTLE,
    BOTH_ANSWERS,
    EMBEDDINGS,
    LANGUAGE_MODEL,
    PROMPT_AND_ANSWER,
    TEXT,
    TURNS,
    Block,
    BlockSettings,
    ComputesRows,
)
from features.blocks.registry import BLOCKS, switch_field, switches
from features.cache import KeepsRows, key_of
from features.pairs import Embeddings, PairMatrix, answer_pairs, join, shared
from features.parallel import PAYS_FROM, Chunk, Runner, Texts, even_chunks, in_line, in_turn, on_cluster
from pipelines.battles.arrays import Floats32
from pipelines.battles.table import TEXT_COLUMNS, text_of
from pipelines.settings import Section
from pipelines.terminal.cluster.tasks import Spreads, Tasks
from pipelines.terminal.command_line import Progress, silent

ITEMS = (TEXT, ANSWER, PROMPT_AND_ANSWER, ANSWER_AND_OTHER, BATTLE, BOTH_ANSWERS, LANGUAGE_MODEL)
"""What blocks see that is computed once for each distinct text, or pair of texts."""
ENCODER_CHUNK = 1024
"""Texts the encoder is given at once; what it has done is kept after each chunk."""


READER_CHUNK = 64
"""Answers a language model is given at once, as `ENCODER_CHUNK`."""


_FIELDS: dict[str, Any] = {key: switch_field(blocks) for key, blocks in switches().items()}
_Switches: Any = create_model("_Switches", __base__=Section, **_FIELDS)


class FeatureParams(_Switches):
    """Which blocks are switched on: one key for each switch that `features.blocks.registry` knows."""

    if TYPE_CHECKING:

        def __init__(self, **switches: Any) -> None: ...

        def __getattr__(self, switch: str) -> Any: ...

    def pinned(self) -> Self:
        """Return the same with the models that blocks read by pinned; a `UserError` where one is not there."""
        found = {switch: getattr(self, switch) for switch in switches()}
        pinned = {switch: each.pinned() for switch, each in found.items() if isinstance(each, BlockSettings)}
        return self.model_copy(update=pinned) if pinned else self


@dataclass(frozen=True)
class BattleFeatures:
    """Features of n battles: the unfitted pair features, and the frozen embeddings where that block is on."""

    pairs: PairMatrix
    embeddings: Embeddings | None


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
class _Work:
    """What a block must do: its items, the rows so far, and which of them are missing."""

    block: ComputesRows
    items: Items
    rows: Floats32
    missing: list[int]

    @property
    def characters(self) -> int:
        """Characters that are still to be looked at."""
        return sum(len(column[place]) for column in self.items.texts for place in self.missing)


def build_features(
    battles: pd.DataFrame,
    params: FeatureParams,
    *,
    encoder_block: ComputesRows | None = None,
    cache: KeepsRows | None = None,
    threads: int = 1,
    progress: Progress = silent,
    tasks: Tasks | None = None,
) -> BattleFeatures:
    """Compute the features of n battles; each row depends on its own texts alone.

    Parameters
    ----------
    battles : DataFrame, n rows
        Columns `prompt`, `response_a` and `response_b` are read: tuples of turns.
    params : FeatureParams
        Blocks that are off leave no column.
    encoder_block : ComputesRows or None
        Gives rows of unit length; without it there are no embeddings and no cosines.
    cache : KeepsRows or None
        Where rows are found again, and kept chunk by chunk; None keeps nothing.
    threads : int
        Processes that may run at once; few texts are computed in this one.
    progress : Progress
        Told the block's name, and the distinct texts done and to do.
    tasks : Tasks or None
        Counts and embeds texts where it works elsewhere than in this process; the rows are the same.
    """
    found = distinct_texts(battles)
    on = [block for block in BLOCKS.values() if getattr(params, block.switch)]
    seen = {block.sees for block in on} | {TEXT}
    items = {sees: items_seen(sees, found) for sees in seen.intersection(ITEMS)}
    works = [
        _work(block, items[block.sees], cache) for block in on if block.sees in items and block.sees != LANGUAGE_MODEL
    ]
    with Runner(threads, sum(work.characters for work in works), tasks) as runner:
        todo = [(work.block, work.missing, work.items.texts) for work in works]
        encoding = {block.name for block in on if block.sees == BATTLE}  # its sentences, all of them
        with closing(runner.run(in_line(todo, encoding))) as results:
            _store(works, results, cache, progress)
    parts = [shared("", (), np.zeros((len(battles), 0), dtype=np.float32))]  # where every block is off
    for block in on:
        if block.sees == LANGUAGE_MODEL:
            works.append(_read(block, getattr(params, block.switch), items[block.sees], cache, threads, progress))
    for work in works:
        parts.extend(_of_items(work.block, work.rows[work.items.of]))
    for block in on:
        if block.sees == TURNS:
            parts.extend(_of_turns(block, battles))
    embeddings = None
    seen_by_encoder = [block for block in on if block.sees == EMBEDDINGS]
    if seen_by_encoder and encoder_block is not None:
        embeddings = _embed(encoder_block, items[TEXT], cache, progress, tasks)
        for block in seen_by_encoder:
            parts.extend(_of_embeddings(block, embeddings))
    return BattleFeatures(join(parts), embeddings)


def feature_columns(params: FeatureParams, encoder_block: ComputesRows | None = None) -> BattleFeatures:
    """Return what `build_features` gives for no battle: the names of the features, and how the swap acts on them."""
    nothing = pd.DataFrame({column: pd.Series(dtype=object) for column in TEXT_COLUMNS})
    return build_features(nothing, params, encoder_block=encoder_block)


def distinct_texts(battles: pd.DataFrame) -> DistinctTexts:
    """Join the turns of each text and number the distinct texts in the order they are met."""
    place: dict[str, int] = {}
    columns = []
    for column in TEXT_COLUMNS:
        places = (place.setdefault(text_of(turns), len(place)) for turns in battles[column])
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
    flat = np.stack([column.ravel() for column in columns], axis=1)
    distinct, of = np.unique(flat, axis=0, return_inverse=True)
    texts = tuple([found.texts[place] for place in column] for column in distinct.T)
    if len(columns) == 1:
        keys = [found.keys[place] for place in distinct[:, 0]]
    else:
        keys = [key_of(*(found.keys[place].hex() for place in places)) for places in distinct]
    return Items(texts, keys, of.reshape(columns[0].shape))


def _ordered(found: DistinctTexts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order the two answers of each battle by their content, so that the sides make no difference."""
    swap = np.array([found.keys[a] > found.keys[b] for a, b in zip(found.a, found.b, strict=True)], dtype=bool)
    return np.where(swap, found.b, found.a), np.where(swap, found.a, found.b)


def _work(block: ComputesRows, items: Items, cache: KeepsRows | None) -> _Work:
    """Look up what is known of a block's items."""
    if cache is None:
        rows = np.full((len(items.keys), len(block.columns)), np.nan, dtype=np.float32)
        return _Work(block, items, rows, list(range(len(items.keys))))
    rows, known = cache.get(block, items.keys)
    return _Work(block, items, rows, np.flatnonzero(~known).tolist())


def _store(
    works: Sequence[_Work], results: Iterator[tuple[Chunk, Floats32]], cache: KeepsRows | None, progress: Progress
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


def _of_items(block: ComputesRows, rows: Floats32) -> list[PairMatrix]:
    """Build the features of a block from its rows, (items of a battle, n, columns), as `Items` orders them."""
    if len(rows) == 1:
        return [shared(block.name, block.columns, rows[0], of="A,B")]
    if len(rows) == 2:
        return _of_answers(block, *rows)
    return [answer_pairs(block.name, block.columns, rows[0], rows[1]), shared(block.name, block.columns, rows[2])]


def _of_turns(block: Block, battles: pd.DataFrame) -> list[PairMatrix]:
    """Build the features of a block that sees turns."""
    prompts = battles["prompt"].tolist()
    return _of_answers(
        block, *(block.compute(prompts, battles[side].tolist()) for side in ("response_a", "response_b"))
    )


def _of_answers(block: ComputesRows, a: Floats32, b: Floats32) -> list[PairMatrix]:
    """Build features from a block's rows of either answer: what its columns say of the prompt, and of the answers."""
    of_prompt = {column.name for column in getattr(block, "declared", ()) if column.of == "prompt"}
    asked = [place for place, name in enumerate(block.columns) if name in of_prompt]
    said = [place for place, name in enumerate(block.columns) if name not in of_prompt]
    pairs = answer_pairs(block.name, [block.columns[place] for place in said], a[:, said], b[:, said])
    if not asked:
        return [pairs]
    return [shared(block.name, [block.columns[place] for place in asked], a[:, asked]), pairs]


def _of_embeddings(block: Block, embeddings: Embeddings) -> list[PairMatrix]:
    """Build the features of a block that compares embeddings: each answer with the prompt, and the answers."""
    found = []
    for column in block.declared:
        if column.of == "both":
            rows = block.compute(embeddings.a, embeddings.b)
            found.append(shared(block.name, (column.name,), rows, of="A,B"))
        else:
            sides = (block.compute(embeddings.prompt, side) for side in (embeddings.a, embeddings.b))
            found.append(answer_pairs(block.name, (column.name,), *sides))
    return found


def _read(
    block: Block, settings: Any, items: Items, cache: KeepsRows | None, threads: int, progress: Progress
) -> _Work:
    """Have a language model read what is not known; without items it is not even looked for."""
    if not items.keys:
        return _work(block, items, None)
    work = _work(block.opened(settings, threads), items, cache)
    line = even_chunks(work.block, work.missing, work.items.texts, READER_CHUNK)
    _store([work], in_turn(line), cache, progress)
    return work


def _embed(
    block: ComputesRows, items: Items, cache: KeepsRows | None, progress: Progress, tasks: Tasks | None
) -> Embeddings:
    """Embed the distinct texts; the encoder uses the cores by itself, of this machine or of each node."""
    work = _work(block, items, cache)
    line = even_chunks(block, work.missing, work.items.texts, ENCODER_CHUNK)
    pays = tasks is not None and work.characters >= PAYS_FROM
    task = block.spread(tasks) if tasks is not None and pays and isinstance(block, Spreads) else None
    results = in_turn(line) if task is None or tasks is None else on_cluster(tasks, line, task)
    _store([work], results, cache, progress)
    a, b, prompt = items.of
    return Embeddings(work.rows[prompt], work.rows[a], work.rows[b])
