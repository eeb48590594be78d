"""What few votes bring a judge on the rest: `python -m stacker.bench.few_votes FILE...` prints a table in Markdown."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import prompt_groups
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Screen, run_command
from stacker.evaluate.intervals import Interval, draws_interval
from stacker.evaluate.metrics import losses
from stacker.learners.stacking.recalibration import fit_recalibration

SIZES = (20, 50, 100)
DRAWS = 50
MOST = 4000
"""Votes of a file that are looked at, a random part of more."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m stacker.bench.few_votes", description=__doc__)
    parser.add_argument("votes", type=Path, nargs="+", metavar="FILE", help="battles with votes; a line of the table")
    parser.add_argument("--judge", type=Path, default=Path("starter"), metavar="JUDGE", help="(%(default)s)")
    parser.add_argument("--draws", type=int, default=DRAWS, metavar="N", help="(%(default)s)")
    chosen = parser.parse_args(arguments)
    run_command(lambda: _command(chosen.judge, chosen.votes, chosen.draws))


def _command(judge: Path, files: Sequence[Path], draws: int) -> None:
    from stacker.judge.any_judge import open_judge

    opened, screen = open_judge(judge), Screen()
    heads = ["votes of", "battles", "log loss", *(f"change by {size} votes" for size in SIZES)]
    screen.note("| " + " | ".join(heads) + " |")
    screen.note("|---|" + "---:|" * (len(heads) - 1))
    for file in files:
        votes, _ = read_battles(file, labelled=True)
        votes = votes.iloc[np.sort(np.random.default_rng(0).permutation(len(votes))[:MOST])]
        outcome, group = votes["outcome"].to_numpy(dtype=np.int64), prompt_groups(votes["prompt"])
        said = opened.probabilities(votes)
        cells = [file.stem, f"{len(votes):,}", f"{losses(said, outcome).mean():.4f}"]
        for size in SIZES:
            cells.append(_cell(gain(said, outcome, group, size, draws)) if len(votes) >= 2 * size else "-")
        screen.note("| " + " | ".join(cells) + " |")


def gain(probabilities: Floats, outcome: Ints, group: Ints, size: int, draws: int) -> Interval:
    """Return the change of the log loss on votes of other prompts by recalibration on `size` votes, over draws.

    Parameters
    ----------
    probabilities : (n, 3) float
        The judge's verdicts as it is.
    outcome, group : (n,) int
        Votes and their prompts.

    Returns
    -------
    Interval
        `mean`, `low`, `high` (`stacker.evaluate.intervals.draws_interval`).
    """
    before = losses(probabilities, outcome)
    changes = np.full((draws, len(outcome)), np.nan)
    for number in range(draws):
        rows = np.random.default_rng(number).choice(len(outcome), size, replace=False)
        rest = ~np.isin(group, group[rows])
        fitted = fit_recalibration(probabilities[rows], outcome[rows])
        changes[number, rest] = losses(fitted.apply(probabilities[rest]), outcome[rest]) - before[rest]
    return draws_interval(changes, size, group)


def _cell(found: Interval) -> str:
    if found["low"] is None:
        return f"{found['mean']:+.4f}"
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


if __name__ == "__main__":
    main(sys.argv[1:])
