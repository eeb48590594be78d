"""The page that a run writes: its figures, its texts, what it fetches, and how it looks in Chromium."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from chromium import chromium
from small_runs import small_params, small_run

from pipelines.battles.built_in import sample_battles
from stacker.evaluate.html_templates import at, written
from stacker.learners.learner_registry import SWITCHED
from stacker.training.params import Params
from stacker.training.reporting.report import report, write_report
from stacker.training.run_folder import RunFolder

FORMS = (",d", "d", ".4f", "+.4f", ".3f", ".2f", ".1%", ".0%", ".1e", ",.1f", ",.0f")


class Page(HTMLParser):
    """What stands on a page: figures by key, elements, addresses, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.figures: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.shown = ""
        self._open: dict[str, str] | None = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.addresses += [found[name] for name in ("href", "src", "action") if name in found]
        self._open = found if tag == "data" else None

    def handle_data(self, data):
        self.shown += data
        if self._open is not None:
            self.figures.append((self._open["data-key"], self._open["value"], data))
            self._open = None


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Callable[[str], Path]) -> tuple[Params, dict, str]:
    """A finished run: its parameters, what results.json holds, and the page."""
    folder = tmp_path_factory.mktemp("reported")
    small = {"models": [str(tiny_checkpoint("bert"))], "C": [0.01], "prompt_tokens": 16, "answer_tokens": 24}
    params = small_params(
        folder,
        data={"sample": {"rows": 160, "test_rows": 3}},
        report={"enabled": True, "listed": 3},
        transformer={"enabled": True, **small},
    )
    small_run(params)
    where = RunFolder(params.run.folder)
    return params, json.loads(where.results.read_text(encoding="utf-8")), where.report.read_text(encoding="utf-8")


def test_what_a_transformer_could_read_is_said(done):
    _, found, html = done
    cut = found["transformers"][0]["fit"]["cut"]["answer"]
    assert 0 < cut["cut_tokens"] < cut["tokens"]
    assert f"{1 - cut['cut_tokens'] / cut['tokens']:.0%} of the answers' tokens" in Page(html).shown


def test_every_figure_is_that_of_results_json(done):
    _, found, html = done
    page = Page(html)
    assert len(page.figures) > 200
    for key, value, text in page.figures:
        stored = found
        for part in key.split("/"):
            stored = stored[int(part)] if isinstance(stored, list) else stored[part]
        assert float(value) == stored
        assert text in {written(stored, form) for form in FORMS if isinstance(stored, int) or form not in (",d", "d")}
    shown = {key for key, _, _ in page.figures}
    for name in ("lightgbm", "xgboost", "linear", "sparse", "stack", "uniform", "class prior", "length only"):
        assert f"scores/{name}/log_loss" in shown and f"scores/{name}/ece" in shown
    for key in ("report/calibration/before/ece", "report/calibration/after/ece", "swap_error/stack", "bayes_log_loss"):
        assert key in shown


def test_the_page_holds_all_its_parts(done):
    _, found, html = done
    page = Page(html)
    anchors = [address for address in page.addresses if address.startswith("#")]
    wanted = "scores calibration confusion parts length learning-curve ablation importances battles settings".split()
    assert anchors == [f"#{name}" for name in wanted]
    assert all(f'id="{name}"' in html for name in wanted)
    for text in ("vaderSentiment", "textstat", "readability (textstat)", "Swap error", "lightgbm", "Longer answer"):
        assert text in page.shown
    assert found["versions"]["lightgbm"] in page.shown
    assert "threads: 1" in page.shown


def test_the_page_needs_nothing_else(done):
    _, _, html = done
    page = Page(html)
    assert not {"script", "iframe", "img", "link", "object", "embed", "form"} & set(page.tags)
    assert not [address for address in page.addresses if not address.startswith("#")]
    assert "default-src 'none'" in html
    assert not re.findall(r"url\(|@import|https?:", html)


def test_what_the_report_says_adds_up(done):
    _, found, _ = done
    of = found["report"]
    counts = np.array(of["confusion"])
    assert counts.sum(axis=1).tolist() == found["class_shares"]
    assert np.trace(counts) / counts.sum() == pytest.approx(found["scores"]["stack"]["accuracy"])
    assert of["calibration"]["after"]["ece"] == found["scores"]["stack"]["ece"]
    assert of["calibration"]["temperature"] == found["stack"]["temperature"]
    for rows in of["slices"].values():
        assert sum(row["battles"] for row in rows) == found["battles"]
        mean = sum(row["battles"] * row["log_loss"] for row in rows) / found["battles"]
        assert mean == pytest.approx(found["scores"]["stack"]["log_loss"])
    for place, name in enumerate(("log_loss_a", "log_loss_b", "log_loss_tie")):
        assert of["slices"]["vote"][place]["log_loss"] == pytest.approx(found["scores"]["stack"][name])
    for name, interval in of["log_loss"].items():
        assert interval["mean"] == pytest.approx(found["scores"][name]["log_loss"])
        assert interval["low"] <= interval["mean"] <= interval["high"]
    names = [block["name"] for block in of["ablation"]["blocks"]]
    assert names == [*("surface", "style", "sentiment", "readability", "overlap", "turns"), "instructions", "integrity"]
    assert [each["name"] for each in of["ablation"]["learners"]] == found["learners"]
    losses = [battle["loss"] for battle in of["worst"]]
    assert losses == sorted(losses, reverse=True) and len(losses) == 3
    assert not {each["id"] for each in of["worst"]} & {each["id"] for each in of["surprising"]}


def test_texts_are_shown_as_text_and_cut(done):
    params, found, _ = done
    battles = sample_battles(160, 0).battles
    hostile = "<script>alert(1)</script>\u202eevil" + "x" * 5000
    row = int(np.flatnonzero(battles["id"] == found["report"]["worst"][0]["id"])[0])
    battles.at[row, "response_a"] = (hostile,)
    battles.at[row, "model_a"] = "<img src=x>"
    html = report(found, battles, params)
    page = Page(html)
    assert not {"script", "img"} & set(page.tags)
    assert "<script>alert(1)</script>⟦U+202E⟧evil" in page.shown
    assert "more characters" in page.shown and "x" * 1000 not in page.shown


def test_a_report_can_be_small_or_absent(done, tmp_path: Path):
    params, found, _ = done
    less = {name: value for name, value in found["report"].items() if name not in ("ablation", "learning_curve")}
    write_report(
        tmp_path / "r.html", {**found, "report": less, "bayes_log_loss": None}, sample_battles(160, 0).battles, params
    )
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "#ablation" not in page.addresses and "#learning-curve" not in page.addresses
    assert "built-in" not in page.shown
    off = small_params(tmp_path, data={"sample": {"rows": 40, "test_rows": 0}}, report={"enabled": False}, learners=ONE)
    where = RunFolder(off.run.folder)
    where.path.mkdir(parents=True)
    where.report.write_text("of an older run", encoding="utf-8")
    results, _ = small_run(off)
    assert "report" not in results and not where.report.exists()


ONE = {name: {"enabled": False} for name in SWITCHED if name != "linear"}


def test_one_learner_and_no_trees_make_a_report(tmp_path: Path):
    params = small_params(
        tmp_path, data={"sample": {"rows": 40, "test_rows": 0}}, learners=ONE, report={"enabled": True}
    )
    results, _ = small_run(params)
    assert results["report"]["ablation"]["learners"] == []
    assert results["report"]["importance"]["features"] == []
    assert RunFolder(params.run.folder).report.exists()


def test_figures_are_written_plainly():
    assert written(-0.0123, "+.4f") == "\u22120.0123"
    assert written(0.5, ".0%") == "50\u00a0%"
    assert written(0.0, ".1e") == "0"
    assert written(None) == "–"
    assert at({"a": [{"b": 3}]}, "a", 0, "b") == 3


@pytest.mark.browser
def test_the_page_fits_screens_and_paper(done, tmp_path: Path):
    path = tmp_path / "report.html"
    path.write_text(done[2], encoding="utf-8")
    with chromium() as browser:
        page = browser.new_context(offline=True, java_script_enabled=True).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url) if "file:" not in request.url else None)
        page.goto(path.as_uri())
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 680, "height": 960})  # A4 between its margins
        assert page.evaluate("document.documentElement.scrollWidth") <= 680
        wide = "[...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > 682).length"
        assert page.evaluate(wide) == 0
        assert page.locator("nav").is_hidden()
        assert page.pdf(format="A4").startswith(b"%PDF")
    assert said == []
