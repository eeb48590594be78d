"""How the starter judge does on battles that it never saw, whole and by parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.cache import BlockCache
from pipelines.battles.folds import normalised, prompt_groups
from pipelines.battles.starter_sets import UNSEEN
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Progress, silent
from stacker.evaluation import metrics
from stacker.evaluation.intervals import mean_interval
from stacker.judge.judge import Judge
from stacker.reporting.analysis.slices import slices

PARTS = ("language, as the data name it", "script of the prompt", "characters of both answers", "turns")
"""Ways to split the battles that the card shows, of those in `stacker.reporting.analysis.slices`."""


@dataclass(frozen=True)
class Scored:
    """What is said of the starter judge on one file.

    Attributes
    ----------
    name : str
        What the card calls the battles.
    battles : int
        0 where the file is not there.
    known : int
        Further ones that are left out, because the judge was trained on battles with their prompt.
    scores : dict
        `stacker.evaluation.metrics.scores`, and `low` and `high` of the log loss (95 %, prompts move together).
    prior_log_loss : float
        Of the class shares of these very battles, which nobody knows before.
    parts : dict of list of dict
        `stacker.reporting.analysis.slices.slices`, of the ways in `PARTS`.
    """

    name: str
    battles: int
    known: int
    scores: dict[str, float | None]
    prior_log_loss: float
    parts: dict[str, list[dict[str, Any]]]


def score_unseen(
    judge: Judge,
    folder: Path,
    learnt: Iterable[tuple[str, ...]],
    files: Sequence[tuple[str, Path]] = UNSEEN,
    *,
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> list[Scored]:
    """Score a judge on files of battles that it did not learn from; a file that is missing has no battles.

    `learnt` are the prompts of those that it was trained on: battles with one of these are left out.
    """
    known = {normalised(turns) for turns in learnt}
    found = []
    for name, path in files:
        if not (folder / path).is_file():
            found.append(Scored(name, 0, 0, {}, float("nan"), {}))
            continue
        battles, _ = read_battles(folder / path, labelled=True)
        new = np.array([normalised(turns) not in known for turns in battles["prompt"]], dtype=bool)
        battles, left_out = battles[new].reset_index(drop=True), int(np.sum(~new))
        if battles.empty:
            found.append(Scored(name, 0, left_out, {}, float("nan"), {}))
            continue
        outcome, group = battles["outcome"].to_numpy(dtype=np.int64), prompt_groups(battles["prompt"])
        said = judge.predict_proba(battles, cache=cache, threads=threads, progress=progress)
        shares = np.bincount(outcome, minlength=3) / len(outcome)
        prior = np.tile(np.maximum(shares, 1e-9), (len(outcome), 1))
        interval = mean_interval(metrics.losses(said, outcome), group)
        scores = {**metrics.scores(said, outcome), "low": interval["low"], "high": interval["high"]}
        parts = slices(battles, said, prior, outcome, group)
        kept = {way: parts[way] for way in PARTS if way in parts}
        found.append(Scored(name, len(battles), left_out, scores, metrics.log_loss(prior, outcome), kept))
    return found
