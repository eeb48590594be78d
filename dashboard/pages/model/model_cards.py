"""The cards of the model page as HTML: results, calibration, what the trees look at, scores by length and language."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from dashboard.judges.judge_calibration import (
    calibration,
    language_labels,
    length_bands,
    predictors,
    probabilities_of,
    prompts_of,
    scores_by,
)
from dashboard.pages.history.history_cards import percent, span
from dashboard.texts import Say, Texts
from pipelines.battles.table import UNLABELLED
from pipelines.terminal.unseen_signs import plain
from stacker.evaluation import metrics
from stacker.evaluation.results import COLUMNS, STACK
from stacker.judge.explain.groups import PROMPT
from stacker.judge.explain.importances import by_group
from stacker.judge.explain.wording import name_of
from stacker.reporting.charts import Axis, Dot, Row, Series, bars, fitting, interval_rows, plane, shares
from stacker.reporting.numbers import written

LOWER_IS_BETTER = {"log_loss", "bradley_terry_loss", "brier", "ece"}
MOST_FEATURES = 15
FEW = 30
"""Battles below which a row stands back."""


def facts(about: Mapping[str, Any], trained: str, written: str, say: Texts) -> str:
    """Return what is known of a judge: what it was trained on, encoder, learners with their weights, versions."""
    inner = about.get("about", {})
    encoder = about.get("encoder")
    pool = about.get("pool", {})
    names = [str(learner.get("name", "")) for learner in about.get("learners", [])]
    weights = zip(names, pool.get("margin_weights", []), pool.get("tie_weights", []), strict=False)
    listed = say("judge.between").join
    learners = listed(_marked(name, f"{margin:.2f} / {tie:.2f}", say) for name, margin, tie in weights)
    blocks = listed(say.group_name(str(name)) for name, on in about.get("features", {}).items() if on is True)
    sources = listed(_marked(name, f"{count:,}", say) for name, count in inner.get("sources", {}).items())
    rows = [
        (say("model.written"), written),
        (say("model.training"), trained),
        (say("model.sources"), sources),
        (say("model.encoder"), "" if encoder is None else str(encoder.get("name", ""))),
        (say("model.features"), blocks),
        (say("model.learners"), learners),
        (say("model.seed"), str(inner.get("seed", ""))),
        (say("model.versions"), listed(f"{name} {value}" for name, value in inner.get("versions", {}).items())),
    ]
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{plain(value, 600)}</dd>" for name, value in rows if value)
    return f'<dl class="facts">{cells}</dl>'


def _marked(name: str, marks: str, say: Say) -> str:
    return say("model.marked", name=name, marks=marks)


def results_table(results: Mapping[str, Any], say: Say) -> str:
    """Return the scores of every learner, the stack and the baselines; the best of each column stands out."""
    scores: Mapping[str, Mapping[str, float | None]] = results.get("scores", {})
    if not scores:
        return _nothing(say("model.no_results"))
    shown = [key for key in COLUMNS if any(row.get(key) is not None for row in scores.values())]
    best = {key: _best(scores, key) for key in shown}
    head = "".join(f'<th scope="col">{escape(say(f"model.score.{key}"))}</th>' for key in shown)
    body = []
    for name, row in scores.items():
        cells = []
        for key in shown:
            value = row.get(key)
            text = "–" if value is None else f"{value:.3f}"
            cells.append(f"<td>{'<b>' + text + '</b>' if value is not None and value == best[key] else text}</td>")
        kind = "stack" if name == STACK else "baseline" if name in results.get("baselines", []) else ""
        label = say("model.stack") if name == STACK else name
        body.append(f'<tr class="{kind}"><th scope="row">{plain(label, 60)}</th>{"".join(cells)}</tr>')
    table = f'<div class="wide"><table class="scores"><thead><tr><th></th>{head}</tr></thead>'
    return f"{table}<tbody>{''.join(body)}</tbody></table></div>{_intervals(results, say)}"


def calibration_chart(table: pd.DataFrame, say: Say, predictor: str = STACK) -> str:
    """Return how often A, B and tie came where the judge gave them a probability."""
    known = _labelled(table)
    if predictor not in predictors(table) or known.empty:
        return _nothing(say("model.no_out_of_fold"))
    outcomes = known["outcome"].to_numpy(dtype=np.int64)
    curve = calibration(probabilities_of(known, predictor), outcomes, prompts_of(known))
    ends = fitting([0.0, float(curve["predicted"].max()), float(curve["high"].max())], inside=(0.0, 1.0))
    axis = shares(0.0, ends.high)
    series = [Series(say("model.perfect"), "grey", [(axis.low, axis.low), (axis.high, axis.high)])]
    names = (say("choice.a"), say("choice.b"), say("choice.tie"))
    for outcome, (name, kind) in enumerate(zip(names, ("first", "second", "third"), strict=True)):
        rows = curve[curve["outcome"] == outcome].to_dict("records")
        dots = [Dot(row["predicted"], row["seen"], row["low"], row["high"], _bin(name, row, say)) for row in rows]
        series.append(Series(name, kind, [(row["predicted"], row["seen"]) for row in rows], dots=dots))
    return plane(series, axis, axis, say("model.calibration_label"), say("model.predicted"), say("model.seen"))


def by_length(table: pd.DataFrame, say: Say, predictor: str = STACK) -> str:
    """Return accuracy by the length of both answers together."""
    if "characters" not in table.columns:
        return _nothing(say("model.no_lengths"))
    known = _labelled(table)
    labels, order = length_bands(known["characters"].to_numpy(dtype=np.int64))
    return _accuracies(known, labels, order, say, say("model.by_length"), predictor)


def by_language(table: pd.DataFrame, say: Say, name: Callable[[str], str], predictor: str = STACK) -> str:
    """Return accuracy by language; `name` gives a language's name."""
    if "lang" not in table.columns:
        return _nothing(say("model.no_languages"))
    known = _labelled(table)
    langs = [name(lang) if lang else "" for lang in known["lang"].fillna("").astype(str)]
    labels = language_labels(langs, say("model.other_languages"))
    return _accuracies(known, labels, None, say, say("model.by_language"), predictor)


def importances(gains: pd.DataFrame, say: Texts) -> str:
    """Return the share of the trees' gain by group, and the features that brought most."""
    if gains.empty:
        return _nothing(say("model.no_trees"))
    groups = [
        Row(say.group_name(row["group"]), row["share"], note=percent(row["share"]))
        for row in by_group(gains).to_dict("records")
    ]
    named = gains.assign(name=[_name_of(row, say) for row in gains.to_dict("records")])
    largest = named.groupby("name", sort=False)["share"].sum().nlargest(MOST_FEATURES)
    features = [Row(str(name), share, note=f"{100 * share:.1f} %") for name, share in largest.items()]
    left = bars(groups, say("model.importances"))
    right = f"<h4>{escape(say('model.top_features'))}</h4>{bars(features, say('model.top_features'))}"
    return f"<div class='sides'><section>{left}</section><section>{right}</section></div>"


def _name_of(row: Mapping[Any, Any], say: Texts) -> str:
    """Return what a feature is called; a number and its logarithm are called the same."""
    name = name_of(row["block"], row["column"], say.language)
    name = name[:1].upper() + name[1:]
    return say("model.of_question", name=name) if row["group"] == PROMPT else name


def _accuracies(
    known: pd.DataFrame, labels: list[str], order: list[str] | None, say: Say, label: str, predictor: str
) -> str:
    if predictor not in predictors(known) or known.empty:
        return _nothing(say("model.no_out_of_fold"))
    outcome = known["outcome"].to_numpy(dtype=np.int64)
    table = scores_by(probabilities_of(known, predictor), outcome, prompts_of(known), labels, order)
    rows = [
        Row(
            row["label"],
            row["accuracy"],
            row["low"],
            row["high"],
            say(
                "model.slice_note",
                accuracy=percent(row["accuracy"]),
                loss=f"{row['log_loss']:.3f}",
                count=f"{row['battles']:,}",
            ),
            faint=row["battles"] < FEW,
        )
        for row in table.to_dict("records")
    ]
    whole = metrics.accuracy(probabilities_of(known, predictor), outcome)
    axis: Axis = shares(0.0, 1.0)
    return interval_rows(rows, axis, label, reference=whole)


def _intervals(results: Mapping[str, Any], say: Say) -> str:
    sentences = [
        say(
            "model.interval",
            rival=gap.get("against", ""),
            gap=written(gap["difference"], "+.4f"),
            interval=span(*(written(gap[end], "+.4f") for end in ("low", "high"))),
        )
        for gap in results.get("intervals", {}).values()
    ]
    bayes = results.get("bayes_log_loss")
    if bayes is not None:
        sentences.append(say("model.bayes", loss=f"{bayes:.4f}"))
    return "".join(f'<p class="hint">{escape(sentence)}</p>' for sentence in sentences)


def _best(scores: Mapping[str, Mapping[str, float | None]], key: str) -> float:
    values = [value for row in scores.values() if (value := row.get(key)) is not None]
    return min(values) if key in LOWER_IS_BETTER else max(values)


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["outcome"] != UNLABELLED]


def _bin(name: str, row: dict[Any, Any], say: Say) -> str:
    return say(
        "model.bin", outcome=name, predicted=percent(row["predicted"]), seen=percent(row["seen"]), count=row["battles"]
    )


def _nothing(sentence: str) -> str:
    return f'<p class="nothing">{escape(sentence)}</p>'
