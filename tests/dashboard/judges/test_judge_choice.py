"""Which judge is used from the start, and what every page says of it."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dashboards import PATIENCE, Person, RunningDashboard
from page_contexts import opened
from playwright.sync_api import Browser, expect
from small_run import make_run

from dashboard.judges.judge_service import JudgeService, judge_line
from dashboard.judges.saved_runs import CHOSEN, first_choices, named_judge, saved_runs
from dashboard.pages.model.model import ModelPage
from dashboard.pages.page import Context
from dashboard.params import DashboardParams
from dashboard.sessions.limits import SessionLimits
from dashboard.texts import LANGUAGES, Language, Texts
from pipelines.battles.built_in import SOURCE
from pipelines.errors import UserError
from stacker.judge.provenance import KEY, trained_on
from stacker.learners.judges.starter_prior import starter_folder

Make = Callable[..., Path]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to copy."""
    return make_run(tmp_path_factory.mktemp("model") / "run")


@pytest.fixture
def make(model: Path, tmp_path: Path) -> Make:
    """Put a run into `tmp_path / "runs"`: what its judge was trained on, and the hour at which it was saved."""

    def made(name: str, hour: float, **about: Any) -> Path:
        folder = tmp_path / "runs" / name
        shutil.copytree(model, folder)
        file = folder / "judge" / "judge.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        content["about"] = {"battles": 200} | about
        file.write_text(json.dumps(content), encoding="utf-8")
        moment = (NOON + timedelta(hours=hour)).timestamp()
        os.utime(file, (moment, moment))
        return folder

    return made


MADE_UP = {"sources": {SOURCE: 200}, KEY: trained_on(True, "2026-03-01")}
VOTES = {"sources": {"kaggle": 150, "arena": 50}, KEY: trained_on(False, "2026-03-01")}


def first(folder: Path, starter: Path | None = None) -> str | None:
    found = first_choices(folder, starter)
    return found[0].name if found else None


def test_a_judge_of_made_up_battles_is_never_chosen_by_itself(make: Make, tmp_path: Path) -> None:
    make("latest", 5, **MADE_UP)
    assert first(tmp_path / "runs", starter_folder()) == "starter_judge"
    assert first(tmp_path / "runs") is None
    make("old-folder", 6, sources={SOURCE: 200})  # of before it was written down; results.json knows the best loss
    assert first(tmp_path / "runs", starter_folder()) == "starter_judge"
    make("mine", 1, **VOTES)
    assert first(tmp_path / "runs", starter_folder()) == "mine"
    make("newer", 2, **VOTES)
    assert first(tmp_path / "runs") == "newer"


def test_one_that_is_only_offered_waits_for_a_decision(make: Make, tmp_path: Path) -> None:
    make("mine", 1, **VOTES)
    offered = make("offered", 2, **VOTES)
    (offered / "learned.json").write_text('{"decision": null}', encoding="utf-8")
    assert first(tmp_path / "runs") == "mine"


def test_what_a_person_chose_holds_after_the_next_start_until_a_newer_one_is_trained(
    make: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    make("latest", 1, **MADE_UP)
    make("mine", 2, **VOTES)

    def choose(name: str) -> None:
        service = JudgeService(folder, starter_folder())
        try:
            run = next(run for run in service.runs() if run.name == name)
            assert asyncio.run(service.use(run)).provenance.kind == run.provenance().kind
        finally:
            service.close()

    choose("starter_judge")
    assert first(folder, starter_folder()) == "starter_judge"
    choose("latest")
    assert first(folder, starter_folder()) == "latest"
    tomorrow = (datetime.now(UTC) - NOON + timedelta(days=1)) / timedelta(hours=1)
    make("newer", tomorrow, **VOTES)
    assert first(folder, starter_folder()) == "newer"
    shutil.rmtree(folder / "newer")
    shutil.rmtree(folder / "latest")  # the one chosen is gone
    assert first(folder, starter_folder()) == "mine"
    for damaged in ("{", "[]", '{"judge": 3, "at": "x"}', '{"judge": "/x", "at": 5}'):
        (folder / CHOSEN).write_text(damaged, encoding="utf-8")
        assert first(folder, starter_folder()) == "mine"


@pytest.mark.parametrize("name", ["latest", "latest/judge", "PATH", "PATH/judge"])
def test_params_may_name_any_judge(make: Make, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "runs"
    latest = make("latest", 1, **MADE_UP)
    make("mine", 2, **VOTES)
    service = JudgeService(folder, None, name.replace("PATH", str(latest)))
    try:
        service.start()
        assert asyncio.run(service.ready())
        assert service.current is not None
        assert (service.current.run.name, service.current.provenance.kind) == ("latest", "built-in")
    finally:
        service.close()


def test_the_starter_may_be_named_and_what_is_not_there_is_a_mistake(make: Make, tmp_path: Path) -> None:
    make("mine", 2, **VOTES)
    assert named_judge("starter", tmp_path / "runs", starter_folder()).name == "starter_judge"
    for name, starter in (("none", starter_folder()), ("starter", None), (str(tmp_path), None)):
        with pytest.raises(UserError, match=r"dashboard\.judge .*there is no judge"):
            named_judge(name, tmp_path / "runs", starter)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_line_names_sources_number_and_day_and_warns_of_made_up_battles(
    make: Make, tmp_path: Path, language: Language
) -> None:
    folder, say = tmp_path / "runs", Texts(language)
    make("latest", 1, **MADE_UP)
    make("mine", 2, **VOTES)
    (make("found", 3) / "results.json").unlink()
    service = JudgeService(folder, starter_folder())
    heard: list[str] = []
    try:
        assert judge_line(service, say) == (say("judge.none"), True)
        service.follow(lambda: heard.append(judge_line(service, say)[0]))
        lines = {}
        for run in service.runs():
            asyncio.run(service.use(run))
            lines[run.name] = judge_line(service, say)
        assert heard == [line for line, _ in lines.values()]
        for part in ("mine", "200", "kaggle", "arena", "2026-03-01"):
            assert part in lines["mine"][0], part
        assert say("judge.beware") in lines["latest"][0] and "200" in lines["latest"][0]
        assert "17,363" in lines["starter_judge"][0] and say("judge.starter") in lines["starter_judge"][0]
        assert say("judge.unknown", count=200) in lines["found"][0]
        assert say("judge.saved_on_day", date="2026-03-01") in lines["found"][0]
        assert {name for name, (_, warns) in lines.items() if warns} == {"latest"}
        (saved_runs(folder)[0].judge / "judge.json").write_text("{", encoding="utf-8")
        broken = JudgeService(folder, named="found")
        broken.start()
        asyncio.run(broken.ready())
        line, warns = judge_line(broken, say)
        assert warns and "judge.json" in line
        broken.close()
    finally:
        service.close()


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_list_of_judges_tells_which_are_of_made_up_battles(make: Make, tmp_path: Path, language: Language) -> None:
    make("latest", 1, **MADE_UP)
    make("mine", 2, **VOTES)
    say, service = Texts(language), JudgeService(tmp_path / "runs", starter_folder())
    params = DashboardParams()
    page = ModelPage(Context(params, None, service, say, "s", SessionLimits(params.limits), None))  # type: ignore[arg-type]

    async def walk() -> None:
        await service.use(saved_runs(tmp_path / "runs")[0])
        await opened(page)

    try:
        asyncio.run(walk())
        marked = {run.name: label for label, run in page.choice.options.items()}
        assert marked["latest"] == say("model.marked", name="latest", marks=say("model.made_up"))
        assert marked["mine"] == say("model.marked", name="mine", marks=say("model.in_use"))
        assert marked["starter_judge"] == say("model.starter")
        assert say(
            "judge.votes", count=200, sources=say("judge.sources", names=f"kaggle{say('judge.between')}arena")
        ) in (page.panes["facts"].object)
    finally:
        service.close()


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-TW", "zh-Hant")])
def test_every_page_says_which_judge_is_in_use_and_follows_a_change(
    browser: Browser, make: Make, tmp_path: Path, locale: str, language: Language
) -> None:
    make("latest", 1, **MADE_UP)
    say = Texts(language)
    with RunningDashboard({"judges": str(tmp_path / "runs"), "starter": True}, tmp_path) as running:
        with Person(browser, running.url, locale) as person:
            line = person.page.locator("p.judge")
            expect(line).to_contain_text(say("judge.starter"), timeout=PATIENCE)
            made_up = saved_runs(tmp_path / "runs")[0]
            asyncio.run_coroutine_threadsafe(running.services.judges.use(made_up), running._loop).result(60)
            for page in ("ask", "file", "history", "model"):
                person.page.goto(f"{running.url}#{page}")
                expect(line).to_contain_text(say("judge.beware"), timeout=PATIENCE)
                expect(line).to_have_class("judge warns")
            assert person.faults == []


def test_what_cannot_be_read_is_passed_over_and_any_fault_is_said(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make("mine", 1, sources={"kaggle": 200}, **{KEY: trained_on(False, "2026-03-01")}).parent
    (folder / CHOSEN).write_text("[" * 100_000, encoding="utf-8")
    assert [run.name for run in first_choices(folder, None)] == ["mine"]

    def breaks(*_: Any) -> Any:
        raise RuntimeError("of any library")

    monkeypatch.setattr("dashboard.judges.judge_service.first_choices", breaks)
    service = JudgeService(folder)
    try:
        service.start()
        service.do(lambda: None).result(60)
        assert service.current is None
        assert service.state == "failed" and "RuntimeError" in service.fault
    finally:
        service.close()


def test_a_judge_of_unknown_origin_comes_after_the_starter(make: Make) -> None:
    folder = make("unknown", 9).parent
    (folder / "unknown" / "results.json").unlink()
    assert [run.name for run in first_choices(folder, starter_folder())] == ["starter_judge", "unknown"]
