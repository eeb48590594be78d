"""The stack's loss by kind of battle: vote, language, script, length, gap of the lengths, turns, what was asked."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from features.text import SCRIPTS, dominant_script
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import text_of
from stacker.evaluate import metrics
from stacker.evaluate.intervals import mean_interval

LEAST = 20
"""Battles below which a language or a script is put under `others`."""
MOST = 12
"""Languages shown by name."""
OTHERS = "others"
GAPS = ((1.1, "up to 1.1"), (1.5, "1.1 to 1.5"), (2.5, "1.5 to 2.5"), (np.inf, "more than 2.5"))
TURNS = ((1, "1"), (2, "2"), (4, "3 to 4"), (np.inf, "5 and more"))
BANDS = 5
_HEAD = 4000
"""Characters of a prompt by which it is told what was asked."""
_RULES = {
    kind: re.compile("|".join(patterns), re.IGNORECASE)
    for kind, patterns in yaml.safe_load(Path(__file__).with_name("prompt_kinds.yaml").read_text("utf-8")).items()
}
KINDS = (*_RULES, "other")
"""What a prompt may ask for, in the order in which it is looked for; the first that fits is taken."""


def slices(battles: pd.DataFrame, probabilities: Floats, prior: Floats, outcome: Ints, group: Ints) -> dict[str, Any]:
    """Return how the stack does on parts of the battles.

    Parameters
    ----------
    battles : DataFrame, n rows
        A battles table.
    probabilities, prior : (n, 3) float
        Out-of-fold verdicts of the stack and of the class prior.
    outcome, group : (n,) int
        Votes and prompt groups.

    Returns
    -------
    dict of list of dict
        For each way of parting them: `label`, `battles`, `log_loss` with `low` and `high`, `prior_log_loss`,
        `accuracy`. A way that has one part only is left out, but not that by vote.
    """
    own, other = metrics.losses(probabilities, outcome), metrics.losses(prior, outcome)
    right = metrics.hits(probabilities, outcome)
    found: dict[str, Any] = {}
    for name, (labels, order) in ways(traits_of(battles), outcome).items():
        rows = []
        for label in order:
            inside = np.flatnonzero(labels == label)
            if len(inside) == 0:
                continue
            loss = mean_interval(own[inside], group[inside])
            rows.append(
                {
                    "label": label,
                    "battles": len(inside),
                    "log_loss": loss.pop("mean"),
                    **loss,
                    "prior_log_loss": float(other[inside].mean()),
                    "accuracy": float(right[inside].mean()),
                }
            )
        if len(rows) > 1 or name == "vote":
            found[name] = rows
    return found


def traits_of(battles: pd.DataFrame) -> pd.DataFrame:
    """Return what battles are told apart by, without their texts.

    Returns
    -------
    DataFrame, n rows
        `lang` (as the data name it), `script` of the prompt, `characters` of both answers, `ratio` of the longer answer
        to the shorter, `turns`, and `kind` of what was asked.
    """
    sizes = [np.array([len(text_of(turns)) for turns in battles[name]]) for name in ("response_a", "response_b")]
    asked = battles["prompt"].tolist()
    return pd.DataFrame(
        {
            "lang": battles["lang"].to_numpy(dtype=object),
            "script": np.array([_script(turns) for turns in asked], dtype=object),
            "characters": sizes[0] + sizes[1],
            "ratio": (np.maximum(*sizes) + 1) / (np.minimum(*sizes) + 1),
            "turns": np.array([len(turns) for turns in asked], dtype=np.int64),
            "kind": np.array([prompt_kind(turns) for turns in asked], dtype=object),
        }
    )


def ways(traits: pd.DataFrame, outcome: Ints) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
    """Return the ways of splitting n battles into parts: the label of each battle, and the labels in their order.

    Parameters
    ----------
    traits : DataFrame, n rows
        Of `traits_of`.
    outcome : (n,) int
        Votes.
    """
    votes = np.array(["A preferred", "B preferred", "tie"], dtype=object)
    return {
        "vote": (votes[outcome], votes.tolist()),
        "language, as the data name it": _frequent(traits["lang"].tolist()),
        "script of the prompt": _frequent(traits["script"].tolist()),
        "characters of both answers": length_bands(traits["characters"].to_numpy()),
        "longer answer by shorter": _steps(traits["ratio"].to_numpy(), GAPS),
        "turns": _steps(traits["turns"].to_numpy(), TURNS),
        "what was asked": (traits["kind"].to_numpy(dtype=object), KINDS),
    }


def length_bands(characters: Ints) -> tuple[np.ndarray, list[str]]:
    """Part n battles into bands of about the same number by length; return their labels and the labels in order."""
    edges = np.unique(np.quantile(characters, np.linspace(0, 1, BANDS + 1), method="higher"))
    place = np.clip(np.searchsorted(edges, characters, side="left") - 1, 0, max(len(edges) - 2, 0))
    names = {}
    for band in np.unique(place):
        inside = characters[place == band]
        names[band] = f"{inside.min():,} to {inside.max():,}"
    return np.array([names[band] for band in place], dtype=object), list(names.values())


def _script(turns: tuple[str, ...]) -> str:
    place = dominant_script(text_of(turns))
    return SCRIPTS[place] if place >= 0 else "no letters"


def _frequent(labels: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    counts = pd.Series(list(labels), dtype=object).value_counts()
    kept = [str(name) for name, times in counts.items() if name and times >= LEAST][:MOST]
    named = set(kept)
    return np.array([label if label in named else OTHERS for label in labels], dtype=object), [*kept, OTHERS]


def _steps(values: Floats | Ints, steps: Sequence[tuple[float, str]]) -> tuple[np.ndarray, list[str]]:
    names = np.array([name for _, name in steps], dtype=object)
    place = np.searchsorted(np.array([edge for edge, _ in steps]), values, side="left")
    return names[place], names.tolist()


def prompt_kind(turns: tuple[str, ...]) -> str:
    """Return one of `KINDS` for the first turn of a prompt."""
    text = turns[0][:_HEAD].strip() if turns else ""
    return next((kind for kind, rule in _RULES.items() if rule.search(text)), KINDS[-1])
