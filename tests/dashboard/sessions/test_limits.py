import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.params import LimitParams
from dashboard.sessions.limits import HOUR, MINUTE, Counts, LimitReached, Limits, SessionLimits
from dashboard.texts import LANGUAGES, Language, Texts


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
    assert (reached.value.code, reached.value.details) == ("questions_minute", {"most": 2, "seconds": 2})
    clock.now = 61
    limits.question("c")
    clock.now = 200
    with pytest.raises(LimitReached) as reached:
        limits.again()
    assert (reached.value.code, reached.value.details) == ("questions_hour", {"most": 3, "seconds": 3401})
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


def test_a_new_cookie_brings_no_new_questions_beyond_what_an_address_may_ask() -> None:
    clock = Clock()
    limits = Limits(LimitParams(questions_per_minute=2, people_per_address=3), clock)
    for number in range(6):
        limits.of(f"cookie {number}", "198.51.100.1").question("why?")
    with pytest.raises(LimitReached) as reached:
        limits.of("another cookie", "198.51.100.1").question("why?")
    assert (reached.value.code, reached.value.details["most"]) == ("address_questions_minute", 6)
    limits.of("another cookie", "198.51.100.2").question("why?")
    clock.now = 61
    limits.of("another cookie", "198.51.100.1").question("why?")


def test_one_person_has_her_own_bound_wherever_she_comes_from_and_what_is_refused_counts_nowhere() -> None:
    limits = Limits(LimitParams(votes_per_minute=2, people_per_address=2), Clock())
    person = limits.of("ada", "198.51.100.1")
    person.vote()
    limits.of("ada", "198.51.100.2").vote()
    for address in ("198.51.100.1", "198.51.100.3"):
        for _ in range(9):
            with pytest.raises(LimitReached) as reached:
                limits.of("ada", address).vote()
            assert reached.value.code == "votes"
    for number in range(3):  # of four at this address one was hers
        limits.of(f"other {number}", "198.51.100.1").vote()


def test_an_account_is_counted_by_itself_alone() -> None:
    limits = Limits(LimitParams(votes_per_minute=1, people_per_address=1), Clock())
    for number in range(20):
        limits.of(f"account {number}").vote()


def test_counts_take_no_more_room_the_longer_the_server_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    limits = Limits(LimitParams(), clock)
    monkeypatch.setattr("dashboard.sessions.limits.MOST_REMEMBERED", 50)
    for number in range(500):
        limits.of(f"cookie {number}", f"address {number}").vote()
    assert (len(limits._persons), len(limits._addresses)) == (50, 50)
    clock.now = 7200
    limits.of("cookie", "address").vote()
    assert (len(limits._persons), len(limits._addresses)) == (1, 1)
    for _ in range(1000):  # one that votes for ever
        clock.now += 5
        limits.of("cookie", "address").vote()
    (counts,) = limits._persons.values()
    assert len(counts.votes[0]._times) <= 13


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("prefix", ["", "address_"])
def test_every_limit_has_a_sentence_that_says_over_what_it_is_counted(language: Language, prefix: str) -> None:
    counts = Counts(LimitParams(), 1, prefix, Clock())
    spans = {MINUTE: "minute|分鐘", HOUR: "hour|小時"}
    for count in (*counts.questions, *counts.votes):
        assert re.search(spans[count.seconds], Texts(language)(f"limit.{count.code}", most=6, seconds=9)), count.code
