"""The cards of the history page as HTML: key figures, agreement over time and by group, confusion, ranking, details."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Literal

import pandas as pd

from dashboard.components.drawn_texts import noted
from dashboard.rendering.rendered import Rendered
from dashboard.texts import Say
from dashboard.votes import agreement as agreements
from dashboard.votes.model_ranking import CONTROLS, Ranking, rank, style_differences
from pipelines.terminal.unseen_signs import plain
from stacker.reporting.charts import Axis, Dot, Row, Series, confusion_table, fitting, interval_rows, plane, shares

FEW = 10
"""Votes below which a row stands back."""


def figures(votes: pd.DataFrame, judged: pd.DataFrame, say: Say) -> str:
    """Return the key figures: votes, agreement and kappa with their intervals."""
    rate = agreements.agreement(judged)
    kappa = agreements.kappa(judged)
    cells = [(say("history.votes"), f"{len(votes):,}", say("history.judged", count=f"{len(judged):,}"))]
    shown = "–" if rate["rate"] is None else percent(rate["rate"])
    interval = "" if rate["rate"] is None else span(percent(rate["low"]), percent(rate["high"]))
    cells.append((say("history.agreement"), shown, interval))
    shown = "–" if kappa.value is None else signed(kappa.value)
    interval = "" if kappa.low is None or kappa.high is None else span(signed(kappa.low), signed(kappa.high))
    cells.append((say("history.kappa"), shown, interval))
    return '<dl class="figures">' + "".join(_figure(*cell) for cell in cells) + "</dl>"


def over_time(judged: pd.DataFrame, say: Say, zone: str = "UTC") -> str:
    """Return the chart of the agreement over time: each stretch as a dot, all so far as a line with its band."""
    table = agreements.agreement_over_time(judged)
    if table.empty:
        return _nothing(say("history.none_judged"))
    start = table["start"]
    days = (start - start.min()).dt.total_seconds() / 86_400.0
    x = _time_axis(start, zone)
    y = shares(0.0, 1.0)
    rows = list(zip(days, table.to_dict("records"), strict=True))
    dots = [
        Dot(day, row["rate"], row["low"], row["high"], _stretch(row, zone, say))
        for day, row in rows
        if len(rows) > 1 or row["votes"]
    ]
    line = [(day, row["rate_so_far"]) for day, row in rows]
    band = [(day, row["low_so_far"], row["high_so_far"]) for day, row in rows]
    series = [
        Series(say("history.so_far"), "first", line, band),
        Series(say("history.each_period"), "second", dots=dots),
    ]
    last = rows[-1][1]
    label = say("history.over_time_label", rate=percent(last["rate_so_far"]), count=int(last["votes_so_far"]))
    return plane(series, x, y, label)


def by_group(table: pd.DataFrame, say: Say, label: str, names: Callable[[str], str] = str) -> str:
    """Return agreement rows with intervals from `agreement_by`."""
    if table.empty:
        return _nothing(say("history.nothing_to_part"))
    rows = [
        Row(
            names(str(row["value"])),
            row["rate"],
            row["low"],
            row["high"],
            say("history.rate_note", rate=percent(row["rate"]), count=f"{row['votes']:,}"),
            faint=row["votes"] < FEW,
        )
        for row in table.to_dict("records")
    ]
    return interval_rows(rows, shares(0.0, 1.0), label)


def confusion(judged: pd.DataFrame, say: Say) -> str:
    """Return the table of what was voted by what the judge called."""
    if judged.empty:
        return _nothing(say("history.none_judged"))
    names = [say("history.a_better"), say("history.b_better"), say("history.tie")]
    return confusion_table(agreements.confusion(judged), names, names, say("history.voted"), say("history.called"))


def ranking(votes: pd.DataFrame, of: Literal["style", "model"], say: Say) -> str:
    """Return the ranking as voted, and with length and style held equal, and what these features do."""
    as_voted = rank(votes, of)
    if as_voted.rows.empty:
        return _nothing(say(f"history.no_{of}s"))
    held = rank(votes, of, style_differences(votes["response_a"].tolist(), votes["response_b"].tolist()))
    equal = held.rows.set_index("name")
    ends = pd.concat([as_voted.rows, held.rows])
    rows = [
        Row(
            row["name"],
            row["strength"],
            row["low"],
            row["high"],
            say("history.record", wins=row["wins"], ties=row["ties"], losses=row["losses"]),
            faint=row["votes"] < FEW,
            second=tuple(float(equal.loc[row["name"], end]) for end in ("strength", "low", "high")),  # type: ignore[arg-type]
        )
        for row in as_voted.rows.to_dict("records")
    ]
    axis = fitting([*ends["low"], *ends["high"], 0.0])
    legend = (
        f'<div class="chart legend"><span class="first"><i></i>{escape(say("history.as_voted"))}</span>'
        f'<span class="second"><i></i>{escape(say("history.held_equal"))}</span></div>'
    )
    apart = as_voted.rows["group"].nunique() > 1
    warning = f"<p class='hint'>{escape(say('history.never_met'))}</p>" if apart else ""
    chart = interval_rows(rows, axis, say("history.ranking_label"), reference=0.0)
    return f"{warning}{chart}{legend}{_effects(held, say)}"


def named(votes: pd.DataFrame, say: Say, left_out: bool) -> str:
    """Return how many votes have an answer that named its own model, and what becomes of them; "" without any."""
    count = int((votes["named"] != "").sum())
    sentence = say("history.named_left_out" if left_out else "history.named_counted", count=f"{count:,}")
    return f'<p class="hint">{escape(sentence)}</p>' if count else ""


def details(vote: pd.Series, drawn: Sequence[Rendered], say: Say) -> str:
    """Return one vote whole: question, both answers, vote and verdict, and who answered.

    Parameters
    ----------
    vote : Series
        A row of `with_outcomes`.
    drawn : three Rendered
        Its prompt and its two answers.
    say : Say
        The page's language.
    """
    asked, *answers = (noted(text, say) for text in drawn)
    sides = []
    for side, answer in zip(("a", "b"), answers, strict=True):
        heading = say(f"history.answer_{side}")
        own = say("history.named") if side in vote["named"] else ""
        names = " · ".join(plain(text, 80) for text in (vote[f"style_{side}"], vote[f"model_{side}"], own) if text)
        crown = f' <span class="badge">{escape(say("history.preferred"))}</span>' if vote["choice"] == side else ""
        sides.append(
            f"<section><h4>{escape(heading)}{crown}<small>{names}</small></h4>"
            f'<div class="text">{answer}</div></section>'
        )
    typed = f'<p class="hint">{escape(say("history.asked"))} {plain(vote["asked"], 300)}</p>' if vote["asked"] else ""
    return (
        f'<div class="details"><div class="text question">{asked}</div>{typed}'
        f"{verdict_line(vote, say)}<div class='sides'>{''.join(sides)}</div></div>"
    )


def verdict_line(vote: pd.Series, say: Say) -> str:
    """Return vote and verdict in one line, with the three probabilities."""
    voted = f"<b>{escape(say('history.vote_was'))}</b> {escape(say('choice.' + vote['choice']))}"
    if vote["called"] < 0:
        return f'<p class="verdict">{voted} · {escape(say("history.no_verdict"))}</p>'
    call = say(("choice.a", "choice.b", "choice.tie")[int(vote["called"])])
    numbers = " / ".join(percent(vote[name]) for name in ("p_a", "p_b", "p_tie"))
    verdict = f"<b>{escape(say('history.verdict_was'))}</b> {escape(call)} ({numbers})"
    agrees = say("history.agrees" if vote["agrees"] else "history.disagrees")
    kind = "yes" if vote["agrees"] else "no"
    return f'<p class="verdict">{voted} · {verdict} · <span class="{kind}">{escape(agrees)}</span></p>'


def percent(share: Any) -> str:
    """Return a share in whole per cent."""
    return f"{100 * float(share):.0f} %"


def signed(number: float) -> str:
    """Return a number with two decimals and a true minus sign."""
    return f"{number:.2f}".replace("-", "\u2212")


def span(low: str, high: str) -> str:
    """Return an interval."""
    return f"{low} – {high}"


def _effects(held: Ranking, say: Say) -> str:
    known = held.effects[held.effects["effect"].abs() > 1e-6]
    if known.empty:
        return ""
    rows = [
        Row(
            say(f"history.control.{CONTROLS.index(row['control'])}"),
            row["effect"],
            row["low"],
            row["high"],
            signed(row["effect"]),
        )
        for row in known.to_dict("records")
    ]
    axis = fitting([*known["low"], *known["high"], 0.0])
    return (
        f"<h4>{escape(say('history.effects'))}</h4><p class='hint'>{escape(say('history.effects_hint'))}</p>"
        f"{interval_rows(rows, axis, say('history.effects'), reference=0.0)}"
    )


def _figure(name: str, value: str, note: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"


def _nothing(sentence: str) -> str:
    return f'<p class="nothing">{escape(sentence)}</p>'


def _time_axis(start: pd.Series, zone: str) -> Axis:
    """Return an axis in days from the first start, with at most five dates or times."""
    first, last = start.min(), start.max()
    days = (last - first).total_seconds() / 86_400.0
    form = "%H:%M" if days < 1 else "%m-%d" if days < 300 else "%Y-%m"
    if days == 0:
        return Axis(-0.5, 0.5, ((0.0, first.tz_convert(zone).strftime("%m-%d %H:%M")),))
    ticks = [
        (days * part / 4, (first + (last - first) * part / 4).tz_convert(zone).strftime(form)) for part in range(5)
    ]
    seen: dict[str, float] = {}
    for place, text in ticks:
        seen.setdefault(text, place)
    return Axis(0.0, days, tuple((place, text) for text, place in seen.items()))


def _stretch(row: dict[Any, Any], zone: str, say: Say) -> str:
    start = row["start"].tz_convert(zone).strftime("%Y-%m-%d %H:%M")
    return f"{start}: {say('history.rate_note', rate=percent(row['rate']), count=row['votes'])}"
