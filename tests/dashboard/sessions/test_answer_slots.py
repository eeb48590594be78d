"""Turns to be answered: no more at a time than there may be, in order, and everybody knows her place."""

import asyncio

from dashboard.sessions.answer_slots import AnswerSlots


def test_answers_wait_for_a_free_slot() -> None:
    async def steps() -> None:
        slots, at_once, most = AnswerSlots(2), 0, 0

        async def writes() -> None:
            nonlocal at_once, most
            async with slots.turn(object()):
                at_once += 1
                most = max(most, at_once)
                await asyncio.sleep(0)
                at_once -= 1

        await asyncio.gather(*(writes() for _ in range(9)))
        assert (most, at_once) == (2, 0)

    asyncio.run(steps())


def test_both_answers_of_a_person_share_a_place_that_moves_up_also_when_somebody_leaves() -> None:
    async def steps() -> None:
        slots, told = AnswerSlots(2), {name: [] for name in "abcd"}
        leave = {name: asyncio.Event() for name in "abcd"}

        async def writes(name: str) -> None:
            async with slots.turn(name, tell=told[name].append):
                await leave[name].wait()

        tasks = {name: [asyncio.create_task(writes(name)) for _ in range(2)] for name in "abcd"}
        await asyncio.sleep(0)
        assert told == {"a": [], "b": [1, 1], "c": [2, 2], "d": [3, 3]}
        for task in tasks["b"]:
            task.cancel()
        await asyncio.gather(*tasks["b"], return_exceptions=True)
        assert told["c"][-1] == 1
        assert told["d"][-1] == 2
        for name in "acd":
            leave[name].set()
            await asyncio.gather(*tasks[name])
        assert told["c"][-1] == told["d"][-1] == 0

    asyncio.run(steps())


def test_a_kind_with_a_bound_of_its_own_holds_up_no_other() -> None:
    async def steps() -> None:
        slots, places = AnswerSlots(10), []
        async with slots.turn(1, "small", 1):
            waits = asyncio.create_task(_take(slots, 2, "small", 1, places))
            await asyncio.sleep(0)
            async with asyncio.timeout(1), slots.turn(3, "other"):
                assert places == [1]
        await waits
        assert places == [1, 0]

    asyncio.run(steps())


async def _take(slots: AnswerSlots, person: object, kind: str, most: int, places: list[int]) -> None:
    async with slots.turn(person, kind, most, places.append):
        pass
