"""How soon, how fast and how badly answers come: counted by hand, and through the queue."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from dashboard.generators.generator import Description, GenerationFault, Generator, StyleParams
from dashboard.sessions import answering
from dashboard.sessions.answer_log import GIVEN_UP, KEPT, MOST_MODELS, AnswerLog
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.sessions.answering import Answer

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_times_of_one_answer_by_hand() -> None:
    seconds = [0.0]
    log = AnswerLog(lambda: seconds[0], lambda: NOW)
    timer = log.begin("openai", "m")
    seconds[0] = 3  # in the queue
    timer.turn()
    for at in (3.5, 4, 4.5, 5, 5.5):
        seconds[0] = at
        timer.piece()
    seconds[0] = 99  # the end was late, the words were not
    timer.end()
    (found,) = log.health()
    assert (found.waited, found.first, found.speed, found.faults) == (3, 0.5, 2, {})
    # one that failed before its first word has no times, and does not change the medians
    timer = log.begin("openai", "m")
    timer.end("refused")
    (found,) = log.health()
    assert (found.answers, found.first, found.speed) == (2, 0.5, 2)
    assert found.faults == {"refused": 1} and found.last.fault == "refused" and found.last.at == NOW


def test_what_is_kept_is_bounded_and_the_last_one_used_comes_first() -> None:
    log = AnswerLog()
    for number in range(MOST_MODELS + 10):
        log.begin("openai", f"m{number}").end()
    for _ in range(KEPT + 10):
        log.begin("openai", f"m{MOST_MODELS}").end("stalled")
    found = log.health()
    assert len(found) == MOST_MODELS and (found[0].model, found[0].answers) == (f"m{MOST_MODELS}", KEPT)
    assert found[0].faults == {"stalled": KEPT} and "m0" not in {each.model for each in found}


class Odd(Generator):
    kind = "odd"

    def describe(self, style: StyleParams) -> Description:
        return Description("odd one", {})

    async def stream(self, question: str, style: StyleParams, before: object = ()) -> AsyncIterator[str]:
        if question == "wait":
            await asyncio.Event().wait()
        yield "one "
        if question == "fail":
            raise GenerationFault("stalled", seconds="1")


@pytest.mark.parametrize(("question", "fault"), [("well", ""), ("fail", "stalled"), ("wait", GIVEN_UP)])
def test_each_answer_is_counted_once_with_its_end(question: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "generator_for", lambda style, key: Odd())
    slots = AnswerSlots(1)

    async def write() -> None:
        answer = Answer("a", "a", StyleParams(name="s"), lambda _: None)
        task = asyncio.ensure_future(answer.write(question, slots, 100))
        queued = Answer("b", "b", StyleParams(name="s"), lambda _: None)
        other = asyncio.ensure_future(queued.write("well", slots, 100))
        if question == "wait":
            while not slots.people_waiting:
                await asyncio.sleep(0)
            assert (slots.writing, slots.people_waiting) == (1, 1)
            task.cancel()
        await asyncio.gather(task, other, return_exceptions=True)

    asyncio.run(write())
    (found,) = slots.log.health()
    assert (found.model, found.answers, slots.writing, slots.people_waiting) == ("odd one", 2, 0, 0)
    assert found.faults == ({fault: 1} if fault else {})
