"""What the page of admins shows: the table of people, and cards as HTML."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from dashboard.components.look import macros, note, table_words
from dashboard.components.paged_table import Table
from dashboard.generators import GENERATORS
from dashboard.sessions.answer_log import GIVEN_UP, KEPT, Health
from dashboard.sessions.answer_slots import AnswerSlots
from dashboard.texts import Texts
from dashboard.votes.upkeep.disk_use import DiskUse
from pipelines.terminal.unseen_signs import one_line
from stacker.evaluate.html_templates import NONE

PAGE_ROWS = 10
COLUMNS = ("person", "votes", "today", "week", "battles", "last")
SORTED_BY = {name: "shown" if name == "person" else name for name in COLUMNS}
LOG_LINES = 30
_UNITS = ("B", "kB", "MB", "GB", "TB")
_CARDS, _FIGURES = macros("admin/cards.html"), macros("figures.html")


class PeopleTable:
    """The people in pages; a press on a row chooses one.

    Parameters
    ----------
    chosen : function
        Called with the name, or pseudonym, of the person whose row was pressed.
    """

    def __init__(self, say: Texts, zone: str, chosen: Callable[[str], None]) -> None:
        self._say, self._zone, self._chosen = say, zone, chosen
        self._rows = pd.DataFrame()
        self._sort, self._descending, self._page = "votes", True, 1
        self.view = Table(
            columns=[[name, say(f"admin.column.{name}")] for name in COLUMNS],
            words=table_words(say, "admin.people", "admin.none"),
            opener="person",
            css_classes=["people"],
        )
        self.view.param.watch(lambda event: self._pressed(event.new), "press")

    def show(self, people: pd.DataFrame) -> None:
        """Show people as `Upkeep.people` returns them."""
        self._rows = people.assign(shown=people["name"].where(people["name"] != "", people["session"]))
        self._order()

    def _order(self) -> None:
        by = [SORTED_BY[self._sort], "shown"]
        self._rows = self._rows.sort_values(by, ascending=[not self._descending, True], ignore_index=True)
        self._draw()

    @property
    def _pages(self) -> int:
        return max(1, -(-len(self._rows) // PAGE_ROWS))

    def _pressed(self, press: dict[str, Any]) -> None:
        """Take a press; it comes from the browser, so it may be anything."""
        by, page, index = press.get("sort"), press.get("page"), press.get("open")
        if isinstance(by, str) and by in SORTED_BY and len(self._rows):
            self._descending = not self._descending if by == self._sort else by != "person"
            self._sort, self._page = by, 1
            self._order()
        elif isinstance(page, int) and 1 <= page <= self._pages:
            self._page = page
            self._draw()
        elif isinstance(index, int) and 0 <= index < len(self._shown()):
            self.view.opened = index
            self._chosen(str(self._shown()["shown"].iloc[index]))

    def _shown(self) -> pd.DataFrame:
        self._page = min(self._page, self._pages)
        return self._rows.iloc[(self._page - 1) * PAGE_ROWS : self._page * PAGE_ROWS]

    def _draw(self) -> None:
        shown = self._shown()
        rows = [
            [
                one_line(row["shown"], 60),
                *(f"{row[name]:,}" for name in ("votes", "today", "week", "battles")),
                NONE if pd.isna(row["last"]) else moment(row["last"], self._zone),
            ]
            for row in shown.to_dict("records")
        ]
        self.view.param.update(
            rows=rows, sort=self._sort, descending=self._descending, page=self._page, pages=self._pages, opened=-1
        )


def figures(people: pd.DataFrame, slots: AnswerSlots, disk: Sequence[DiskUse], say: Texts, zone: str) -> str:
    """Return the figures at the head of the page."""
    counts = {name: int(people[name].sum()) for name in ("votes", "today", "week", "battles")}
    free = next((use.free for use in disk if use.free is not None), None)
    below = {
        "people": say("admin.figure.people_below", active=f"{int((people['week'] > 0).sum()):,}"),
        "votes": say("admin.figure.votes_below", battles=f"{counts['battles']:,}"),
        "today": say("admin.figure.today_below", zone=zone),
        "week": "",
        "waiting": say("admin.figure.waiting_below", writing=slots.writing),
        "free": say("admin.figure.free_below"),
    }
    values = {name: f"{count:,}" for name, count in counts.items()}
    values |= {"people": f"{len(people):,}", "waiting": f"{slots.people_waiting:,}", "free": size(free)}
    return str(_FIGURES.figures([(say(f"admin.figure.{name}"), values[name], below[name]) for name in below]))


def answers(found: Sequence[Health], say: Texts, zone: str) -> str:
    """Return how the models that answer have done."""
    if not found:
        return str(note(say("admin.generators_none")))
    names = ("model", "state", "first", "speed", "waited", "answers", "faults", "last")
    return str(
        _CARDS.table(
            say("admin.generators"),
            [say(f"admin.generator.{name}") for name in names],
            [_answers_of(each, say, zone) for each in found],
        )
    )


def _answers_of(found: Health, say: Texts, zone: str) -> list[str]:
    def seconds(value: float | None) -> str:
        return NONE if value is None else say("admin.generator.seconds", seconds=f"{value:.1f}")

    bad = sum(count for code, count in found.faults.items() if code != GIVEN_UP)
    state = "failing" if found.last.fault not in ("", GIVEN_UP) else "mixed" if bad else "fine"
    recorded = found.kind in GENERATORS and GENERATORS[found.kind].recorded
    faults = [
        say("admin.generator.fault", count=count, what=_what(code, say))
        for code, count in list(found.faults.items())[:3]
    ]
    return [
        say("admin.recorded", name=found.model or found.kind) if recorded else found.model or found.kind,
        say(f"admin.state.{state}"),
        seconds(found.first),
        NONE if found.speed is None or recorded else f"{found.speed:.1f}",
        seconds(found.waited),
        f"{found.answers}" if found.answers < KEPT else f"{KEPT}+",
        say("judge.between").join(faults) or NONE,
        moment(found.last.at, zone),
    ]


def _what(code: str, say: Texts) -> str:
    if code == GIVEN_UP:
        return say("admin.given_up")
    return say(f"admin.code.{code}") if f"admin.code.{code}" in say else say("admin.code.other", code=code)


def disks(found: Sequence[DiskUse], say: Texts) -> str:
    """Return what the store and the folders take."""
    rows = []
    for use in found:
        took = size(use.size) if use.whole else say("admin.disk_more", size=size(use.size))
        free = "" if use.free is None else f" · {say('admin.disk_free', size=size(use.free))}"
        rows.append((say(f"admin.disk_name.{use.name}"), f"{took}{free}", use.where))
    return str(_CARDS.facts(rows))


def log_table(rows: Sequence[dict[str, Any]], say: Texts, zone: str) -> str:
    """Return the last lines of the log."""
    if not rows:
        return str(note(say("admin.done_none")))
    told = []
    for row in rows:
        action = str(row["action"])
        rest = " ".join(f"{key}={row[key]}" for key in row if key not in ("at", "who", "action"))
        what = say(f"admin.action.{action}") if f"admin.action.{action}" in say else action
        try:
            when = moment(datetime.fromisoformat(str(row["at"])), zone)
        except ValueError:
            when = str(row["at"])
        told.append([when, str(row["who"]), what, rest])
    columns = [say(f"admin.done_column.{name}") for name in ("time", "who", "what", "about")]
    return str(_CARDS.table(say("admin.done"), columns, told))


def link(address: str, text: str) -> str:
    """Return a link that looks like a button."""
    return str(_CARDS.link(address, text))


def size(count: int | None) -> str:
    """Return a number of bytes for people."""
    if count is None:
        return NONE
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.95 else f"{value:.1f} {_UNITS[unit]}"


def moment(at: datetime, zone: str) -> str:
    """Return a time in a time zone, to the minute."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
