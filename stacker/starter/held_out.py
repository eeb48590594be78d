"""Whether checks carry over to tricks that they were not trained on: `python -m stacker.starter.held_out DATA_DIR`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from features.build import FeatureParams
from features.cache import BlockCache
from features.remote_cache import block_cache
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import families, prompt_groups
from pipelines.battles.starter_sets import SETS, read_votes
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.files.atomic_files import write_text
from pipelines.files.object_storage import AnyFolder, folder_argument
from pipelines.terminal.command_line import Progress, Screen, check_output, run_command, silent
from pipelines.terminal.processes import usable_cores
from stacker.evaluate.intervals import share_interval
from stacker.judge.judge import Judge
from stacker.learners.checks.even_style import BLOCKS, EvenStyle
from stacker.learners.learner_interface import LearnerData
from stacker.starter.card import table
from stacker.starter.starter_fit import StarterSettings
from stacker.training.data_set import canonical_order
from stacker.training.made.check_fitting import CheckData, CheckSettings, FittedChecks, check_data, checks_of, real_rows
from stacker.training.made.even_style_fitting import EvenStyleSettings, VoteRows, even_style_of_pairs
from stacker.training.made.made_battles import made_battles

_COLUMNS = ("votes", "known", "style_known", "unknown", "style_unknown")
WON = 1e-6
"""A made answer wins where its probability is higher than the real one's by more than this."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m stacker.starter.held_out", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="a folder that holds the folder battles")
    parser.add_argument("--table", type=Path, required=True, metavar="FILE", help="a Markdown file")
    parser.add_argument("--count", type=int, default=400, metavar="N", help="real answers made worse (%(default)s)")
    parser.add_argument("--real", type=int, default=1500, metavar="N", help="real battles (%(default)s)")
    parser.add_argument(
        "--cache", type=folder_argument, metavar="FOLDER", help="keep the numbers of texts there for another time"
    )
    chosen = parser.parse_args(arguments)
    settings = replace(StarterSettings().checks, count=chosen.count, real=chosen.real)
    run_command(lambda: _command(chosen.data, chosen.table, settings, chosen.cache))


def _command(data: Path, out: Path, settings: CheckSettings, cache: AnyFolder | None) -> None:
    check_output(out, [])
    screen = Screen()
    kept = None if cache is None else block_cache(cache / "blocks")
    votes = read_votes(data, SETS)
    with screen.working():
        found = held_out(votes, settings, cache=kept, threads=usable_cores(), progress=screen.progress)
    if kept is not None:
        kept.close()
    write_text(out, as_table(found))
    screen.note(as_table(found))


def held_out(
    votes: pd.DataFrame,
    settings: CheckSettings,
    seed: int = 0,
    *,
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Fit checks without each family of made answers in turn, and see how often its answers win then.

    Checks are fitted to the made and real battles of two thirds of the prompts, and asked about the rest; the verdicts
    of the votes are those of the starter judge.

    Returns
    -------
    DataFrame, one row a family
        `family`, `group` (an array of prompt groups), and arrays of 0 and 1 for made answers that win:
        `votes` without checks, `known` with checks of all families, `unknown` with checks that never saw this one,
        `style_known` and `style_unknown` likewise with style held equal.
    """
    battles = votes.iloc[canonical_order(votes)].reset_index(drop=True)
    made = made_battles(battles, settings.count, seed, settings.families)
    group = prompt_groups(battles["prompt"])
    some = real_rows(battles, settings.real, seed)
    real, judge = battles.iloc[some].reset_index(drop=True), Judge.load()
    more = (*BLOCKS, *(name for name in FeatureParams.model_fields if getattr(judge.features, name)))
    data = check_data(made, real, group[some], more=more, cache=cache, threads=threads, progress=progress)
    seen = LearnerData(made[list(TEXT_COLUMNS)], data.of_made, None)
    said = judge.pool.predict_proba(judge.member_probabilities(seen))
    third = made["group"].to_numpy() % 3
    asked = np.flatnonzero(third == 0)
    family = made["family"].to_numpy(dtype=str)
    taught, reals = np.flatnonzero(third != 0), np.flatnonzero(data.group % 3 != 0)
    family_of = families(battles["source"], group)
    votes_of = _Votes(data, family_of[some], dict(zip(group.tolist(), family_of.tolist(), strict=True)))
    whole = _won(data, said, votes_of, taught, reals, settings, seed, threads)
    rows = []
    for done, name in enumerate(settings.families):
        progress("families held out", done, len(settings.families))
        others = taught[family[taught] != name]
        without = _won(data, said, votes_of, others, reals, settings, seed, threads)
        rows_of = asked[family[asked] == name]
        plain = said[rows_of, 1] - said[rows_of, 0] > WON
        told = [won[rows_of] for both in zip(whole, without, strict=True) for won in both]
        rows.append((name, made["group"].to_numpy()[rows_of], plain, *told))
    return pd.DataFrame(rows, columns=["family", "group", *_COLUMNS])


@dataclass(frozen=True)
class _Votes:
    """Families of sets: `of_real` (n,) of the real battles of `data`, and of each prompt group."""

    data: CheckData
    of_real: Ints
    of_group: dict[int, int]

    def even_style(self, fitted: FittedChecks, reals: Ints) -> EvenStyle:
        """Fit the verdict with style held equal to the votes for a side in some real battles."""
        outcome = self.data.outcome[reals]
        sides = np.flatnonzero((outcome == 0) | (outcome == 1))
        votes = VoteRows(sides, outcome[sides], np.ones(len(sides)), self.of_real[reals])
        return even_style_of_pairs(self.data.of_real.take(reals), votes, self.of_group, fitted, EvenStyleSettings())


def _won(
    data: CheckData,
    said: Floats,
    votes: _Votes,
    taught: Ints,
    reals: Ints,
    settings: CheckSettings,
    seed: int,
    threads: int,
) -> tuple[Floats, Floats]:
    """Return two (m,), as voted and with style held equal: 1 where the made answer wins by checks so taught."""
    fitted = checks_of(data.take(taught, reals), settings, seed, threads)
    voted = fitted.checks.apply(said, data.of_made)
    even = votes.even_style(fitted, reals).verdicts(said, data.of_made, fitted.checks)
    first, second = (np.asarray(found[:, 1] - found[:, 0] > WON, dtype=np.float64) for found in (voted, even))
    return first, second


def as_table(found: pd.DataFrame) -> str:
    """Return what was measured as a Markdown table: shares of made answers that win, with 95 % intervals."""
    head = ["family", "battles", "votes alone", "known", "never seen", "style equal, known", "style equal, never seen"]
    rows: list[list[str]] = []
    order = ("votes", "known", "unknown", "style_known", "style_unknown")
    kinds = [[np.asarray(hits, dtype=np.float64) for hits in found[name]] for name in order]
    for family, group, *told in zip(found["family"].astype(str), found["group"], *kinds, strict=True):
        cells = []
        for hits in told:
            low, high = share_interval(hits, group)
            cells.append(f"{100 * hits.mean():.0f} % [{100 * low:.0f}, {100 * high:.0f}]" if len(hits) else "-")
        rows.append([family, f"{len(group):,}", *cells])
    return table(head, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
