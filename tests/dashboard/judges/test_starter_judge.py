"""The judge that comes with the install, where a dashboard finds none of its user's own."""

import asyncio
import os
from pathlib import Path

import pytest

from dashboard.params import DashboardParams
from dashboard.server.services import Services
from stacker.judge.judge import Judge


def services(folder: Path, **changes: object) -> Services:
    store = {"url": f"sqlite:///{folder / 'votes.sqlite'}"}
    return Services(DashboardParams.model_validate({"judges": str(folder / "none"), "store": store, **changes}))


def test_the_starter_judges_where_no_judge_is_saved(tmp_path: Path) -> None:
    opened = services(tmp_path)
    try:
        opened.judges.start()
        found = asyncio.run(opened.judges.compare(["Why is the sky blue?"], ["Because."], ["Air scatters blue most."]))
        assert found is not None
        verdict, by = found
        assert verdict.a + verdict.b + verdict.tie == pytest.approx(1.0)
        assert [run.name for run in opened.judges.runs()] == ["starter_judge"]
        card = opened.judges.runs()[0].card()
        assert card is not None
        assert card.startswith("# The starter judge")
        explained = asyncio.run(opened.judges.explain(by, ["Why?"], ["Because."], ["Air scatters blue most."]))
        assert explained.lines()
    finally:
        opened.close()


def test_the_starter_can_be_left_out(tmp_path: Path) -> None:
    opened = services(tmp_path, starter=False)
    try:
        opened.judges.start()
        assert asyncio.run(opened.judges.compare(["a"], ["b"], ["c"])) is None
        assert opened.judges.runs() == []
    finally:
        opened.close()


def test_a_damaged_newest_judge_is_said_to_be_refused_and_the_next_one_judges(tmp_path: Path) -> None:
    judges = tmp_path / "judges"
    Judge.load().save(judges / "good" / "judge")
    Judge.load().save(judges / "damaged" / "judge")
    text = judges / "damaged" / "judge" / "learners" / "0_lightgbm" / "booster_0.txt"
    text.write_bytes(text.read_bytes().replace(b"\n", b"\r\n"))
    os.utime(judges / "good" / "judge" / "judge.json", (1e9, 1e9))
    opened = services(tmp_path, judges=str(judges))
    try:
        opened.judges.start()
        found = asyncio.run(opened.judges.compare(["Why is the sky blue?"], ["Because."], ["Air scatters blue most."]))
        assert found is not None
        assert found[1].run.name == "good"
        assert (opened.judges.state, opened.judges.fault) == ("ready", "")
        assert len(opened.judges.refused) == 1
        assert (
            "damaged/judge: the judge is incomplete or corrupt (learners/0_lightgbm/booster_0.txt"
            in opened.judges.refused[0]
        )
    finally:
        opened.close()


def test_where_no_judge_can_be_loaded_the_first_one_says_why(tmp_path: Path) -> None:
    for name in ("one", "other"):
        folder = tmp_path / "judges" / name / "judge"
        folder.mkdir(parents=True)
        (folder / "judge.json").write_text("[" * 100_000)
    opened = services(tmp_path, judges=str(tmp_path / "judges"), starter=False)
    try:
        opened.judges.start()
        assert asyncio.run(opened.judges.compare(["a"], ["b"], ["c"])) is None
        assert opened.judges.state == "failed"
        assert opened.judges.fault == opened.judges.refused[0]
        assert "nested too deeply" in opened.judges.fault
    finally:
        opened.close()
