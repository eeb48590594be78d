"""What the starter judge adds to few own votes: `python -m stacker.starter.gain CSV` measures and draws it."""

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.remote_cache import block_cache
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import grouped_folds, prompt_groups, splits
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_text
from pipelines.files.object_storage import AnyFolder, folder_argument
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Progress, Screen, check_output, run_command, silent
from pipelines.terminal.processes import usable_cores
from stacker.evaluate import metrics
from stacker.evaluate.charts import fitting
from stacker.evaluate.html_templates import environment
from stacker.evaluate.intervals import Interval, draws_interval
from stacker.judge.members import learner_data
from stacker.learners.balance import class_shares
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import KINDS, configured_learners
from stacker.learners.stacking.stack import StackParams, fit_stack
from stacker.starter.starter_fit import FEATURES
from stacker.training.params import FEW_VOTES_LEARNERS

SIZES = (100, 300, 1000)
DRAWS = 10
FOLDS = 5
WITHOUT, WITH, ALONE, PRIOR = (
    "own votes alone",
    "own votes and the starter judge",
    "the starter judge alone",
    "class prior",
)
KINDS_OF_RESULT = (PRIOR, WITHOUT, ALONE, WITH)


@dataclass(frozen=True)
class Gain:
    """What was measured with so many own votes.

    Attributes
    ----------
    size : int
        Own votes of a draw.
    group : (n,) int64
        Prompt of each battle.
    losses : dict of (d, n) float
        By kind of judge: log loss of each battle, for each of d draws; NaN for battles whose prompt was drawn.
    """

    size: int
    group: Ints
    losses: dict[str, Floats]

    def interval(self, kind: str, against: str | None = None) -> Interval:
        """Return `mean`, `low` and `high` (95 %, `draws_interval`) of a log loss, or of a difference of two."""
        values = self.losses[kind] - (0.0 if against is None else self.losses[against])
        return draws_interval(values, self.size, self.group)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m stacker.starter.gain", description=__doc__)
    parser.add_argument("votes", type=Path, metavar="FILE", help="battles with votes that the starter judge never saw")
    parser.add_argument("--table", type=Path, required=True, metavar="FILE", help="a Markdown file")
    parser.add_argument("--picture", type=Path, required=True, metavar="FILE", help="an SVG file")
    parser.add_argument(
        "--cache", type=folder_argument, metavar="FOLDER", help="keep the numbers of texts there for another time"
    )
    chosen = parser.parse_args(arguments)
    run_command(lambda: _command(chosen.votes, chosen.table, chosen.picture, chosen.cache))


def _command(votes: Path, table: Path, picture: Path, cache: AnyFolder | None) -> None:
    for out in (table, picture):
        check_output(out, [votes])
    screen = Screen()
    with screen.working():
        found = measure(votes, cache=cache, threads=usable_cores(), progress=screen.progress)
    write_text(table, as_table(found))
    draw(picture, {gain.size: {kind: gain.interval(kind, PRIOR) for kind in KINDS_OF_RESULT[1:]} for gain in found})
    screen.note(as_table(found))


def measure(
    votes: Path,
    sizes: Sequence[int] = SIZES,
    draws: int = DRAWS,
    *,
    cache: AnyFolder | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> list[Gain]:
    """Learn from draws of some votes, with and without the starter judge, and score on all other battles.

    Parameters
    ----------
    sizes : sequence of int
        Votes that are trained on.
    draws : int
        Times that each is repeated, with other votes; no prompt is on both sides of a draw.
    threads : int
        Processes for the features, threads for the learners.

    Raises
    ------
    UserError
        When the file has too few battles.
    """
    battles, _ = read_battles(votes, labelled=True)
    if len(battles) < 2 * max(sizes) and len(battles) < max(sizes) + 200:
        raise UserError(f"{votes}: has {len(battles)} battles; give more than {max(sizes) + 200}.")
    kept = None if cache is None else block_cache(cache / "blocks")
    data = learner_data(battles, FEATURES, None, kept, threads, progress)
    if kept is not None:
        kept.close()
    outcome, group = battles["outcome"].to_numpy(dtype=np.int64), prompt_groups(battles["prompt"])
    starter: Floats = KINDS["starter"]().predict_proba(data)
    found = []
    for size in sizes:
        losses = {kind: np.full((draws, len(battles)), np.nan) for kind in KINDS_OF_RESULT}
        for number in range(draws):
            progress(f"{size} votes", number, draws)
            rows, rest = _draw(group, size, seed=number)
            said = _judged(data, outcome, group, starter, rows, rest, number, threads)
            for kind, probabilities in said:
                losses[kind][number, rest] = metrics.losses(probabilities, outcome[rest])
        progress(f"{size} votes", draws, draws)
        found.append(Gain(size, group, losses))
    return found


def _draw(group: Ints, size: int, seed: int) -> tuple[Ints, Ints]:
    """Return rows to learn from, and the rows of all prompts that are not among theirs."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(int(group.max()) + 1)[group]
    rows = np.lexsort((rng.random(len(group)), order))[:size]  # prompt by prompt
    return np.sort(rows), np.flatnonzero(~np.isin(group, group[rows]))


def _judged(
    data: LearnerData, outcome: Ints, group: Ints, starter: Floats, rows: Ints, rest: Ints, seed: int, threads: int
) -> Iterator[tuple[str, Floats]]:
    """Yield what each kind of judge says of the rest."""
    whole = Fit(outcome[rows], np.ones(len(rows)), group[rows], seed, threads)
    yield PRIOR, np.tile(class_shares(whole.outcome, whole.weight), (len(rest), 1))
    yield ALONE, starter[rest]
    folds = grouped_folds(whole.group, whole.outcome, FOLDS, seed)
    own = data.take(rows)
    held, asked = np.empty((len(rows), 2, 3)), data.take(rest)
    for train, out in splits(folds):
        for place, learner in enumerate(_learners()):
            held[out, place] = learner.fit(own.take(train), whole.take(train)).predict_proba(own.take(out))
    said = np.stack([learner.fit(own, whole).predict_proba(asked) for learner in _learners()], axis=1)
    yield WITHOUT, fit_stack(StackParams(), held, whole, folds).predict_proba(said)
    pool = fit_stack(StackParams(prior="starter"), np.concatenate([held, starter[rows, None]], axis=1), whole, folds)
    yield WITH, pool.predict_proba(np.concatenate([said, starter[rest, None]], axis=1))


def _learners() -> list[Learner]:
    return [learner.make() for learner in configured_learners(FEW_VOTES_LEARNERS)]


def as_table(found: Sequence[Gain]) -> str:
    """Return the table in Markdown: log losses, and the differences that the starter makes with their intervals."""
    columns = ["own votes", *KINDS_OF_RESULT, "both less own votes alone", "both less starter alone"]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---:|" * len(columns)]
    for gain in found:
        cells = [f"{gain.interval(kind)['mean']:.4f}" for kind in KINDS_OF_RESULT]
        cells += [_with_ends(gain.interval(WITH, against)) for against in (WITHOUT, ALONE)]
        lines.append(f"| {gain.size:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _with_ends(interval: Interval) -> str:
    if interval["low"] is None:
        return f"{interval['mean']:+.4f}"
    return f"{interval['mean']:+.4f} [{interval['low']:+.4f}, {interval['high']:+.4f}]"


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 64, 236, 46, 48
COLOURS = ("#8a929c", "#c45500", "#00795a", "#0072b2")


def draw(path: Path, results: Mapping[int, Mapping[str, Interval]]) -> None:
    """Write the picture, whole or not at all.

    Parameters
    ----------
    results : mapping of Interval by kind of judge, by number of votes
        Log losses less that of the class shares; every number of votes has the same kinds.
    """
    sizes = sorted(results)
    kinds = list(results[sizes[0]])
    y = fitting([0.0, *(value for size in sizes for found in results[size].values() for value in found.values())])
    span = math.log(sizes[-1] / sizes[0]) or 1.0
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(size: int) -> float:
        return LEFT + 24 + (right - LEFT - 48) * math.log(size / sizes[0]) / span

    def up(value: float | None) -> float | None:
        return None if value is None else bottom - (bottom - TOP) * y.place(value) / 100

    def line(number: int, kind: str) -> dict[str, Any]:
        aside = 3.0 * (number - (len(kinds) - 1) / 2)  # so that intervals do not lie upon each other
        points = [
            {"x": across(size) + aside, **{name: up(value) for name, value in results[size][kind].items()}}
            for size in sizes
        ]
        return {"kind": kind, "colour": COLOURS[number % len(COLOURS)], "points": points}

    lines = [line(number, kind) for number, kind in enumerate(kinds)]
    for each, height in zip(lines, _apart([each["points"][-1]["mean"] for each in lines]), strict=True):
        each["height"] = height
    templates = environment(Path(__file__).with_name("templates"))
    templates.filters["digit"] = "{:.1f}".format
    drawn = templates.get_template("gain.svg").render(
        shown="Log loss less that of the class shares",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=right,
        bottom=bottom,
        levels=[(up(value), label) for value, label in y.ticks],
        sizes=[(across(size), f"{size:,}") for size in sizes],
        lines=lines,
    )
    write_text(path, drawn)


def _apart(places: list[float], least: float = 15.0) -> list[float]:
    """Move labels down until none covers another."""
    moved, last = list(places), -math.inf
    for number in sorted(range(len(places)), key=places.__getitem__):
        moved[number] = last = max(places[number], last + least)
    return moved


if __name__ == "__main__":
    main(sys.argv[1:])
