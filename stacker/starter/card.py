"""The starter judge's model card, and how it does on battles that it never saw, whole and by parts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.cache import BlockCache
from features.text import SCRIPTS
from pipelines.battles.folds import normalised, prompt_groups
from pipelines.battles.starter_sets import PRIOR, SETS, UNSEEN
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Progress, silent
from stacker.evaluate import metrics
from stacker.evaluate.html_templates import environment
from stacker.evaluate.intervals import mean_interval
from stacker.evaluate.slices import slices
from stacker.judge.judge import Judge
from stacker.judge.provenance import versions
from stacker.learners.checks.caution import Caution
from stacker.starter.starter_fit import FittedStarter, StarterSettings

PARTS = ("language, as the data name it", "script of the prompt", "characters of both answers", "turns")
"""Ways to split the battles that the card shows, of those in `stacker.evaluate.slices`."""


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
        `stacker.evaluate.metrics.scores`, and `low` and `high` of the log loss (95 %, prompts move together).
    prior_log_loss : float
        Of the class shares of these very battles, which nobody knows before.
    parts : dict of list of dict
        `stacker.evaluate.slices.slices`, of the ways in `PARTS`.
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


_MATTERS = ("python", "lightgbm", "scikit-learn", "numpy", "scipy")
"""Versions that the bits of the judge depend on."""


def model_card(fitted: FittedStarter, settings: StarterSettings, unseen: Sequence[Scored], digest: str) -> str:
    """Write the card; `unseen` is how the judge does on battles that it never saw."""
    used, trees = versions(), settings.lightgbm
    card = environment(Path(__file__).with_name("templates")).get_template("card.md")
    return card.render(
        table=table,
        digest=digest,
        made_with=", ".join(f"{name} {used[name]}" for name in _MATTERS if name in used),
        settings=settings,
        even_style=fitted.judge.even_style,
        length_ratio=math.exp(settings.even_style.evenness),
        caution=_drawn_back(fitted.judge.caution),
        factors=", ".join(f"{name} {factor:g}" for name, factor in settings.factors.items()),
        prior=PRIOR,
        bags=min(trees.bags, len(np.unique(fitted.rows.family))),
        features=len(fitted.judge.members[0].learner.names_),  # type: ignore[attr-defined]
        left_out=fitted.left_out,
        temperature=fitted.judge.pool.temperature_,
        sources=_sources(fitted),
        families=_held_out(fitted),
        unseen=[_unseen(each) for each in unseen],
        parts={each.name: _by_parts(each) for each in unseen if each.parts},
    )


def _drawn_back(caution: Caution | None) -> str:
    """Say how far verdicts are drawn back, and why."""
    if caution is None:
        return ""
    factors = zip(SCRIPTS, caution.known, caution.kept, caution.factors().tolist(), strict=True)
    told = ", ".join(
        f"{script} {factor:.2f} ({known:.0%} known, else {kept:.2f})"
        for script, known, kept, factor in factors
        if factor < 1
    )
    return (
        f"margins are multiplied by a factor where the script of the texts is hardly known: {told}. It is the lower "
        "end of the 95 % interval of what votes in that script show of a judge made without their family of sets, "
        "against votes in known scripts; where votes are too few to tell, the lowest of these. The log-odds of a tie "
        f"rise by {caution.slope:.2f} for each unit that a margin loses, as votes in known scripts tie more where "
        "margins are small."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column holds names and whose others hold numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _sources(fitted: FittedStarter) -> list[list[str]]:
    source = fitted.battles["source"].to_numpy(dtype=str)
    outcome, weight = fitted.battles["outcome"].to_numpy(dtype=np.int64), fitted.battles["weight"].to_numpy(float)
    learnt = source[fitted.rows.battle]
    rows = []
    for each in SETS:
        inside = source == each.name
        if not inside.any():
            continue
        shares = np.bincount(outcome[inside], weights=weight[inside], minlength=3) / weight[inside].sum()
        say = fitted.rows.weight[learnt == each.name].sum() / fitted.rows.weight.sum()
        numbers = [f"{inside.sum():,}", f"{weight[inside].sum():,.0f}", *(f"{share:.2f}" for share in shares)]
        rows.append([f"{each.name} ({each.project}): {each.what}", each.licence, *numbers, f"{100 * say:.0f} %"])
    return rows


def _held_out(fitted: FittedStarter) -> list[list[str]]:
    rows, source = fitted.rows, fitted.battles["source"].to_numpy(dtype=str)
    lines = []
    for number in np.unique(rows.family):
        inside = rows.family == number
        decided = inside & (rows.outcome < 2)
        said, outcome, weight = fitted.held_out[decided, :2], rows.outcome[decided], rows.weight[decided]
        right = np.average(metrics.hits(said, outcome), weights=weight)
        loss = metrics.log_loss(said / said.sum(axis=1, keepdims=True), outcome, weight)
        sets = ", ".join(np.unique(source[rows.battle[inside]]))
        lines.append([sets, f"{len(np.unique(rows.battle[inside])):,}", f"{right:.3f}", f"{loss:.4f}"])
    return lines


def _unseen(scored: Scored) -> list[str]:
    if not scored.battles:
        return [scored.name, *(["0", f"{scored.known:,}"] if scored.known else ["not there", ""]), *[""] * 6]
    scores = scored.scores
    numbers = (scores["accuracy"], scores["win_rate"], scores["ece"])
    cells = ["-" if number is None else f"{number:.3f}" for number in numbers]
    loss, prior = _with_ends(scores, 4), f"{scored.prior_log_loss:.4f}"
    return [scored.name, f"{scored.battles:,}", f"{scored.known:,}", loss, prior, *cells]


def _by_parts(scored: Scored) -> dict[str, list[list[str]]]:
    def cells(row: dict[str, Any]) -> list[str]:
        numbers = (f"{row[name]:.3f}" for name in ("prior_log_loss", "accuracy"))
        return [row["label"].replace("|", "/"), f"{row['battles']:,}", _with_ends(row, 3), *numbers]

    return {way: [cells(row) for row in rows] for way, rows in scored.parts.items()}


def _with_ends(scored: Mapping[str, float | None], decimals: int) -> str:
    """Return a log loss with its interval, where there is one."""
    loss, *ends = (scored[name] for name in ("log_loss", "low", "high"))
    return f"{loss:.{decimals}f}" + ("" if None in ends else " ({:.{d}f} to {:.{d}f})".format(*ends, d=decimals))
