"""The judge that comes with the install, where a dashboard finds none of its user's own."""

import asyncio
from pathlib import Path

import pytest

from dashboard.params import DashboardParams
from dashboard.services import Services


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
