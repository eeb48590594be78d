"""Charts of one row a name: a value with its interval, or a bar; and the confusion table."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from numpy.typing import NDArray

from pipelines.terminal.unseen_signs import plain
from stacker.reporting.charts.axis import Axis


@dataclass(frozen=True)
class Row:
    """One row: an untrusted name, its value with or without an interval, and the words at its end.

    Attributes
    ----------
    faint : bool
        Whether the row stands back, e.g. because it rests on little.
    second : three floats or None
        Another value with its interval, drawn below the first in the second colour.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""
    faint: bool = False
    second: tuple[float, float, float] | None = None


def interval_rows(rows: Sequence[Row], axis: Axis, label: str, reference: float | None = None) -> str:
    """Return rows of dots with their intervals over a common axis.

    Parameters
    ----------
    rows : sequence of Row
        From top to bottom.
    axis : Axis
        What the dots are placed on.
    label : str
        What a screen reader says the chart is.
    reference : float or None
        Where a dashed line stands through all rows.
    """
    body = "".join(_interval_row(row, axis, reference) for row in rows)
    return f'<div class="chart rows" role="list" aria-label="{escape(label)}">{body}{_ticks(axis)}</div>'


def bars(rows: Sequence[Row], label: str) -> str:
    """Return horizontal bars from 0 to the largest value."""
    top = max((row.value for row in rows), default=0.0) or 1.0
    body = "".join(
        f'<div class="row" role="listitem"><span class="name">{plain(row.name, 80)}</span>'
        f'<span class="track"><i class="bar" style="width:{100 * max(row.value, 0.0) / top:.2f}%"></i></span>'
        f'<span class="note">{escape(row.note)}</span></div>'
        for row in rows
    )
    return f'<div class="chart rows" role="list" aria-label="{escape(label)}">{body}</div>'


def confusion_table(
    counts: NDArray[Any], rows: Sequence[str], columns: Sequence[str], row_title: str, column_title: str
) -> str:
    """Return a table of counts, whole or in parts, each cell shaded by its share of the row; the diagonal is framed."""
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in columns)
    body = []
    for place, name in enumerate(rows):
        total = counts[place].sum() or 1
        cells = "".join(
            f'<td class="{"same" if place == other else ""}" style="--share:{count / total:.3f}">'
            f"<b>{_counted(count)}</b><small>{100 * count / total:.0f} %</small></td>"
            for other, count in enumerate(counts[place])
        )
        body.append(f"<tr><th scope='row'>{escape(name)}</th>{cells}</tr>")
    return (
        f'<table class="chart confusion"><thead><tr><td class="corner"></td><th class="title" colspan="{len(columns)}">'
        f'{escape(column_title)}</th></tr><tr><th class="title">{escape(row_title)}</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _interval_row(row: Row, axis: Axis, reference: float | None) -> str:
    marks = "" if reference is None else f'<i class="reference" style="left:{axis.place(reference):.2f}%"></i>'
    marks += _mark(axis, row.value, row.low, row.high, "first")
    if row.second is not None:
        marks += _mark(axis, *row.second, "second")
    kind = "row faint" if row.faint else "row"
    kind += " two" if row.second is not None else ""
    return (
        f'<div class="{kind}" role="listitem"><span class="name">{plain(row.name, 80)}</span>'
        f'<span class="track">{marks}</span><span class="note">{escape(row.note)}</span></div>'
    )


def _mark(axis: Axis, value: float, low: float | None, high: float | None, kind: str) -> str:
    mark = f'<i class="dot {kind}" style="left:{axis.place(value):.2f}%"></i>'
    if low is not None and high is not None:
        left, right = axis.place(low), axis.place(high)
        mark = f'<i class="range {kind}" style="left:{left:.2f}%;width:{max(right - left, 0.5):.2f}%"></i>{mark}'
    return mark


def _counted(count: float) -> str:
    return f"{count:,.1f}".removesuffix(".0")


def _ticks(axis: Axis) -> str:
    ticks = "".join(f'<i style="left:{axis.place(value):.2f}%">{escape(text)}</i>' for value, text in axis.ticks)
    return (
        f'<div class="row ticks" aria-hidden="true"><span></span><span class="track">{ticks}</span><span></span></div>'
    )
