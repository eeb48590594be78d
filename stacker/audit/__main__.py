"""What moves a judge that should not: `python -m stacker.audit JUDGE|VERDICTS BATTLES...`."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from pipelines.formats.reading_options import ReadingOptions, add_reading_arguments, reading_options
from pipelines.terminal.command_line import HelpByParagraphs, Screen, check_output_file, output_suffix, run_command
from pipelines.terminal.unseen_signs import one_line
from stacker.judge.verdict_control import Control, add_control_argument

if TYPE_CHECKING:
    from stacker.audit.audit import Audit

NAMED = 3
"""Judges of a file that are named at most."""
EPILOG = """\
JUDGE is the judge folder of a run, or `starter` for the judge in this package. Answers of BATTLES are changed in ways
that people do not reward, and the judge is asked about the changed answer against the original, and in its place.

A judge that is asked elsewhere: `--export questions.jsonl BATTLES` writes every question (id, prompt, response_a,
response_b), in both orders and in no order that tells how it was made. VERDICTS then is a file of its verdicts by these
ids (probabilities, a winner or two scores), given with the same BATTLES, --seed and --probes. VERDICTS on the battles'
own ids gives what can be told of these: failures, flips, and what the judge prefers oftener than people do. Where a
column `judge` names several judges, --judge-model chooses one, and the others are what it is compared with.
"""


@dataclass(frozen=True)
class Options:
    """What is asked, and what is written where.

    Attributes
    ----------
    rows : int or None
        Battles; None for the command's own number, 0 for all.
    seed : int
        Of every draw.
    probes : tuple of str or None
        Names of probes; None for all.
    judge_model : str
        The model that the judge is; "" takes it from the file of verdicts.
    json, page, export : Path or None
        Files to write.
    allow_missing : bool
        Whether to go on where most questions have no verdict.
    device, threads
        As `stacker.judge.any_judge.open_judge` takes them.
    reading : ReadingOptions
        Names of the battles' columns, and how much of a file may be lost.
    control : "style" or None
        Which verdicts of a saved judge.
    """

    rows: int | None = None
    seed: int = 0
    probes: tuple[str, ...] | None = None
    judge_model: str = ""
    json: Path | None = None
    page: Path | None = None
    export: Path | None = None
    allow_missing: bool = False
    device: Literal["cpu", "cuda"] | None = None
    threads: int = 0
    reading: ReadingOptions = ReadingOptions()
    control: Control = None


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and audit."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.audit",
        usage="%(prog)s [options] JUDGE|VERDICTS BATTLES [BATTLES ...]\n"
        "       %(prog)s [options] --export FILE BATTLES [BATTLES ...]",
        description="Find out what moves a judge that should not: length, format, repetition, a plea to be chosen.",
        formatter_class=HelpByParagraphs,
        epilog=EPILOG,
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="the judge, then files of battles")
    parser.add_argument("--rows", type=int, metavar="N", help="battles drawn, 0 for all (1000, of an export 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of every draw (%(default)s)")
    parser.add_argument("--probes", metavar="NAME,...", help="only these probes")
    parser.add_argument(
        "--judge-model", default="", metavar="NAME", help="the model that the judge is, as battles name it"
    )
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write the questions, .csv or .jsonl, and ask nobody"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page of it, .html")
    parser.add_argument("--allow-missing", action="store_true", help="go on where most questions have no verdict")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(as the run that made the judge had it)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 means every core (%(default)s)")
    add_control_argument(parser)
    add_reading_arguments(parser)
    given = parser.parse_args(arguments)
    names = None if given.probes is None else tuple(filter(None, given.probes.split(",")))
    options = Options(
        given.rows,
        given.seed,
        names,
        given.judge_model,
        given.json,
        given.page,
        given.export,
        given.allow_missing,
        given.device,
        given.threads,
    )
    run_command(lambda: _command(given.paths, replace(options, reading=reading_options(given), control=given.control)))


def _command(paths: Sequence[Path], options: Options) -> None:
    from stacker.audit.audit import chosen_probes

    screen = Screen()
    for out in filter(None, (options.export, options.json, options.page)):
        check_output_file(out, paths)
    if options.rows is not None and options.rows < 0:
        raise UserError(f"--rows {options.rows}: is below 0; give a number of battles, or 0 for all.")
    if options.seed < 0:
        raise UserError(f"--seed {options.seed}: is below 0; give a number from 0 on.")
    chosen_probes(options.probes)
    if options.export is not None:
        if options.control is not None:
            raise UserError(
                "--export: asks nobody, so that there is no verdict to hold style equal; leave out --control."
            )
        _export(paths, options, screen)
        return
    if len(paths) < 2:
        raise UserError(
            f"{paths[0]}: is one path, and two are needed; name the judge (or starter), then a file of battles."
        )
    if os.path.realpath(paths[0]) in map(os.path.realpath, paths[1:]):
        raise UserError(f"{paths[0]}: is named as the judge and as battles; name the judge, then files of battles.")
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for learners that choose by themselves; torch is not loaded yet
    found = _audited(paths[0], paths[1:], options, screen)
    if options.json is not None:
        write_json(options.json, found.to_dict())
    if options.page is not None:
        from stacker.audit.audit_page import write_page

        write_page(options.page, found)
    show(found, screen)
    for what, path in (("Everything", options.json), ("Page", options.page)):
        if path is not None:
            screen.note(f"{what}: {path}")


def _audited(judge: Path, paths: Sequence[Path], options: Options, screen: Screen) -> "Audit":
    from pipelines.formats.told_reading import read_told
    from stacker.audit.audit import ROWS, audit
    from stacker.audit.exported import audit_verdicts, files_by_judge
    from stacker.evaluate.verdicts.verdict_table import judges_in
    from stacker.judge.any_judge import VerdictFile, open_judge

    judges = judges_in(judge) if judge.is_file() else []
    if len(judges) > 1 and options.judge_model not in judges:
        names = ", ".join(one_line(name, 40) for name in judges[:NAMED])
        raise UserError(f"{judge}: has verdicts of {len(judges)} judges ({names}); name one by --judge-model.")
    if len(judges) > 1 and options.control is not None:
        raise UserError(f"{judge}: is a file of verdicts, which has none with style held equal; leave out --control.")
    if len(judges) > 1:
        mine, *rivals = files_by_judge(judge, sorted(judges, key=lambda name: name != options.judge_model))
    else:
        opened = open_judge(judge, device=options.device, threads=options.threads, control=options.control)
        if not isinstance(opened, VerdictFile):
            battles = read_told(paths, options.reading, screen.note, labelled=None)
            screen.note(f"{one_line(opened.name, 80)}: {opened.about}.")
            rows = ROWS if options.rows is None else options.rows or None
            with screen.working():
                return audit(
                    opened,
                    battles,
                    options.seed,
                    rows=rows,
                    probes=options.probes,
                    judge_model=options.judge_model,
                    progress=screen.progress,
                )
        mine, rivals = opened, []
    screen.note(f"{one_line(mine.name, 80)}: {mine.about}.")
    return audit_verdicts(
        mine,
        read_told(paths, options.reading, screen.note, labelled=None),
        options.seed,
        rows=options.rows or None,
        probes=options.probes,
        judge_model=options.judge_model or (judges[0] if judges else ""),
        rivals=rivals,
        allow_missing=options.allow_missing,
    )


def _export(paths: Sequence[Path], options: Options, screen: Screen) -> None:
    from pipelines.formats.told_reading import read_told
    from stacker.audit.exported import EXPORT, ROWS, SUFFIXES, export

    assert options.export is not None
    output_suffix(options.export, EXPORT, SUFFIXES)
    if options.json or options.page:
        raise UserError("--export: asks nobody, so that there is nothing for --json or --page; leave these out.")
    rows = ROWS if options.rows is None else options.rows or None
    battles = read_told(paths, options.reading, screen.note, labelled=None)
    count, questions = export(battles, options.export, options.seed, rows=rows, probes=options.probes)
    screen.note(f"{questions:,} questions about {count:,} battles: {options.export}")
    named = " ".join(map(str, paths))
    also = f" --seed {options.seed}" if options.seed else ""
    also += f" --probes {','.join(options.probes)}" if options.probes else ""
    screen.note(f"Then: python -m stacker.audit VERDICTS {named}{also}{options.reading.command_line()}")


def show(found: "Audit", screen: Screen) -> None:
    """Show an audit on a screen: its table, its control, and what was found."""
    from stacker.audit.audit_words import findings_of, notes_of, rows_of

    screen.table(f"\n{found.battles:,} battles of {found.prompts:,} prompts:", rows_of(found.effects))
    for note in notes_of(found):
        screen.note(note)
    screen.note("")
    for line in findings_of(found):
        screen.note(line)
    if not found.findings:
        screen.note("Nothing was found that moves this judge and should not.")


if __name__ == "__main__":
    main(sys.argv[1:])
