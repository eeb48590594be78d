"""The table of votes: sorted and cut into pages here, so that the browser gets one page of texts at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dashboard.components import Table
from dashboard.sessions.concurrency import Tasks, in_thread
from dashboard.texts import Texts

PAGE_ROWS = 15
COLUMNS = ("time", "question", "vote", "call", "agrees", "language")


@dataclass(frozen=True)
class Sorting:
    """By which column, and which way."""

    by: str = "time"
    descending: bool = True


def sorted_rows(rows: pd.DataFrame, sorting: Sorting) -> list[int]:
    """Return the places of rows in the order asked for, of equals the latest first.

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
    say : Texts
        The page's language.
    tasks : Tasks
        Of the page.
    opened : function
        Called with the place of a row that was pressed.

    Attributes
    ----------
    sorting : Sorting
        As the person chose it.
    rows : DataFrame
        All rows, as `sorted_rows` takes them.
    """

    def __init__(self, say: Texts, tasks: Tasks, opened: Callable[[int], None]) -> None:
        self.sorting = Sorting()
        self.rows = pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
        self._order: list[int] = []
        self._page, self._open = 1, -1
        self._tasks, self._opened = tasks, opened
        words = {word: say(f"history.pager.{word}") for word in ("first", "last", "prev", "next", "pages")}
        self.view = Table(
            columns=[[name, say(f"history.column.{name}")] for name in COLUMNS],
            words=words | {"label": say("history.table"), "none": say("history.none_found")},
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
        by, page, place = press.get("sort"), press.get("page"), press.get("open")
        if by in COLUMNS:
            self.sorting = Sorting(by, by == self.sorting.by and not self.sorting.descending)
            self._tasks.start(self._sort(self.sorting, self.rows))
        elif isinstance(page, int) and 1 <= page <= self.pages:
            self._page = page
            self._draw()
        elif isinstance(place, int) and 0 <= place < len(self._shown()):
            self._open = self._shown()[place]
            self.view.opened = place
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
