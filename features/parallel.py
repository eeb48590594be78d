"""Runs chunks of texts through a block, over cores or a cluster where that pays, and yields the results in order.

`python -m features.parallel` is the process that runs blocks for another one. A request is UTF-8 JSON
`[block, [text, ...], ...]` with one or two lists of texts; an answer is the float32 rows.
"""

import json
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, zip_longest
from queue import SimpleQueue
from typing import Self

import numpy as np

from features.blocks.interface import ComputesRows
from features.blocks.reading.sentence_vectors import one_text_at_once
from features.blocks.registry import BLOCKS
from pipelines.battles.arrays import Floats32
from pipelines.terminal.cluster.tasks import Task, Tasks
from pipelines.terminal.processes import WorkerProcess, run_worker

CHUNK_TEXTS = 256
CHUNK_CHARACTERS = 1 << 18
PAYS_FROM = 3_000_000
"""Characters, over all blocks, from which starting processes (about 0.3 s each) is repaid."""

Texts = tuple[Sequence[str], ...]
"""One list of texts, or two of the same length for a block that compares."""


@dataclass(frozen=True)
class Chunk:
    """Some of the items of a block's work: their places, and the texts at these places."""

    block: ComputesRows
    places: Sequence[int]
    texts: Texts


def chunks(block: ComputesRows, places: Sequence[int], texts: Texts) -> Iterator[Chunk]:
    """Cut the work of a block, `texts[...][place]` for each place, into chunks of about equal size."""
    start = characters = 0
    for end, place in enumerate(places):
        size = sum(len(column[place]) for column in texts)
        if end > start and (end - start >= CHUNK_TEXTS or characters + size > CHUNK_CHARACTERS):
            yield _chunk(block, places[start:end], texts)
            start, characters = end, 0
        characters += size
    if start < len(places):
        yield _chunk(block, places[start:], texts)


def even_chunks(block: ComputesRows, places: Sequence[int], texts: Texts, size: int) -> Iterator[Chunk]:
    """Cut the work of a block that uses the cores by itself into chunks of `size` items."""
    for start in range(0, len(places), size):
        yield _chunk(block, places[start : start + size], texts)


def in_line(
    groups: Iterable[Sequence[tuple[ComputesRows, Sequence[int], Texts]]],
) -> Iterator[tuple[Chunk, ...]]:
    """Yield the chunks of all blocks in one line, so that no process waits at a block's end.

    Parameters
    ----------
    groups : iterable of sequences of tuples
        Blocks with places and texts, as `chunks` takes them. The chunks of a group come side by side: what one block
        has worked out of a text, such as its sentences, their vectors or its language, is still there for the next one.
    """
    for group in groups:
        for beside in zip_longest(*(chunks(*each) for each in group)):
            yield tuple(chunk for chunk in beside if chunk is not None)


def in_turn(work: Iterator[Chunk]) -> Iterator[tuple[Chunk, Floats32]]:
    """Yield each chunk with its rows, computed in this process."""
    for chunk in work:
        yield chunk, chunk.block.compute(*chunk.texts)


def _chunk(block: ComputesRows, places: Sequence[int], texts: Texts) -> Chunk:
    return Chunk(block, places, tuple([column[place] for place in places] for column in texts))


class Runner:
    """Runs chunks in this process, or in `threads` others; a context, so that these end with it.

    Parameters
    ----------
    threads : int
        Processes to start; with 1 everything runs here.
    characters : int
        Characters of all the work that will come, to judge whether processes pay.
    tasks : Tasks
        Does the chunks where it does them elsewhere and that pays; no processes are then started here.
    """

    def __init__(self, threads: int, characters: int, tasks: Tasks | None = None) -> None:
        pays = characters >= PAYS_FROM
        self._tasks = tasks if tasks is not None and tasks.elsewhere and pays else None
        self._wanted = threads if pays and sys.executable and self._tasks is None else 1
        self._idle: SimpleQueue[WorkerProcess] = SimpleQueue()
        self._processes: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        if self._wanted > 1:
            self._processes = [WorkerProcess("features.parallel") for _ in range(self._wanted)]
            for process in self._processes:
                self._idle.put(process)
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.close()

    def run(self, work: Iterator[tuple[Chunk, ...]]) -> Generator[tuple[Chunk, Floats32], None, None]:
        """Yield each chunk with its rows, in the order of the work; one process here computes the chunks of a tuple."""
        if self._tasks is not None:
            yield from on_cluster(self._tasks, chain.from_iterable(work))
            return
        if not self._processes:
            yield from in_turn(chain.from_iterable(work))
            return
        asking = ThreadPoolExecutor(len(self._processes))
        waiting: deque[Future[list[tuple[Chunk, Floats32]]]] = deque()
        try:
            for group in work:
                waiting.append(asking.submit(self._ask, group))
                if len(waiting) > 4 * len(self._processes):  # so that not all texts lie in messages at once
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            asking.shutdown(cancel_futures=True)

    def _ask(self, group: Sequence[Chunk]) -> list[tuple[Chunk, Floats32]]:
        """Have an idle process compute chunks; where the process has died, compute them here."""
        process = self._idle.get()
        try:
            answers = [process.ask(request(chunk.block.name, chunk.texts)) for chunk in group]
        finally:
            self._idle.put(process)
        return [
            (
                chunk,
                chunk.block.compute(*chunk.texts)
                if answer is None
                else np.frombuffer(answer, dtype=np.float32).reshape(len(chunk.places), -1),
            )
            for chunk, answer in zip(group, answers, strict=True)
        ]


def on_cluster(
    tasks: Tasks, work: Iterator[Chunk], embedding: Callable[[Sequence[str]], Task] | None = None
) -> Iterator[tuple[Chunk, Floats32]]:
    """Yield each chunk with its rows, computed by tasks, in the order of the work; `embedding` makes an encoder's."""
    waiting: deque[Chunk] = deque()

    def begun() -> Iterator[Task]:
        for chunk in work:
            waiting.append(chunk)
            yield Task(computed, (chunk.block.name, chunk.texts)) if embedding is None else embedding(*chunk.texts)

    for rows in tasks.in_order(begun()):
        yield waiting.popleft(), rows


def computed(block: str, texts: Texts) -> Floats32:
    """Return a block's rows of some texts, by its name, in a process that has a core to itself."""
    with one_text_at_once():
        return BLOCKS[block].compute(*texts)


def request(block: str, texts: Sequence[Sequence[str]]) -> bytes:
    """Return the message that asks for a block's numbers; JSON's escapes carry lone surrogates too."""
    return json.dumps([block, *(list(column) for column in texts)]).encode("ascii")


def answer(message: bytes) -> bytes:
    """Return the numbers that a request asks for."""
    name, *texts = json.loads(message)
    return computed(name, texts).tobytes()


if __name__ == "__main__":
    run_worker(answer)
