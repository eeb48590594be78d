"""Whole files of battles: `python -m stacker.predict [JUDGE] INPUT... --out FILE` gives each its probabilities."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write, sha256_of
from pipelines.files.hashes import code_version
from pipelines.files.object_storage import folder_argument
from pipelines.formats.containers.file_formats import PACKED, SUFFIXES, open_rows
from pipelines.formats.containers.raw_rows import BadRow
from pipelines.formats.reading import iter_battles
from pipelines.formats.reading_options import ReadingOptions, add_reading_arguments, reading_options
from pipelines.formats.records import IDS
from pipelines.formats.row_stream import open_form
from pipelines.terminal.cluster.tasks import Task, Tasks, add_cluster_argument, tasks_at
from pipelines.terminal.command_line import Screen, check_output, output_suffix, run_command
from stacker.judge.any_judge import AskedElsewhere, asked_elsewhere, folder_of
from stacker.judge.elsewhere import Elsewhere, add_elsewhere_arguments, named_files
from stacker.judge.provenance import read_provenance
from stacker.judge.verdict_control import HELD_EQUAL, add_control_argument, even_style_for, with_checks
from stacker.judge.verdict_files import (
    ARENA,
    KAGGLE,
    ROWS_AT_ONCE,
    WRITTEN,
    Options,
    Parts,
    join_files,
    join_parts,
    kept_parts,
    names_of,
    verdict_rows,
    write_part,
)
from stacker.learners.judges.starter_prior import judge_hash, starter_folder
from stacker.learners.stacking.cascade import told_cascade

if TYPE_CHECKING:
    from stacker.judge.judge import Judge

SET_ASIDE = ".set_aside.jsonl"
_BAD = ".bad.jsonl"
_STAGE = "battles"


@dataclass(frozen=True)
class Predicted:
    """How many battles were predicted, how many rows were told of in `set_aside`, and where that is."""

    battles: int
    bad: int
    set_aside: Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and predict."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.predict",
        usage="%(prog)s [options] [JUDGE] INPUT [INPUT ...] --out FILE",
        description="Predict battles with a saved judge. Nothing is fitted. A command that was stopped resumes; "
        "rows that cannot be used are set aside, with the reason, in a file next to the output.",
    )
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="a judge's folder, or that of the run that made it, or starter, as none means too; then CSV, JSON Lines, "
        "JSON or parquet files of battles",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .csv, .jsonl or .parquet file")
    parser.add_argument(
        "--format", dest="columns", choices=(KAGGLE, ARENA), default=KAGGLE, help="columns of the output (%(default)s)"
    )
    parser.add_argument(
        "--rows-at-once", type=int, default=ROWS_AT_ONCE, metavar="N", help="battles in memory at a time (%(default)s)"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(as the run that made the judge had it)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 means every core (%(default)s)")
    parser.add_argument("--cache", type=folder_argument, metavar="FOLDER", help="keep the numbers of texts there")
    parser.add_argument(
        "--rescue", action="store_true", help="predict rows that cannot be parsed from the text as it stands"
    )
    add_cluster_argument(parser)
    add_elsewhere_arguments(parser)
    add_control_argument(parser, votes_only=True)
    add_reading_arguments(parser)
    chosen = parser.parse_args(arguments)
    options = Options(chosen.columns, chosen.rows_at_once, chosen.device, chosen.threads, chosen.cache, chosen.rescue)
    options = replace(options, control=chosen.control, without=tuple(chosen.without), cascade=chosen.cascade)
    options = replace(options, ask_servers=tuple(chosen.ask_server), votes_only=chosen.votes_only)
    options = replace(options, cluster=chosen.cluster)

    def command() -> None:
        full = replace(options, reading=reading_options(chosen), outside=named_files(chosen.outside))
        folder, inputs = judge_and_inputs(chosen.paths)
        _command(folder_of(folder), inputs, chosen.out, full)

    run_command(command)


def judge_and_inputs(paths: Sequence[Path]) -> tuple[Path, Sequence[Path]]:
    """Part paths into the judge's folder, by default the starter's, and files; a `UserError` without a file."""
    # By its name, so that a judge whose folder is missing is not taken for a file of battles.
    if paths[0].is_file() or (paths[0].suffix.lower() in (*SUFFIXES, *PACKED) and not paths[0].is_dir()):
        return starter_folder(), paths
    if len(paths) < 2:
        raise UserError(f"{paths[0]}: is a judge, and no file of battles is named; add one after it.")
    return folder_of(paths[0]), paths[1:]


def _command(folder: Path, inputs: Sequence[Path], out: Path, options: Options) -> None:
    screen = Screen()
    done = predict_files(folder, inputs, out, options, screen)
    screen.note(f"Verdicts on {done.battles:,} battles: {out}")
    if done.bad:
        use = "Told of" if options.rescue else "Set aside"
        screen.note(f"{use}: {done.bad:,} rows, with their reasons, in {done.set_aside}")


def predict_files(folder: Path, inputs: Sequence[Path], out: Path, options: Options, screen: Screen) -> Predicted:
    """Predict every battle of the files, in their order, into one file that is written whole or not at all.

    Parts that are done lie in a folder next to `out` until all are; the same call then finds them, and gives the same
    bytes as one that was never stopped. Memory does not grow with the rows but for their ids.

    Parameters
    ----------
    inputs : sequence of Path
        Files of battles in any form that is read.
    out : Path
        A .csv, .jsonl or .parquet file.

    Raises
    ------
    UserError
        When the judge, a file or an option cannot be used; all files are looked at before the first is predicted.
    """
    from features.remote_cache import block_cache
    from pipelines.terminal.processes import usable_cores
    from stacker.judge.judge import Judge

    suffix = output_suffix(out, "--out", WRITTEN)
    if options.rows_at_once < 1:
        raise UserError(f"--rows-at-once {options.rows_at_once}: is not above 0; give a number of battles.")
    aside = out.with_name(out.name + SET_ASIDE)
    for path in (out, aside):
        check_output(path, [*inputs, *(file for _, file in options.outside)])
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for learners that choose by themselves; torch is not loaded yet
    judge = Judge.load(folder, device=options.device)
    even_style_for(judge.even_style, options.control)
    judge = with_checks(judge, None) if options.votes_only else judge
    held = "" if options.control is None else f"; {HELD_EQUAL}"
    screen.note(f"{folder}: {read_provenance(folder)}{held}.")
    total = sum(_rows_of(path, options.reading) for path in inputs)
    stamp = _stamp(folder, inputs, options)
    elsewhere = Elsewhere.opened(judge.members, options.outside, options.without)
    elsewhere.asking(options.cache, screen, options.ask_servers)
    judge.cascades = options.cascade
    if options.cascade and judge.pool.cascade_ is not None:
        screen.note(told_cascade(judge.pool.cascade_.share, judge.pool.cascade_.keep))
    tasks, threads = tasks_at(options.cluster), options.threads or usable_cores()
    travels, cache = None, None if options.cache is None else block_cache(options.cache / "blocks")
    if tasks.elsewhere:
        tasks.announce(screen.note)
        travels = asked_elsewhere(tasks, folder, judge, replace(options, threads=threads), cache)
    work = _Work(judge, options, suffix, total, threads, elsewhere, tasks, travels, cache)
    with kept_parts(out, suffix, stamp) as (parts, found), screen.working():
        if found:
            count = len(list(parts.folder.glob("part-*" + suffix)))
            screen.note(f"{out}: going on from {count:,} parts that are done.")
        numbers = _predict_parts(work, inputs, parts, screen)
        for sentence in elsewhere.sentences():
            screen.note(sentence)
        if numbers.bad and not numbers.battles:
            raise UserError(
                f"{', '.join(map(str, inputs))}: none of {numbers.bad:,} rows can be used; name a file of battles."
            )
        with atomic_write(aside) as told, atomic_write(out) as part:  # both are filled before the first has its place
            join_files(told, [parts.beside(number, _BAD) for number in range(numbers.parts)])
            join_parts(part, map(parts.path, range(numbers.parts)), work.names, suffix)
        if not numbers.told:
            aside.unlink()
    return Predicted(numbers.battles, numbers.told, aside)


@dataclass(frozen=True)
class _Work:
    judge: "Judge"
    options: Options
    suffix: str
    total: int
    threads: int
    elsewhere: Elsewhere
    tasks: Tasks
    travelling: AskedElsewhere | None
    cache: Any

    def task(self, battles: pd.DataFrame) -> Task:
        if self.travelling is not None:
            return self.travelling.task(battles)
        how = {"cache": self.cache, "threads": self.threads, "control": self.options.control}
        return Task(partial(self.judge.predict_proba, **how), (battles,))

    @property
    def names(self) -> tuple[str, ...]:
        return names_of(self.options.columns, self.judge.abstention is not None and self.options.control is None)


@dataclass
class _Numbers:
    parts: int = 0
    battles: int = 0
    bad: int = 0
    told: int = 0


def _predict_parts(work: _Work, inputs: Sequence[Path], parts: Parts, screen: Screen) -> _Numbers:
    done = _Numbers()
    how: dict[str, Any] = {"labelled": False, "rescue": work.options.rescue, "note": screen.note}
    how |= work.options.reading.arguments()
    read = (iter_battles(path, work.options.rows_at_once, **how) for path in inputs)
    waiting: dict[int, tuple[int, pd.DataFrame, Sequence[BadRow]]] = {}
    begun = count()

    def missing() -> Iterator[Task]:
        for battles, bad in chain.from_iterable(read):
            work.elsewhere.look_up(battles)  # also of parts that are done: what is missing is counted over all
            if not parts.whole(done.parts):
                waiting[next(begun)] = (done.parts, battles, bad)
                yield work.task(battles)
            done.parts += 1
            done.battles += len(battles)
            done.bad += sum(not row.rescued for row in bad)
            done.told += sum(row.lines for row in bad)
            seen = done.battles + done.bad
            screen.progress(_STAGE, seen, max(work.total, seen))

    for place, result in work.tasks.run(missing()):
        probabilities = result if work.travelling is None else work.travelling.received(result)
        _write_part(work, *waiting.pop(place), probabilities, parts)
    if work.cache is not None:
        work.cache.close()  # a shared one sends what is new
    return done


def _write_part(
    work: _Work, number: int, battles: pd.DataFrame, bad: Sequence[BadRow], probabilities: Floats, parts: Parts
) -> None:
    decided = work.judge.decided(probabilities, work.options.control)
    rows = verdict_rows(battles, probabilities, work.options.columns, decided)
    with atomic_write(parts.beside(number, _BAD)) as part, part.open("w", encoding="ascii") as file:
        file.writelines(row.line() for row in bad)
    with atomic_write(parts.path(number)) as part:
        write_part(part, rows, work.names, work.suffix)


def _rows_of(path: Path, reading: ReadingOptions) -> int:
    """Count the rows of a file, and refuse one that holds no battles, before hours are spent on those before it."""
    open_form(path, labelled=False, columns=reading.columns)
    with open_rows(path, columns=IDS) as opened:
        return sum(1 for _ in opened.rows)


def _stamp(folder: Path, inputs: Sequence[Path], options: Options) -> dict[str, Any]:
    """Return everything that the bytes of the output depend on."""
    return {
        "code": code_version("stacker.predict"),
        "judge": judge_hash(folder),
        "inputs": [[str(path), sha256_of(path)] for path in inputs],
        "columns": options.columns,
        "rows_at_once": options.rows_at_once,
        "device": options.device,
        "rescue": options.rescue,
        "mapping": options.reading.stamp(),
        "control": options.control,
        "outside": [[name, sha256_of(path)] for name, path in options.outside],
        "without": list(options.without),
        "cascade": options.cascade,
        "votes_only": options.votes_only,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
