"""Leaderboards: `python -m stacker.leaderboard JUDGE|VERDICTS FILE...` ranks models by their answers or battles."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UserError, shown
from pipelines.formats.reading_options import ReadingOptions, add_reading_arguments, reading_options
from pipelines.terminal.command_line import Screen, check_output, run_command

if TYPE_CHECKING:
    import pandas as pd

    from stacker.judge.any_judge import AnyJudge

ROWS_AT_ONCE = 2000
MOST_BATTLES = 20_000
"""Battles between answers where it is not said how many: of many models, all pairs would take hours."""
VOTES = "votes"
"""What stands for no judge where no folder of that name is there: people's votes alone."""


@dataclass
class _Told:
    """What is said of the files on the screen and the page."""

    judge: str
    files: tuple[str, ...]
    notes: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and rank."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.leaderboard",
        description="Rank models by battles: strengths, ranges of ranks that hold together, win rates as observed and "
        "with length and style held equal. Where some battles have people's votes and all have verdicts, both are used "
        "and the intervals hold even if the judge is wrong.",
    )
    parser.add_argument(
        "judge",
        metavar="JUDGE",
        help="a judge's folder, a file of another judge's verdicts, `starter`, or `votes` for people's votes alone",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="battles with model_a and model_b, votes where there are any; or answers: rows with a prompt (or its id), "
        "a model and an answer, of one model a file or of several",
    )
    parser.add_argument("--reference", default="", metavar="MODEL", help="win rates (and pairs of answers) against it")
    parser.add_argument(
        "--battles", metavar="N", help=f"judge so many pairs of answers, or `all` ({MOST_BATTLES:,} or fewer)"
    )
    parser.add_argument("--votes", type=int, metavar="N", help="use N of the votes, drawn at random (all)")
    parser.add_argument("--allow-missing", action="store_true", help="go on where most battles have no verdict")
    add_reading_arguments(parser)
    parser.add_argument("--level", type=float, default=0.95, help="of the intervals (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of draws (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0 means every core (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write one HTML page there, with charts")
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write the battles for another judge, as JSON Lines"
    )
    run_command(lambda: _command(parser.parse_args(arguments)))


def _command(chosen: argparse.Namespace) -> None:
    from pipelines.files.atomic_files import atomic_write, write_json
    from pipelines.terminal.unseen_signs import one_line
    from stacker.leaderboard.board import board
    from stacker.leaderboard.board_data import Gatherer
    from stacker.leaderboard.board_page import board_page
    from stacker.leaderboard.board_screen import show_board
    from stacker.leaderboard.pairing import export_battles

    _check(chosen)
    screen, told = Screen(), _Told("", tuple(map(str, chosen.files)))
    tables = _tables(chosen, told, screen)
    if chosen.export:
        screen.note(f"{chosen.export}: {export_battles(chosen.export, tables()):,} battles to judge.")
        return
    judge = _judge(chosen)
    told.judge = judge.name if judge else ""
    if judge:
        screen.note(one_line(f"Judge: {judge.name}, {judge.about}.", 300))
    gatherer, asked, missing = Gatherer(), 0, 0
    with screen.working():
        for table in tables():
            named = gatherer.named(table)
            said = judge.probabilities(named) if judge and len(named) else None
            gatherer.add(named, said)
            asked += len(named)
            missing += 0 if said is None else int((said[:, 0] != said[:, 0]).sum())
            screen.progress("battles", asked, max(asked, 1))
    if judge and missing * 2 > asked and not chosen.allow_missing:
        raise UserError(
            f"{chosen.judge}: has no verdict on {missing:,} of {asked:,} battles; give verdicts by the battles' "
            "ids, or allow it by --allow-missing."
        )
    data = gatherer.finish()
    if chosen.votes is not None:
        data = data.with_votes(chosen.votes, chosen.seed)
    _check_data(data, chosen, asked)
    found = board(data, chosen.level, chosen.reference, chosen.seed)
    found |= {"judge": told.judge or None, "files": list(told.files), "missing": missing, "notes": told.notes}
    show_board(found, screen)
    if chosen.json:
        write_json(chosen.json, found)
        screen.note(f"Numbers: {chosen.json}")
    if chosen.page:
        html = board_page(found)
        with atomic_write(chosen.page) as part:
            part.write_text(html, encoding="utf-8", errors="replace")
        screen.note(f"Page: {chosen.page}")


def _check(chosen: argparse.Namespace) -> None:
    """Refuse what cannot be meant before anything is read."""
    if not 0.5 <= chosen.level < 1:
        raise UserError(f"--level {chosen.level}: lies outside .5 to 1; give for example .95.")
    if chosen.votes is not None and chosen.votes < 1:
        raise UserError(f"--votes {chosen.votes}: is not above 0; give a number of votes.")
    if chosen.battles not in (None, "all") and not (chosen.battles.isdecimal() and int(chosen.battles) > 0):
        raise UserError(f"--battles {shown(chosen.battles)}: is no number above 0 and not `all`; give one of them.")
    outputs = [out for out in (chosen.json, chosen.page, chosen.export) if out]
    for out in outputs:
        check_output(out, [*chosen.files, Path(chosen.judge), *(other for other in outputs if other is not out)])


def _judge(chosen: argparse.Namespace) -> "AnyJudge | None":
    from stacker.judge.any_judge import open_judge

    if chosen.judge == VOTES and not Path(chosen.judge).exists():
        return None
    return open_judge(chosen.judge, threads=chosen.threads)


def _tables(chosen: argparse.Namespace, told: _Told, screen: Screen) -> "Callable[[], Iterator[pd.DataFrame]]":
    """Return what reads the files as battles, after a look at what they hold."""
    from stacker.leaderboard.answers import kind_of, read_answers
    from stacker.leaderboard.pairing import battles_of_answers, pair_answers

    reading = reading_options(chosen)
    kinds = ["battles" if reading.columns else kind_of(path) for path in chosen.files]
    if "answers" not in kinds:
        return lambda: _battles(chosen.files, reading, told, screen)
    if "battles" in kinds:
        answers_of, battles_of = (chosen.files[kinds.index(kind)] for kind in ("answers", "battles"))
        raise UserError(f"{answers_of}: holds answers, and {battles_of} battles; give files of one kind.")
    if chosen.judge == VOTES and not Path(chosen.judge).exists() and not chosen.export:
        raise UserError(f"{chosen.files[0]}: holds answers, which nobody voted on; name a judge in place of {VOTES}.")
    answers = read_answers(chosen.files, reading.max_rejected)
    most = None if chosen.battles == "all" else int(chosen.battles or MOST_BATTLES)
    pairing = pair_answers(answers, chosen.reference, most, chosen.seed)
    _tell(
        told,
        screen,
        f"Answers of {len(answers.models):,} models to {len(answers.by):,} prompts: {len(pairing.battles):,} of "
        f"{pairing.possible:,} pairs are judged.",
    )
    if answers.bad:
        _tell(told, screen, f"Left out {len(answers.bad):,} rows of answers, the first: {answers.bad[0].sentence()}")
    return lambda: battles_of_answers(answers, pairing, ROWS_AT_ONCE)


def _battles(paths: Sequence[Path], reading: ReadingOptions, told: _Told, screen: Screen) -> "Iterator[pd.DataFrame]":
    """Read files of battles in a stream, with votes where there are any."""
    from pipelines.formats.told_reading import iter_told

    def note(text: str) -> None:
        _tell(told, screen, text)

    for path in paths:
        for table, _ in iter_told(path, ROWS_AT_ONCE, reading, note, labelled=None):
            yield table


def _tell(told: _Told, screen: Screen, text: str) -> None:
    from pipelines.terminal.unseen_signs import one_line

    told.notes.append(one_line(text, 500))
    screen.note(told.notes[-1])


def _check_data(data: Any, chosen: argparse.Namespace, asked: int) -> None:
    """Refuse battles that rank nothing, and say why."""
    files = ", ".join(map(str, chosen.files))
    unfit = {"do not name both models": data.nameless, "are of a model against itself": data.same}
    for what, count in unfit.items():
        if count > asked:
            total = data.nameless + data.same + asked
            raise UserError(
                f"{files}: {count:,} of {total:,} battles {what}; give columns model_a and model_b with two models."
            )
    if not len(data.names):
        raise UserError(f"{files}: no battle between two named models has a vote or a verdict; give battles that have.")
    if chosen.reference and chosen.reference not in data.names:
        known = ", ".join(shown(name) for name in data.names[:10])
        raise UserError(f"--reference {shown(chosen.reference)}: is not among the models; name one of {known}.")


if __name__ == "__main__":
    main(sys.argv[1:])
