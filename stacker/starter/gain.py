"""What the starter judge adds to few own votes: `python -m stacker.starter.gain CSV` measures and draws it."""

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from features.cache import BlockCache
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import grouped_folds, prompt_groups, splits
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Progress, Screen, check_output, run_command, silent
from pipelines.terminal.processes import usable_cores
from stacker.evaluation import metrics
from stacker.evaluation.intervals import Interval, draws_interval
from stacker.judge.members import learner_data
from stacker.learners.balance import class_shares
from stacker.learners.learner_interface import Fit, Learner, LearnerData
from stacker.learners.learner_registry import KINDS, configured_learners
from stacker.learners.stacking.stack import StackParams, fit_stack
from stacker.reporting.charts import fitting
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
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep the numbers of texts there for another time")
    chosen = parser.parse_args(arguments)
    run_command(lambda: _command(chosen.votes, chosen.table, chosen.picture, chosen.cache))


def _command(votes: Path, table: Path, picture: Path, cache: Path | None) -> None:
    for out in (table, picture):
        check_output(out, [votes])
    screen = Screen()
    with screen.working():
        found = measure(votes, cache=cache, threads=usable_cores(), progress=screen.progress)
    with atomic_write(table) as part:
        part.write_text(as_table(found), encoding="utf-8")
    draw(picture, {gain.size: {kind: gain.interval(kind, PRIOR) for kind in KINDS_OF_RESULT[1:]} for gain in found})
    screen.note(as_table(found))


def measure(
    votes: Path,
    sizes: Sequence[int] = SIZES,
    draws: int = DRAWS,
    *,
    cache: Path | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> list[Gain]:
    """Learn from draws of some votes, with and without the starter judge, and score on all other battles.

    Parameters
    ----------
    votes : Path
        A file of battles with votes.
    sizes : sequence of int
        Votes that are learnt from.
    draws : int
        Times that each is repeated, with other votes; no prompt is on both sides of a draw.
    cache : Path or None
        A folder that keeps the numbers of texts.
    threads : int
        Processes for the features, threads for the learners.
    progress : Progress
        Told how many fits are done.

    Raises
    ------
    UserError
        When the file has too few battles.
    """
    battles, _ = read_battles(votes, labelled=True)
    if len(battles) < 2 * max(sizes) and len(battles) < max(sizes) + 200:
        raise UserError(f"{votes}: has {len(battles)} battles; give more than {max(sizes) + 200}.")
    kept = None if cache is None else BlockCache(cache / "blocks")
    data = learner_data(battles, FEATURES, None, kept, threads, progress)
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
    weight = np.ones(len(rows))
    yield PRIOR, np.tile(class_shares(outcome[rows], weight), (len(rest), 1))
    yield ALONE, starter[rest]
    folds = grouped_folds(group[rows], outcome[rows], FOLDS, seed)
    own = data.take(rows)
    held, asked = np.empty((len(rows), 2, 3)), data.take(rest)
    for train, out in splits(folds):
        fit = Fit(outcome[rows[train]], weight[train], group[rows[train]], seed, threads)
        for place, learner in enumerate(_learners()):
            held[out, place] = learner.fit(own.take(train), fit).predict_proba(own.take(out))
    whole = Fit(outcome[rows], weight, group[rows], seed, threads)
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


if __name__ == "__main__":
    main(sys.argv[1:])


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 64, 236, 46, 48
COLOURS = ("#8a929c", "#c45500", "#00795a", "#0072b2")
TEXT, GRID = "#24292f", "#d0d7de"
SHOWN = "Log loss less that of the class shares"


def draw(path: Path, results: Mapping[int, Mapping[str, Interval]]) -> None:
    """Write the picture, whole or not at all.

    Parameters
    ----------
    path : Path
        An SVG file.
    results : mapping of Interval by kind of judge, by number of votes
        Log losses less that of the class shares; every number of votes has the same kinds.
    """
    sizes = sorted(results)
    kinds = list(results[sizes[0]])
    y = fitting([0.0, *(value for size in sizes for found in results[size].values() for value in found.values())])
    span = math.log(sizes[-1] / sizes[0]) or 1.0

    def across(size: int) -> float:
        return LEFT + 24 + (WIDTH - LEFT - RIGHT - 48) * math.log(size / sizes[0]) / span

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y.place(value) / 100

    svg = ElementTree.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=str(WIDTH), height=str(HEIGHT)
    )
    ElementTree.SubElement(svg, "title").text = f"{SHOWN} by number of own votes, with and without the starter judge"
    ElementTree.SubElement(svg, "rect", width=str(WIDTH), height=str(HEIGHT), fill="white")
    style = {"font-family": "system-ui, sans-serif", "font-size": "12", "fill": TEXT}
    drawing = ElementTree.SubElement(svg, "g", style)
    _write(
        drawing,
        10,
        20,
        f"{SHOWN}, on battles not learnt from (lower is better)",
        {"font-weight": "600"},
    )
    for value, label in y.ticks:
        level = {"x1": str(LEFT), "x2": str(WIDTH - RIGHT), "y1": f"{up(value):.1f}", "y2": f"{up(value):.1f}"}
        ElementTree.SubElement(drawing, "line", level, stroke=GRID)
        _write(drawing, LEFT - 8, up(value) + 4, label, {"text-anchor": "end", "font-size": "11"})
    for size in sizes:
        _write(drawing, across(size), HEIGHT - BOTTOM + 18, f"{size:,}", {"text-anchor": "middle"})
    _write(drawing, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "own votes", {"text-anchor": "middle", "font-size": "11"})
    heights = _apart([up(_mean(results[sizes[-1]][kind])) for kind in kinds])
    for number, (kind, height) in enumerate(zip(kinds, heights, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        aside = 3.0 * (number - (len(kinds) - 1) / 2)  # so that intervals do not lie upon each other
        points = " ".join(f"{across(size) + aside:.1f},{up(_mean(results[size][kind])):.1f}" for size in sizes)
        line = {"points": points, "fill": "none", "stroke-width": "2"}
        ElementTree.SubElement(drawing, "polyline", line, stroke=colour)
        for size in sizes:
            found = results[size][kind]
            mean, low, high = _mean(found), found["low"], found["high"]
            x = f"{across(size) + aside:.1f}"
            if low is not None and high is not None:
                whisker = {"x1": x, "x2": x, "y1": f"{up(low):.1f}", "y2": f"{up(high):.1f}", "stroke-width": "1.5"}
                ElementTree.SubElement(drawing, "line", whisker, stroke=colour)
            ElementTree.SubElement(drawing, "circle", {"cx": x, "cy": f"{up(mean):.1f}", "r": "3.5"}, fill=colour)
        _write(drawing, WIDTH - RIGHT + 12, height + 4, kind, {"fill": colour})
    with atomic_write(path) as part:
        ElementTree.ElementTree(svg).write(part, encoding="utf-8", xml_declaration=True)


def _mean(found: Interval) -> float:
    mean = found["mean"]
    assert mean is not None
    return mean


def _apart(places: list[float], least: float = 15.0) -> list[float]:
    """Move labels down until none covers another."""
    moved, last = list(places), -math.inf
    for number in sorted(range(len(places)), key=places.__getitem__):
        moved[number] = last = max(places[number], last + least)
    return moved


def _write(parent: ElementTree.Element, x: float, y: float, text: str, style: Mapping[str, str]) -> None:
    element = ElementTree.SubElement(parent, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", **style})
    element.text = text
