"""A battle that is asked again is not judged again, and whoever waits for another's verdict gets one all the same."""

import asyncio

import numpy as np
import pytest

from pipelines.errors import UserError
from stacker.serve.verdict_memory import VerdictMemory


def battle(text, control=None):
    return (["q"], [text], ["b"], control)


class Judge:
    """Counts what it is asked; answers when told to."""

    def __init__(self):
        self.asked, self.go = [], asyncio.Event()

    async def __call__(self, battles):
        self.asked.append([each[1][0] for each in battles])
        await self.go.wait()
        if any(each[1][0] == "bad" for each in battles):
            raise UserError("bad: cannot be judged.")
        return np.array([[len(each[1][0]), 0 if each[3] is None else 1, 0] for each in battles], dtype=float)


def run(scenario, most=100):
    async def told():
        judge = Judge()
        async with asyncio.timeout(20):
            await scenario(judge, VerdictMemory(judge, most))

    asyncio.run(told())


def test_the_same_battle_is_judged_once_while_it_is_judged_and_after():
    async def scenario(judge, memory):
        asked = [asyncio.ensure_future(memory.compare([battle("x")])) for _ in range(50)]
        await asyncio.sleep(0)
        judge.go.set()
        assert {tuple(found[0]) for found in await asyncio.gather(*asked)} == {(1.0, 0.0, 0.0)}
        found = await memory.compare([battle("yy"), battle("x"), battle("yy"), battle("x", "style")])
        assert found.tolist() == [[2, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1, 0]]
        assert judge.asked == [["x"], ["yy", "x"]]
        assert (await memory.compare([])).shape == (0, 3)

    run(scenario)


def test_turns_are_not_one_text():
    async def scenario(judge, memory):
        judge.go.set()
        for answer in (["a", "b"], ["ab"], ["a\nb"]):
            await memory.compare([(["q"], answer, ["b"], None)])
        assert len(judge.asked) == 3

    run(scenario)


def test_who_waits_for_what_another_did_not_get_asks_for_it():
    async def scenario(judge, memory):
        spoilt = asyncio.ensure_future(memory.compare([battle("x"), battle("bad")]))
        gone = asyncio.ensure_future(memory.compare([battle("z")]))
        await asyncio.sleep(0)
        waits = [asyncio.ensure_future(memory.compare([battle(text)])) for text in "xz"]
        await asyncio.sleep(0)
        gone.cancel()
        judge.go.set()
        with pytest.raises(UserError):
            await spoilt
        assert [(await each).tolist() for each in waits] == [[[1, 0, 0]], [[1, 0, 0]]]
        assert judge.asked == [["x", "bad"], ["z"], ["z"], ["x"]] or judge.asked == [["x", "bad"], ["z"], ["x"], ["z"]]

    run(scenario)


def test_what_was_asked_for_longest_ago_is_forgotten_first():
    async def scenario(judge, memory):
        judge.go.set()
        for text in ("a", "bb", "a", "ccc", "a", "bb"):
            await memory.compare([battle(text)])
        assert judge.asked == [["a"], ["bb"], ["ccc"], ["bb"]]

    run(scenario, most=2)
