"""A judge for other voters, from few votes: `python -m stacker.recalibrate JUDGE VOTES... --out FOLDER`."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import grouped_folds, normalised, prompt_groups, splits
from pipelines.battles.table import text_of
from pipelines.errors import UserError
from pipelines.formats.reading_options import ReadingOptions, add_reading_arguments, reading_options
from pipelines.formats.told_reading import read_told
from pipelines.terminal.command_line import Screen, check_output, run_command
from stacker.evaluate.intervals import Interval, difference_interval, in_words, share_interval
from stacker.evaluate.metrics import log_loss, losses
from stacker.judge.abstention import (
    AGREEMENT,
    LEVEL,
    Abstention,
    ThresholdResult,
    chosen_abstention,
    one_of_each,
    threshold_results,
)
from stacker.learners.stacking.recalibration import Recalibration, check_votes, fit_recalibration

if TYPE_CHECKING:
    from stacker.judge.judge import Judge

FOLDS = 10
ABOUT = "recalibrated"
"""Key of `about` in judge.json."""


@dataclass(frozen=True)
class Recalibrated:
    """What few votes say of a judge.

    Attributes
    ----------
    recalibration : Recalibration
        Fitted to all of them.
    held_out : (n, 3) float
        Recalibrated verdicts on each vote by the votes on other prompts.
    gain : Interval
        Log loss of `held_out` less that of the judge as it was: `difference`, `low`, `high`, by prompt.
    tested : list of ThresholdResult
        Thresholds for abstaining.
    abstention : Abstention or None
        The one that holds, if any does.
    """

    recalibration: Recalibration
    held_out: Floats
    gain: Interval
    tested: list[ThresholdResult]
    abstention: Abstention | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and recalibrate."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.recalibrate",
        description="Fit a temperature and a tie offset to 20 to 100 votes, and find the certainty from which on the "
        "judge agrees with people often enough; below it the saved judge abstains.",
    )
    parser.add_argument("judge", type=Path, metavar="JUDGE", help="the folder of a saved judge, or starter")
    parser.add_argument("votes", type=Path, nargs="+", metavar="VOTES", help="files of battles with people's votes")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the new judge is saved")
    parser.add_argument(
        "--agreement",
        type=float,
        default=AGREEMENT,
        metavar="X",
        help="share of the decided battles on which people vote as the judge says, at least (%(default)s)",
    )
    parser.add_argument(
        "--level", type=float, default=LEVEL, metavar="L", help="confidence of that, 1 - alpha (%(default)s)"
    )
    add_reading_arguments(parser)
    chosen = parser.parse_args(arguments)
    run_command(
        lambda: _command(
            chosen.judge, chosen.votes, chosen.out, chosen.agreement, chosen.level, reading_options(chosen)
        )
    )


def _command(
    path: Path, files: Sequence[Path], out: Path, agreement: float, level: float, reading: ReadingOptions
) -> None:
    from stacker.judge.any_judge import SavedJudge, open_judge

    for name, value in (("--agreement", agreement), ("--level", level)):
        if not 0 < value < 1:
            raise UserError(f"{name} {value:g}: must lie between 0 and 1, for example 0.6; correct it.")
    check_output(out, [path, *files])
    opened = open_judge(path)
    if not isinstance(opened, SavedJudge):
        raise UserError(f"{path}: is a file of verdicts, and only a saved judge can be recalibrated; name its folder.")
    screen = Screen()
    votes = read_told(files, reading, screen.note, labelled=True)
    outcome, named = votes["outcome"].to_numpy(dtype=np.int64), ", ".join(map(str, files))
    check_votes(outcome, named)
    said = opened.probabilities(votes)
    group, weight = prompt_groups(votes["prompt"]), votes["weight"].to_numpy(dtype=np.float64)
    found = recalibrated(said, outcome, group, _keys(votes), weight, agreement, level)
    _tell(screen, found, said, votes, agreement, level)
    judge_of(opened.judge, found, len(votes)).save(out)
    screen.note(f"Judge: {out}")


def recalibrated(
    probabilities: Floats,
    outcome: Ints,
    group: Ints,
    key: np.ndarray,
    weight: Floats | None = None,
    agreement: float = AGREEMENT,
    level: float = LEVEL,
) -> Recalibrated:
    """Return what n votes say of a judge that did not learn from them.

    Parameters
    ----------
    probabilities : (n, 3) float
        The judge's verdicts.
    outcome, group : (n,) int
        Votes, and their prompts.
    key : (n,) labels
        As `stacker.judge.abstention.one_of_each` takes them.
    weight : (n,) float, optional
        How much each counts for the recalibration; the threshold counts prompts.
    agreement, level : float
        What abstaining is to guarantee, and with what confidence.
    """
    weight = np.ones(len(outcome)) if weight is None else weight
    fitted = fit_recalibration(probabilities, outcome, weight)
    held = np.array(probabilities, dtype=np.float64)
    folds = grouped_folds(group, outcome, FOLDS, seed=0)
    for train, out in splits(folds):
        held[out] = fit_recalibration(probabilities[train], outcome[train], weight[train]).apply(probabilities[out])
    gain = difference_interval(losses(held, outcome), losses(probabilities, outcome), group)
    rows = one_of_each(group, key)
    tested = threshold_results(probabilities[rows], outcome[rows], agreement, level)
    return Recalibrated(fitted, held, gain, tested, chosen_abstention(tested, fitted, len(rows), agreement, level))


def judge_of(judge: "Judge", found: Recalibrated, votes: int) -> "Judge":
    """Return a judge recalibrated; it has the threshold that holds, and none where none does."""
    from stacker.judge.judge import Judge

    fitted = found.recalibration
    told = {"temperature": fitted.temperature, "tie_offset": fitted.tie_offset, "votes": votes}
    about = judge.about | {ABOUT: [*_list(judge.about.get(ABOUT)), told]}
    pool = fitted.of_pool(judge.pool)
    checks = None if judge.checks is None else judge.checks.recalibrated(fitted)
    caution = None if judge.caution is None else judge.caution.recalibrated(fitted)
    made = (judge.features, judge.encoder, judge.members, pool, about, judge.baseline)
    return Judge(*made, found.abstention, checks, judge.even_style, caution)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _keys(votes: pd.DataFrame) -> np.ndarray:
    """Return a hash of each vote's texts and id, whichever side an answer is on."""

    def hashed(prompt: tuple[str, ...], a: tuple[str, ...], b: tuple[str, ...], name: str) -> str:
        texts = json.dumps([normalised(prompt), *sorted((text_of(a), text_of(b))), name])
        return hashlib.sha256(texts.encode()).hexdigest()

    columns = (votes[name] for name in ("prompt", "response_a", "response_b", "id"))
    return np.array([hashed(*row) for row in zip(*columns, strict=True)])


def _tell(
    screen: Screen, found: Recalibrated, said: Floats, votes: pd.DataFrame, agreement: float, level: float
) -> None:
    outcome, group = votes["outcome"].to_numpy(dtype=np.int64), prompt_groups(votes["prompt"])
    fitted = found.recalibration
    after = fitted.apply(said)
    a, b, ties = np.bincount(outcome, minlength=3).tolist()
    low, high = share_interval((outcome == 2).astype(np.float64), group)
    screen.note(f"Votes: {len(votes):,} on {len(np.unique(group)):,} prompts: A {a:,}, B {b:,}, tie {ties:,}.")
    screen.note(f"Recalibration: temperature {fitted.temperature:.3f}, tie offset {fitted.tie_offset:+.3f}.")
    screen.note(
        f"Ties: {ties / len(votes):.3f} of the votes (95 % interval {low:.3f} to {high:.3f}); the judge said "
        f"{said[:, 2].mean():.3f}, and says {after[:, 2].mean():.3f}."
    )
    before, held = log_loss(said, outcome), log_loss(found.held_out, outcome)
    screen.note(f"Log loss, votes held out by prompt: {before:.4f} before, {held:.4f} after: {in_words(found.gain)}.")
    rows = [["certainty of", "decided", "agree", "95 % interval", "passed"]]
    for each in found.tested:
        share = f"{each.agreed / each.decided:.3f}" if each.decided else "-"
        ends = f"{each.low:.3f} to {each.high:.3f}" if each.decided else "-"
        rows.append([f"{each.threshold:.1f}", f"{each.decided:,}", share, ends, "yes" if each.passed else "no"])
    screen.table("Thresholds for abstaining, on one vote of each prompt:", rows)
    if found.abstention is None:
        screen.note(
            f"No threshold: these votes do not show an agreement of {agreement:g} with a confidence of {level:g}; the "
            f"judge decides as before, without a guarantee. Add votes, or ask for less by --agreement."
        )
        return
    decided, of = found.abstention.decided, found.abstention.votes
    low, high = share_interval((np.arange(of) < decided).astype(np.float64), np.arange(of))
    screen.note(
        f"The judge decides {decided / of:.0%} of such battles ({low:.0%} to {high:.0%}) and abstains from the others. "
        f"Of those that it decides, people vote as it says on at least {agreement:g}, with a confidence of {level:g}."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
