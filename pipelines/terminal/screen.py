"""What a command shows on the screen: progress bars, notes and tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Screen:
    """Notes, tables and progress on one console; progress bars only where somebody watches a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def working(self) -> Iterator["Screen"]:
        """Show progress bars for as long as the block runs."""
        columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=False) as progress:
            self._progress = progress
            try:
                yield self
            finally:
                self._progress, self._tasks = None, {}

    def progress(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage; a `pipelines.terminal.progress.Progress`."""
        if self._progress is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def note(self, text: str) -> None:
        """Show one line."""
        self.console.print(text, markup=False)

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Show a table whose first row is its heading and whose first column holds names."""
        widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]))]
        self.note(title)
        for row in rows:
            first, *others = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
            numbers = (cell.rstrip().rjust(width) for cell, width in zip(others, widths[1:], strict=True))
            self.note("  ".join(["", first, *numbers]).rstrip())
