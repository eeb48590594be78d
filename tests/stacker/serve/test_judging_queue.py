"""Requests that wait are judged together and shared out fairly, and one that breaks the judge breaks no other."""

import asyncio
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import UserError
from stacker.serve import judging_queue
from stacker.serve.judge_process import ProcessEndedError, ServedJudge
from stacker.serve.judging_queue import BATCH, JudgeGoneError, JudgingQueue, TooManyWaitingError

HEAVY, DEADLY, WRONG, ENDLESS = "heavy", "deadly", "wrong", "endless"


def battle(text):
    return [text], ["a"], ["b"]


def verdict(text):
    return [len(text), ord(text[:1] or " "), 0]


class FakeProcess:
    """A process whose judge tells the length of the prompt; some prompts end it, or are never judged."""

    made = []
    broken = False

    def __init__(self, folder):
        self.calls, self.killed, self.ready, self.gate = [], threading.Event(), False, None
        self.made.append(self)

    def open(self):
        if self.broken:
            raise ProcessEndedError
        self.ready = True
        return ServedJudge("name", "0" * 64, "", True, False)

    def probabilities(self, battles):
        texts = [prompt[0] for prompt, _, _ in battles]
        self.calls.append(texts)
        if self.gate is not None:
            self.gate.wait(30)
        if not self.ready or self.killed.is_set() or DEADLY in texts:
            self.killed.set()
            raise ProcessEndedError
        if ENDLESS in texts:
            self.killed.wait(30)
            raise ProcessEndedError
        if WRONG in texts:
            raise UserError("the prompt: is wrong.")
        return np.array([verdict(text) for text in texts], dtype=float)

    def value(self, request):
        return request["echo"]

    def kill(self):
        self.killed.set()

    close = kill


@pytest.fixture
def queue(monkeypatch):
    monkeypatch.setattr(judging_queue, "JudgeProcess", FakeProcess)
    FakeProcess.made = []
    with closing(JudgingQueue(Path("none"), 1, 500, seconds=0.2)) as found:
        found.open()
        yield found


@pytest.fixture
def run():
    """Run coroutines at the same time, on the one event loop of the test; faults are given back as they are."""
    with asyncio.Runner() as runner:

        def together(*asked):
            async def all_of_them():
                async with asyncio.timeout(60):
                    return await asyncio.gather(*asked, return_exceptions=True)

            return runner.run(all_of_them())

        yield together


def test_what_is_asked_within_a_moment_is_one_call(run, queue):
    found = run(*(queue.compare([battle("x" * n)]) for n in range(20)))
    assert [each.tolist() for each in found] == [[verdict("x" * n)] for n in range(20)]
    assert [len(call) for call in FakeProcess.made[0].calls] == [20] and queue.waiting == 0


def test_one_battle_does_not_wait_for_a_thousand(run, queue):
    many = [battle(str(n)) for n in range(400)]
    found = run(queue.compare(many), queue.compare([battle("one")]))
    assert found[0].tolist() == [verdict(str(n)) for n in range(400)] and found[1].tolist() == [verdict("one")]
    calls = FakeProcess.made[0].calls
    assert "one" in calls[0] and max(map(len, calls)) == BATCH and sum(map(len, calls)) == 401


def test_long_battles_are_not_put_together(run, queue):
    long = "x" * (judging_queue.CHARACTERS // 2)
    run(*(queue.compare([battle(long)]) for _ in range(3)))
    assert [len(call) for call in FakeProcess.made[0].calls] == [1, 1, 1]


def test_idle_processes_share_a_batch(run, monkeypatch):
    monkeypatch.setattr(judging_queue, "JudgeProcess", FakeProcess)
    FakeProcess.made = []
    with closing(JudgingQueue(Path("none"), 2, 500)) as queue:
        queue.open()
        run(*(queue.compare([battle(str(n))]) for n in range(20)))
        assert sorted(len(call) for process in FakeProcess.made for call in process.calls) == [10, 10]


@pytest.mark.parametrize(
    ("text", "words"), [(DEADLY, "ends the process"), (WRONG, "is wrong"), (ENDLESS, "takes more than 0.2 seconds")]
)
def test_a_battle_that_cannot_be_judged_is_told_so_and_those_it_came_with_are_judged(run, queue, text, words):
    found = run(
        queue.compare([battle("a")]),
        queue.compare([battle("b"), battle(text), battle("c")]),
        queue.compare([battle("d")]),
    )
    assert [found[0].tolist(), found[2].tolist()] == [[verdict("a")], [verdict("d")]]
    assert isinstance(found[1], UserError) and words in str(found[1])
    assert run(queue.compare([battle("after")]))[0].tolist() == [verdict("after")]


def test_a_judge_that_cannot_be_started_again_is_told_so_and_tried_again(run, queue, monkeypatch):
    monkeypatch.setattr(FakeProcess, "broken", True)
    assert isinstance(run(queue.compare([battle(DEADLY)]))[0], UserError)
    assert isinstance(run(queue.compare([battle("a")]))[0], JudgeGoneError)
    monkeypatch.setattr(FakeProcess, "broken", False)
    assert run(queue.compare([battle("a")]))[0].tolist() == [verdict("a")]


def test_what_comes_on_top_of_too_many_is_refused_and_one_request_alone_never(run, queue):
    gate = FakeProcess.made[0].gate = threading.Event()

    async def asked():
        first = asyncio.ensure_future(queue.compare([battle("x")] * 600))
        await asyncio.sleep(0)
        with pytest.raises(TooManyWaitingError):
            await queue.compare([battle("y")])
        gate.set()
        return await first

    assert run(asked())[0].shape == (600, 3) and queue.waiting == 0


def test_values_and_battles_each_get_their_own(run, queue):
    found = run(queue.value({"echo": 1}), queue.compare([battle("a")]), queue.value({"echo": 2}), queue.compare([]))
    assert found[0] == 1 and found[1].tolist() == [verdict("a")] and found[2] == 2 and found[3].shape == (0, 3)
