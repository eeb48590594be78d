"""Charts in HTML: rows of values with their intervals, bars, a confusion table, and lines and dots over two axes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from stacker.evaluate.html_templates import TEMPLATES, environment, written

CHARTS = (TEMPLATES / "charts.css").read_text(encoding="utf-8")
"""The charts' style sheet: colours that colour-blind people tell apart (Okabe and Ito, 2008), lighter in the dark."""
_TEMPLATE = environment().get_template("charts.html")


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high`, with ticks (value, label) between."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...] = ()

    def place(self, value: float) -> float:
        """Return where a value lies, in per cent, kept inside the axis."""
        return 100.0 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def css(self, value: float) -> str:
        """Return where a value lies as a style sheet writes it."""
        return f"{self.place(value):.2f}%"

    def width(self, low: float, high: float, least: float = -math.inf) -> str:
        """Return the distance of two values as a style sheet writes it, `least` per cent or more."""
        return f"{max(self.place(high) - self.place(low), least):.2f}%"


def shares(low: float = 0.0, high: float = 1.0) -> Axis:
    """Return an axis of shares, labelled in per cent, widened to round ends."""
    return fitting([low, high], label=lambda value: f"{100 * value:.0f} %", inside=(0.0, 1.0))


def fitting(
    values: Sequence[float | None],
    label: Callable[[float], str] | None = None,
    most: int = 6,
    inside: tuple[float, float] = (-math.inf, math.inf),
) -> Axis:
    """Return an axis that holds all values between round ends.

    Parameters
    ----------
    values : sequence of float or None
        Finite; None, such as an end that an interval has not, is left out. No value gives 0 to 1.
    label : function, optional
        Writes a tick; by default with as many decimals as the step needs.
    most : int
        Ticks at most.
    inside : two floats
        The ends do not go beyond these.
    """
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    step = _step((high - low) / max(most - 1, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    write = label or (lambda value: written(value, f".{decimals}f"))
    places = [place * step for place in range(first, last + 1)]
    kept = [place for place in places if inside[0] - 1e-9 <= place <= inside[1] + 1e-9]
    return Axis(max(first * step, inside[0]), min(last * step, inside[1]), tuple((v, write(v)) for v in kept))


def _step(rough: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(times * power for times in (1.0, 2.0, 5.0, 10.0) if times * power >= rough * (1 - 1e-9))


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
    """One colour of a chart over two axes.

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

    @property
    def outline(self) -> list[tuple[float, float]]:
        """Return the corners of the band, upper edge first."""
        return [(x, high) for x, _, high in self.band] + [(x, low) for x, low, _ in reversed(self.band)]


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
    return _drawn("interval_rows", rows, axis, label, reference)


def bars(rows: Sequence[Row], label: str) -> str:
    """Return horizontal bars from 0 to the largest value."""
    top = max((row.value for row in rows if row.value > 0), default=1.0)
    return _drawn("bars", rows, Axis(0.0, top), label)


def confusion_table(
    counts: NDArray[Any], rows: Sequence[str], columns: Sequence[str], row_title: str, column_title: str
) -> str:
    """Return a table of counts, whole or in parts, each cell shaded by its share of the row; the diagonal is framed."""
    cells = [[(f"{count:,.1f}".removesuffix(".0"), count / (row.sum() or 1)) for count in row] for row in counts]
    return _drawn("confusion_table", list(zip(rows, cells, strict=True)), columns, row_title, column_title)


def plane(series: Sequence[Series], x: Axis, y: Axis, label: str, x_title: str = "", y_title: str = "") -> str:
    """Return a chart that fills its place; `label` is what a screen reader says."""

    def points(corners: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x.place(px):.3f},{100 - y.place(py):.3f}" for px, py in corners)

    return _drawn("plane", series, x, y, label, x_title, y_title, points)


def _drawn(kind: str, *parts: Any) -> str:
    return str(getattr(_TEMPLATE.module, kind)(*parts))
