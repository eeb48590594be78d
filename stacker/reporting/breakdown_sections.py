"""Parts of the page on where the skill lies: kinds of battles, length, learning curve, ablation, importances."""

import math
from typing import Any

from stacker.reporting.charts import Axis, Dot, Row, Series, bars, fitting, interval_rows, plane
from stacker.reporting.numbers import MINUS, at, figure, interval, name, table, written
from stacker.reporting.report_page import Part, holder

REPORT = "report"


def slices(found: dict[str, Any]) -> Part:
    """Return the stack's loss by kind of battle."""
    of = found[REPORT]["slices"]
    whole = found["scores"]["stack"]["log_loss"]
    bounds = [
        bound for rows in of.values() for row in rows for bound in (row["low"], row["high"], row["prior_log_loss"])
    ]
    axis = fitting([min(max(bound, 0.0), 3.0) for bound in bounds if bound is not None])
    charts = []
    for way, parts in of.items():
        rows = [_slice(part) for part in parts]
        title = way[:1].upper() + way[1:]
        chart = interval_rows(rows, axis, f"Log loss by {way}", whole)
        charts.append(f"<div><h3>{name(title)}</h3>{holder(chart)}</div>")
    body = (
        "<p>Log loss of the stack (round, with its 95 % interval) and of the class prior (square); the dashed line is"
        " the stack on all battles. A part is hard where both are high, and badly judged where the round mark lies to"
        " the right of the square.</p>"
        + "".join(charts)
        + "<p class='hint'>At the right: log loss, accuracy, battles. What was asked is told by plain rules from the"
        " first turn, so take it as a hint.</p>"
    )
    return Part("parts", "Loss by kind of battle", body)


def _slice(part: dict[str, Any]) -> Row:
    prior = part["prior_log_loss"]
    note = f"{written(part['log_loss'], '.3f')} · {written(part['accuracy'], '.0%')} · {part['battles']:,}"
    return Row(part["label"], part["log_loss"], part["low"], part["high"], note, second=(prior, prior, prior))


def length(found: dict[str, Any]) -> Part:
    """Return how much of the skill is length."""
    keys = (REPORT, "length_control")
    of = at(found, *keys)
    cells = [
        [label, figure(found, "scores", key, "log_loss"), interval(found, REPORT, "log_loss", key)]
        for label, key in (("class prior", "class prior"), ("length only", "length only"), ("stack", "stack"))
    ]
    if of["share"] is None:
        share = "The stack is no better than the class prior, so there is no skill to divide."
    else:
        share = (
            f"The lengths of prompt and answers alone give {figure(found, *keys, 'share', form='.0%')} of what the"
            f" stack gains on the class prior (95 % interval {interval(found, *keys, form='.0%')}); the rest comes"
            " from what the answers say and how."
        )
    preferred = ""
    if of["votes_for_longer"] is not None:
        preferred = (
            f" Where the answers differ in length and one was preferred, the longer one won"
            f" {figure(found, *keys, 'votes_for_longer', form='.1%')} of"
            f" {figure(found, *keys, 'battles_of_unequal_length', form=',d')} votes; the stack has it ahead in"
            f" {figure(found, *keys, 'stack_for_longer', form='.1%')}."
        )
    body = f"<p>{share}{preferred}</p>" + table(["", "log loss", "95 % interval"], cells, label="Length control")
    return Part("length", "How much of it is length", body)


def learning_curve(found: dict[str, Any]) -> Part:
    """Return the learning curve and what more votes would bring."""
    of = found[REPORT].get("learning_curve")
    if of is None:
        return Part("learning-curve", "Learning curve", "")
    keys = (REPORT, "learning_curve")
    points, ahead = of["points"], of["ahead"]
    dots = [
        Dot(_log(p["battles"]), p["log_loss"], p["low"], p["high"], f"{p['battles']:,.0f} battles: {p['log_loss']:.4f}")
        for p in points
    ]
    series = [Series("held-out log loss", "first", [(dot.x, dot.y) for dot in dots], dots=dots)]
    law = ""
    if of["power_law"] is not None:
        line = [(_log(p["battles"]), p["log_loss"]) for p in [points[-1], *ahead]]
        last = points[-1]["log_loss"]
        band = [(line[0][0], last, last), *((_log(p["battles"]), p["low"], p["high"]) for p in ahead)]
        series.append(Series("power law, an extrapolation", "second", line, band))
        law = (
            f" The power law through it, {figure(found, *keys, 'power_law', 'floor', form='.3f')} +"
            f" {figure(found, *keys, 'power_law', 'scale', form='.3f')} · battles"
            f"<sup>{MINUS}{figure(found, *keys, 'power_law', 'exponent', form='.2f')}</sup>, is a guess beyond the"
            " last dot; the area holds all exponents that fit about as well."
        )
    cells = [
        [
            figure(found, *keys, group, place, "battles", form=",.0f"),
            figure(found, *keys, group, place, "log_loss"),
            interval(found, *keys, group, place),
            "measured" if group == "points" else "extrapolated",
        ]
        for group in ("points", "ahead")
        for place in range(len(of[group]))
    ]
    bounds = [bound for p in [*points, *ahead] for bound in (p["low"], p["high"])]
    sizes = [p["battles"] for p in [*points, *ahead]]
    x = Axis(_log(min(sizes)), _log(max(sizes)), tuple((_log(size), f"{size:,.0f}") for size in sizes))
    chart = plane(series, x, fitting(bounds), "Learning curve", "battles to learn from (logarithmic)", "log loss")
    body = (
        f"<p>Held-out log loss of the {name(_refit(of['refit']))} on nested shares of the battles: it shows whether"
        f" more votes would help.{law}</p>{holder(chart, 'middle')}"
        + table(["battles", "log loss", "95 % interval, or range of power laws", ""], cells, label="Learning curve")
    )
    return Part("learning-curve", "Learning curve", body)


def ablation(found: dict[str, Any]) -> Part:
    """Return what each learner and each block is worth."""
    of = found[REPORT].get("ablation")
    if of is None:
        return Part("ablation", "Ablation", "")
    keys = (REPORT, "ablation")
    body = (
        "<p>Differences in log loss against everything; above 0: it helps. An interval that holds 0 may be chance.</p>"
    )
    if of["learners"]:
        body += "<h3>The stack without each learner</h3>" + holder(
            _differences(of["learners"], [], "learner"), "middle"
        )
    if of["blocks"]:
        titles = [_block_title(each) for each in of["blocks"]]
        cells = [
            [
                name(title),
                figure(found, *keys, "blocks", place, "features", form="d"),
                figure(found, *keys, "blocks", place, "difference", form="+.4f"),
                interval(found, *keys, "blocks", place, form="+.4f"),
                figure(found, *keys, "blocks", place, "alone", form="+.4f"),
                interval(found, *keys, "blocks", place, low="alone_low", high="alone_high", form="+.4f"),
            ]
            for place, title in enumerate(titles)
        ]
        head = ["block", "features", "loss without it", "95 % interval", "gain on the prior, alone", "95 % interval"]
        body += (
            f"<h3>The {name(_refit(of['refit']))} without each block, and with it alone</h3>"
            f"<p class='hint'>Refitted on {figure(found, *keys, 'battles', form=',d')} battles. Blocks overlap: what"
            " one tells another may tell too, so a block can be worth much alone and little at the margin.</p>"
            + holder(_differences(of["blocks"], titles, "block"), "middle")
            + table(head, cells, label="Ablation of the blocks")
        )
    return Part("ablation", "What each learner and each block is worth", body)


def _differences(parts: list[dict[str, Any]], titles: list[str], what: str) -> str:
    axis = fitting([0.0, *(bound for each in parts for bound in (each["low"], each["high"]))])
    rows = [
        Row(title, each["difference"], each["low"], each["high"], written(each["difference"], "+.4f"))
        for title, each in zip(titles or [each["name"] for each in parts], parts, strict=True)
    ]
    return interval_rows(rows, axis, f"Log loss without each {what}, less that with all", 0.0)


def _block_title(block: dict[str, Any]) -> str:
    return block["name"] if block["library"] is None else f"{block['name']} ({block['library']})"


def importances(found: dict[str, Any]) -> Part:
    """Return what the judge goes by."""
    keys = (REPORT, "importance")
    of = at(found, *keys)
    cells = [
        [
            name(each["name"]),
            *(
                figure(found, *keys, "learners", place, key, form=".3f")
                for key in ("margin_weight", "tie_weight", "margin", "tie")
            ),
        ]
        for place, each in enumerate(of["learners"])
    ]
    head = ["learner", "weight for A against B", "weight for ties", "adds to A against B", "adds to ties"]
    body = (
        "<p>Sizes are the mean of what is added to the log-odds of A against B, the sign left out, and to those of a"
        " tie, less its mean.</p><h3>Learners</h3>" + table(head, cells, label="Learners of the stack")
    )
    if of["features"]:
        groups = [Row(each["name"], each["margin"], note=written(each["margin"], ".3f")) for each in of["groups"]]
        features = [Row(each["name"], each["margin"], note=written(each["margin"], ".3f")) for each in of["features"]]
        body += (
            "<h3>Inside the trees: groups</h3>"
            f"<p class='hint'>Exact contributions (TreeSHAP) over {figure(found, *keys, 'battles', form=',d')} of the"
            " battles that the trees were fitted to.</p>"
            + holder(bars(groups, "Groups of features"), "middle")
            + "<h3>Inside the trees: features</h3>"
            + holder(bars(features, "Features"), "middle")
        )
    return Part("importances", "What the judge goes by", body)


def _refit(learner: str) -> str:
    return "linear learner" if learner == "linear" else learner


def _log(size: float) -> float:
    return math.log2(size)
