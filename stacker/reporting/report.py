"""The report of a run: one self-contained HTML page, drawn from what results.json holds and from the battles' texts."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.files.atomic_files import atomic_write
from stacker.reporting.battle_sections import listed_battles, settings
from stacker.reporting.breakdown_sections import ablation, importances, learning_curve, length, slices
from stacker.reporting.report_page import page
from stacker.reporting.score_sections import calibration, confusion, headline, scores
from stacker.training.params import Params, dump_params

TITLE = "Preference Stacker: report of a run"


def write_report(path: Path, found: dict[str, Any], battles: pd.DataFrame, params: Params) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    path : Path
        The HTML file.
    found : dict
        What results.json holds; its `report` is what `stacker.reporting.analysis.analyses.analyse` gave.
    battles : DataFrame
        The battles learnt from, for the texts of those that are listed.
    params : Params
        The resolved parameters; the section report says how many characters of a text are shown.
    """
    html = report(found, battles, params)
    with atomic_write(path) as part:
        part.write_text(html, encoding="utf-8", errors="replace")


def report(found: dict[str, Any], battles: pd.DataFrame, params: Params) -> str:
    """Return the page that `write_report` writes."""
    parts = [
        scores(found),
        calibration(found),
        confusion(found),
        slices(found),
        length(found),
        learning_curve(found),
        ablation(found),
        importances(found),
        listed_battles(found, battles, params.report.characters),
        settings(found, dump_params(params.model_copy(update={"dashboard": {}}))),
    ]
    return page(TITLE, headline(found), parts)
