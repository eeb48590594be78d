"""An evaluation as one page of HTML that opens offline."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.files.atomic_files import atomic_write
from stacker.evaluate.charts import Dot, Row, Series, confusion_table, fitting, interval_rows, plane, shares
from stacker.evaluate.html_templates import at, environment, figure, interval, written
from stacker.evaluate.votes.evaluation import JUDGE, LONGER, PREDICTORS, PRIOR
from stacker.evaluate.votes.evaluation_tables import HEADINGS, SHARES, notes

CHOICES = ("A", "B", "tie")
_WIDEST = 3.0
"""Log loss beyond which an axis is not stretched."""


def write_page(path: Path, found: Mapping[str, Any]) -> None:
    """Write the page of an evaluation, whole or not at all.

    Parameters
    ----------
    path : Path
        The HTML file.
    found : mapping
        Of `stacker.evaluate.votes.evaluation.evaluate`, with `judge`, `files` and perhaps `asking`.
    """
    html = page(found)
    with atomic_write(path) as part:
        part.write_text(html, encoding="utf-8", errors="replace")


def page(found: Mapping[str, Any]) -> str:
    """Return the page that `write_page` writes."""
    names = {JUDGE: found["judge"]["name"], LONGER: LONGER, PRIOR: PRIOR}
    return (
        environment()
        .get_template("evaluation.html")
        .render(
            found=found,
            names=names,
            headings=HEADINGS,
            shares=SHARES,
            charts=_charts(found, names),
            notes=list(notes(found)),
            figure=partial(figure, found),
            at=lambda keys: at(found, *keys),
            point=lambda keys, form: figure(found, *keys, "value", form=form),
            ends=lambda keys, form: interval(found, *keys, form=form),
        )
    )


def _charts(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    counts = np.array(found["confusion"], dtype=np.float64)
    charts: dict[str, Any] = {
        "confusion": confusion_table(counts, CHOICES, CHOICES, "voted", "named by the judge"),
        "parts": _parts(found),
    }
    for name in ("log_loss", "accuracy_without_ties"):
        charts[name] = _rivals(found, names, name)
    by = found["calibration"]
    if by is not None:
        charts["most_probable"] = _curves({"most probable outcome": by["most_probable"]}, "Calibration curve")
        charts["by_outcome"] = _curves({"A or B preferred": by["winner"], "tie": by["tie"]}, "Calibration by outcome")
    if found["decided_by"] is not None:
        charts["decided_by"] = _by_difference(found["decided_by"])
    return charts


def _rivals(found: Mapping[str, Any], names: Mapping[str, str], name: str) -> str:
    """Return the judge and its rivals by one score; "" where none of them has it."""
    rows = [
        Row(names[each], score["value"], score["low"], score["high"], _note(name, score["value"]), each != JUDGE)
        for each in PREDICTORS
        if (score := found["scores"][each][name]) is not None
    ]
    if not rows or found["scores"][JUDGE][name] is None:
        return ""
    ends = [end for row in rows for end in (row.value, row.low, row.high)]
    axis = fitting(ends) if name == "log_loss" else _per_cent([*ends, 0.5])
    return interval_rows(rows, axis, HEADINGS[name], None if name == "log_loss" else 0.5)


def _note(name: str, value: float) -> str:
    return written(value, ".1%" if name in SHARES else ".3f")


def _per_cent(values: Sequence[float | None]) -> Any:
    return fitting(values, label=lambda value: f"{100 * value:.0f} %", inside=(0.0, 1.0))


def _curves(curves: Mapping[str, Sequence[Mapping[str, float]]], label: str) -> str:
    series = [Series("", "grey", [(0.0, 0.0), (1.0, 1.0)])]
    kinds = ("second", "first") if len(curves) > 1 else ("first",)
    for kind, (name, bins) in zip(kinds, curves.items(), strict=True):
        dots = [
            Dot(
                each["predicted"],
                each["seen"],
                each["low"],
                each["high"],
                f"given {each['predicted']:.3f}, came {each['seen']:.3f}, {int(each['battles']):,} battles",
            )
            for each in bins
        ]
        series.append(Series(name, kind, [(dot.x, dot.y) for dot in dots], dots=dots))
    return plane(series, shares(), shares(), label, "probability given", "share that came")


def _by_difference(bins: Sequence[Mapping[str, float]]) -> str:
    rows = [
        Row(
            f"{each['predicted']:.3g}",
            each["seen"],
            each["low"],
            each["high"],
            f"{written(each['seen'], '.1%')} · {int(each['battles']):,}",
        )
        for each in bins
    ]
    axis = _per_cent([0.5, *(end for row in rows for end in (row.low, row.high))])
    return interval_rows(rows, axis, "Votes for the answer ahead, by the mean difference of the scores", 0.5)


def _parts(found: Mapping[str, Any]) -> dict[str, str]:
    """Return a chart for each way of splitting the votes."""
    score, rival = ("accuracy_without_ties", LONGER) if found["no_log_loss"] else ("log_loss", PRIOR)
    ways = dict(found["slices"])
    if len(found["sources"]) > 1:
        ways = {"source": found["sources"], **ways}
    shown = {
        way: rows
        for way, parts in ways.items()
        if (rows := [_part(part, score, rival) for part in parts if part[JUDGE][score] is not None])
    }
    ends = [
        min(end, _WIDEST)
        for rows in shown.values()
        for row in rows
        for end in (row.low, row.high, row.value, *(row.second or ())[:1])
        if end is not None
    ]
    axis = fitting(ends) if score == "log_loss" else _per_cent(ends)
    whole = found["scores"][JUDGE][score]
    return {
        way: interval_rows(rows, axis, f"{HEADINGS[score]} by {way}", None if whole is None else whole["value"])
        for way, rows in shown.items()
    }


def _part(part: Mapping[str, Any], score: str, rival: str) -> Row:
    own, other = part[JUDGE][score], part[rival][score]
    accuracy = f"{written(part[JUDGE]['accuracy']['value'], '.0%')} · " if score == "log_loss" else ""
    note = f"{_note(score, own['value'])} · {accuracy}{part['votes']:,}"
    second = None if other is None else (other["value"],) * 3
    return Row(part["label"], own["value"], own["low"], own["high"], note, second=second)
