"""What a study ends in, as people open it: its page in a browser with no network, its journal in Optuna's own tools."""

import io
import json
import re
from contextlib import closing

import optuna
import pytest
from chromium import chromium
from rich.console import Console
from study_double import Cheap, study_log

from pipelines.terminal.command_line import Screen
from stacker.study.outcome import write_page
from stacker.study.study_log import work
from stacker.study.whole_study import run_study
from stacker.training.params import parse_params


@pytest.fixture
def opened(tmp_path):
    with closing(study_log(tmp_path, objectives=("log_loss", "ece"), trials=12)) as study:
        work(study, Cheap(0.0), lambda: False)
        yield study


def test_the_page_needs_no_network(opened, tmp_path):
    write_page(tmp_path / "page.html", opened.study, ("log_loss", "ece"), ["<b>&"], [("T", [["a"], ["<i>"]])])
    page = (tmp_path / "page.html").read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=", page)
    for part in ("&lt;b&gt;&amp;", "&lt;i&gt;", "Pareto front", "History of ece", "Slices", "Parallel coordinates"):
        assert part in page
    assert page.count("Plotly.newPlot") >= 9
    assert len(page) > 3_000_000  # plotly.js is inside


@pytest.mark.browser
def test_the_page_draws_every_chart_with_the_network_off(opened, tmp_path):
    path = tmp_path / "page.html"
    write_page(path, opened.study, ("log_loss", "ece"), ["About."], [("T", [["a"], ["b"]])])
    with chromium() as browser:
        page = browser.new_context(offline=True, viewport={"width": 1100, "height": 800}).new_page()
        said: list[str] = []
        page.on("pageerror", lambda fault: said.append(str(fault)))
        page.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(path.as_uri())
        charts = page.locator(".js-plotly-plot")
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
        assert charts.count() >= 9
        for place in range(charts.count()):
            assert charts.nth(place).locator(".main-svg").count() > 0
            assert charts.nth(place).bounding_box()["height"] > 200
        page.set_viewport_size({"width": 380, "height": 800})
        page.wait_for_function("document.documentElement.scrollWidth <= 380")
    assert said == []


def test_optunas_own_tools_read_the_journal(opened, tmp_path):
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    read = optuna.load_study(study_name="study", storage=optuna.storages.JournalStorage(backend))
    assert len(read.trials) == 12
    assert [trial.values for trial in read.best_trials] == [trial.values for trial in opened.study.best_trials]


def test_optuna_dashboard_opens_the_journal(opened, tmp_path):
    wsgi = pytest.importorskip("optuna_dashboard", reason="the extra study is not installed").wsgi
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    application = wsgi(optuna.storages.JournalStorage(backend))

    def get(path):
        status = []
        request = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "here",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
        }
        body = b"".join(application(request, lambda line, *_: status.append(line)))
        assert status == ["200 OK"]
        return body

    summary = json.loads(get("/api/studies"))["study_summaries"][0]
    assert summary["study_name"] == "study"
    trials = json.loads(get(f"/api/studies/{summary['study_id']}"))["trials"]
    assert [trial["state"] for trial in trials] == ["Complete"] * 12
    assert b"Optuna Dashboard" in get("/dashboard")


@pytest.mark.slow
def test_a_grid_over_class_balance_says_what_each_choice_does(tmp_path):
    linear = {"components": 0, "C": [0.01]}
    off = {"enabled": False}
    params = parse_params(
        {
            "data": {"sample": {"rows": 120, "test_rows": 10}},
            "features": {"embedding": False, "sentiment": False, "readability": False, "overlap": False},
            "transformer": off,
            "learners": {"lightgbm": off, "xgboost": off, "sparse": off, "linear": linear},
            "folds": {"count": 3},
            "run": {"cache": str(tmp_path / "cache"), "threads": 1},
            "study": {
                "folder": str(tmp_path / "study"),
                "sampler": "grid",
                "target": "linear",
                "outer_folds": 0,
                "objectives": ["log_loss", "tie_recall"],
                "space": {"balance.method": ["none", "weights"], "balance.prior_correction": [True, False]},
            },
        }
    )
    shown = io.StringIO()
    run_study(params, Screen(Console(file=shown, soft_wrap=True, highlight=False)), [], False)
    table = shown.getvalue().split("What each point of the grid does:\n")[1].splitlines()[:5]
    heading = "trial log_loss accuracy balanced_accuracy tie_recall ece balance.method balance.prior_correction"
    assert table[0].split() == heading.split()
    found = {tuple(row.split()[-2:]): dict(zip(heading.split(), row.split(), strict=True)) for row in table[1:]}
    assert found["none", "True"]["log_loss"] == found["none", "False"]["log_loss"]
    raw, corrected = (found["weights", each] for each in ("False", "True"))
    assert raw["tie_recall"] != corrected["tie_recall"]
    assert raw["ece"] != corrected["ece"]
    page = (tmp_path / "study" / "study.html").read_text()
    assert "What each point of the grid does" in page
