"""What the history page shows: the table of votes, and cards as HTML, which are made in a thread.

The table is sorted and cut into pages here, so that the browser gets one page of texts at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from markupsafe import Markup

from dashboard.components.drawn_texts import noted
from dashboard.components.look import macros, note, percent, span, table_words
from dashboard.components.paged_table import Table
from dashboard.pages.leaderboard.leaderboard import ADDRESS
from dashboard.rendering.rendered import Rendered
from dashboard.sessions.concurrency import Tasks, in_thread
from dashboard.texts import Say, Texts
from dashboard.votes import agreement as agreements
from dashboard.votes.agreement_rivals import chance_agreement, longer_agreement
from dashboard.votes.model_ranking import Ranking, rank, style_differences
from dashboard.votes.vote_weights import weights_of
from features.style_control import CONTROLS
from pipelines.terminal.unseen_signs import one_line
from stacker.evaluate.charts import Axis, Dot, Row, Series, confusion_table, fitting, interval_rows, plane, shares
from stacker.evaluate.html_templates import written

PAGE_ROWS = 15
COLUMNS = ("time", "question", "vote", "call", "agrees", "language")
FEW = 10
"""Votes below which a row stands back."""
_CARDS, _FIGURES = macros("history/cards.html"), macros("figures.html")


@dataclass(frozen=True)
class Sorting:
    """By which column, and which way."""

    by: str = "time"
    descending: bool = True


def sorted_rows(rows: pd.DataFrame, sorting: Sorting) -> list[int]:
    """Return the indices of rows in the order asked for, of equals the latest first.

    Parameters
    ----------
    rows : DataFrame, n rows
        Texts under `COLUMNS`, the oldest vote first.
    sorting : Sorting
        What is asked for; upper and lower case are the same.
    """
    latest_first = range(len(rows) - 1, -1, -1)
    if sorting.by == "time":
        return list(latest_first if sorting.descending else range(len(rows)))
    keys = [text.casefold() for text in rows[sorting.by]]
    return sorted(latest_first, key=keys.__getitem__, reverse=sorting.descending)


class VoteTable:
    """The widget and what it shows.

    Parameters
    ----------
    opened : function
        Called with the index of a row that was pressed.

    Attributes
    ----------
    rows : DataFrame
        All rows, as `sorted_rows` takes them.
    """

    def __init__(self, say: Texts, tasks: Tasks, opened: Callable[[int], None]) -> None:
        self.sorting = Sorting()
        self.rows = pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
        self._order: list[int] = []
        self._page, self._open = 1, -1
        self._tasks, self._opened = tasks, opened
        self.view = Table(
            columns=[[name, say(f"history.column.{name}")] for name in COLUMNS],
            words=table_words(say, "history.table", "history.none_found"),
            opener="question",
            css_classes=["votes"],
        )
        self.view.param.watch(lambda event: self._pressed(event.new), "press")

    @property
    def pages(self) -> int:
        """Return how many pages there are, at least one."""
        return max(1, -(-len(self._order) // PAGE_ROWS))

    def show(self, rows: pd.DataFrame, order: list[int], sorting: Sorting) -> bool:
        """Show rows in the order of a sorting, and return whether they are others than before."""
        changed = not rows.equals(self.rows)
        if changed:
            self._page, self._open = 1, -1
        self.rows, self._order = rows, order
        self._draw()
        if sorting is not self.sorting:  # another one has been chosen meanwhile
            self._tasks.start(self._sort(self.sorting, rows))
        return changed

    def _pressed(self, press: dict[str, Any]) -> None:
        """Take a press; it comes from the browser, so it may be anything."""
        by, page, index = press.get("sort"), press.get("page"), press.get("open")
        if by in COLUMNS:
            self.sorting = Sorting(by, by == self.sorting.by and not self.sorting.descending)
            self._tasks.start(self._sort(self.sorting, self.rows))
        elif isinstance(page, int) and 1 <= page <= self.pages:
            self._page = page
            self._draw()
        elif isinstance(index, int) and 0 <= index < len(self._shown()):
            self._open = self._shown()[index]
            self.view.opened = index
            self._opened(self._open)

    async def _sort(self, sorting: Sorting, rows: pd.DataFrame) -> None:
        order = await in_thread(sorted_rows, rows, sorting)
        if sorting is self.sorting and rows is self.rows:
            self._order, self._page = order, 1
            self._draw()

    def _shown(self) -> list[int]:
        return self._order[(self._page - 1) * PAGE_ROWS : self._page * PAGE_ROWS]

    def _draw(self) -> None:
        shown = self._shown()
        self.view.param.update(
            rows=self.rows.iloc[shown].to_numpy().tolist(),
            sort=self.sorting.by,
            descending=self.sorting.descending,
            page=self._page,
            pages=self.pages,
            opened=shown.index(self._open) if self._open in shown else -1,
        )


def figures(votes: pd.DataFrame, judged: pd.DataFrame, say: Say) -> Markup:
    """Return the key figures: votes, agreement and kappa with their intervals."""
    rate, kappa = agreements.agreement(judged), agreements.kappa(judged)
    chance, longer = chance_agreement(judged), longer_agreement(judged)
    found = _FIGURES.figures(
        [
            (say("history.votes"), f"{len(votes):,}", say("history.judged", count=f"{len(judged):,}")),
            (say("history.agreement"), percent(rate["rate"]), span(rate["low"], rate["high"], percent)),
            (say("history.by_chance"), percent(chance.value), span(chance.low, chance.high, percent)),
            (say("history.by_longer"), percent(longer.value), span(longer.low, longer.high, percent)),
            (say("history.kappa"), signed(kappa.value), span(kappa.low, kappa.high, signed)),
        ]
    )
    count = int((weights_of(votes) != 1.0).sum())
    return Markup(found) + note(say("history.weighed", count=f"{count:,}") if count else "", "hint")


def over_time(judged: pd.DataFrame, say: Say, zone: str = "UTC") -> str:
    """Return the chart of the agreement over time: each stretch as a dot, all so far as a line with its band."""
    table = agreements.agreement_over_time(judged)
    if table.empty:
        return note(say("history.none_judged"))
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
        *(
            Series(say(f"history.by_{name}"), kind, [(day, row[f"{name}_so_far"]) for day, row in rows])
            for name, kind in (("chance", "grey"), ("longer", "third"))
            if np.isfinite(table[f"{name}_so_far"]).all()
        ),
        Series(say("history.each_period"), "second", dots=dots),
    ]
    last = rows[-1][1]
    label = say("history.over_time_label", rate=percent(last["rate_so_far"]), count=int(last["votes_so_far"]))
    return plane(series, x, y, label)


def by_group(table: pd.DataFrame, say: Say, label: str, names: Callable[[str], str] = str) -> str:
    """Return agreement rows with intervals from `agreement_by`."""
    if table.empty:
        return note(say("history.nothing_to_part"))
    rows = []
    for row in table.to_dict("records"):
        name, told = names(str(row["value"])), _rate_note(row["rate"], f"{row['votes']:,}", say)
        rows.append(Row(name, row["rate"], row["low"], row["high"], told, faint=row["votes"] < FEW))
    return interval_rows(rows, shares(0.0, 1.0), label)


def style_title(name: str, say: Say) -> str:
    """Return what a style is called in the language of the page; "" for a battle without one."""
    return say.style_name(name) if name and isinstance(say, Texts) else name


def confusion(judged: pd.DataFrame, say: Say) -> str:
    """Return the table of what was voted by what the judge called."""
    if judged.empty:
        return note(say("history.none_judged"))
    names = [say("history.a_better"), say("history.b_better"), say("history.tie")]
    return confusion_table(agreements.confusion(judged), names, names, say("history.voted"), say("history.called"))


def ranking(votes: pd.DataFrame, of: Literal["style", "model"], say: Say) -> Markup:
    """Return the ranking as voted, and with length and style held equal, and what these features do."""
    as_voted = rank(votes, of)
    if as_voted.rows.empty:
        return note(say(f"history.no_{of}s"))
    held = rank(votes, of, style_differences(votes["response_a"].tolist(), votes["response_b"].tolist()))
    equal = held.rows.set_index("name")
    ends = pd.concat([as_voted.rows, held.rows])
    rows = []
    for row in as_voted.rows.to_dict("records"):
        told = say("history.record", wins=row["wins"], ties=row["ties"], losses=row["losses"])
        ends_of_rank = sorted({int(row["rank_low"]), int(row["rank_high"])})
        told = f"{say('leaderboard.rank_is', rank=' – '.join(map(str, ends_of_rank)))} · {told}"
        second: Any = tuple(float(equal.loc[row["name"], end]) for end in ("strength", "low", "high"))
        few = row["votes"] < FEW
        name = style_title(row["name"], say) if of == "style" else row["name"]
        rows.append(Row(name, row["strength"], row["low"], row["high"], told, faint=few, second=second))
    axis = fitting([*ends["low"], *ends["high"], 0.0])
    apart = as_voted.rows["group"].nunique() > 1
    chart = interval_rows(rows, axis, say("history.ranking_label"), reference=0.0)
    page = f"{ADDRESS}?of={of}&language={say.language}" if isinstance(say, Texts) else ADDRESS
    return _CARDS.ranking(Markup(chart), apart, _effects(held, say), page, say)


def named(votes: pd.DataFrame, say: Say, left_out: bool) -> Markup:
    """Return how many votes have an answer that named its own model, and what becomes of them; "" without any."""
    count = int((votes["named"] != "").sum())
    sentence = say("history.named_left_out" if left_out else "history.named_counted", count=f"{count:,}")
    return note(sentence if count else "", "hint")


def details(vote: pd.Series, drawn: Sequence[Rendered], say: Say) -> Markup:
    """Return one vote whole: question, both answers, vote and verdict, and who answered.

    Parameters
    ----------
    vote : Series
        A row of `with_outcomes`.
    drawn : three Rendered
        Its prompt and its two answers.
    """
    asked, *answers = (noted(text, say) for text in drawn)
    sides = []
    for side, answer in zip(("a", "b"), answers, strict=True):
        own = say("history.named") if side in vote["named"] else ""
        style = style_title(vote[f"style_{side}"], say)
        names = [one_line(text, 80) for text in (style, vote[f"model_{side}"], own) if text]
        sides.append((side, answer, names))
    return _CARDS.details(vote, asked, sides, say)


def verdict_line(vote: pd.Series, say: Say) -> Markup:
    """Return vote and verdict in one line, with the three probabilities."""
    return _CARDS.verdict_line(vote, say)


def links(files: Sequence[tuple[str, str]]) -> Markup:
    """Return links to files, each with its address and what it is called."""
    return _CARDS.links(files)


def signed(number: float | None) -> str:
    """Return a number with two decimals and a true minus sign."""
    return written(number, ".2f")


def _effects(held: Ranking, say: Say) -> Markup:
    known = held.effects[held.effects["effect"].abs() > 1e-6]
    if known.empty:
        return Markup()
    rows = []
    for row in known.to_dict("records"):
        name = say(f"history.control.{CONTROLS.index(row['control'])}")
        rows.append(Row(name, row["effect"], row["low"], row["high"], signed(row["effect"])))
    axis = fitting([*known["low"], *known["high"], 0.0])
    return Markup(interval_rows(rows, axis, say("history.effects"), reference=0.0))


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
    for day, text in ticks:
        seen.setdefault(text, day)
    return Axis(0.0, days, tuple((day, text) for text, day in seen.items()))


def _stretch(row: dict[Any, Any], zone: str, say: Say) -> str:
    start = row["start"].tz_convert(zone).strftime("%Y-%m-%d %H:%M")
    return f"{start}: {_rate_note(row['rate'], row['votes'], say)}"


def _rate_note(rate: float, count: Any, say: Say) -> str:
    return say("history.rate_note", rate=percent(rate), count=count)
