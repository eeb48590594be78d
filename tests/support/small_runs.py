"""Runs on few built-in battles with small learners: whole, and done in seconds."""

from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.terminal.command_line import Screen
from stacker.run import run
from stacker.training.params import Params, parse_params

SMALL: dict[str, Any] = {
    "data": {"sample": {"rows": 120, "test_rows": 15}},
    "folds": {"count": 3},
    "features": {"embedding": False},
    "learners": {
        "lightgbm": {"n_estimators": 15, "bags": 2, "num_leaves": 4, "min_child_samples": 5},
        "xgboost": {"n_estimators": 15, "bags": 2, "num_leaves": 4, "min_child_samples": 5},
        "linear": {"C": [0.003], "components": 4},
        "sparse": {"words": 500, "characters": 500, "C": [1.0]},
    },
    "transformer": {"enabled": False},
    "training": {"counterfactuals": {"enabled": False}},
    "report": {"enabled": False},
    "run": {"threads": 1},
}


def small_params(folder: Path, **sections: dict[str, Any]) -> Params:
    """Return small parameters that write into `folder`; each section given replaces keys of the small one."""
    content = {name: {**SMALL.get(name, {}), **sections.get(name, {})} for name in SMALL | sections}
    content["run"] = {**content["run"], "folder": str(folder / "run"), "cache": str(folder / "cache")}
    return parse_params(content)


def small_run(params: Params) -> tuple[dict[str, Any], str]:
    """Run, and return what results.json holds and what the screen showed."""
    shown = StringIO()
    found = run(params, Screen(Console(file=shown, soft_wrap=True, highlight=False)))
    return found, shown.getvalue()
