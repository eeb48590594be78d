import asyncio
from pathlib import Path
from typing import Any

import pytest
from rounds_played import VERDICT, Judges, Talker, desk, play, styles, until

from dashboard.generators.generator import Notice
from dashboard.params import StylesParams
from dashboard.sessions import answering
from dashboard.sessions import round as rounds
from dashboard.sessions.limits import LimitReached
from dashboard.sessions.round import Round
from dashboard.votes.store import StoreFault
from pipelines.errors import UserError


@pytest.fixture
def talker(monkeypatch: pytest.MonkeyPatch) -> Talker:
    found = Talker()
    for module in (answering, rounds):
        monkeypatch.setattr(module, "generator_for", lambda style, key: found)
    return found


def test_verdict_is_stored_before_the_vote_opens(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        work = desk(tmp_path)
        one = Round("Why is it so?", work, swapped=True)
        stages: list[str] = []
        one.on_stage = lambda: stages.append(one.stage)
        one.start()
        await until(one, "open")
        assert [stage for place, stage in enumerate(stages) if stage not in stages[:place]] == [
            *("answering", "judging", "open"),
        ]
        with work.store._reading() as connection:
            row = connection.exec_driver_sql("SELECT * FROM battles").mappings().one()
        assert (row["p_a"], row["p_b"], row["p_tie"], row["judge"]) == (0.5, 0.3, 0.2, "judge@1")
        assert (row["style_a"], row["style_b"], row["lang"], row["source"]) == ("two", "one", "en", "ask")
        assert work.judges.asked == [  # type: ignore[attr-defined]
            (["Why is it so?"], ["An answer to Why is it so?"], ["An answer to Why is it so?"])
        ]
        assert one.explanation == "because"
        await one.cast("b")
        assert (one.stage, one.vote and one.vote.choice) == ("voted", "b")
        await one.cast("a")  # locked
        assert list(work.store.votes()["choice"]) == ["b"]
        await one.undo()
        assert (one.stage, one.vote) == ("open", None)
        await one.cast("tie")
        assert list(work.store.votes()["choice"]) == ["tie"]
        one.close()
        work.store.close()

    play(steps())


def test_reasons_are_stored_with_the_vote_and_the_last_that_comes_counts(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        work = desk(tmp_path)
        one = Round("Why is it so?", work)
        one.start()
        await until(one, "open")
        await one.give_reasons(["correct"], "too early")  # there is no vote yet
        await one.cast("b")
        told: list[Any] = []
        one.on_reasons = lambda: told.append(one.reasons_kept)
        given = [(["correct"], ""), (["correct", "odd"], "I"), (["short", "correct"], " I  know ")]
        await asyncio.gather(*(one.give_reasons(*each) for each in given))
        row = work.store.votes().iloc[0]
        assert (row["reasons"], row["remark"], told[-1]) == ("correct short", "I know", True)
        assert (one.reasons, one.remark) == (("correct", "short"), "I know")
        await one.undo()
        await one.cast("tie")
        assert (one.reasons, one.remark) == ((), "")
        assert work.store.votes()["reasons"].tolist() == [""]
        one.close()
        work.store.close()
        await one.give_reasons([], "closed")  # SQLite opens again by itself
        assert one.reasons_kept

    play(steps())


def test_of_several_styles_two_are_drawn_with_a_chance_that_is_stored(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        common = {"generator": "openai", "base_url": "http://x/v1", "model": "fine"}
        chosen = StylesParams.model_validate([common | {"name": name} for name in ("one", "two", "three", "four")])
        work = desk(tmp_path, chosen=chosen)
        for choice in ("a", "b", "a", "tie", "both_bad", "b"):
            one = Round("Why is it so?", work)
            one.start()
            await until(one, "open")
            await one.cast(choice)
            one.close()
        votes = work.store.votes()
        assert set(votes["pair_of"]) == {6.0}
        assert votes["pair_chance"].between(0.2 / 6, 1, inclusive="left").all()
        assert votes["pair_chance"].iloc[0] == pytest.approx(1 / 6)
        assert votes["pair_chance"].nunique() > 1
        assert (votes["style_a"] != votes["style_b"]).all()
        work.store.close()

    play(steps())


def test_a_store_that_cannot_be_read_draws_all_pairs_alike(
    talker: Talker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        def away(*given: Any) -> None:
            raise StoreFault("unavailable", "It is away.", reason="away")

        monkeypatch.setattr(rounds, "votes_between", away)
        common = {"generator": "openai", "base_url": "http://x/v1", "model": "fine"}
        work = desk(tmp_path, chosen=StylesParams.model_validate([common | {"name": name} for name in "xyz"]))
        one = Round("Why is it so?", work)
        one.start()
        await until(one, "open")
        assert one.paired is not None and one.paired.chance == pytest.approx(1 / 3)
        one.close()
        work.store.close()

    play(steps())


def test_the_verdict_with_style_held_equal_is_there_where_the_judge_has_one(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        for even in (None, VERDICT):
            work = desk(tmp_path / str(even is None))
            work.judges.even = even  # type: ignore[attr-defined]
            one = Round("Why is it so?", work)
            one.start()
            await until(one, "open")
            assert one.even_style is even
            one.close()
            work.store.close()

    play(steps())


def test_no_vote_before_both_answers_or_on_a_missing_one(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        work = desk(tmp_path, chosen=styles("breaks"))
        one = Round("Why?", work, swapped=False)
        one.start()
        await one.cast("a")
        assert one.stage == "answering"
        await until(one, "broken")
        await one.cast("a")
        assert work.store.votes().empty
        assert one.answers[1].text == "An answer to Why?"
        assert one.answers[0].fault is not None
        assert (one.answers[0].fault.code, one.answers[0].text) == ("dropped", "An answer to Why?")
        one.answers[0].style = styles().a
        one.retry("b")  # the good one stays as it is
        assert one.stage == "broken"
        one.retry("a")
        await until(one, "open")
        assert one.answers[0].fault is None
        work.store.close()

    play(steps())


def test_a_cut_off_answer_is_judged_and_a_second_try_is_judged_anew(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        work = desk(tmp_path, chosen=styles("cut"))
        one = Round("Why?", work, swapped=False)
        one.start()
        await until(one, "open")
        first = one.battle_id
        one.retry("a")
        assert one.stage == "answering"
        await until(one, "open")
        assert one.battle_id != first
        await one.cast("a")
        votes = work.store.votes()
        assert list(votes["battle_id"]) == [one.battle_id]
        assert list(votes["fault_a"]) == ["cut_off"]
        one.retry("a")  # too late
        assert one.stage == "voted"
        work.store.close()

    play(steps())


@pytest.mark.parametrize("said", [UserError("cannot."), RuntimeError("broken"), None])
def test_a_judge_that_fails_does_not_take_the_vote(talker: Talker, tmp_path: Path, said: Any) -> None:
    async def steps() -> None:
        work = desk(tmp_path, Judges(said))
        one = Round("Why?", work)
        one.start()
        await until(one, "open")
        await one.cast("a")
        row = work.store.votes().iloc[0]
        assert (row["judge"], row["choice"]) == ("", "a")
        assert row[["p_a", "p_b", "p_tie"]].isna().all()
        assert one.judge_fault == ("" if said is None else "cannot." if isinstance(said, UserError) else "RuntimeError")
        work.store.close()

    play(steps())


def test_a_recorded_question_is_kept_beside_what_was_typed(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        talker.notice_told = Notice("recorded", question="What is it?", lang="en")
        work = desk(tmp_path)
        one = Round("Hm, what?", work)
        one.start()
        await until(one, "open")
        await one.cast("a")
        row = work.store.votes().iloc[0]
        assert (row["prompt"], row["asked"], row["lang"]) == (("What is it?",), "Hm, what?", "en")
        work.store.close()

    play(steps())


def test_limits_leave_everything_as_it_was(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        work = desk(tmp_path, chosen=styles("cut"), votes_per_minute=1, questions_per_minute=1)
        one = Round("Why?", work, swapped=False)
        one.start()
        await until(one, "open")
        one.desk.limits.again()
        with pytest.raises(LimitReached, match="questions"):
            one.retry("a")
        assert one.stage == "open"
        await one.cast("a")
        await one.undo()
        with pytest.raises(LimitReached, match="votes"):
            await one.cast("a")
        assert one.stage == "open"
        work.store.close()

    play(steps())


def test_leaving_ends_what_is_being_written(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        work = desk(tmp_path)
        one = Round("Why?", work)
        one.start()
        one.close()
        await asyncio.sleep(0.02)
        assert not one._tasks.running
        assert one.stage == "answering"
        work.store.close()

    play(steps())


def test_a_question_that_nobody_can_answer_is_neither_answered_nor_stored(talker: Talker, tmp_path: Path) -> None:
    async def steps() -> None:
        talker.notice_told = Notice("recorded_far", answered=False)
        with_desk = desk(tmp_path)
        one = Round("What is the boiling point of ethanol?", with_desk)
        one.start()
        await until(one, "unanswered")
        await asyncio.sleep(0)
        assert [answer.text for answer in one.answers] == ["", ""]
        assert one.battle_id == ""
        one.retry("a")
        await asyncio.sleep(0)
        assert one.stage == "unanswered"

    play(steps())
