"""What commands share: how they end when the user must fix something, arguments for params.yaml, and the screen."""

import argparse
import io
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipelines.errors import AbruptEndError, UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

USER_ERROR, INTERRUPTED = 2, 130
"""Exit status for what the user can fix, and after Ctrl+C, as shells give it."""


def run_command(command: Callable[[], object]) -> None:
    """Run a command's main function; a `UserError` becomes one sentence on standard error and exit status 2.

    So does a library of an extra that is not installed. What the terminal's encoding does not have is written as an
    escape: names of files may be in any script, and in none that is text.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        command()
    except UserError as fault:
        _tell(f"{harmless(str(fault))}\n")
        if isinstance(fault, AbruptEndError):
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
            os._exit(USER_ERROR)
        raise SystemExit(USER_ERROR) from None
    except ModuleNotFoundError as fault:
        missing = (fault.name or "").partition(".")[0]
        if missing in ("", "pipelines", "features", "stacker", "dashboard"):
            raise
        _tell(f'{missing}: is not installed; `pip install -e ".[all]"` brings what the commands need.\n')
        raise SystemExit(USER_ERROR) from None
    except KeyboardInterrupt:
        _tell("Stopped; what was there before is as it was, and the same command resumes where it can.\n")
        raise SystemExit(INTERRUPTED) from None


def _tell(text: str) -> None:
    if sys.stderr is not None:  # as where it was closed
        sys.stderr.write(text)


def harmless(text: str) -> str:
    """Return a text without signs that steer a terminal or hide: those are made visible."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    from pipelines.terminal.unseen_signs import show_controls  # whose tables take a while to make

    return show_controls(text)


class HelpByParagraphs(argparse.HelpFormatter):
    """Help whose paragraphs, and rows of an indented table, are as wide as the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(self._filled(part, width) for part in text.strip().split("\n\n"))

    def _filled(self, paragraph: str, width: int) -> str:
        plain, _, table = paragraph.partition("\n  ")
        filled = [textwrap.fill(" ".join(plain.split()), width, break_on_hyphens=False)]
        for row in f"  {table}".splitlines() if table else []:
            start = re.match(r" *(?:\S+ {2,})?", row)
            hanging = " " * (len(start[0]) if start else 2)
            filled.append(textwrap.fill(row, width, subsequent_indent=hanging, break_on_hyphens=False))
        return "\n".join(filled)


def check_output(out: Path, inputs: Iterable[Path]) -> None:
    """Raise a `UserError` where a command would write over what it reads, under whatever name."""
    if os.path.realpath(out) in map(os.path.realpath, inputs):
        raise UserError(f"{out}: is one of the inputs, and would be lost; name another for the output.")


def check_output_file(out: Path, inputs: Iterable[Path]) -> None:
    """Raise a `UserError` where `check_output` does, or a folder is named for a file; before any work is done."""
    check_output(out, inputs)
    if out.is_dir():
        raise UserError(f"{out}: is a folder; name a file for the output.")


def output_suffix(out: Path, option: str, suffixes: Sequence[str]) -> str:
    """Return an output's suffix in small letters; raise a `UserError` that names the option where it is another."""
    suffix = out.suffix.lower()
    if suffix not in suffixes:
        known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise UserError(f"{option} {out}: ends in {suffix or 'nothing'}; end it in {known}.")
    return suffix


def add_params_arguments(parser: argparse.ArgumentParser, example: str, default: Path | None = None) -> None:
    """Give a parser `params`, a Path, and `--set KEY=VALUE`, a list of str under `overrides`.

    Parameters
    ----------
    example : str
        An override for the help, for example "data.dir=kaggle".
    default : Path or None
        The parameter file where none is named; None makes it required.
    """
    named = "the parameter file, for example params.yaml"
    if default is None:
        parser.add_argument("params", type=Path, help=named)
    else:
        parser.add_argument("params", type=Path, help=f"{named} (default: {default})", nargs="?", default=default)
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"override one parameter, for example --set {example}; may be repeated",
    )


class Progress(Protocol):
    """Called now and then from one thread; `done` never falls within a stage, and reaches `total` at its end."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps of a stage are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


class Screen:
    """Notes, tables and progress on one console; progress bars only where somebody watches a terminal."""

    def __init__(self, console: "Console | None" = None) -> None:
        from rich.console import Console  # rich takes a while to import, and most of this file does without

        self.console = console or Console(highlight=False, soft_wrap=True)
        self._progress: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def working(self) -> Iterator["Screen"]:
        """Show progress bars for as long as the block runs."""
        from rich import progress as bars

        columns = (bars.TextColumn("{task.description:<32}"), bars.BarColumn(), bars.MofNCompleteColumn())
        with bars.Progress(*columns, bars.TimeElapsedColumn(), console=self.console) as progress:
            self._progress = progress
            try:
                yield self
            finally:
                self._progress, self._tasks = None, {}

    def progress(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage; a `Progress`."""
        if self._progress is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def note(self, text: str) -> None:
        """Show one line."""
        try:
            self.console.print(harmless(text), markup=False)
        except BrokenPipeError:
            raise
        except OSError as fault:
            raise UserError(
                f"the output: cannot be written ({fault.strerror}); make room, or send it elsewhere."
            ) from fault

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Show a table whose first row is its heading and whose first column holds names.

        On a terminal that it is too wide for it stands in parts below each other, each with the first column.
        """
        from rich.cells import cell_len

        widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]))]
        self.note(title)
        for part, places in enumerate(self._parts(rows[0], widths)):
            if part:
                self.note("")
            for row in rows:
                names = row[0] + " " * (widths[0] - cell_len(row[0]))
                cells = ((widths[place], row[place].rstrip()) for place in places)
                numbers = (" " * (width - cell_len(cell)) + cell for width, cell in cells)
                self.note("  ".join(["", names, *numbers]).rstrip())

    def _parts(self, heading: Sequence[str], widths: Sequence[int]) -> list[list[int]]:
        """Return the places of the columns besides the first, split where a terminal's line is full.

        A column without a heading, such as an interval, stays with the one before it.
        """
        together: list[list[int]] = []
        for place in range(1, len(widths)):
            if together and not heading[place].strip():
                together[-1].append(place)
            else:
                together.append([place])
        parts: list[list[int]] = [[]]
        for group in together:
            wide = 2 + widths[0] + sum(2 + widths[each] for each in (*parts[-1], *group))
            if parts[-1] and self.console.is_terminal and wide > self.console.width:
                parts.append([])
            parts[-1] += group
        return parts
