"""How a judge does out of fold: calibration, and its scores by length and by language."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import OUTCOMES
from stacker.evaluate import metrics
from stacker.evaluate.intervals import share_interval
from stacker.evaluate.reliability import curve

LEAST = 20
"""Battles below which a language is put together with others."""


def predictors(table: pd.DataFrame) -> list[str]:
    """Return the names of the predictors in a run's table of out-of-fold probabilities, in its order."""
    ending = f": {OUTCOMES[0]}"
    return [name.removesuffix(ending) for name in table.columns if name.endswith(ending)]


def probabilities_of(table: pd.DataFrame, predictor: str) -> Floats:
    """Return the (n, 3) out-of-fold probabilities of one predictor."""
    return table[[f"{predictor}: {outcome}" for outcome in OUTCOMES]].to_numpy(dtype=np.float64)


def prompts_of(table: pd.DataFrame) -> Ints:
    """Return the (n,) numbers of the prompts of a run's table; one a battle where an earlier version wrote it."""
    if "prompt" not in table.columns:
        return np.arange(len(table))
    return table["prompt"].to_numpy(dtype=np.int64)


def calibration(probabilities: Floats, outcome: Ints, group: Ints) -> pd.DataFrame:
    """Compare (n, 3) out-of-fold probabilities with how often the outcome came, for A, B and tie.

    `outcome` and `group`, (n,) each, are the votes and the numbers of the prompts.

    Returns
    -------
    DataFrame
        `outcome` (0, 1, 2) and what `stacker.evaluate.reliability.curve` gives of each bin.
    """
    rows = []
    if len(outcome):
        for place in range(3):
            rows += [{"outcome": place, **each} for each in curve(probabilities[:, place], outcome == place, group)]
    return pd.DataFrame(rows, columns=["outcome", "predicted", "seen", "low", "high", "battles"])


def scores_by(
    probabilities: Floats, outcome: Ints, group: Ints, labels: Sequence[str], order: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return accuracy with its interval, log loss and that of the class shares alone, for each label.

    Parameters
    ----------
    probabilities, outcome, group : (n, 3), (n,) and (n,)
        Out-of-fold probabilities, votes, and the numbers of the prompts.
    labels : sequence of n str
        What parts the battles.
    order : sequence of str, optional
        The labels in their order; by default the most frequent first.

    Returns
    -------
    DataFrame
        `label`, `battles`, `accuracy`, `low`, `high`, `log_loss`, `prior_log_loss` (of the label's own shares, the
        best that a verdict without reading can do).
    """
    names = np.asarray(labels, dtype=object)
    wished = list(order) if order is not None else list(pd.Series(names).value_counts(sort=True).index)
    rows = []
    for name in wished:
        inside = names == name
        n = int(inside.sum())
        if n == 0:
            continue
        right = metrics.hits(probabilities[inside], outcome[inside])
        low, high = share_interval(right, group[inside])
        shares = np.bincount(outcome[inside], minlength=3) / n
        some = shares[shares > 0]
        rows.append(
            {
                "label": name,
                "battles": n,
                "accuracy": float(right.mean()),
                "low": low,
                "high": high,
                "log_loss": metrics.log_loss(probabilities[inside], outcome[inside]),
                "prior_log_loss": float(-(some * np.log(some)).sum()),
            }
        )
    columns = ["label", "battles", "accuracy", "low", "high", "log_loss", "prior_log_loss"]
    return pd.DataFrame(rows, columns=columns)


def length_bands(characters: Ints, bands: int = 5) -> tuple[list[str], list[str]]:
    """Part battles by length into bands of about the same size.

    Returns
    -------
    labels : list of n str
        E.g. `0-420`: the characters of the shortest and the longest battle of the band.
    order : list of str
        The labels, from the shortest.
    """
    if not len(characters):
        return [], []
    edges = np.unique(np.quantile(characters, np.linspace(0, 1, bands + 1)))
    place = np.clip(np.searchsorted(edges, characters, side="left") - 1, 0, max(len(edges) - 2, 0))
    order = []
    for band in range(int(place.max()) + 1):
        inside = characters[place == band]
        order.append(f"{inside.min():,}–{inside.max():,}" if len(inside) else "")
    return [order[band] for band in place], [name for name in dict.fromkeys(order) if name]


def language_labels(langs: Sequence[str], other: str, least: int = LEAST) -> list[str]:
    """Return the languages, with those of fewer than `least` battles, and the unknown, under the name `other`."""
    counts = pd.Series(list(langs), dtype=object).value_counts()
    return [lang if lang and counts[lang] >= least else other for lang in langs]
