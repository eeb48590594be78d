"""What a study ends in: parameters that run as they are, study.json, and the page."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write, write_json
from pipelines.terminal.command_line import Screen
from stacker.judge.provenance import versions
from stacker.study.jobs import Tuning
from stacker.study.nested import Comparison, compare
from stacker.study.study_log import Ledger
from stacker.study.study_page import shown, write_page
from stacker.study.study_work import SCORES
from stacker.training.params import dump_params

MOST_POINTS = 60
"""A grid of more points is not shown whole."""
SCORED = ("log_loss", "accuracy", "balanced_accuracy", "tie_recall", "ece")
"""Scores that are shown of each point, whatever the objectives."""


def write_outcome(tuning: Tuning, screen: Screen) -> dict[str, Any]:
    """Compare default and tuned, write what the study found into its folder, show it, and return what study.json holds.

    Raises
    ------
    UserError
        When no trial has ended yet.
    """
    params, main = tuning.params, tuning.jobs[0].ledger
    best = main.best()
    if best is None:
        raise UserError(f"study.name {main.name}: no trial has ended yet; give it more time by study.timeout.")
    folder = params.study.folder
    comparison = _compare(tuning, screen)
    tuned = folder / "params.tuned.yaml"
    with atomic_write(tuned) as part:
        part.write_text(dump_params(tuning.space.params(best.params)), encoding="utf-8")
    chosen = [["parameter", "default", "tuned"]]
    default = params.model_dump(mode="json")
    for name, value in best.params.items():
        before: Any = default
        for section in name.split("."):
            before = before[section]
        chosen.append([name, shown(before), shown(value)])
    tables: list[tuple[str, Sequence[Sequence[str]]]] = [("Parameters of the best trial", chosen)]
    if comparison is not None:
        tables.append(("Default and tuned on battles that no tuning saw (log loss)", comparison.table()))
    front = [trial for trial in main.study.best_trials] if len(params.study.objectives) > 1 else []
    if front:
        heading = ["trial", *params.study.objectives, *best.params]
        tables.append(("Pareto front", [heading, *(_front_row(trial) for trial in front)]))
    points = [trial for trial in main.finished() if trial.state == TrialState.COMPLETE]
    if params.study.sampler == "grid" and len(points) <= MOST_POINTS:
        tables.append(("What each point of the grid does", _points(points)))
    about = _sentences(main, best, comparison)
    for title, rows in tables:
        screen.table(f"\n{title}:", rows)
    for sentence in about:
        screen.note(sentence)
    found = {
        "format": 1,
        "name": main.name,
        "target": params.study.target,
        "objectives": list(params.study.objectives),
        "best": {"trial": best.number, "values": list(best.values), "params": best.params},
        "front": [{"trial": t.number, "values": list(t.values), "params": t.params} for t in front],
        "trials": {"complete": _count(main, TrialState.COMPLETE), "pruned": _count(main, TrialState.PRUNED)},
        "nested": None if comparison is None else asdict(comparison),
        "seed": params.run.seed,
        "versions": versions(),
    }
    write_json(folder / "study.json", found)
    screen.note(f"Parameters to run with: {tuned}")
    page = folder / "study.html"
    try:
        write_page(page, main.study, params.study.objectives, about, tables)
        screen.note(f"Page: {page}")
    except UserError as fault:
        page.unlink(missing_ok=True)  # an older one would not go with study.json
        screen.note(str(fault))
    return found


def _compare(tuning: Tuning, screen: Screen) -> Comparison | None:
    outer = [job for job in tuning.jobs if job.outer is not None]
    found = [job.ledger.best() for job in outer]
    best = [trial for trial in found if trial is not None]
    if not outer:
        return None
    if len(best) < len(outer) or any(job.ledger.unfinished() for job in outer):
        screen.note("Default and tuned are not compared yet: the outer folds lack trials; the same command goes on.")
        return None
    params = tuning.params
    return compare(
        tuning.whole,
        [job.outer for job in outer if job.outer is not None],
        params,
        [tuning.space.params(trial.params) for trial in best],
        [float(trial.user_attrs[SCORES]["log_loss"]) for trial in best],
    )


def _sentences(ledger: Ledger, best: FrozenTrial, comparison: Comparison | None) -> list[str]:
    names = ledger.params.objectives
    values = ", ".join(f"{name} {value:.4f}" for name, value in zip(names, best.values, strict=True))
    done, pruned = _count(ledger, TrialState.COMPLETE), _count(ledger, TrialState.PRUNED)
    found = [
        f"{done} trials complete and {pruned} pruned; the best is trial {best.number} with {values} of "
        f"{ledger.params.target}, cross-fitted. It was chosen by this very score, which is therefore too good."
    ]
    return found if comparison is None else [*found, comparison.sentence()]


def _count(ledger: Ledger, state: TrialState) -> int:
    return sum(trial.state == state for trial in ledger.finished())


def _points(trials: Sequence[FrozenTrial]) -> list[list[str]]:
    rows = [["trial", *SCORED, *trials[0].params]]
    for trial in trials:
        scores = trial.user_attrs[SCORES]
        numbers = ("-" if scores.get(name) is None else f"{scores[name]:.4f}" for name in SCORED)
        rows.append([str(trial.number), *numbers, *(shown(value) for value in trial.params.values())])
    return rows


def _front_row(trial: FrozenTrial) -> list[str]:
    return [str(trial.number), *(f"{value:.4f}" for value in trial.values), *(shown(v) for v in trial.params.values())]
