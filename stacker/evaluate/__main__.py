"""Any judge against people's votes: `python -m stacker.evaluate JUDGE|VERDICTS VOTES...`."""

import argparse
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import write_json
from pipelines.files.object_storage import AnyFolder, folder_argument
from pipelines.formats.reading_options import ReadingOptions, add_reading_arguments, reading_options
from pipelines.formats.told_reading import iter_told
from pipelines.terminal.cluster.tasks import LocalTasks, Task, Tasks, add_cluster_argument, tasks_at
from pipelines.terminal.command_line import HelpByParagraphs, Screen, check_output_file, run_command
from stacker.judge.any_judge import (
    STARTER,
    AskedElsewhere,
    SavedJudge,
    VerdictFile,
    asked_elsewhere,
    folder_of,
    open_judge,
)
from stacker.judge.verdict_control import Control, add_control_argument
from stacker.judge.verdict_files import Options as VerdictOptions

ROWS_AT_ONCE = 2000
EPILOG = f"""\
JUDGE is the judge folder of a run, the folder of the run, or `{STARTER}` for the judge in this package.

VERDICTS is a CSV, JSON, JSON Lines or parquet file of another judge's verdicts, one row an asking: `id`, and
probabilities (p_a, p_b, p_tie), a winner (A, B, tie) or two scores (score_a, score_b). Where a battle was asked
several times it has several rows; a column `swapped` (true, false) or `order` (AB, BA) says that the judge saw the
answers the other way round, and what such a row calls A is B.

Every vote counts alike. Battles without a verdict are counted and left out; where they are most, this is an error.
"""


@dataclass(frozen=True)
class Options:
    """What is written where, and how a saved judge runs.

    Attributes
    ----------
    json, page : Path or None
        Files for everything that was found, and for a page of it.
    judge : str
        Which judge's verdicts, where a file holds those of several.
    allow_missing : bool
        Whether to go on where most votes have no verdict.
    device, threads
        As `stacker.judge.any_judge.open_judge` takes them.
    cache : Path, RemoteFolder or None
        A folder that keeps the numbers of texts.
    reading : ReadingOptions
        Names of the votes' columns, and how much of a file may be lost.
    control : "style" or None
        Which verdicts of a saved judge.
    """

    json: Path | None = None
    page: Path | None = None
    allow_missing: bool = False
    device: Literal["cpu", "cuda"] | None = None
    threads: int = 0
    cache: AnyFolder | None = None
    reading: ReadingOptions = ReadingOptions()
    judge: str = ""
    control: Control = None
    cluster: str | None = None


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and evaluate."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.evaluate",
        description="Measure a judge against people's votes: log loss, accuracy, agreement, kappa and calibration, by "
        "source and kind of battle, with intervals; next to the longer answer, the class prior and, where several "
        "people voted on one pair, people themselves.",
        formatter_class=HelpByParagraphs,
        epilog=EPILOG,
    )
    parser.add_argument("judge", type=Path, metavar="JUDGE|VERDICTS", help="a saved judge, or a file of verdicts")
    parser.add_argument(
        "votes", type=Path, nargs="+", metavar="VOTES", help="files of votes that data.sources can name"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page (HTML) that opens offline")
    parser.add_argument(
        "--judge-model", default="", metavar="NAME", help="the judge, where VERDICTS holds those of several"
    )
    parser.add_argument("--allow-missing", action="store_true", help="go on where most votes have no verdict")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(as the run that made the judge had it)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 means every core (%(default)s)")
    parser.add_argument(
        "--cache", type=folder_argument, metavar="FOLDER", help="keep the numbers of texts there for another time"
    )
    add_cluster_argument(parser)
    add_control_argument(parser)
    add_reading_arguments(parser)
    chosen = parser.parse_args(arguments)
    options = Options(chosen.json, chosen.page, chosen.allow_missing, chosen.device, chosen.threads, chosen.cache)
    options = replace(options, cluster=chosen.cluster)
    run_command(
        lambda: _command(
            chosen.judge,
            chosen.votes,
            replace(options, reading=reading_options(chosen), judge=chosen.judge_model, control=chosen.control),
        )
    )


def _command(judge: Path, files: Sequence[Path], options: Options) -> None:
    from stacker.evaluate.votes.evaluation_tables import notes, tables

    screen = Screen()
    found = evaluate_files(judge, files, options, screen)
    for title, rows in tables(found, found["judge"]["name"]):
        screen.note("")
        screen.table(title, rows)
    said = list(notes(found))
    if said:
        screen.note("")
    for sentence in said:
        screen.note(sentence)
    for path in (options.json, options.page):
        if path is not None:
            screen.note(f"Written: {path}")


def evaluate_files(judge: Path, files: Sequence[Path], options: Options, screen: Screen) -> dict[str, Any]:
    """Evaluate a judge on the votes of some files, which are read in a stream, and write what was asked for.

    Parameters
    ----------
    judge : Path
        As `stacker.judge.any_judge.open_judge` takes it.
    files : sequence of Path
        Files of votes.
    options : Options
        Outputs and devices.
    screen : Screen
        Shows how far the work has come.

    Returns
    -------
    dict
        What `stacker.evaluate.votes.evaluation.evaluate` returns, with `judge` (name, about, kind), `files` (name,
        votes and rows that cannot be used of each) and, for a file of verdicts, `asking`.

    Raises
    ------
    UserError
        When the judge or a file cannot be used, or most votes have no verdict.
    """
    from features.remote_cache import block_cache
    from stacker.evaluate.votes.evaluation import asking, evaluate

    for out in (options.json, options.page):
        if out is not None:
            check_output_file(out, [judge, *files])
    if options.json is not None and options.page is not None:
        check_output_file(options.page, [options.json])
    _check_files(judge, files)
    cache = None if options.cache is None else block_cache(options.cache / "blocks")
    asked = open_judge(
        judge,
        device=options.device,
        threads=options.threads,
        cache=cache,
        judge=options.judge,
        control=options.control,
    )
    screen.note(f"{asked.name}: {asked.about}.")
    by = _AskedBy.of(asked, judge, options, screen)
    read = _read_votes(asked, by, files, options.reading, screen)
    if read.missing * 2 > read.votes and not options.allow_missing or read.missing == read.votes:
        raise UserError(_missing_sentence(judge, asked, read))
    found: dict[str, Any] = {
        "judge": {"name": asked.name, "about": asked.about, "kind": asked.kind, "ties": asked.ties},
        "files": read.told,
        **evaluate(read.joined(), asked.kind, asked.ties),
    }
    if cache is not None:
        cache.close()  # a shared one sends what is new
    if isinstance(asked, VerdictFile):
        found["asking"] = asking(asked.table)
    if options.json is not None:
        write_json(options.json, found)
    if options.page is not None:
        from stacker.evaluate.votes.evaluation_page import write_page

        write_page(options.page, found)
    return found


def _check_files(judge: Path, files: Sequence[Path]) -> None:
    """Refuse a file that is named twice: its votes would count twice, or be their own verdicts."""
    named: dict[str, int] = {}
    for place, path in enumerate((judge, *files)):
        first = named.setdefault(os.path.realpath(path), place)
        if first != place:
            told = "verdicts and as votes, which would be their own" if first == 0 else "votes"
            raise UserError(f"{path}: is named twice, as {told}; name it once.")


@dataclass
class _Read:
    """What was read so far: votes with their verdicts, without their texts."""

    parts: list[Any] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    votes: int = 0
    missing: int = 0
    first_missing: str = ""
    of_id: dict[str, tuple[int, bool, str]] = field(default_factory=dict)

    def joined(self) -> Any:
        from stacker.evaluate.votes.vote_arrays import VoteArrays

        return VoteArrays.joined(self.parts)


@dataclass(frozen=True)
class _AskedBy:
    """Who is asked, by what: the judge in this process, or as it travels to the nodes of a cluster."""

    tasks: Tasks
    judge: SavedJudge | VerdictFile | AskedElsewhere

    @classmethod
    def of(cls, asked: SavedJudge | VerdictFile, folder: Path, options: Options, screen: Screen) -> "_AskedBy":
        tasks = tasks_at(options.cluster) if isinstance(asked, SavedJudge) else LocalTasks()
        if not tasks.elsewhere or not isinstance(asked, SavedJudge):
            return cls(tasks, asked)
        tasks.announce(screen.note)
        how = {name: getattr(options, name) for name in ("device", "threads", "control")}
        options_there = VerdictOptions(**how)
        return cls(tasks, asked_elsewhere(tasks, folder_of(folder), asked.judge, options_there, asked.cache))

    def verdicts(
        self, read: Iterator[tuple[pd.DataFrame, int]], waiting: "deque[tuple[pd.DataFrame, int]]"
    ) -> Iterator[Floats]:
        """Yield the probabilities of each part that is read, in their order; the parts meanwhile wait in a queue."""

        def begun() -> Iterator[Task]:
            for part in read:
                waiting.append(part)
                yield self.judge.task(part[0])

        found = self.tasks.in_order(begun())
        return map(self.judge.received, found) if isinstance(self.judge, AskedElsewhere) else found


def _read_votes(
    asked: SavedJudge | VerdictFile, by: _AskedBy, files: Sequence[Path], reading: ReadingOptions, screen: Screen
) -> _Read:
    from stacker.evaluate.votes.vote_arrays import VoteArrays

    read = _Read()
    with screen.working():
        for path in files:
            votes = unread = 0
            waiting: deque[tuple[pd.DataFrame, int]] = deque()
            read_on = iter_told(path, ROWS_AT_ONCE, reading, screen.note, labelled=True)
            for probabilities in by.verdicts(read_on, waiting):
                battles, lost = waiting.popleft()
                part = VoteArrays.of(battles, probabilities, asked.margins(battles, probabilities))
                if isinstance(asked, VerdictFile):
                    _check_ids(read, [asked.table.known_as(name) for name in battles["id"].tolist()], part, path)
                read.parts.append(part)
                silent = np.flatnonzero(~part.judged)
                if len(silent) and not read.first_missing:
                    read.first_missing = str(battles["id"].iloc[int(silent[0])])
                read.missing += len(silent)
                votes += len(battles)
                unread += lost
                screen.progress("votes", read.votes + votes, read.votes + votes)
            read.votes += votes
            read.told.append({"name": path.name, "votes": votes, "unread": unread})
    if not read.votes:
        raise UserError(f"{', '.join(map(str, files))}: holds no vote that can be read; name a file of votes.")
    return read


def _check_ids(read: _Read, ids: Sequence[str], part: Any, path: Path) -> None:
    """Refuse votes whose verdict cannot be told: verdicts are found by id, and two battles have this one."""
    for name, pair, turned in zip(ids, part.pair.tolist(), part.turned.tolist(), strict=True):
        known = read.of_id.setdefault(name, (pair, turned, str(path)))
        if known[:2] != (pair, turned):
            raise UserError(
                f"{path}: the id {shown(name)} is that of another battle in {known[2]}, and verdicts are found by it; "
                "evaluate one file at a time, or give each battle an id of its own."
            )


def _missing_sentence(judge: Path, asked: SavedJudge | VerdictFile, read: _Read) -> str:
    example = ""
    if isinstance(asked, VerdictFile):
        own = shown(next(iter(asked.table.place)))
        example = f", such as that of id {shown(read.first_missing)} (its first verdict is on id {own})"
    return (
        f"{judge}: has no verdict on {read.missing:,} of {read.votes:,} votes{example}; give verdicts by the ids of "
        "the votes, or allow it by --allow-missing."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
