import io
import os
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.blocks.interface import BOTH_ANSWERS, PROMPT_AND_ANSWER, TEXT
from features.blocks.registry import BLOCKS
from features.parallel import CHUNK_CHARACTERS, CHUNK_TEXTS, Chunk, Runner, answer, chunks, in_line, request
from pipelines.terminal.processes import receive, send, serve

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


def test_processes_yield_in_order_the_bytes_that_this_process_would(monkeypatch):
    monkeypatch.setattr("features.parallel.PAYS_FROM", 0)
    with Runner(2, 1) as runner:
        assert len(runner._processes) == 2
        found = list(runner.run((chunk,) for chunk in all_chunks()))
    expected = list(all_chunks())
    assert [(chunk.block.name, list(chunk.places)) for chunk, _ in found] == [
        (chunk.block.name, list(chunk.places)) for chunk in expected
    ]
    for (_, rows), chunk in zip(found, expected, strict=True):
        assert rows.tobytes() == chunk.block.compute(*chunk.texts).tobytes()


def test_a_process_that_dies_costs_time_and_nothing_else(monkeypatch):
    monkeypatch.setattr("features.parallel.PAYS_FROM", 0)
    with Runner(2, 1) as runner:
        work = runner.run((chunk,) for chunk in all_chunks())
        found = [next(work)]
        for process in runner._processes:
            os.kill(process.pid, signal.SIGKILL)
        found += list(work)
    for (chunk, rows), expected in zip(found, all_chunks(), strict=True):
        assert list(chunk.places) == list(expected.places)
        assert rows.tobytes() == expected.block.compute(*expected.texts).tobytes()


def test_no_process_is_left_when_work_is_given_up(monkeypatch):
    monkeypatch.setattr("features.parallel.PAYS_FROM", 0)
    with pytest.raises(KeyboardInterrupt), Runner(2, 1) as runner:
        started = list(runner._processes)
        next(runner.run((chunk,) for chunk in all_chunks()))
        raise KeyboardInterrupt
    assert all(process.ended for process in started)


def test_few_characters_start_no_process():
    with Runner(4, 1000) as runner:
        assert not runner._processes
        assert next(runner.run((chunk,) for chunk in all_chunks()))[1].shape == (CHUNK_TEXTS, len(SURFACE.columns))


def test_the_worker_answers_until_its_input_ends():
    asked = io.BytesIO()
    send(asked, request("surface", (["lone \ud800", "二"],)))
    send(asked, request("overlap", (["a question", "b"], ["an answer", "b"])))
    asked.seek(0)
    answers = io.BytesIO()
    serve(asked, answers, answer)
    answers.seek(0)
    first, second = receive(answers), receive(answers)
    assert first == SURFACE.compute(["lone \ud800", "二"]).tobytes()
    assert second == BLOCKS["overlap"].compute(["a question", "b"], ["an answer", "b"]).tobytes()
    assert receive(answers) is None


def test_two_processes_end_with_their_context_at_once(monkeypatch):
    monkeypatch.setattr("features.parallel.PAYS_FROM", 0)
    begun = time.monotonic()
    with Runner(2, 1) as runner:
        np.testing.assert_equal(len(list(runner.run(iter(())))), 0)
    assert time.monotonic() - begun < 20


def test_chunks_of_blocks_that_belong_together_are_side_by_side_and_none_is_lost():
    names = ["surface", "style", "readability"]
    todo = [(BLOCKS[name], list(range(3 + 600 * number)), (TEXTS * 2,)) for number, name in enumerate(names)]
    groups = list(in_line([todo[1:2], [todo[0], todo[2]]]))
    assert [len(group) for group in groups] == [1, 1, 1, 2, 1, 1, 1, 1]
    assert [chunk.block.name for chunk in groups[3]] == ["surface", "readability"]
    for block, places, _ in todo:
        own = [place for group in groups for chunk in group if chunk.block is block for place in chunk.places]
        assert own == places
