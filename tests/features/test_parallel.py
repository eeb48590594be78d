import io
import os
import signal
import time
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.blocks.interface import BOTH_ANSWERS, PROMPT_AND_ANSWER, TEXT
from features.blocks.registry import BLOCKS
from features.parallel import CHUNK_CHARACTERS, CHUNK_TEXTS, Chunk, Runner, answer, chunks, in_line, request
from pipelines.terminal.processes import WorkerProcess, receive, send, serve

SURFACE = BLOCKS["surface"]
TEXTS = [f"This is the text number {place}, I think. Sorry!" for place in range(900)]


def all_chunks() -> Iterator[Chunk]:
    for block in BLOCKS.values():
        if block.sees == TEXT:
            yield from chunks(block, range(len(TEXTS)), (TEXTS,))
        elif block.sees in (PROMPT_AND_ANSWER, BOTH_ANSWERS):
            yield from chunks(block, range(len(TEXTS) - 1), (TEXTS[:-1], TEXTS[1:]))


@given(st.lists(st.integers(0, 3 * CHUNK_CHARACTERS // 2), max_size=30), st.data())
@settings(max_examples=50)
def test_chunks_hold_every_item_once_in_order_and_are_bounded(lengths, data):
    class Long(str):
        """A text of a length that it only claims."""

        def __len__(self) -> int:
            return int(self)

    texts = [Long(str(length)) for length in lengths]
    places = data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True)) if texts else []
    cut = list(chunks(SURFACE, places, (texts,)))
    assert [place for chunk in cut for place in chunk.places] == places
    for chunk in cut:
        assert list(chunk.texts[0]) == [texts[place] for place in chunk.places]
        assert 1 <= len(chunk.places) <= CHUNK_TEXTS
        assert len(chunk.places) == 1 or sum(map(len, chunk.texts[0])) <= CHUNK_CHARACTERS


def helped(runner: Runner) -> Iterator[tuple[Chunk, ...]]:
    """Yield chunks one by one; while another process runs, each when one of them has taken the last."""
    for chunk in all_chunks():
        while not runner._todo.empty() and not all(process.ended for process in runner._processes):
            time.sleep(0.01)
        yield (chunk,)


@pytest.fixture
def helpers_pay(monkeypatch):
    monkeypatch.setattr("features.parallel.HELP_PAYS_FROM_S", -1)


def same_rows(found, expected):
    for (chunk, rows), each in zip(found, expected, strict=True):
        assert (chunk.block.name, list(chunk.places)) == (each.block.name, list(each.places))
        assert rows.tobytes() == each.block.compute(*each.texts).tobytes()


def test_processes_yield_in_order_the_bytes_that_this_process_would(helpers_pay):
    with Runner(3, 1) as runner:
        same_rows(list(runner.run(helped(runner))), all_chunks())
        assert len(runner._processes) == 2 and runner._own_groups < len(list(all_chunks())) / 2


def test_this_process_computes_while_no_other_is_ready(helpers_pay, monkeypatch):
    def never(process: WorkerProcess, message: bytes) -> None:
        process._process.wait()

    monkeypatch.setattr("features.parallel.WorkerProcess.ask", never)
    with Runner(2, 1) as runner:
        same_rows(list(runner.run((chunk,) for chunk in all_chunks())), all_chunks())
        assert not runner._processes[0].ended


def test_a_process_that_dies_costs_time_and_nothing_else(helpers_pay):
    with Runner(2, 1) as runner:
        results = runner.run(helped(runner))
        found = [next(results) for _ in range(3)]
        os.kill(runner._processes[0].pid, signal.SIGKILL)
        same_rows([*found, *results], all_chunks())


def test_without_another_process_everything_is_computed_here(helpers_pay, monkeypatch):
    def refused(*_):
        raise OSError("no more processes")

    monkeypatch.setattr("features.parallel.WorkerProcess", refused)
    with Runner(2, 1) as runner:
        same_rows(list(runner.run((chunk,) for chunk in all_chunks())), all_chunks())


def test_no_process_is_left_when_work_is_given_up(helpers_pay):
    with pytest.raises(KeyboardInterrupt), Runner(2, 1) as runner:
        results = runner.run(helped(runner))
        list(next(results) for _ in range(3))
        started = list(runner._processes)
        raise KeyboardInterrupt
    assert started and all(process.ended for process in started)


def test_a_process_that_is_not_ready_does_not_hold_up_the_end(helpers_pay):
    with Runner(2, 1) as runner:
        list(runner.run((chunk,) for chunk in islice(all_chunks(), 3)))
        begun = time.monotonic()
    assert runner._processes and time.monotonic() - begun < 0.3


def test_what_is_done_within_a_second_starts_no_process():
    with Runner(4, 1000) as runner:
        rows = [rows for _, rows in runner.run((chunk,) for chunk in islice(all_chunks(), 3))]
        assert not runner._processes and rows[0].shape == (CHUNK_TEXTS, len(SURFACE.columns))


def test_the_worker_answers_until_its_input_ends():
    asked = io.BytesIO()
    send(asked, b"")
    send(asked, request("surface", (["lone \ud800", "二"],)))
    send(asked, request("overlap", (["a question", "b"], ["an answer", "b"])))
    asked.seek(0)
    answers = io.BytesIO()
    serve(asked, answers, answer)
    answers.seek(0)
    ready, first, second = (receive(answers) for _ in range(3))
    assert ready == b""
    assert first == SURFACE.compute(["lone \ud800", "二"]).tobytes()
    assert second == BLOCKS["overlap"].compute(["a question", "b"], ["an answer", "b"]).tobytes()
    assert receive(answers) is None


def test_chunks_of_blocks_that_belong_together_are_side_by_side_and_none_is_lost():
    names = ["surface", "style", "readability"]
    todo = [(BLOCKS[name], list(range(3 + 600 * number)), (TEXTS * 2,)) for number, name in enumerate(names)]
    groups = list(in_line([todo[1:2], [todo[0], todo[2]]]))
    assert [len(group) for group in groups] == [1, 1, 1, 2, 1, 1, 1, 1]
    assert [chunk.block.name for chunk in groups[3]] == ["surface", "readability"]
    for block, places, _ in todo:
        own = [place for group in groups for chunk in group if chunk.block is block for place in chunk.places]
        assert own == places
