"""What a study ends in: parameters that run as they are, study.json, and a page that opens without a network."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from optuna import visualization
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json, write_text
from pipelines.terminal.command_line import Screen
from stacker.evaluate.html_templates import environment
from stacker.judge.provenance import versions
from stacker.study.nested import Comparison, compare
from stacker.study.space import todays_point, value_at
from stacker.study.study_log import SCORES, StudyLog
from stacker.study.tuning import Tuning
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
    params, main = tuning.params, tuning.jobs[0].log
    best = main.best()
    if best is None:
        raise UserError(f"study.name {main.name}: no trial has ended yet; give it more time by study.timeout.")
    folder = params.study.folder
    comparison = _compare(tuning, screen)
    tuned = folder / "params.tuned.yaml"
    write_text(tuned, dump_params(tuning.space.params(best.params)))
    default = params.model_dump(mode="json")
    point = todays_point(best.params).items()
    chosen = [[name, shown(value_at(default, name)), shown(value)] for name, value in point]
    tables: list[tuple[str, Sequence[Sequence[str]]]] = [
        ("Parameters of the best trial", [["parameter", "default", "tuned"], *chosen])
    ]
    if comparison is not None:
        tables.append(("Default and tuned on battles that no tuning saw (log loss)", comparison.table()))
    front = main.study.best_trials if len(params.study.objectives) > 1 else []
    if front:
        heading = ["trial", *params.study.objectives, *best.params]
        tables.append(("Pareto front", [heading, *(_front_row(trial) for trial in front)]))
    points = main.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
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
        "trials": {"complete": main.count(TrialState.COMPLETE), "pruned": main.count(TrialState.PRUNED)},
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
    logs = [job.log for job in tuning.jobs if job.outer is not None]
    best = [trial for log in logs if (trial := log.best()) is not None]
    if not logs:
        return None
    if len(best) < len(logs) or any(log.unfinished() for log in logs):
        screen.note("Default and tuned are not compared yet: the outer folds lack trials; the same command goes on.")
        return None
    params = tuning.params
    return compare(
        tuning.whole,
        [job.outer for job in tuning.jobs if job.outer is not None],
        params,
        [tuning.space.params(trial.params) for trial in best],
        [float(trial.user_attrs[SCORES]["log_loss"]) for trial in best],
    )


def _sentences(log: StudyLog, best: FrozenTrial, comparison: Comparison | None) -> list[str]:
    done, pruned = log.count(TrialState.COMPLETE), log.count(TrialState.PRUNED)
    found = [
        f"{done} trials complete and {pruned} pruned; the best is trial {best.number} with {log.values(best)} of "
        f"{log.params.target}, cross-fitted. It was chosen by this very score, which is therefore too good."
    ]
    return found if comparison is None else [*found, comparison.sentence()]


def _points(trials: Sequence[FrozenTrial]) -> list[list[str]]:
    rows = [["trial", *SCORED, *trials[0].params]]
    for trial in trials:
        scores = trial.user_attrs[SCORES]
        numbers = ("-" if scores.get(name) is None else f"{scores[name]:.4f}" for name in SCORED)
        rows.append([str(trial.number), *numbers, *(shown(value) for value in trial.params.values())])
    return rows


def _front_row(trial: FrozenTrial) -> list[str]:
    return [str(trial.number), *(f"{value:.4f}" for value in trial.values), *(shown(v) for v in trial.params.values())]


TEMPLATES = Path(__file__).with_name("templates")
MOST_SHOWN = 200
"""Trials in the table; the storage has the others."""


def write_page(
    path: Path,
    study: Study,
    objectives: Sequence[str],
    about: Sequence[str],
    tables: Sequence[tuple[str, Sequence[Sequence[str]]]],
) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    study : optuna.study.Study
        With at least one complete trial.
    about : sequence of str
        Sentences for the top of the page.
    tables : sequence of (title, rows)
        The first row of each is its heading.

    Raises
    ------
    UserError
        When plotly is not installed; nothing is written.
    """
    if not visualization.is_available():
        raise UserError("The page of a study needs the package plotly; pip install plotly.")
    page = environment(TEMPLATES).get_template("study.html")
    charts, trials = _charts(study, objectives), _trials(study, objectives)
    html = page.render(name=study.study_name, about=about, tables=tables, charts=charts, trials=trials)
    write_text(path, html, errors="backslashreplace")


def _charts(study: Study, objectives: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return title, note and HTML of each chart."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    names = sorted({name for trial in complete for name in trial.params})
    varied = [name for name in names if len({repr(trial.params.get(name)) for trial in complete}) > 1]
    found: list[tuple[str, str, str]] = []

    def add(title: str, note: str, figure: Any) -> None:
        figure.update_layout(title=None, margin={"t": 30}, template="plotly_white")
        html = figure.to_html(full_html=False, include_plotlyjs=not found, config={"displaylogo": False})
        found.append((title, note, str(html)))

    if len(objectives) in (2, 3):
        front = visualization.plot_pareto_front(study, target_names=list(objectives))
        add("Pareto front", "Trials that no other beats in every objective are marked.", front)
    for place, name in enumerate(objectives):
        several = len(objectives) > 1
        of = f" of {name}" if several else ""
        chosen: dict[str, Any] = {"target_name": name, **({"target": partial(_value, place, 1.0)} if several else {})}
        history = visualization.plot_optimization_history(study, **chosen)
        add(f"History{of}", "Each trial's value and the best so far.", history)
        if len(varied) > 1 and len(complete) > 2:
            note = "How much of the difference between the best trials and the others each parameter explains."
            add(f"Parameter importances{of}", note, _importances(study, place, chosen))
        if varied:
            slices = visualization.plot_slice(study, params=varied, **chosen)
            add(f"Slices{of}", "The value against each parameter by itself; darker trials came later.", slices)
            lines = visualization.plot_parallel_coordinate(study, params=varied, **chosen)
            add(f"Parallel coordinates{of}", "One line a trial; drag along an axis to pick trials.", lines)
    return found


def _value(place: int, sign: float, trial: FrozenTrial) -> float:
    return sign * float(trial.values[place])


def _importances(study: Study, place: int, chosen: dict[str, Any]) -> Any:
    if "target" in chosen:
        # With a target of its own, Optuna takes low values for good ones, and warns that it does.
        sign = -1.0 if study.directions[place] == StudyDirection.MAXIMIZE else 1.0
        chosen = {**chosen, "target": partial(_value, place, sign)}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        return visualization.plot_param_importances(study, **chosen)


def _trials(study: Study, objectives: Sequence[str]) -> list[list[str]]:
    trials = study.get_trials(deepcopy=False)
    names = sorted({name for trial in trials for name in trial.params})
    rows = [["trial", "state", *objectives, *names]]
    for trial in trials[-MOST_SHOWN:]:
        values = trial.values or [None] * len(objectives)
        cells = (shown(value) for value in (*values, *(trial.params.get(name) for name in names)))
        rows.append([str(trial.number), trial.state.name.lower(), *cells])
    return rows


def shown(value: Any) -> str:
    """Return a value as people read it: numbers with four significant digits."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.4f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)
