"""Runs chunks of texts through a block, over cores or a cluster where that pays, and yields the results in order.

`python -m features.parallel` is the process that runs blocks for another one. A request is UTF-8 JSON
`[block, [text, ...], ...]` with one list of texts or several; an answer is the float32 rows. An empty request has an
empty answer, which tells that the process is ready.
"""

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, zip_longest
from queue import Empty, SimpleQueue
from threading import Thread
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
"""Characters, over all blocks, from which a cluster is asked."""
HELP_PAYS_FROM_S = 1.0
"""Seconds of work that must be left for processes to be started: one takes about .4 s until it can help."""

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


class _Group:
    """Chunks that one process computes one after the other, and their rows once it has; None where it has died."""

    def __init__(self, chunks: tuple[Chunk, ...]) -> None:
        self.chunks = chunks
        self.characters = sum(sum(map(len, column)) for chunk in chunks for column in chunk.texts)
        self.done: Future[list[Floats32] | None] = Future()


class Runner:
    """Runs chunks in this process, which other processes help where they are worth their start; or on a cluster.

    A context, so that these processes end with it.

    Parameters
    ----------
    threads : int
        Processes that may compute at once, this one among them.
    characters : int
        Characters of all the work that will come.
    tasks : Tasks
        Does the chunks where it does them elsewhere and that pays; no processes are then started here.
    """

    def __init__(self, threads: int, characters: int, tasks: Tasks | None = None) -> None:
        self._tasks = tasks if tasks is not None and tasks.elsewhere and characters >= PAYS_FROM else None
        self._helpers = threads - 1 if sys.executable else 0
        self._left = characters
        self._own_groups = self._own_characters = 0
        self._own_seconds = 0.0
        self._todo: SimpleQueue[_Group | None] = SimpleQueue()
        self._processes: list[WorkerProcess] = []
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.kill()  # it holds nothing, and may not even have begun
            self._todo.put(None)
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.close()

    def run(self, work: Iterator[tuple[Chunk, ...]]) -> Generator[tuple[Chunk, Floats32], None, None]:
        """Yield each chunk with its rows, in the order of the work; one process computes the chunks of a tuple."""
        if self._tasks is not None:
            yield from on_cluster(self._tasks, chain.from_iterable(work))
            return
        waiting: deque[_Group] = deque()
        for chunks in work:
            waiting.append(_Group(chunks))
            self._todo.put(waiting[-1])
            if len(waiting) > 4 * len(self._processes):  # so that not all texts and rows lie here at once
                yield from self._finished(waiting.popleft())
        while waiting:
            yield from self._finished(waiting.popleft())

    def _finished(self, group: _Group) -> Iterator[tuple[Chunk, Floats32]]:
        """Compute the oldest groups here until the rows of this one are there."""
        while not group.done.done():
            try:
                oldest = self._todo.get_nowait()
            except Empty:
                break
            assert oldest is not None
            self._compute(oldest)
        rows = group.done.result()
        return zip(group.chunks, _computed_here(group) if rows is None else rows, strict=True)

    def _compute(self, group: _Group) -> None:
        begun = time.perf_counter()
        with one_text_at_once() if self._processes else nullcontext():
            group.done.set_result(_computed_here(group))
        self._left -= group.characters
        self._own_groups += 1
        if self._own_groups > 1:  # the first one reads dictionaries
            self._own_seconds += time.perf_counter() - begun
            self._own_characters += group.characters
            if self._helpers and self._left * self._own_seconds > HELP_PAYS_FROM_S * self._own_characters:
                self._start_helpers()

    def _start_helpers(self) -> None:
        helpers, self._helpers = self._helpers, 0
        for _ in range(helpers):
            try:
                process = WorkerProcess("features.parallel")
            except OSError:
                return  # without help it takes longer, and nothing else
            self._processes.append(process)
            self._threads.append(Thread(target=self._help, args=(process,), name="helper", daemon=True))
            self._threads[-1].start()

    def _help(self, process: WorkerProcess) -> None:
        """Have a process compute groups from when it is ready until it has died."""
        if process.ask(b"") is None:
            return
        while (group := self._todo.get()) is not None:
            rows = []
            for chunk in group.chunks:
                answer = process.ask(request(chunk.block.name, chunk.texts))
                if answer is None:
                    group.done.set_result(None)
                    return
                rows.append(np.frombuffer(answer, dtype=np.float32).reshape(len(chunk.places), -1))
            group.done.set_result(rows)


def _computed_here(group: _Group) -> list[Floats32]:
    return [chunk.block.compute(*chunk.texts) for chunk in group.chunks]


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
    if not message:
        return b""
    name, *texts = json.loads(message)
    return computed(name, texts).tobytes()


if __name__ == "__main__":
    run_worker(answer)
