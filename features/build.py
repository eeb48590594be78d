"""Battles in, features out: runs each switched-on block once per distinct text and builds the pair features."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.blocks.interface import AnswerBlock, TextBlock
from features.blocks.registry import answer_blocks, text_blocks
from features.blocks.turns import ANSWER_COLUMNS, BATTLE_COLUMNS, answer_turns, battle_turns
from features.cache import BlockCache, key_of
from features.pairs import Embeddings, PairMatrix, answer_pairs, join, shared
from features.parallel import Chunk, Runner, Texts, chunks, compute
from pipelines.battles.arrays import Floats32
from pipelines.battles.table import TEXT_COLUMNS, text_of
from pipelines.settings import Section
from pipelines.terminal.command_line import Progress, silent

ENCODER_CHUNK = 1024
"""Texts the encoder is given at once; what it has done is kept after each chunk."""


class FeatureParams(Section):
    """Which blocks are switched on."""

    surface: bool = True
    style: bool = True
    sentiment: bool = True
    readability: bool = True
    embedding: bool = True
    overlap: bool = True
    turns: bool = True


@dataclass(frozen=True)
class BattleFeatures:
    """Features of n battles: the unfitted pair features, and the frozen embeddings where that block is on."""

    pairs: PairMatrix
    embeddings: Embeddings | None


@dataclass(frozen=True)
class _Battles:
    """The distinct texts of n battles, and the place of each battle's prompt and answers among them."""

    texts: list[str]
    keys: list[bytes]
    prompt: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]


@dataclass(frozen=True)
class _Work:
    """What a block must do: its items, their keys in the cache, the rows so far and which of them are known."""

    block: TextBlock | AnswerBlock
    texts: Texts
    keys: list[bytes]
    rows: Floats32
    missing: list[int]

    @property
    def characters(self) -> int:
        """Characters that are still to be looked at."""
        return sum(len(column[place]) for column in self.texts for place in self.missing)


def build_features(
    battles: pd.DataFrame,
    params: FeatureParams,
    *,
    encoder_block: TextBlock | None = None,
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> BattleFeatures:
    """Compute the features of n battles; each row depends on its own texts alone.

    Parameters
    ----------
    battles : DataFrame, n rows
        Columns `prompt`, `response_a` and `response_b` are read: tuples of turns.
    params : FeatureParams
        Blocks that are off leave no column.
    encoder_block : TextBlock or None
        Gives rows of unit length; without it there are no embeddings and no cosines.
    cache : BlockCache or None
        Where rows are found again, and kept chunk by chunk; None keeps nothing.
    threads : int
        Processes that may run at once; few texts are computed in this one.
    progress : Progress
        Told the block's name, and the distinct texts done and to do.
    """
    found = _distinct(battles)
    alone = [block for name, block in text_blocks().items() if getattr(params, name)]
    works = [_work(block, (found.texts,), found.keys, cache) for block in alone]
    compared = answer_blocks() if params.overlap else {}
    with_prompt = with_other = None
    if compared:
        with_prompt = _pairs_of(found, np.concatenate([found.prompt] * 2), np.concatenate([found.a, found.b]))
        with_other = _pairs_of(found, *_ordered(found))
        works.append(_work(compared["overlap"], with_prompt.texts, with_prompt.keys, cache))
        works.append(_work(compared["agreement"], with_other.texts, with_other.keys, cache))
    with Runner(threads, sum(work.characters for work in works)) as runner:
        # One line of chunks over all blocks, so that no process waits at a block's end.
        line = chain.from_iterable(chunks(work.block, work.missing, work.texts) for work in works)
        with closing(runner.run(line)) as results:
            _store(works, results, cache, progress)
    parts = [shared("", (), np.zeros((len(battles), 0), dtype=np.float32))]  # where every block is off
    parts += [_of_texts(work.block, work.rows, found) for work in works[: len(alone)]]
    if with_prompt is not None and with_other is not None:
        prompted, agreed = works[-2:]
        n = len(battles)
        rows = prompted.rows[with_prompt.of]
        parts.append(answer_pairs("overlap", prompted.block.columns, rows[:n], rows[n:]))
        parts.append(shared("agreement", agreed.block.columns, agreed.rows[with_other.of], of="A,B"))
    if params.turns:
        parts.append(shared("turns", BATTLE_COLUMNS, battle_turns(battles["prompt"].tolist())))
        sides = (answer_turns(battles[side].tolist()) for side in ("response_a", "response_b"))
        parts.append(answer_pairs("turns", ANSWER_COLUMNS, *sides))
    embeddings = None
    if params.embedding and encoder_block is not None:
        embeddings = _embed(encoder_block, found, cache, progress)
        parts.extend(_cosines(embeddings))
    return BattleFeatures(join(parts), embeddings)


def feature_columns(params: FeatureParams, encoder_block: TextBlock | None = None) -> BattleFeatures:
    """Return what `build_features` gives for no battle: the names of the features, and how the swap acts on them."""
    nothing = pd.DataFrame({column: pd.Series(dtype=object) for column in TEXT_COLUMNS})
    return build_features(nothing, params, encoder_block=encoder_block)


def _distinct(battles: pd.DataFrame) -> _Battles:
    """Join the turns of each text and number the distinct texts in the order they are met."""
    place: dict[str, int] = {}
    columns = []
    for column in TEXT_COLUMNS:
        places = (place.setdefault(text_of(turns), len(place)) for turns in battles[column])
        columns.append(np.fromiter(places, dtype=np.int64, count=len(battles)))
    texts = list(place)
    return _Battles(texts, [key_of(text) for text in texts], *columns)


@dataclass(frozen=True)
class _Compared:
    """Distinct pairs of texts, and the place among them of each pair asked for."""

    texts: Texts
    keys: list[bytes]
    of: NDArray[np.int64]


def _pairs_of(found: _Battles, first: NDArray[np.int64], second: NDArray[np.int64]) -> _Compared:
    """Find the distinct ones among pairs of texts, given by their places."""
    distinct, of = np.unique(first * len(found.texts) + second, return_inverse=True)
    one, other = np.divmod(distinct, max(1, len(found.texts)))
    keys = [key_of_pair(found.keys[i], found.keys[j]) for i, j in zip(one, other, strict=True)]
    return _Compared(([found.texts[i] for i in one], [found.texts[j] for j in other]), keys, of.reshape(-1))


def key_of_pair(first: bytes, second: bytes) -> bytes:
    """Return the key of two texts in this order, from their own keys."""
    return key_of(first.hex(), second.hex())


def _ordered(found: _Battles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order the two answers of each battle by their content, so that the sides make no difference."""
    swap = np.array([found.keys[a] > found.keys[b] for a, b in zip(found.a, found.b, strict=True)], dtype=bool)
    return np.where(swap, found.b, found.a), np.where(swap, found.a, found.b)


def _work(block: TextBlock | AnswerBlock, texts: Texts, keys: list[bytes], cache: BlockCache | None) -> _Work:
    """Look up what is known of a block's items."""
    if cache is None:
        rows = np.full((len(keys), len(block.columns)), np.nan, dtype=np.float32)
        return _Work(block, texts, keys, rows, list(range(len(keys))))
    rows, known = cache.get(block, keys)
    return _Work(block, texts, keys, rows, np.flatnonzero(~known).tolist())


def _store(
    works: Sequence[_Work], results: Iterator[tuple[Chunk, Floats32]], cache: BlockCache | None, progress: Progress
) -> None:
    """Put computed rows in their places and into the cache, and report; results come in the order of the works."""
    queue = iter(works)
    done, work = 0, None
    for chunk, rows in results:
        while work is None or work.block is not chunk.block:
            work = next(queue)
            done = len(work.keys) - len(work.missing)
            progress(work.block.name, done, len(work.keys))
        work.rows[list(chunk.places)] = rows
        if cache is not None:
            cache.put(work.block, [work.keys[place] for place in chunk.places], rows)
        done += len(chunk.places)
        progress(work.block.name, done, len(work.keys))
    for work in queue:
        progress(work.block.name, len(work.keys), len(work.keys))


def _of_texts(block: TextBlock | AnswerBlock, rows: Floats32, found: _Battles) -> PairMatrix:
    """Build the features of a block that sees one text: both answers and the prompt."""
    answers = answer_pairs(block.name, block.columns, rows[found.a], rows[found.b])
    return join([answers, shared(block.name, block.columns, rows[found.prompt])])


def _embed(block: TextBlock, found: _Battles, cache: BlockCache | None, progress: Progress) -> Embeddings:
    """Embed the distinct texts; the encoder uses the cores by itself."""
    work = _work(block, (found.texts,), found.keys, cache)
    _store([work], _encoded(work), cache, progress)
    return Embeddings(work.rows[found.prompt], work.rows[found.a], work.rows[found.b])


def _encoded(work: _Work) -> Iterator[tuple[Chunk, Floats32]]:
    """Yield the encoder's chunks with their rows."""
    for start in range(0, len(work.missing), ENCODER_CHUNK):
        places = work.missing[start : start + ENCODER_CHUNK]
        texts: Sequence[str] = [work.texts[0][place] for place in places]
        yield Chunk(work.block, places, (texts,)), compute(work.block, (texts,))


def _cosines(embeddings: Embeddings) -> list[PairMatrix]:
    """Return how near the answers are to the prompt and to each other."""

    def cosine(one: Floats32, other: Floats32) -> Floats32:
        return np.einsum("nd,nd->n", one, other)[:, None]

    to_prompt = (cosine(embeddings.prompt, side) for side in (embeddings.a, embeddings.b))
    return [
        answer_pairs("embedding", ("cosine with the prompt",), *to_prompt),
        shared("embedding", ("cosine of the answers",), cosine(embeddings.a, embeddings.b), of="A,B"),
    ]
