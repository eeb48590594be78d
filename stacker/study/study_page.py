"""One page about a study that opens without a network: Optuna's charts with plotly.js inside, and the tables."""

import warnings
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from optuna import visualization
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2430; background: #fff; margin: 2rem auto; max-width: 1100px;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; } p { max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { padding: .3rem .8rem .3rem 0; text-align: right; border-bottom: 1px solid #dfe3ea; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.note { color: #5b6474; }
"""
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
    path : Path
        Replaced in one step.
    study : optuna.study.Study
        With at least one complete trial.
    objectives : sequence of str
        Names of its objectives.
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
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(study.study_name)}: tuning</title><style>{STYLE}</style>",
        "</head><body>",
        f"<h1>Study {escape(study.study_name)}</h1>",
        *(f"<p>{escape(sentence)}</p>" for sentence in about),
    ]
    for title, rows in tables:
        parts.append(f"<h2>{escape(title)}</h2>{_table(rows)}")
    for place, (title, note, figure) in enumerate(_figures(study, objectives)):
        # The first chart brings plotly.js for all of them.
        parts.append(f'<h2>{escape(title)}</h2><p class="note">{escape(note)}</p>{_chart(figure, place == 0)}')
    parts.append(f"<h2>Trials</h2>{_table(_trials(study, objectives))}</body></html>")
    with atomic_write(path) as part:
        part.write_text("\n".join(parts), encoding="utf-8", errors="backslashreplace")


def _figures(study: Study, objectives: Sequence[str]) -> list[tuple[str, str, Any]]:
    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    names = sorted({name for trial in whole for name in trial.params})
    varied = [name for name in names if len({repr(trial.params.get(name)) for trial in whole}) > 1]
    found = []
    if len(objectives) in (2, 3):
        front = visualization.plot_pareto_front(study, target_names=list(objectives))
        found.append(("Pareto front", "Trials that no other beats in every objective are marked.", front))
    for place, name in enumerate(objectives):
        of = f" of {name}" if len(objectives) > 1 else ""
        chosen: dict[str, Any] = {"target_name": name}
        if of:
            chosen["target"] = partial(_value, place)
        history = visualization.plot_optimization_history(study, **chosen)
        found.append((f"History{of}", "Each trial's value and the best so far.", history))
        if len(varied) > 1 and len(whole) > 2:
            note = "How much of the difference between the best trials and the others each parameter explains."
            found.append((f"Parameter importances{of}", note, _importances(study, place, **chosen)))
        if varied:
            slices = visualization.plot_slice(study, params=varied, **chosen)
            found.append(
                (f"Slices{of}", "The value against each parameter by itself; darker trials came later.", slices)
            )
            lines = visualization.plot_parallel_coordinate(study, params=varied, **chosen)
            found.append((f"Parallel coordinates{of}", "One line a trial; drag along an axis to pick trials.", lines))
    return found


def _value(place: int, trial: FrozenTrial) -> float:
    return float(trial.values[place])


def _loss(place: int, sign: float, trial: FrozenTrial) -> float:
    return sign * float(trial.values[place])


def _importances(study: Study, place: int, **chosen: Any) -> Any:
    if "target" in chosen:
        # With a target of its own, Optuna takes low values for good ones, and warns that it does.
        sign = -1.0 if study.directions[place] == StudyDirection.MAXIMIZE else 1.0
        chosen["target"] = partial(_loss, place, sign)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
        return visualization.plot_param_importances(study, **chosen)


def _chart(figure: Any, script: bool) -> str:
    figure.update_layout(title=None, margin={"t": 30}, template="plotly_white")
    return str(figure.to_html(full_html=False, include_plotlyjs=script, config={"displaylogo": False}))


def _trials(study: Study, objectives: Sequence[str]) -> list[list[str]]:
    trials = study.get_trials(deepcopy=False)
    names = sorted({name for trial in trials for name in trial.params})
    rows = [["trial", "state", *objectives, *names]]
    for trial in trials[-MOST_SHOWN:]:
        values = [shown(value) for value in trial.values or []]
        values += [""] * (len(objectives) - len(values))
        rows.append(
            [str(trial.number), trial.state.name.lower(), *values, *(shown(trial.params.get(n)) for n in names)]
        )
    return rows


def shown(value: Any) -> str:
    """Return a value as people read it: numbers with four significant digits."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.4f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
