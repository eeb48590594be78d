"""The cards of the model page as HTML: what a judge is, how good and at what, and what learning from votes brought."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from dashboard.components.look import macros, note, percent, span
from dashboard.judges.judge_calibration import (
    calibration,
    language_labels,
    length_bands,
    predictors,
    probabilities_of,
    prompts_of,
    scores_by,
)
from dashboard.judges.learning_service import Overview, Status
from dashboard.judges.votes_to_learn import LEAST
from dashboard.texts import Say, Texts
from pipelines.battles.table import UNLABELLED
from pipelines.terminal.unseen_signs import one_line
from stacker.evaluate import metrics
from stacker.evaluate.charts import Dot, Row, Series, bars, fitting, interval_rows, plane, shares
from stacker.evaluate.html_templates import written
from stacker.evaluate.results import COLUMNS, STACK
from stacker.judge.explain.group_effects import PROMPT
from stacker.judge.explain.learner_contributions import by_group
from stacker.judge.explain.wording import name_of

LOWER_IS_BETTER = {"log_loss", "bradley_terry_loss", "brier", "ece"}
MOST_FEATURES = 15
FEW = 30
"""Battles below which a row stands back."""
MANY = 1_000
"""Votes below which it is said that more of them teach more."""
_CARDS, _PROGRESS = macros("model/cards.html"), macros("progress.html")
_BROKEN_LINE = re.compile(r"(?<=[^\n|])\n[ ]*(?![\s|#>`*+-]|\d+[.)] )")
"""The end of a line within a paragraph or an item of a list."""


def unwrapped(card: str) -> str:
    """Return a model card in Markdown whose paragraphs are lines: drawn as a chat is, each end of a line would show."""
    return card if "```" in card else _BROKEN_LINE.sub(" ", card)


def facts(about: Mapping[str, Any], trained: str, written: str, say: Texts) -> Markup:
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
        (say("model.checks"), _checks(inner.get("checks", {}).get("price"), say)),
        (say("model.seed"), str(inner.get("seed", ""))),
        (say("model.versions"), listed(f"{name} {value}" for name, value in inner.get("versions", {}).items())),
    ]
    return _CARDS.facts([row for row in rows if row[1]])


def _checks(price: Mapping[str, Any] | None, say: Say) -> str:
    """Return what checks of answers cost on real votes, where the judge has some that a run measured."""
    if price is None:
        return ""
    ends = [price["low"], price["high"]]
    interval = say("model.untold") if None in ends else " – ".join(f"{end:+.4f}" for end in ends)
    return say(
        "model.checks_price", gap=f"{price['difference']:+.4f}", interval=interval, count=f"{price['battles']:,}"
    )


def _marked(name: str, marks: str, say: Say) -> str:
    return say("model.marked", name=name, marks=marks)


def results_table(results: Mapping[str, Any], say: Say) -> Markup:
    """Return the scores of every learner, the stack and the baselines; the best of each column stands out."""
    scores: Mapping[str, Mapping[str, float | None]] = results.get("scores", {})
    if not scores:
        return note(say("model.no_results"))
    shown = [key for key in COLUMNS if any(row.get(key) is not None for row in scores.values())]
    best = {key: _best(scores, key) for key in shown}
    rows = []
    for name, row in scores.items():
        texts = [(row.get(key), "–" if row.get(key) is None else f"{row[key]:.3f}", best[key]) for key in shown]
        cells = [Markup("<b>{}</b>").format(text) if value == most else text for value, text, most in texts]
        kind = "stack" if name == STACK else "baseline" if name in results.get("baselines", []) else ""
        rows.append((kind, say("model.stack") if name == STACK else one_line(name, 60), cells))
    return _CARDS.scores(shown, rows, say) + _intervals(results, say)


def calibration_chart(table: pd.DataFrame, say: Say, predictor: str = STACK) -> str:
    """Return how often A, B and tie came where the judge gave them a probability."""
    known = _labelled(table)
    if predictor not in predictors(table) or known.empty:
        return note(say("model.no_out_of_fold"))
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
        return note(say("model.no_lengths"))
    known = _labelled(table)
    labels, order = length_bands(known["characters"].to_numpy(dtype=np.int64))
    return _accuracies(known, labels, order, say, say("model.by_length"), predictor)


def by_language(table: pd.DataFrame, say: Say, name: Callable[[str], str], predictor: str = STACK) -> str:
    """Return accuracy by language; `name` gives a language's name."""
    if "lang" not in table.columns:
        return note(say("model.no_languages"))
    known = _labelled(table)
    langs = [name(lang) if lang else "" for lang in known["lang"].fillna("").astype(str)]
    labels = language_labels(langs, say("model.other_languages"))
    return _accuracies(known, labels, None, say, say("model.by_language"), predictor)


def importances(gains: pd.DataFrame, say: Texts) -> Markup:
    """Return the share of the trees' gain by group, and the features that brought most."""
    if gains.empty:
        return note(say("model.no_trees"))
    shared = by_group(gains).to_dict("records")
    groups = [Row(say.group_name(row["group"]), row["share"], note=percent(row["share"])) for row in shared]
    named = gains.assign(name=[_name_of(row, say) for row in gains.to_dict("records")])
    largest = named.groupby("name", sort=False)["share"].sum().nlargest(MOST_FEATURES)
    features = [Row(str(name), share, note=f"{100 * share:.1f} %") for name, share in largest.items()]
    return _CARDS.importances(
        Markup(bars(groups, say("model.importances"))), Markup(bars(features, say("model.top_features"))), say
    )


def votes_line(overview: Overview, say: Say) -> Markup:
    """Return how many votes there are to learn from, and how many are left out."""
    usable = overview.usable
    count = len(usable)
    if not usable.enough:
        line = say("model.learn.too_few", count=f"{count:,}", least=LEAST, missing=f"{LEAST - count:,}")
    elif overview.again and overview.new == 0:
        line = say("model.learn.nothing_new", count=f"{count:,}")
    elif overview.again:
        line = say("model.learn.some_new", count=f"{count:,}", new=f"{overview.new:,}")
    else:
        line = say("model.learn.ready", count=f"{count:,}")
    bar = Markup() if usable.enough else _bar(count / LEAST, say("model.learn.bar_votes"), f"{count:,} / {LEAST}")
    hints = [say("model.learn.left_out", count=f"{usable.left_out:,}")] if usable.left_out else []
    if usable.enough and count < MANY:
        hints.insert(0, say("model.learn.expect"))
    if usable.people > 1:
        hints.insert(0, say("model.learn.people", people=f"{usable.people:,}"))
    return note(line) + bar + Markup().join(note(hint, "hint") for hint in hints)


def about_name(about: str, say: Say) -> str:
    """Return what votes are about: "" for all of them, "any", or one of `vote_records.ASPECTS`."""
    return say(f"model.learn.about_{about or 'all'}") if about in ("", "any") else say(f"reasons.{about}")


def about_options(overview: Overview, say: Say) -> dict[str, str]:
    """Return the kinds of votes to choose from, each with how many there are; only "" where no reason was named."""
    counted = [("", about_name("", say))]
    for about, count in overview.usable.aspects.items():
        told = say("model.learn.about_count", about=about_name(about, say), count=f"{count:,}")
        counted.append((about, told))
    return {told: about for about, told in counted}


def progress_bar(status: Status, say: Say) -> Markup:
    """Return what is being done, and about how much of the whole is."""
    return _bar(status.share, say(f"model.learn.step.{status.step}"), f"{100 * status.share:.0f} %")


def outcome(about: Mapping[str, Any], say: Say) -> Markup:
    """Return before and after in words and numbers, from what `learned.json` holds."""
    old = about["old"]
    parts = [note(say("model.learn.learnt", count=f"{about['votes']:,}"), "hint")]
    if named := about.get("about"):
        parts.append(note(say("model.learn.learnt_about", about=about_name(named, say)), "hint"))
    if not old["starter"]:
        name = say("model.learn.so_far", name=old["name"])
        parts.append(_sentence(about["against_old"], name, say))
        if old["seen"]:
            kind = "seen_by_time" if old["why"] == "time" else "seen"
            parts.append(note(say(f"model.learn.{kind}", seen=f"{old['seen']:,}", old=name), "hint"))
        parts.append(_compared(about["against_old"], name, say))
    starter = say("model.learn.starter")
    parts += [_sentence(about["against_starter"], starter, say), _compared(about["against_starter"], starter, say)]
    return Markup().join((*parts, note(say("model.learn.how"), "hint")))


def _name_of(row: Mapping[Any, Any], say: Texts) -> str:
    """Return what a feature is called; a number and its logarithm are called the same."""
    name = name_of(row["block"], row["column"], say.language)
    name = name[:1].upper() + name[1:]
    return say("model.of_question", name=name) if row["group"] == PROMPT else name


def _accuracies(
    known: pd.DataFrame, labels: list[str], order: list[str] | None, say: Say, label: str, predictor: str
) -> str:
    if predictor not in predictors(known) or known.empty:
        return note(say("model.no_out_of_fold"))
    outcome = known["outcome"].to_numpy(dtype=np.int64)
    table = scores_by(probabilities_of(known, predictor), outcome, prompts_of(known), labels, order)
    rows = []
    for row in table.to_dict("records"):
        loss, count = f"{row['log_loss']:.3f}", f"{row['battles']:,}"
        told = say("model.slice_note", accuracy=percent(row["accuracy"]), loss=loss, count=count)
        rows.append(Row(row["label"], row["accuracy"], row["low"], row["high"], told, faint=row["battles"] < FEW))
    whole = metrics.accuracy(probabilities_of(known, predictor), outcome)
    return interval_rows(rows, shares(0.0, 1.0), label, reference=whole)


def _intervals(results: Mapping[str, Any], say: Say) -> Markup:
    sentences = []
    for found in results.get("intervals", {}).values():
        gap, low, high = (written(found[name], "+.4f") for name in ("difference", "low", "high"))
        sentences.append(say("model.interval", rival=found.get("against", ""), gap=gap, interval=span(low, high, str)))
    bayes = results.get("bayes_log_loss")
    if bayes is not None:
        sentences.append(say("model.bayes", loss=f"{bayes:.4f}"))
    return Markup().join(note(sentence, "hint") for sentence in sentences)


def _best(scores: Mapping[str, Mapping[str, float | None]], key: str) -> float:
    values = [value for row in scores.values() if (value := row.get(key)) is not None]
    return min(values) if key in LOWER_IS_BETTER else max(values)


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["outcome"] != UNLABELLED]


def _bin(name: str, row: dict[Any, Any], say: Say) -> str:
    return say(
        "model.bin", outcome=name, predicted=percent(row["predicted"]), seen=percent(row["seen"]), count=row["battles"]
    )


def _sentence(found: Mapping[str, Any], name: str, say: Say) -> Markup:
    word = found["word"]
    return _CARDS.verdict(word, say(f"model.learn.word.{word}", count=f"{found['votes']:,}", old=name))


def _compared(found: Mapping[str, Any], name: str, say: Say) -> Markup:
    if found["word"] == "untold":
        return Markup()
    rows: list[tuple[str, str, Sequence[str]]] = []
    for kind, label in (("new", say("model.learn.new")), ("old", name)):
        cells = [f"{found[kind]['log_loss']:.4f}", percent(found[kind]["accuracy"])]
        rows.append(("stack" if kind == "new" else "", one_line(label, 120), cells))
    gaps = [
        _two_lines(form(gap["difference"]), span(gap["low"], gap["high"], form))
        for gap, form in ((found["log_loss"], _signed), (found["accuracy"], _points))
    ]
    rows.append(("", _two_lines(say("model.learn.difference"), say("model.learn.interval")), gaps))
    return _CARDS.scores(("log_loss", "accuracy"), rows, say)


def _two_lines(above: str, below: str) -> Markup:
    return Markup("{}<br><small>{}</small>").format(above, below)


def _signed(number: float) -> str:
    """Return a difference of log losses with its sign and four places."""
    return _minus(f"{number:+.4f}")


def _points(share: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return _minus(f"{100 * share:+.1f}")


def _minus(number: str) -> str:
    """Return a number with a true minus sign, and zero without a sign."""
    return number.replace("-", "\u2212") if number.strip("+-0.") else number.lstrip("+-")


def _bar(share: float, label: str, value: str) -> Markup:
    now = round(100 * min(max(share, 0.0), 1.0))
    return _PROGRESS.bar(label, [value], now, 100, now, label)
