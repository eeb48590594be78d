"""The section `study` of params.yaml: what is tuned, by what, and where it is kept."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipelines.settings.sections import LocalPath, Section

Objective = Literal[
    "log_loss",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "bradley_terry_loss",
    "win_rate",
    "brier",
    "ece",
    "tie_recall",
]
Direction = Literal["minimize", "maximize"]
RISING = {"accuracy", "balanced_accuracy", "macro_f1", "win_rate", "tie_recall"}
"""Objectives of which more is better."""
DEFAULT_SPACE: dict[str, Any] = {
    "learners.lightgbm.learning_rate": {"low": 0.03, "high": 0.2, "log": True},
    "learners.lightgbm.leaves": {"low": 4, "high": 24},
    "learners.lightgbm.least_rows": {"low": 10.0, "high": 80.0, "log": True},
    "learners.lightgbm.column_share": {"low": 0.1, "high": 0.6},
    "learners.xgboost.learning_rate": {"low": 0.03, "high": 0.2, "log": True},
    "learners.xgboost.depth": {"low": 2, "high": 5},
    "learners.xgboost.column_share": {"low": 0.1, "high": 0.6},
    "features.sentiment": [True, False],
    "features.readability": [True, False],
}


class StudyParams(Section):
    """A study.

    `space` names what is tuned: a dotted key of this file with `{low, high}` and, where wanted, `step` or `log: true`,
    or with a list of choices. `target` is stack or the name of one learner; the objectives are its cross-fitted scores,
    and several give a Pareto front. `pruner` ends a trial after a fold when it is worse than the median of the others
    so far (median), or than the best by Wilcoxon's test over the folds (wilcoxon); a front is never pruned. `storage`
    null is a journal file in `folder`; else the URL of an SQLite file or a PostgreSQL database. `trials` counts those
    of earlier commands too; `timeout`, in seconds, is of one command: no trial begins after it, 0 means no limit.
    `outer_folds` folds compare the default with the tuned parameters on battles that their tuning never saw, each by a
    study of its own with as many trials; 0 leaves the comparison out.
    """

    name: str = Field("study", min_length=1, max_length=200)
    folder: LocalPath = Path("runs/study")
    storage: str | None = Field(None, min_length=1)
    sampler: Literal["tpe", "gp", "random", "grid"] = "tpe"
    pruner: Literal["median", "wilcoxon", "none"] = "median"
    target: str = Field("stack", min_length=1)
    objectives: tuple[Objective, ...] = Field(("log_loss",), min_length=1)
    trials: int = Field(40, ge=1)
    timeout: float = Field(0.0, ge=0, le=1e8)
    workers: int = Field(1, ge=1, le=1024)
    outer_folds: int = Field(3, ge=0, le=20)
    space: dict[str, Any] = DEFAULT_SPACE

    @property
    def directions(self) -> list[Direction]:
        """Return `minimize` or `maximize` for each objective."""
        return ["maximize" if name in RISING else "minimize" for name in self.objectives]
