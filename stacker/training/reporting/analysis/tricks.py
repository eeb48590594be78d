"""Which answers that were made worse win: before the checks, with them, and with style held equal."""

from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.terminal.command_line import Progress
from stacker.evaluate.intervals import share_interval
from stacker.judge.elsewhere import Elsewhere
from stacker.judge.judge import Judge
from stacker.judge.members import learner_data
from stacker.learners.learner_registry import may_be_silent
from stacker.training.counterfactuals import Counterfactuals

TITLES = {
    "repeated": "said again",
    "padded": "padded with filler",
    "adorned": "praise, citations or signs added",
    "shuffled": "its words shuffled",
    "garbled": "its words exchanged, doubled or replaced",
    "sentence order": "its sentences shuffled",
    "cut": "cut off",
    "gaps": "sentences, words or its middle left out",
    "emptied": "nothing, or next to nothing",
    "hollow": "a table or a record with nothing in it",
    "skeleton": "headings with nothing under them",
    "plea": "a text that asks for the vote",
    "essay": "an essay that fits any prompt",
    "other": "an answer to another prompt",
    "own start": "its own first or last sentences with another prompt's answer",
    "mixed": "its sentences and other prompts' answers' by turns",
    "language": "another prompt's answer in another language",
    "echo": "the prompt and no more",
}
"""What is done to an answer, in words."""


def tricks(judge: Judge, fitted: Counterfactuals, progress: Progress) -> list[dict[str, Any]]:
    """Ask a judge about made battles, with checks that saw no battle of their fold.

    Its learners saw the votes of these prompts, and no made answer.

    Parameters
    ----------
    judge : Judge
        The finished one, for its learners and level-1 model; those from elsewhere are asked no more.
    fitted : Counterfactuals
        The made battles; `params.shown` of each family are drawn.

    Returns
    -------
    list of dict
        By family: `family`, `title`, `held_out` (whether it was never trained on), `battles`, and `before`, `checked`
        and `even` (None without that verdict), the shares that the made answer wins, each as `share`, `low`, `high`.
    """
    made, prepared = fitted.data.made, fitted.prepared
    rows = _drawn(made["family"].to_numpy(dtype=str), fitted.params.shown, prepared.fit.seed)
    if not len(rows):
        return []
    battles = made[list(TEXT_COLUMNS)].iloc[rows].reset_index(drop=True)
    data = learner_data(battles, judge.features, judge.encoder, prepared.cache, prepared.fit.threads, progress)
    prepared.cache.close()
    outside = [member.name for member in judge.members if may_be_silent(member.kind)]
    Elsewhere.of_run(judge.members, dict.fromkeys(outside))  # nobody asks those about made answers
    voted = judge.voted(data, judge.member_probabilities(data))
    checked, even = np.empty_like(voted), np.full_like(voted, np.nan)
    for fold in np.unique(fitted.fold[rows]):
        inside = np.flatnonzero(fitted.fold[rows] == fold)
        parts, pairs = fitted.without(int(fold)), fitted.data.of_made.take(rows[inside])
        checked[inside] = parts.checks.apply(voted[inside], pairs)
        if parts.even_style is not None:
            even[inside] = parts.even_style.verdicts(voted[inside], pairs, parts.checks)
    said = {"before": voted, "checked": checked, "even": even}
    family, group = made["family"].to_numpy(dtype=str)[rows], made["group"].to_numpy(dtype=np.int64)[rows]
    return [
        {
            "family": name,
            "title": TITLES.get(name, name),
            "held_out": name in fitted.params.held_out,
            "battles": int((family == name).sum()),
            **{key: _wins(each[family == name], group[family == name]) for key, each in said.items()},
        }
        for name in dict.fromkeys(made["family"])
    ]


def _drawn(family: np.ndarray, most: int, seed: int) -> Ints:
    """Return the places of at most `most` battles of each family."""
    order = np.random.default_rng(seed).permutation(len(family))
    chosen = [order[family[order] == name][:most] for name in np.unique(family)]
    return np.sort(np.concatenate(chosen).astype(np.int64)) if chosen else np.zeros(0, dtype=np.int64)


def _wins(said: Floats, group: Ints) -> dict[str, float] | None:
    """Return how often answer B, the made one, is ahead in (n, 3) verdicts; None without verdicts."""
    if np.isnan(said).any():
        return None
    hits = (said[:, 1] > said[:, 0]).astype(np.float64)
    low, high = share_interval(hits, group)
    return {"share": float(hits.mean()), "low": low, "high": high}
