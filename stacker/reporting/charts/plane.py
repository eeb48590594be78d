"""Charts over two axes: lines, bands, and dots with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from stacker.reporting.charts.axis import Axis


@dataclass(frozen=True)
class Dot:
    """A point with or without an upright interval; its text shows when the pointer rests on it."""

    x: float
    y: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class Series:
    """One colour of the chart.

    Attributes
    ----------
    name : str
        For the legend; "" for none.
    kind : str
        CSS class of the colour: `first`, `second`, `third` or `grey`.
    line : sequence of (x, y)
        Drawn as a line.
    band : sequence of (x, low, high)
        Drawn as an area.
    dots : sequence of Dot
        Drawn over the rest.
    """

    name: str
    kind: str
    line: Sequence[tuple[float, float]] = ()
    band: Sequence[tuple[float, float, float]] = ()
    dots: Sequence[Dot] = field(default_factory=tuple)


def plane(series: Sequence[Series], x: Axis, y: Axis, label: str, x_title: str = "", y_title: str = "") -> str:
    """Return a chart that fills its place; `label` is what a screen reader says."""
    shapes = "".join(_shapes(each, x, y) for each in series)
    dots = "".join(_dots(each, x, y) for each in series)
    grid = "".join(f'<i class="grid" style="bottom:{y.place(value):.2f}%"></i>' for value, _ in y.ticks)
    left = "".join(f'<i style="bottom:{y.place(value):.2f}%">{escape(text)}</i>' for value, text in y.ticks)
    below = "".join(f'<i style="left:{x.place(value):.2f}%">{escape(text)}</i>' for value, text in x.ticks)
    named = [each for each in series if each.name]
    legend = "".join(f'<span class="{each.kind}"><i></i>{escape(each.name)}</span>' for each in named)
    return (
        f'<figure class="chart plane" role="img" aria-label="{escape(label)}">'
        f'<div class="y-title">{escape(y_title)}</div><div class="area"><div class="y-ticks">{left}</div>'
        f'<div class="field">{grid}<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{shapes}'
        f'</svg>{dots}</div><div class="x-ticks">{below}</div></div>'
        f'<div class="x-title">{escape(x_title)}</div><figcaption class="legend">{legend}</figcaption></figure>'
    )


def _shapes(series: Series, x: Axis, y: Axis) -> str:
    shapes = ""
    if series.band:
        upper = [(px, high) for px, _, high in series.band]
        lower = [(px, low) for px, low, _ in reversed(series.band)]
        shapes += f'<polygon class="band {series.kind}" points="{_points([*upper, *lower], x, y)}"/>'
    if series.line:
        shapes += f'<polyline class="line {series.kind}" points="{_points(series.line, x, y)}"/>'
    return shapes


def _points(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    return " ".join(f"{x.place(px):.3f},{100 - y.place(py):.3f}" for px, py in points)


def _dots(series: Series, x: Axis, y: Axis) -> str:
    marks = []
    for dot in series.dots:
        left = x.place(dot.x)
        if dot.low is not None and dot.high is not None:
            low, high = y.place(dot.low), y.place(dot.high)
            style = f"left:{left:.2f}%;bottom:{low:.2f}%;height:{high - low:.2f}%"
            marks.append(f'<i class="whisker {series.kind}" style="{style}"></i>')
        marks.append(
            f'<i class="dot {series.kind}" style="left:{left:.2f}%;bottom:{y.place(dot.y):.2f}%" '
            f'title="{escape(dot.text)}"></i>'
        )
    return "".join(marks)
