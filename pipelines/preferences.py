"""Votes as preference pairs for TRL: `python -m pipelines.preferences BATTLES... --out PAIRS.jsonl`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from pipelines.battles.table import text_of
from pipelines.battles.texts import storable
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write
from pipelines.formats.reading import iter_battles
from pipelines.formats.reading_options import ReadingOptions, add_reading_arguments, reading_options
from pipelines.terminal.command_line import HelpByParagraphs, check_output, output_suffix, run_command

Form = Literal["conversational", "plain"]
Ties = Literal["drop", "both"]
RULES = """\
A vote for A makes A's answer `chosen` and B's `rejected`, a vote for B the other way round. A tie makes no pair
(--ties drop), or two pairs, one in each order (--ties both), which tell a trainer that both are equally good. Answers
that are the same text, and empty ones, make no pair. In a conversation of several turns the two sides part after the
first question: it is the prompt, and each side's whole rest, with the later questions, is chosen or rejected."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the pairs."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.preferences",
        description="Write battles with votes as preference pairs for TRL's DPO and reward training.",
        formatter_class=HelpByParagraphs,
        epilog=RULES,
    )
    add_pair_arguments(parser)
    parser.add_argument("--ties", choices=("drop", "both"), default="drop", help="what a tie makes")
    chosen = parser.parse_args(arguments)
    run_command(lambda: _export(chosen.battles, chosen.out, chosen.form, chosen.ties, reading_options(chosen)))


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser what every command takes that makes pairs of battles: BATTLES, --out, --form, how they are read."""
    parser.add_argument("battles", nargs="+", type=Path, metavar="BATTLES", help="files that data.sources can name")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON Lines (.jsonl) or parquet")
    parser.add_argument("--form", choices=("conversational", "plain"), default="conversational", help="of the texts")
    add_reading_arguments(parser)


def _export(sources: Sequence[Path], out: Path, form: Form, ties: Ties, reading: ReadingOptions) -> None:
    battles, pairs, bad = export(sources, out, form, ties, reading, lambda line: sys.stdout.write(f"{line}\n"))
    unread = f" {bad:,} rows could not be used." if bad else ""
    sys.stdout.write(f"{pairs:,} pairs from {battles:,} battles: {out}.{unread}\n")


def export(
    sources: Sequence[Path],
    out: Path,
    form: Form = "conversational",
    ties: Ties = "drop",
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008 - it cannot be changed
    note: Callable[[str], object] | None = None,
) -> tuple[int, int, int]:
    """Write the pairs of several files as one, whole or not at all.

    Parameters
    ----------
    sources : sequence of Path
        Files of battles with votes, of any format that is read.
    out : Path
        Ends in `.jsonl` or `.parquet`.
    form, ties
        As in `pairs_of`.
    reading : ReadingOptions
        Names of columns, and how much of a file may be lost.
    note : callable, optional
        Told of each file which form it has, and how many votes.

    Returns
    -------
    int, int, int
        Battles read, pairs written, rows that could not be used.

    Raises
    ------
    UserError
        When a file cannot be read, `out` has another ending, or there is no pair.
    """
    check_pairs_file(out, sources)
    read = bad = 0
    pairs: list[dict[str, Any]] = []
    for source in sources:
        for battles, faults in iter_battles(source, labelled=True, note=note, **reading.arguments()):
            read += len(battles)
            bad += len(faults)
            pairs.extend(pairs_of(battles, form, ties))
    if not pairs:
        raise UserError(f"{sources[0]}: gives no pair of {read:,} battles; name battles with votes for one side.")
    write_pairs(out, pairs)
    return read, len(pairs), bad


def check_pairs_file(out: Path, sources: Sequence[Path]) -> None:
    """Check a file that pairs of some sources are to be written to; a `UserError` where it cannot be."""
    output_suffix(out, "--out", (".jsonl", ".parquet"))
    check_output(out, sources)


def write_pairs(out: Path, pairs: Sequence[dict[str, Any]]) -> None:
    """Write pairs as parquet or JSON Lines, as the ending says, whole or not at all."""
    with atomic_write(out) as part:
        if out.suffix.lower() == ".parquet":
            pd.DataFrame(list(pairs)).to_parquet(part, index=False)
        else:
            with part.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.writelines(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)


def pairs_of(battles: pd.DataFrame, form: Form = "conversational", ties: Ties = "drop") -> Iterator[dict[str, Any]]:
    """Turn battles into preference pairs.

    Parameters
    ----------
    battles : DataFrame
        A battles table; rows without a vote make no pair.
    form : "conversational" or "plain"
        Messages with `role` and `content`, for a model with a chat template; or texts. Plain texts hold the turns of
        one side joined by empty lines.
    ties : "drop" or "both"
        Whether a tie makes no pair, or one in each order.

    Yields
    ------
    dict
        `id` of the battle, `prompt`, `chosen`, `rejected`, as TRL's DPOTrainer and RewardTrainer read them.
    """
    columns = ("id", "prompt", "response_a", "response_b", "outcome")
    for name, prompt, a, b, outcome in zip(*(battles[column] for column in columns), strict=True):
        if a == b or not "".join(a).strip() or not "".join(b).strip():
            continue
        if outcome in (0, 1):
            orders = [(a, b) if outcome == 0 else (b, a)]
        else:
            orders = [(a, b), (b, a)] if outcome == 2 and ties == "both" else []
        for better, worse in orders:
            yield {
                "id": str(name),
                "prompt": _prompt(prompt, form),
                "chosen": _side(prompt, better, form),
                "rejected": _side(prompt, worse, form),
            }


def _prompt(prompt: tuple[str, ...], form: Form) -> Any:
    return storable(prompt[0]) if form == "plain" else [_message("user", prompt[0])]


def _side(prompt: tuple[str, ...], answers: tuple[str, ...], form: Form) -> Any:
    """Return what follows the first question on one side: answers and later questions in turn."""
    turns: list[tuple[str, str]] = []
    for place in range(max(len(prompt), len(answers))):
        if 0 < place < len(prompt):
            turns.append(("user", prompt[place]))
        if place < len(answers):
            turns.append(("assistant", answers[place]))
    if form == "plain":
        return storable(text_of(tuple(text for _, text in turns)))
    return [_message(role, text) for role, text in turns]


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": storable(text)}


if __name__ == "__main__":
    main()
