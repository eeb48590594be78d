import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.limits import AnswerSlots, LimitReached, SessionLimits
from dashboard.params import LimitParams


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_questions_are_counted_over_the_last_minute_and_hour() -> None:
    clock = Clock()
    limits = SessionLimits(LimitParams(questions_per_minute=2, questions_per_hour=3), clock)
    limits.question("a")
    clock.now = 59
    limits.question("b")
    with pytest.raises(LimitReached) as reached:
        limits.question("c")
    assert (reached.value.code, reached.value.details) == ("questions", {"most": 2, "seconds": 2})
    clock.now = 61
    limits.question("c")
    clock.now = 200
    with pytest.raises(LimitReached) as reached:
        limits.again()
    assert reached.value.details == {"most": 3, "seconds": 3401}
    clock.now = 3600
    limits.question("d")


def test_a_long_question_is_refused_and_not_counted() -> None:
    limits = SessionLimits(LimitParams(question_characters=5, questions_per_minute=1), Clock())
    with pytest.raises(LimitReached) as reached:
        limits.question("x" * 6)
    assert reached.value.details == {"most": 5, "length": 6}
    limits.question("x" * 5)


@given(most=st.integers(1, 5), steps=st.lists(st.floats(0, 40), max_size=40))
def test_never_more_votes_than_allowed_in_any_minute(most: int, steps: list[float]) -> None:
    clock = Clock()
    limits = SessionLimits(LimitParams(votes_per_minute=most), clock)
    taken: list[float] = []
    for step in steps:
        clock.now += step
        try:
            limits.vote()
            taken.append(clock.now)
        except LimitReached:
            assert sum(clock.now - each < 60 for each in taken) == most
    for moment in taken:
        assert sum(moment <= each < moment + 60 for each in taken) <= most


def test_answers_wait_for_a_free_slot() -> None:
    async def steps() -> None:
        slots, at_once, most = AnswerSlots(2), 0, 0

        async def writes() -> None:
            nonlocal at_once, most
            async with slots:
                at_once += 1
                most = max(most, at_once)
                await asyncio.sleep(0)
                at_once -= 1

        await asyncio.gather(*(writes() for _ in range(9)))
        assert (most, at_once) == (2, 0)

    asyncio.run(steps())
