import asyncio
import threading

import pytest

from dashboard.sessions.concurrency import Tasks, in_store_thread, in_thread

MANY = 40
"""More than there are threads of any kind."""


def test_what_nobody_waits_for_any_longer_is_not_begun_and_the_store_has_threads_of_its_own() -> None:
    gate, begun = threading.Event(), []

    def work(number: int) -> None:
        begun.append(number)
        assert gate.wait(60)

    async def walk() -> None:
        loop_thread = threading.get_ident()
        waiting = [asyncio.create_task(in_thread(work, number)) for number in range(MANY)]
        assert await in_store_thread(threading.get_ident) != loop_thread  # though every other thread is taken
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        started = len(begun)
        gate.set()
        await in_thread(lambda: None)
        assert len(begun) == started < MANY

    asyncio.run(walk())


def test_what_breaks_is_logged_and_told_and_what_is_cancelled_is_not(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    async def breaks() -> None:
        raise ValueError("no more")

    async def walk() -> None:
        tasks = Tasks(lambda: told.append("broke"))
        endless = tasks.start(asyncio.Event().wait())
        await asyncio.wait([tasks.start(breaks())])
        assert tasks.running == {endless} and told == ["broke"] and "no more" in caplog.text
        tasks.end()
        await asyncio.wait([endless])
        assert endless.cancelled() and not tasks.running and told == ["broke"]

    asyncio.run(walk())
