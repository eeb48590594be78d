"""The results of a run: every learner, the stack and the baselines, scored alike; as table, JSON and parquet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import normalised
from pipelines.battles.table import OUTCOMES
from pipelines.files.atomic_files import atomic_write
from stacker.evaluate import metrics
from stacker.evaluate.intervals import difference_interval
from stacker.evaluate.strengths import order_agreement

STACK = "stack"
COLUMNS = {
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "bal. acc.",
    "macro_f1": "macro F1",
    "bradley_terry_loss": "BT loss",
    "win_rate": "win rate",
    "kendall_tau": "Kendall tau",
    "brier": "Brier",
    "ece": "ECE",
}
"""Scores of the printed table and their headings."""


def score_all(predictions: Mapping[str, Floats], battles: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Score each predictor's (n, 3) probabilities against the votes of the same battles, by name."""
    outcome = battles["outcome"].to_numpy(dtype=np.int64)
    found = {}
    for name, probabilities in predictions.items():
        row = metrics.scores(probabilities, outcome)
        order = order_agreement(battles["model_a"].tolist(), battles["model_b"].tolist(), probabilities, outcome)
        row["kendall_tau"] = None if order is None else float(order["kendall_tau"])
        found[name] = row
    return found


def intervals(
    predictions: Mapping[str, Floats], rivals: Mapping[str, str], outcome: Ints, group: Ints
) -> dict[str, dict[str, Any]]:
    """Return the stack's log loss minus each rival's with its paired interval, battles of one prompt together.

    Parameters
    ----------
    predictions : mapping of name to (n, 3)
        Must hold the stack and every rival.
    rivals : mapping of label to name
        For example `{"length only": "length only", "best learner": "lightgbm"}`.
    """
    own = metrics.losses(predictions[STACK], outcome)
    found: dict[str, dict[str, Any]] = {}
    for label, name in rivals.items():
        gap = difference_interval(own, metrics.losses(predictions[name], outcome), group)
        found[label] = {"against": name, **gap}
    return found


def best_learner(scored: Mapping[str, Mapping[str, float | None]], learners: list[str]) -> str:
    """Return the name of the learner with the lowest log loss."""
    return min(learners, key=lambda name: scored[name]["log_loss"] or np.inf)


def table(scored: Mapping[str, Mapping[str, float | None]]) -> list[list[str]]:
    """Return heading and rows of the results table, as text."""
    rows = [["", *COLUMNS.values()]]
    for name, row in scored.items():
        cells = ["-" if row.get(key) is None else f"{row[key]:.4f}" for key in COLUMNS]
        rows.append([name, *cells])
    return rows


def write_out_of_fold(path: Path, battles: pd.DataFrame, folds: Ints, predictions: Mapping[str, Floats]) -> None:
    """Write ids, folds, votes and every predictor's out-of-fold probabilities as parquet, whole or not at all.

    Beside them stand the number of each battle's prompt, its language, and how many characters both answers have
    together, by which pages show how the judge does.
    """
    columns: dict[str, Any] = {"id": battles["id"].to_numpy(), "fold": folds, "outcome": battles["outcome"].to_numpy()}
    # Numbered in the order of the alphabet, whatever that of the rows.
    columns["prompt"] = np.unique([normalised(turns) for turns in battles["prompt"]], return_inverse=True)[1]
    columns["lang"] = battles["lang"].to_numpy()
    answers = zip(battles["response_a"], battles["response_b"], strict=True)
    columns["characters"] = np.array([sum(map(len, (*a, *b))) for a, b in answers], dtype=np.int64)
    for name, probabilities in predictions.items():
        for place, outcome in enumerate(OUTCOMES):
            columns[f"{name}: {outcome}"] = probabilities[:, place]
    with atomic_write(path) as part:
        pd.DataFrame(columns).to_parquet(part, index=False)
