"""The benchmark as a picture: rows per second of each stage at each number of rows, on a logarithmic scale (SVG)."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pipelines.files.atomic_files import atomic_write

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 760, 150, 130, 54, 14, 16
COLOURS = ("#9ecae1", "#4292c6", "#08519c", "#08306b")
TEXT, GRID = "#24292f", "#d0d7de"


def draw(path: Path, result: Mapping[str, Any]) -> None:
    """Write the picture of what `bench.json` holds, whole or not at all."""
    stages = [stage for stage in result["stages"] if stage["measured"]]
    speeds = [each["rows_per_second"] for stage in stages for each in stage["measured"]]
    low = math.floor(math.log10(max(min(speeds, default=1), 1e-3)))
    high = max(math.ceil(math.log10(max(max(speeds, default=10), 1e-3))), low + 1)
    sizes = sorted({each["rows"] for stage in stages for each in stage["measured"]})
    tall = TOP + sum(len(stage["measured"]) * BAR + GAP for stage in stages) + 30
    svg = ElementTree.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {tall}", width=str(WIDTH), height=str(tall)
    )
    style = {"font-family": "system-ui, sans-serif", "font-size": "12", "fill": TEXT}
    ElementTree.SubElement(svg, "rect", width=str(WIDTH), height=str(tall), fill="white")
    drawing = ElementTree.SubElement(svg, "g", style)
    _write(drawing, 10, 20, "Battles per second, by stage and number of battles", {"font-weight": "600"})
    _write(drawing, 10, 38, result["machine"]["told"], {"font-size": "11"})

    def across(speed: float) -> float:
        share = (math.log10(max(speed, 1e-3)) - low) / (high - low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    for power in range(low, high + 1):
        x = across(10.0**power)
        ends = {"x1": f"{x:.1f}", "x2": f"{x:.1f}", "y1": str(TOP), "y2": str(tall - 26)}
        ElementTree.SubElement(drawing, "line", ends, stroke=GRID)
        _write(drawing, x, tall - 10, f"{10.0**power:,g}", {"text-anchor": "middle", "font-size": "11"})
    y = TOP + GAP / 2
    for stage in stages:
        middle = y + len(stage["measured"]) * BAR / 2 + 4
        _write(drawing, LEFT - 10, middle, stage["name"], {"text-anchor": "end"})
        for each in stage["measured"]:
            end = across(each["rows_per_second"])
            colour = COLOURS[min(sizes.index(each["rows"]), len(COLOURS) - 1)]
            box = {"x": str(LEFT), "y": f"{y:.1f}", "height": str(BAR - 2), "width": f"{max(end - LEFT, 1):.1f}"}
            ElementTree.SubElement(drawing, "rect", box, fill=colour)
            told = f"{each['rows_per_second']:,.0f} at {each['rows']:,}"
            _write(drawing, end + 5, y + BAR - 4, told, {"font-size": "10"})
            y += BAR
        ratio = stage["against_plain"]
        if ratio is not None:
            _write(drawing, WIDTH - 10, middle, f"{ratio['times']:.1f} x plain", {"text-anchor": "end"})
        if stage["growth"] is not None:
            told = f"time ~ rows^{stage['growth']:.2f}"
            _write(drawing, WIDTH - 10, middle + 13, told, {"text-anchor": "end", "font-size": "10"})
        y += GAP
    with atomic_write(path) as part:
        ElementTree.ElementTree(svg).write(part, encoding="utf-8", xml_declaration=True)


def _write(parent: ElementTree.Element, x: float, y: float, text: str, style: Mapping[str, str]) -> None:
    element = ElementTree.SubElement(parent, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", **style})
    element.text = text


def table(result: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """Return the same as rows of cells, the heading first."""
    rows = [("stage", "battles", "seconds", "battles/s", "peak MB", "added MB", "growth", "times plain")]
    for stage in result["stages"]:
        for place, each in enumerate(stage["measured"]):
            last = place == len(stage["measured"]) - 1
            growth, ratio = stage["growth"], stage["against_plain"]
            rows.append(
                (
                    stage["name"] if place == 0 else "",
                    f"{each['rows']:,}",
                    f"{each['seconds']:.2f}",
                    f"{each['rows_per_second']:,.1f}",
                    f"{each['peak_mb']:,.0f}",
                    f"{each['added_mb']:,.0f}",
                    f"{growth:.2f}" if last and growth is not None else "",
                    f"{ratio['times']:.1f} at {ratio['rows']:,}" if last and ratio is not None else "",
                )
            )
    return rows
