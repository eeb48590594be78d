"""The charts of the report, each drawn from what results.json holds."""

import math
from typing import Any

import numpy as np

from stacker.evaluate.charts import Axis, Dot, Row, Series, bars, confusion_table, fitting, interval_rows, plane, shares
from stacker.evaluate.html_templates import written
from stacker.evaluate.results import STACK

CHOICES = ("A", "B", "tie")


def drawn(found: dict[str, Any]) -> dict[str, Any]:
    """Return the charts as HTML by name; `slices` is a dict of them by way of splitting."""
    of = found["report"]
    calibration = of["calibration"]
    both = {"before the temperature": calibration["before"]["curve"], "after": calibration["after"]["curve"]}
    counts = np.array(of["confusion"], dtype=np.float64)
    charts = {
        "scores": _scores(found),
        "most_probable": _curves(both, "Calibration curves"),
        "by_outcome": _curves(
            {"A or B preferred": calibration["winner"], "tie": calibration["tie"]}, "Calibration by outcome"
        ),
        "confusion": confusion_table(counts, CHOICES, CHOICES, "voted", "most probable under the stack"),
        "slices": _slices(of["slices"], found["scores"][STACK]["log_loss"]),
        "groups": _sizes(of["importance"]["groups"], "Groups of features"),
        "features": _sizes(of["importance"]["features"], "Features"),
    }
    if "learning_curve" in of:
        charts["learning_curve"] = _learning_curve(**of["learning_curve"])
    if found.get("cascade"):
        charts["cascade"] = _cascade(found["cascade"])
    if "ablation" in of:
        charts["without_learners"] = _differences(of["ablation"]["learners"], "learner")
        charts["without_blocks"] = _differences(of["ablation"]["blocks"], "block")
    return charts


def _scores(found: dict[str, Any]) -> str:
    by, own, bayes = found["report"]["log_loss"], {STACK, *found["learners"]}, found.get("bayes_log_loss")
    rows = [
        Row(name, by[name]["mean"], by[name]["low"], by[name]["high"], written(by[name]["mean"]), name not in own)
        for name in found["scores"]
    ]
    axis = fitting([*(bound for row in rows for bound in (row.low, row.high)), bayes])
    return interval_rows(rows, axis, "Log loss of every predictor with its interval", bayes)


def _curves(curves: dict[str, list[dict[str, float]]], label: str) -> str:
    series = [Series("", "grey", [(0.0, 0.0), (1.0, 1.0)])]
    for kind, (name, bins) in zip(("second", "first"), curves.items(), strict=True):
        dots = []
        for each in bins:
            told = f"given {each['predicted']:.3f}, came {each['seen']:.3f}, {int(each['battles']):,} battles"
            dots.append(Dot(each["predicted"], each["seen"], each["low"], each["high"], told))
        series.append(Series(name, kind, [(dot.x, dot.y) for dot in dots], dots=dots))
    return plane(series, shares(), shares(), label, "probability given", "share that came")


def _slices(ways: dict[str, list[dict[str, Any]]], whole: float) -> dict[str, str]:
    bounds = [
        bound
        for parts in ways.values()
        for part in parts
        for bound in (part["low"], part["high"], part["prior_log_loss"])
    ]
    axis = fitting([min(max(bound, 0.0), 3.0) for bound in bounds if bound is not None])
    return {
        way: interval_rows([_slice(part) for part in parts], axis, f"Log loss by {way}", whole)
        for way, parts in ways.items()
    }


def _slice(part: dict[str, Any]) -> Row:
    prior = part["prior_log_loss"]
    note = f"{written(part['log_loss'], '.3f')} · {written(part['accuracy'], '.0%')} · {part['battles']:,}"
    return Row(part["label"], part["log_loss"], part["low"], part["high"], note, second=(prior, prior, prior))


def _cascade(points: list[dict[str, Any]]) -> str:
    dots = []
    for point in points:
        ends = point["agreement_interval"]
        told = f"asked about {point['asked']:.0%}: {point['agreement']:.1%} of the votes called"
        dots.append(Dot(point["asked"], point["agreement"], ends["low"], ends["high"], told))
    series = [Series("votes that are called", "first", [(dot.x, dot.y) for dot in dots], dots=dots)]
    y = fitting([bound for dot in dots for bound in (dot.low, dot.high, dot.y)])
    return plane(series, shares(), y, "Agreement by share asked", "share of battles asked about", "agreement")


def _learning_curve(
    points: list[dict[str, Any]], ahead: list[dict[str, Any]], power_law: dict[str, float] | None, refit: str
) -> str:
    dots = []
    for p in points:
        told = f"{p['battles']:,.0f} battles: {p['log_loss']:.4f}"
        dots.append(Dot(math.log2(p["battles"]), p["log_loss"], p["low"], p["high"], told))
    series = [Series("held-out log loss", "first", [(dot.x, dot.y) for dot in dots], dots=dots)]
    if power_law is not None:
        last = points[-1] | {"low": points[-1]["log_loss"], "high": points[-1]["log_loss"]}
        band = [(math.log2(p["battles"]), p["low"], p["high"]) for p in [last, *ahead]]
        line = [(math.log2(p["battles"]), p["log_loss"]) for p in [last, *ahead]]
        series.append(Series("power law, an extrapolation", "second", line, band))
    everything = [*points, *ahead]
    ticks = tuple((math.log2(p["battles"]), f"{p['battles']:,.0f}") for p in everything)
    x = Axis(min(place for place, _ in ticks), max(place for place, _ in ticks), ticks)
    y = fitting([bound for p in everything for bound in (p["low"], p["high"])])
    return plane(series, x, y, "Learning curve", "battles to learn from (logarithmic)", "log loss")


def _differences(parts: list[dict[str, Any]], what: str) -> str:
    axis = fitting([0.0, *(bound for each in parts for bound in (each["low"], each["high"]))])
    rows = [
        Row(block_title(each), each["difference"], each["low"], each["high"], written(each["difference"], "+.4f"))
        for each in parts
    ]
    return interval_rows(rows, axis, f"Log loss without each {what}, less that with all", 0.0)


def block_title(block: dict[str, Any]) -> str:
    """Return the name of a block, or of a learner, with the library that a block's numbers come from."""
    return f"{block['name']} ({block['library']})" if block.get("library") else str(block["name"])


def refit_name(learner: str) -> str:
    """Return what the page calls the learner that is refitted."""
    return "linear learner" if learner == "linear" else learner


def _sizes(parts: list[dict[str, Any]], label: str) -> str:
    return bars([Row(each["name"], each["margin"], note=written(each["margin"], ".3f")) for each in parts], label)
