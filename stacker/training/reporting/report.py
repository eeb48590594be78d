"""The report of a run: one self-contained HTML page, drawn from what results.json holds and from the battles' texts."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.battles.table import text_of
from pipelines.files.atomic_files import write_text
from stacker.evaluate.html_templates import environment, figure, interval
from stacker.evaluate.results import COLUMNS
from stacker.learners.transformer.network.structure import share_read
from stacker.training.params import Params, dump_params
from stacker.training.reporting.report_charts import block_title, drawn, refit_name
from stacker.training.stage_times import REST, WHOLE

PARTS = {
    "scores": "Results against the baselines",
    "calibration": "Calibration",
    "confusion": "Confusion",
    "parts": "Loss by kind of battle",
    "length": "How much of it is length",
    "learning-curve": "Learning curve",
    "cascade": "What asking language models brings",
    "tricks": "Tricks, and what checks of answers cost",
    "ablation": "What each learner and each block is worth",
    "importances": "What the judge goes by",
    "battles": "Battles to look at",
    "settings": "Settings and versions",
}
"""Sections of the page in their order, by anchor."""


def write_report(path: Path, found: dict[str, Any], battles: pd.DataFrame, params: Params) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    found : dict
        What results.json holds; its `report` is what `stacker.training.reporting.analysis.analyses.analyse` gave.
    battles : DataFrame
        The battles trained on, for the texts of those that are listed.
    params : Params
        The resolved parameters; the section report says how many characters of a text are shown.
    """
    html = report(found, battles, params)
    write_text(path, html, errors="replace")


def report(found: dict[str, Any], battles: pd.DataFrame, params: Params) -> str:
    """Return the page that `write_report` writes."""
    of = found["report"]
    present = {
        "learning-curve": "learning_curve" in of,
        "cascade": bool(found.get("cascade")),
        "tricks": "checks" in found,
        "ablation": "ablation" in of,
        "battles": of["worst"] or of["surprising"],
    }
    page = environment(Path(__file__).with_name("templates")).get_template("report.html")
    return page.render(
        found=found,
        of=of,
        parts={anchor: heading for anchor, heading in PARTS.items() if present.get(anchor, True)},
        charts=drawn(found),
        asking=_asking(found),
        columns=COLUMNS,
        battles=_listed(of, battles),
        characters=params.report.characters,
        params=dump_params(params.model_copy(update={"dashboard": {}})),
        figure=partial(figure, found),
        interval=partial(interval, found),
        under=lambda *keys: (partial(figure, found, *keys), partial(interval, found, *keys)),
        block_title=block_title,
        refit_name=refit_name,
        share_read=share_read,
        stages=_stages(found.get("seconds", {})),
    )


def _stages(seconds: dict[str, float]) -> list[str]:
    """Return the stages that took a while, the longest first, then what they leave and the whole run."""
    took = {stage: each for stage, each in seconds.items() if each >= 0.05}
    return sorted(took, key=lambda stage: (stage == WHOLE, stage == REST, -took[stage]))


def _asking(found: dict[str, Any]) -> dict[str, float]:
    """Return how many calls language models take a battle, and what these cost at the prices given."""
    asked = [each for each in found.get("outside", ()) if "questions" in each]
    return {
        "calls": float(sum(2 * len(each["questions"]) for each in asked)),
        "cost": float(sum(each["cost_each"] for each in asked)),
    }


def _listed(of: dict[str, Any], battles: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the texts and models of the battles that the report lists, by id."""
    listed = {each["id"] for each in [*of["worst"], *of["surprising"]]}
    return {
        battle["id"]: {
            "prompt": text_of(battle["prompt"]),
            "answers": [(text_of(battle[f"response_{side}"]), battle[f"model_{side}"]) for side in "ab"],
        }
        for battle in battles[battles["id"].isin(listed)].to_dict("records")
    }
