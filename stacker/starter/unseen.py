"""How the starter judge does on battles that it never saw, whole and by parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.cache import BlockCache
from features.progress import Progress, silent
from pipelines.folds import prompt_groups
from pipelines.reading import read_battles
from pipelines.starter import UNSEEN
from stacker import metrics
from stacker.intervals import mean_interval
from stacker.judge import Judge
from stacker.reporting.slices import slices

PARTS = ("language, as the data name it", "script of the prompt", "characters of both answers", "turns")
"""Ways to part the battles that the card shows, of those in `stacker.reporting.slices`."""


@dataclass(frozen=True)
class Scored:
    """What is said of the starter judge on one file.

    Attributes
    ----------
    name : str
        What the card calls the battles.
    battles : int
        0 where the file is not there.
    scores : dict
        `stacker.metrics.scores`, and `low` and `high` of the log loss (95 %, prompts move together).
    prior_log_loss : float
        Of the class shares of these very battles, which nobody knows before.
    parts : dict of list of dict
        `stacker.reporting.slices.slices`, of the ways in `PARTS`.
    """

    name: str
    battles: int
    scores: dict[str, float | None]
    prior_log_loss: float
    parts: dict[str, list[dict[str, Any]]]


def score_unseen(
    judge: Judge,
    folder: Path,
    files: Sequence[tuple[str, Path]] = UNSEEN,
    *,
    cache: BlockCache | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> list[Scored]:
    """Score a judge on files of battles that it did not learn from; a file that is missing has no battles."""
    found = []
    for name, path in files:
        if not (folder / path).is_file():
            found.append(Scored(name, 0, {}, float("nan"), {}))
            continue
        battles, _ = read_battles(folder / path, labelled=True)
        outcome, group = battles["outcome"].to_numpy(dtype=np.int64), prompt_groups(battles["prompt"])
        said = judge.predict_proba(battles, cache=cache, threads=threads, progress=progress)
        shares = np.bincount(outcome, minlength=3) / len(outcome)
        prior = np.tile(np.maximum(shares, 1e-9), (len(outcome), 1))
        interval = mean_interval(metrics.losses(said, outcome), group)
        scores = {**metrics.scores(said, outcome), "low": interval["low"], "high": interval["high"]}
        parts = slices(battles, said, prior, outcome, group)
        kept = {way: parts[way] for way in PARTS if way in parts}
        found.append(Scored(name, len(battles), scores, metrics.log_loss(prior, outcome), kept))
    return found
