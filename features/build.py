"""Battles in, features out: runs each switched-on block once per distinct text and builds the pair features."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from pydantic import create_model

from features.blocks.interface import (
    BATTLE,
    EMBEDDINGS,
    LANGUAGE_MODEL,
    TEXT,
    TURNS,
    BeginsRows,
    Block,
    BlockSettings,
    ComputesRows,
)
from features.blocks.registry import BLOCKS, switch_field, switches
from features.cache import KeepsRows
from features.items import ITEMS, Items, Work, distinct_texts, items_seen, store, work_of
from features.pairs import Embeddings, PairMatrix, answer_pairs, join, shared
from features.parallel import PAYS_FROM, Chunk, Runner, Texts, even_chunks, in_line, in_turn, on_cluster
from pipelines.battles.arrays import Floats32
from pipelines.battles.table import TEXT_COLUMNS, texts_of
from pipelines.settings import Section
from pipelines.terminal.cluster.tasks import Spreads, Tasks
from pipelines.terminal.command_line import Progress, silent

ENCODER_CHUNK = 1024
"""Texts the encoder is given at once; what it has done is kept after each chunk."""


READER_CHUNK = 64
"""Answers a language model is given at once, as `ENCODER_CHUNK`."""
Meanwhile = Callable[[], None] | None
"""What else there is to do, which an encoder may work beside."""


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


def build_features(
    battles: pd.DataFrame,
    params: FeatureParams,
    *,
    encoder_block: ComputesRows | None = None,
    cache: KeepsRows | None = None,
    threads: int = 1,
    progress: Progress = silent,
    tasks: Tasks | None = None,
    meanwhile: Meanwhile = None,
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
    meanwhile : callable or None
        What can be done without these features: when an encoder has begun that goes on by itself.
    """
    found = distinct_texts(battles)
    on = [block for block in BLOCKS.values() if getattr(params, block.switch)]
    seen = {block.sees for block in on} | {TEXT}
    items = {sees: items_seen(sees, found) for sees in seen.intersection(ITEMS)}
    works = [
        work_of(block, items[block.sees], cache) for block in on if block.sees in items and block.sees != LANGUAGE_MODEL
    ]
    seen_by_encoder = [block for block in on if block.sees == EMBEDDINGS]
    embedding = None
    if seen_by_encoder and encoder_block is not None:
        embedding = _Embedding(work_of(encoder_block, items[TEXT], cache), tasks)
    if meanwhile is not None:
        meanwhile()
    characters = sum(work.characters for work in works)
    line = in_line(_side_by_side(on, works))
    with Runner(threads, characters, tasks) as runner, closing(runner.run(line)) as results:
        store(works, results, cache, progress)
    parts = [shared("", (), np.zeros((len(battles), 0), dtype=np.float32))]  # where every block is off
    for block in on:
        if block.sees == LANGUAGE_MODEL:
            works.append(_read(block, getattr(params, block.switch), items[block.sees], cache, threads, progress))
    for work in works:
        parts.extend(_of_items(work.block, work.rows[work.items.of]))
    for block in on:
        if block.sees == TURNS:
            parts.extend(_of_turns(block, battles))
    embeddings = None if embedding is None else embedding.done(cache, progress)
    if embeddings is not None:
        for block in seen_by_encoder:
            parts.extend(_of_embeddings(block, embeddings))
    return BattleFeatures(join(parts), embeddings)


def feature_columns(params: FeatureParams, encoder_block: ComputesRows | None = None) -> BattleFeatures:
    """Return what `build_features` gives for no battle: the names of the features, and how the swap acts on them."""
    nothing = pd.DataFrame({column: pd.Series(dtype=object) for column in TEXT_COLUMNS})
    return build_features(nothing, params, encoder_block=encoder_block)


def _side_by_side(on: Sequence[Block], works: Sequence[Work]) -> Iterator[list[tuple[ComputesRows, list[int], Texts]]]:
    """Yield what is to be computed, the blocks that see the same items together; those that encode sentences last."""
    sees = {block.name: block.sees for block in on}
    groups: dict[str, list[Work]] = {}
    for work in works:
        groups.setdefault(sees[work.block.name], []).append(work)
    for kind in sorted(groups, key=lambda kind: kind == BATTLE):
        yield [(work.block, work.missing, work.items.texts) for work in groups[kind]]


def _of_items(block: ComputesRows, rows: Floats32) -> list[PairMatrix]:
    """Build the features of a block from its rows, (items of a battle, n, columns), as `Items` orders them."""
    if len(rows) == 1:
        return [shared(block.name, block.columns, rows[0], of="A,B")]
    if len(rows) == 2:
        return _of_answers(block, *rows)
    return [answer_pairs(block.name, block.columns, rows[0], rows[1]), shared(block.name, block.columns, rows[2])]


def _of_turns(block: Block, battles: pd.DataFrame) -> list[PairMatrix]:
    """Build the features of a block that sees turns."""
    prompts, *answers = texts_of(battles)
    return _of_answers(block, *(block.compute(prompts, each) for each in answers))


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


def _read(block: Block, settings: Any, items: Items, cache: KeepsRows | None, threads: int, progress: Progress) -> Work:
    """Have a language model read what is not known; without items it is not even looked for."""
    if not items.keys:
        return work_of(block, items, None)
    work = work_of(block.opened(settings, threads), items, cache)
    line = even_chunks(work.block, work.missing, work.items.texts, READER_CHUNK)
    store([work], in_turn(line), cache, progress)
    return work


class _Embedding:
    """The encoder's work on distinct texts; the encoder uses the cores by itself, of this machine or of each node.

    Where it can, it begins on a few texts at once, beside the blocks of other features.
    """

    def __init__(self, work: Work, tasks: Tasks | None) -> None:
        self.work, self.tasks = work, tasks
        self.line = list(even_chunks(work.block, work.missing, work.items.texts, ENCODER_CHUNK))
        begin = work.block.begin if isinstance(work.block, BeginsRows) and len(self.line) == 1 else None
        self.begun = None if begin is None else begin(*self.line[0].texts)

    def done(self, cache: KeepsRows | None, progress: Progress) -> Embeddings:
        """Return the embeddings of the battles."""
        work = self.work
        store([work], self._results(), cache, progress)
        a, b, prompt = work.items.of
        return Embeddings(work.rows[prompt], work.rows[a], work.rows[b])

    def _results(self) -> Iterator[tuple[Chunk, Floats32]]:
        if self.begun is not None:
            return iter([(self.line[0], self.begun())])
        tasks, block = self.tasks, self.work.block
        pays = tasks is not None and self.work.characters >= PAYS_FROM
        task = block.spread(tasks) if tasks is not None and pays and isinstance(block, Spreads) else None
        return in_turn(iter(self.line)) if task is None or tasks is None else on_cluster(tasks, iter(self.line), task)
