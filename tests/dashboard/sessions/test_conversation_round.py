"""Rounds of several turns, answers written anew, and a system prompt of one's own."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rounds_played import Judges, Talker, desk, play, styles, until

from dashboard.generators.generator import GenerationFault, Notice
from dashboard.params import StyleParams, StylesParams
from dashboard.sessions import answering
from dashboard.sessions import round as rounds
from dashboard.sessions.limits import LimitReached
from dashboard.sessions.round import Round
from dashboard.votes.exports import arena_jsonl, parquet


class Remembering(Talker):
    """Answers with what it was told, and breaks where the question says so."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, tuple[tuple[str, str], ...]]] = []
        self.refuses = ""

    def notice(self, question: str) -> Notice | None:
        return Notice("small_english", answered=False) if question == self.refuses else None

    async def stream(self, question: str, style: StyleParams, before: Sequence[tuple[str, str]] = ()) -> Any:
        self.told.append((style.name, style.system_prompt, tuple(before)))
        await asyncio.sleep(0)
        yield f"{style.name}: {question}"
        if question == "break" and style.name == "one":
            raise GenerationFault("dropped")


@pytest.fixture
def talker(monkeypatch: pytest.MonkeyPatch) -> Remembering:
    found = Remembering()
    for module in (answering, rounds):
        monkeypatch.setattr(module, "generator_for", lambda style, key: found)
    return found


async def opened(one: Round) -> Round:
    one.start()
    await until(one, "open")
    return one


def test_a_conversation_goes_on_with_both_sides_and_the_vote_is_on_all_of_it(
    talker: Remembering, tmp_path: Path
) -> None:
    async def steps() -> None:
        work = desk(tmp_path)
        one = await opened(Round("Why?", work, swapped=False))
        first = one.battle_id
        await one.ask_on("And then?")
        assert (one.stage, one.earlier, one.question) == ("answering", ["Why?"], "And then?")
        await one.cast("a")
        assert work.store.votes().empty, "not while the answers are being written"
        await until(one, "open")
        await one.ask_on("And now?")
        await until(one, "open")
        assert one.battle_id != first
        prompt, left, right = work.judges.asked[-1]  # type: ignore[attr-defined]
        assert prompt == ["Why?", "And then?", "And now?"]
        assert left == ["one: Why?", "one: And then?", "one: And now?"]
        assert right == [each.replace("one", "two") for each in left]
        assert {before for name, _, before in talker.told[-2:] if name == "two"} == {
            (("Why?", "two: Why?"), ("And then?", "two: And then?"))
        }
        await one.cast("b")
        await one.ask_on("Too late?")
        assert one.stage == "voted"
        row = work.store.votes().iloc[0]
        assert (row["prompt"], row["response_a"]) == (tuple(prompt), tuple(left))
        assert b'"turn": 3' in arena_jsonl(work.store.votes())
        work.store.close()

    play(steps())


def test_what_is_learnt_from_votes_has_all_turns(talker: Remembering, tmp_path: Path) -> None:
    from dashboard.judges.votes_to_learn import usable_votes
    from pipelines.battles.sources import read_battles

    async def steps() -> None:
        work = desk(tmp_path)
        one = await opened(Round("Why?", work, swapped=False))
        await one.ask_on("And then?")
        await until(one, "open")
        await one.cast("a")
        votes = usable_votes(work.store.votes()).votes
        (tmp_path / "votes.parquet").write_bytes(parquet(votes))
        work.store.close()

    play(steps())
    battle = read_battles(tmp_path / "votes.parquet", labelled=True)[0].iloc[0]
    assert (battle["prompt"], battle["response_b"]) == (("Why?", "And then?"), ("two: Why?", "two: And then?"))


def test_turns_and_characters_have_bounds_and_recorded_answers_no_further_question(
    talker: Remembering, tmp_path: Path
) -> None:
    async def steps() -> None:
        for limits, reason in (({"turns": 2}, "turns"), ({"conversation_characters": 30}, "characters")):
            work = desk(tmp_path / reason, **limits)
            one = await opened(Round("Why?", work))
            assert one.full == ""
            await one.ask_on("And then?")
            await until(one, "open")
            assert one.full == reason
            await one.ask_on("And then?")
            assert one.stage == "open"
            work.store.close()
        work = desk(tmp_path / "recorded", chosen=StylesParams())
        one = await opened(Round("Why?", work))
        assert one.full == "recorded"
        await one.ask_on("And then?")
        one.write_anew()
        assert one.stage == "open"
        work.store.close()

    play(steps())


def test_a_further_question_that_cannot_be_answered_or_is_over_a_limit_leaves_the_vote_open(
    talker: Remembering, tmp_path: Path
) -> None:
    async def steps() -> None:
        work = desk(tmp_path, questions_per_minute=1)
        one = await opened(Round("Why?", work))
        talker.refuses = "為什麼？"
        await one.ask_on("為什麼？")
        assert one.refused is not None
        assert (one.stage, one.refused.code) == ("open", "small_english")
        one.refused = None
        for step in (one.write_anew, lambda: one.ask_on("And then?")):
            with pytest.raises(LimitReached, match="questions"):
                found = step()
                if found is not None:
                    await found
        assert (one.stage, one.earlier, one.question) == ("open", [], "Why?")
        await one.cast("a")
        assert len(work.store.votes()) == 1
        work.store.close()

    play(steps())


def test_a_question_whose_answers_break_can_be_left_out_and_the_turns_before_are_voted_on(
    talker: Remembering, tmp_path: Path
) -> None:
    async def steps() -> None:
        work = desk(tmp_path)
        one = await opened(Round("Why?", work, swapped=False))
        one.leave_out()
        assert one.stage == "open", "there is only one"
        await one.ask_on("break")
        await until(one, "broken")
        one.leave_out()
        await until(one, "open")
        assert ([each.text for each in one.answers], one.earlier) == (["one: Why?", "two: Why?"], [])
        await one.cast("tie")
        row = work.store.votes().iloc[0]
        assert (row["prompt"], row["response_a"], row["fault_a"]) == (("Why?",), ("one: Why?",), "")
        work.store.close()

    play(steps())


def test_both_answers_are_written_anew_with_sides_drawn_again_and_nothing_stored_is_lost(
    talker: Remembering, tmp_path: Path
) -> None:
    async def steps() -> None:
        work = desk(tmp_path, questions_per_minute=1000)
        one = await opened(Round("Why?", work, swapped=False))
        left, battles = set(), {one.battle_id}
        for _ in range(12):
            one.write_anew()
            await until(one, "open")
            left.add(one.answers[0].style.name)
            battles.add(one.battle_id)
            assert one.answers[0].text == f"{one.answers[0].style.name}: Why?"
            assert {each.key for each in one.answers} == {"a", "b"}
        assert left == {"one", "two"}
        assert len(battles) == 13
        with work.store._reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM battles").scalar() == 13
        sides = [each.style.name for each in one.answers]
        await one.ask_on("And then?")
        await until(one, "open")
        for _ in range(6):
            one.write_anew()  # the earlier turn shows who is who: the sides stay
            await until(one, "open")
            assert [each.style.name for each in one.answers] == sides
            assert one.answers[0].turns == [f"{sides[0]}: Why?", f"{sides[0]}: And then?"]
        await one.cast("a")
        one.write_anew()
        assert one.stage == "voted"
        work.store.close()

    play(steps())


def test_reasons_of_answers_that_were_written_anew_are_not_those_of_the_first(
    talker: Remembering, tmp_path: Path
) -> None:
    class Slow(Judges):
        gate = asyncio.Event()
        count = 0

        async def explain(self, by: Any, *texts: Any) -> Any:
            self.count += 1
            if self.count == 1:
                await self.gate.wait()
                return "of the first"
            return "of the second"

    async def steps() -> None:
        judges = Slow()
        judges.gate = asyncio.Event()
        one = Round("Why?", desk(tmp_path, judges))
        one.start()
        while judges.count < 1:
            await asyncio.sleep(0.002)
        one.write_anew()
        await until(one, "open")
        judges.gate.set()
        for _ in range(5):
            await asyncio.sleep(0.002)
        assert one.explanation == "of the second"
        one.desk.store.close()

    play(steps())


def test_a_prompt_of_ones_own_follows_the_styles_and_is_stored_but_never_told_to_recorded_answers(
    talker: Remembering, tmp_path: Path
) -> None:
    async def steps() -> None:
        chosen = styles().changed(lambda style: style.model_copy(update={"system_prompt": f"Be {style.name}."}))
        work = desk(tmp_path, chosen=chosen, own_prompt="Use metric units.")
        one = await opened(Round("Why?", work, swapped=False))
        await one.cast("a")
        assert [prompt for _, prompt, _ in talker.told] == [
            "Be one.\n\nUse metric units.",
            "Be two.\n\nUse metric units.",
        ]
        votes = work.store.votes()
        assert votes["own_prompt"].tolist() == ["Use metric units."]
        assert b'"own_prompt": "Use metric units."' in arena_jsonl(votes)
        work.store.close()
        recorded = Round("Why?", desk(tmp_path, chosen=StylesParams(), own_prompt="Use metric units."))
        assert recorded.own_prompt == ""
        assert "metric" not in recorded.answers[0].style.system_prompt

    play(steps())
