"""A file is voted through without any widget: each vote is stored once, counted, and withdrawn in time."""

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard.params import LimitParams
from dashboard.sessions.battle_files import BattleFile
from dashboard.sessions.file_session import FileSession
from dashboard.sessions.limits import LimitReached, SessionLimits
from dashboard.votes.store import VoteStore
from pipelines.battles.built_in import sample_battles

UNJUDGED: Any = SimpleNamespace(current=None)


def opened(store: VoteStore, **limits: int) -> FileSession:
    file = BattleFile("battles.csv", "battles.csv:1", sample_battles(3, 0).unlabelled(), 0)
    return FileSession(file, store, UNJUDGED, SessionLimits(LimitParams(**limits)), "s", chance=FirstOfAll())


class FirstOfAll(random.Random):
    """Never draws at random: the first of the order comes."""

    def random(self) -> float:
        return 1.0


async def begun(store: VoteStore, **limits: int) -> FileSession:
    one = opened(store, **limits)
    await one.open()
    await one.judge_ahead()
    return one


@pytest.fixture
def store(tmp_path: Path) -> Any:
    found = VoteStore.open(f"sqlite:///{tmp_path / 'votes.sqlite'}")
    yield found
    found.close()


def test_a_file_is_voted_through_and_left_off_where_one_was(store: VoteStore) -> None:
    async def steps() -> None:
        one = await begun(store)
        stages: list[str] = []
        one.on_stage = lambda: stages.append(one.stage)
        assert not await one.cast("a")  # nothing is shown yet
        first = await one.next("file")
        assert first is not None and await one.cast("a")
        assert (one.stage, one.done.done, (await one.outcome())["choice"]) == ("voted", 1, "a")
        assert stages == ["judging", "open", "voting", "voted"]
        assert not await one.cast("b") and not one.skip()
        assert await one.undo() and (one.stage, one.vote, one.done.done) == ("open", None, 0)
        assert not await one.undo()
        assert await one.cast("both_bad")
        second = await one.next("file")
        assert second is not None and one.skip()
        third = await one.next("file")
        assert third is not None and len({first.id, second.id, third.id}) == 3
        assert await one.cast("tie")
        again = await begun(store)
        assert again.done.tally == {"a": 0, "tie": 1, "b": 0, "both_bad": 1}
        left = await again.next("file")
        assert left is not None and left.id == second.id

    asyncio.run(asyncio.wait_for(steps(), 60))


def test_a_vote_from_another_tab_counts_and_a_store_that_fails_leaves_the_battle_open(store: VoteStore) -> None:
    async def steps() -> None:
        here, there = await begun(store), await begun(store)
        await here.next("file")
        await there.next("file")
        await there.cast("b")
        assert await here.cast("a") and here.fault is not None
        assert (here.stage, here.vote, here.fault.code, here.done.tally["b"]) == ("voted", None, "already_voted", 1)
        await here.next("file")
        assert here.fault is None
        with store._writing() as connection:
            connection.exec_driver_sql("ALTER TABLE votes RENAME TO hidden")
        assert await here.cast("a") and here.fault is not None
        assert (here.stage, here.fault.code, here.done.done) == ("open", "unavailable", 1)

    asyncio.run(asyncio.wait_for(steps(), 60))


def test_who_votes_too_fast_is_told_and_the_battle_stays_open(store: VoteStore) -> None:
    async def steps() -> None:
        one = await begun(store, votes_per_minute=1)
        await one.next("file")
        await one.cast("a")
        await one.next("file")
        with pytest.raises(LimitReached):
            await one.cast("a")
        assert (one.stage, one.done.done) == ("open", 1)

    asyncio.run(asyncio.wait_for(steps(), 60))


def test_the_chance_with_which_a_battle_was_shown_is_stored_and_that_of_the_last_time_holds(store: VoteStore) -> None:
    async def steps() -> None:
        one = await begun(store)
        first = await one.next("file")
        again = await begun(store)  # the page was left without a vote
        assert first is not None and (await again.next("file")).id == first.id  # type: ignore[union-attr]
        await again.cast("a")
        await again.next("file")
        await again.cast("b")
        await again.next("file")
        await again.cast("b")
        assert await again.next("file") is None

    asyncio.run(asyncio.wait_for(steps(), 60))
    votes = store.votes()
    assert votes["shown_step"].tolist() == [0, 1, 2] and votes["shown_of"].tolist() == [3, 2, 1]
    assert votes["shown_chance"].tolist() == pytest.approx([0.75 + 0.25 / 3, 0.875, 1.0])


def test_a_share_of_the_battles_is_drawn_at_random_whatever_the_order(store: VoteStore) -> None:
    class Last(random.Random):
        def random(self) -> float:
            return 0.0

        def choice(self, seq: Any) -> Any:
            return seq[-1]

    async def steps() -> None:
        file = BattleFile("battles.csv", "battles.csv:1", sample_battles(3, 0).unlabelled(), 0)
        one = FileSession(file, store, UNJUDGED, SessionLimits(LimitParams()), "s", chance=Last())
        await one.open()
        await one.judge_ahead()
        shown = await one.next("file")
        assert shown is not None and shown.origin_id == file.battles["id"].iloc[2]
        assert shown.drawn is not None and shown.drawn.chance == pytest.approx(0.25 / 3)

    asyncio.run(asyncio.wait_for(steps(), 60))
