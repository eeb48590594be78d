"""The gain by the starter judge as a picture: what judges gain on the class shares by number of own votes (SVG)."""

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from pipelines.files.atomic_files import atomic_write
from stacker.evaluation.intervals import Interval
from stacker.reporting.charts import fitting

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 64, 236, 46, 48
COLOURS = ("#8a929c", "#c45500", "#00795a", "#0072b2")
TEXT, GRID = "#24292f", "#d0d7de"
SHOWN = "Log loss less that of the class shares"


def draw(path: Path, results: Mapping[int, Mapping[str, Interval]]) -> None:
    """Write the picture, whole or not at all.

    Parameters
    ----------
    path : Path
        An SVG file.
    results : mapping of Interval by kind of judge, by number of votes
        Log losses less that of the class shares; every number of votes has the same kinds.
    """
    sizes = sorted(results)
    kinds = list(results[sizes[0]])
    y = fitting([0.0, *(value for size in sizes for found in results[size].values() for value in found.values())])
    span = math.log(sizes[-1] / sizes[0]) or 1.0

    def across(size: int) -> float:
        return LEFT + 24 + (WIDTH - LEFT - RIGHT - 48) * math.log(size / sizes[0]) / span

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y.place(value) / 100

    svg = ElementTree.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=str(WIDTH), height=str(HEIGHT)
    )
    ElementTree.SubElement(svg, "title").text = f"{SHOWN} by number of own votes, with and without the starter judge"
    ElementTree.SubElement(svg, "rect", width=str(WIDTH), height=str(HEIGHT), fill="white")
    style = {"font-family": "system-ui, sans-serif", "font-size": "12", "fill": TEXT}
    drawing = ElementTree.SubElement(svg, "g", style)
    _write(
        drawing,
        10,
        20,
        f"{SHOWN}, on battles not learnt from (lower is better)",
        {"font-weight": "600"},
    )
    for value, label in y.ticks:
        level = {"x1": str(LEFT), "x2": str(WIDTH - RIGHT), "y1": f"{up(value):.1f}", "y2": f"{up(value):.1f}"}
        ElementTree.SubElement(drawing, "line", level, stroke=GRID)
        _write(drawing, LEFT - 8, up(value) + 4, label, {"text-anchor": "end", "font-size": "11"})
    for size in sizes:
        _write(drawing, across(size), HEIGHT - BOTTOM + 18, f"{size:,}", {"text-anchor": "middle"})
    _write(drawing, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "own votes", {"text-anchor": "middle", "font-size": "11"})
    heights = _apart([up(_mean(results[sizes[-1]][kind])) for kind in kinds])
    for number, (kind, height) in enumerate(zip(kinds, heights, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        aside = 3.0 * (number - (len(kinds) - 1) / 2)  # so that intervals do not lie upon each other
        points = " ".join(f"{across(size) + aside:.1f},{up(_mean(results[size][kind])):.1f}" for size in sizes)
        line = {"points": points, "fill": "none", "stroke-width": "2"}
        ElementTree.SubElement(drawing, "polyline", line, stroke=colour)
        for size in sizes:
            found = results[size][kind]
            mean, low, high = _mean(found), found["low"], found["high"]
            x = f"{across(size) + aside:.1f}"
            if low is not None and high is not None:
                whisker = {"x1": x, "x2": x, "y1": f"{up(low):.1f}", "y2": f"{up(high):.1f}", "stroke-width": "1.5"}
                ElementTree.SubElement(drawing, "line", whisker, stroke=colour)
            ElementTree.SubElement(drawing, "circle", {"cx": x, "cy": f"{up(mean):.1f}", "r": "3.5"}, fill=colour)
        _write(drawing, WIDTH - RIGHT + 12, height + 4, kind, {"fill": colour})
    with atomic_write(path) as part:
        ElementTree.ElementTree(svg).write(part, encoding="utf-8", xml_declaration=True)


def _mean(found: Interval) -> float:
    mean = found["mean"]
    assert mean is not None
    return mean


def _apart(places: list[float], least: float = 15.0) -> list[float]:
    """Move labels down until none covers another."""
    moved, last = list(places), -math.inf
    for number in sorted(range(len(places)), key=places.__getitem__):
        moved[number] = last = max(places[number], last + least)
    return moved


def _write(parent: ElementTree.Element, x: float, y: float, text: str, style: Mapping[str, str]) -> None:
    element = ElementTree.SubElement(parent, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", **style})
    element.text = text
