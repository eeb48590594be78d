"""Parts of the page on how good the judge is: headline, scores, calibration, confusion."""

from typing import Any

import numpy as np

from stacker.evaluation.results import COLUMNS, STACK
from stacker.reporting.charts import Dot, Row, Series, confusion_table, fitting, interval_rows, plane, shares
from stacker.reporting.numbers import at, figure, interval, name, table, written
from stacker.reporting.report_page import Part, holder

SCORES = "scores"
REPORT = "report"
CHOICES = ("A", "B", "tie")
MAY_BE_CHANCE = " This may be chance: the interval holds 0."


def headline(found: dict[str, Any]) -> str:
    """Return title, the one sentence that matters, and the key figures."""
    gap = found["intervals"].get("length only")
    against = ""
    if gap is not None:
        keys = ("intervals", "length only")
        word = "below" if gap["difference"] < 0 else "above"
        sure = "" if gap["low"] is None or gap["low"] > 0 or gap["high"] < 0 else MAY_BE_CHANCE
        against = (
            f" {written(abs(gap['difference']))} {word} what"
            f" the lengths of the answers give alone (difference {figure(found, *keys, 'difference', form='+.4f')},"
            f" 95 % interval {interval(found, *keys, form='+.4f')}).{sure}"
        )
    bayes = found.get("bayes_log_loss")
    built_in = ""
    if bayes is not None:
        built_in = (
            f"<p>These are the built-in battles, made by a stated random process: the best possible log loss on them is"
            f" {figure(found, 'bayes_log_loss')}. They teach nothing about real answers.</p>"
        )
    return (
        "<header><h1>Which answer do people prefer? Report of a run</h1>"
        f'<p class="lead">Out of fold, the stack has a log loss of {figure(found, SCORES, STACK, "log_loss")},'
        f"{against}</p>{built_in}{_key_figures(found)}</header>"
    )


def _key_figures(found: dict[str, Any]) -> str:
    stack = (SCORES, STACK)
    swap = max(found["swap_error"].values())
    rows = [
        ("Battles", figure(found, "battles", form=",d"), f"{figure(found, 'prompts', form=',d')} different prompts"),
        ("Log loss", figure(found, *stack, "log_loss"), interval(found, REPORT, "log_loss", STACK)),
        ("Accuracy", figure(found, *stack, "accuracy", form=".1%"), "of three outcomes"),
        ("Win rate", figure(found, *stack, "win_rate", form=".1%"), "of the votes for one side"),
        ("Calibration error", figure(found, *stack, "ece"), "of the most probable outcome"),
        ("Swap error", written(swap, ".1e"), "largest, of all learners and the judge"),
    ]
    items = "".join(f"<div><dt>{title}</dt><dd>{value}<small>{note}</small></dd></div>" for title, value, note in rows)
    return f'<dl class="key">{items}</dl>'


def scores(found: dict[str, Any]) -> Part:
    """Return every learner, the stack and the baselines: log loss as a chart, all scores as a table."""
    names = list(found[SCORES])
    by = found[REPORT]["log_loss"]
    rows = [
        Row(
            each,
            by[each]["mean"],
            by[each]["low"],
            by[each]["high"],
            written(by[each]["mean"]),
            each not in _own(found),
        )
        for each in names
    ]
    bayes = found.get("bayes_log_loss")
    bounds = [bound for each in names for bound in (by[each]["low"], by[each]["high"])]
    axis = fitting(bounds + ([] if bayes is None else [bayes]))
    chart = holder(interval_rows(rows, axis, "Log loss of every predictor with its interval", bayes))
    cells = [
        [name(each), *(figure(found, SCORES, each, key) for key in COLUMNS if key in found[SCORES][each])]
        for each in names
    ]
    swaps = [[name(each), figure(found, "swap_error", each, form=".1e")] for each in found["swap_error"]]
    line = " The dashed line is the best possible log loss on the built-in battles." if bayes is not None else ""
    gaps = [
        [
            f"{STACK} less {name(gap['against'])}",
            figure(found, "intervals", label, "difference", form="+.4f"),
            interval(found, "intervals", label, form="+.4f"),
        ]
        for label, gap in found["intervals"].items()
    ]
    body = (
        "<p>Every battle was predicted by learners that had not seen its prompt. Log loss in nats, lower is better;"
        f" the bars are 95 % intervals, battles of one prompt together.{line}</p>{chart}"
        + table(["", *COLUMNS.values()], cells, [names.index(STACK)], "Scores")
        + '<p class="hint">Baselines: uniform gives every outcome one third; class prior the shares of the votes;'
        " length only knows how long the texts are. BT loss: Bradley-Terry, on the votes for one side. Kendall tau"
        " compares the order of the models by strength, where they are named. ECE: expected calibration error,"
        " 15 bins.</p>"
        + "<h3>Paired differences in log loss</h3>"
        + table(["", "difference", "95 % interval (paired, by prompt)"], gaps, label="Paired differences")
        + "<h3>Swap error</h3><p class='hint'>The largest change of a probability when A and B change places; anything"
        " above rounding would mean that a position was learnt.</p>"
        + table(["", "largest change"], swaps, label="Swap errors")
    )
    return Part("scores", "Results against the baselines", body)


def _own(found: dict[str, Any]) -> set[str]:
    return {STACK, *found["learners"]}


def calibration(found: dict[str, Any]) -> Part:
    """Return calibration before and after the temperature."""
    keys = (REPORT, "calibration")
    of = at(found, *keys)
    cells = [
        [when, figure(found, *keys, when, "ece"), figure(found, *keys, when, "log_loss")]
        for when in ("before", "after")
    ]
    both = _curves({"before the temperature": of["before"]["curve"], "after": of["after"]["curve"]})
    events = _curves({"A or B preferred": of["winner"], "tie": of["tie"]})
    body = (
        "<p>A judge is calibrated when of the battles given 70 %, seven in ten come out so: the dots lie on the"
        f" diagonal. The temperature of the judge is {figure(found, *keys, 'temperature', form='.3f')} (above 1 makes"
        " it less sure); the held-out verdicts below each use one that was fitted without them.</p>"
        + table(["temperature", "ECE", "log loss"], cells, label="Calibration before and after the temperature")
        + '<div class="two"><div><h3>The most probable outcome</h3>'
        + holder(plane(both, shares(), shares(), "Calibration curves", "probability given", "share that came"))
        + "</div><div><h3>Each kind of outcome, after the temperature</h3>"
        + holder(plane(events, shares(), shares(), "Calibration by outcome", "probability given", "share that came"))
        + "</div></div><p class='hint'>Bins of about equal numbers of battles; the strokes are 95 %"
        " intervals, battles of one prompt together.</p>"
    )
    return Part("calibration", "Calibration", body)


def _curves(curves: dict[str, list[dict[str, float]]]) -> list[Series]:
    found = [Series("", "grey", [(0.0, 0.0), (1.0, 1.0)])]
    for kind, (label, bins) in zip(("second", "first"), curves.items(), strict=True):
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
        found.append(Series(label, kind, [(dot.x, dot.y) for dot in dots], dots=dots))
    return found


def confusion(found: dict[str, Any]) -> Part:
    """Return votes against the most probable outcome."""
    counts = np.array(found[REPORT]["confusion"], dtype=np.float64)
    chart = confusion_table(counts, CHOICES, CHOICES, "voted", "most probable under the stack")
    recall = figure(found, SCORES, STACK, "tie_recall", form=".1%")
    body = (
        f"<p>Of the battles voted a tie, {recall} had the tie as their most probable outcome. Shares are of each row."
        f"</p>{holder(chart, 'narrow')}"
    )
    return Part("confusion", "Confusion", body)
