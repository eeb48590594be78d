"""The benchmark as a picture: rows per second of each stage at each number of rows, on a logarithmic scale (SVG)."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.files.atomic_files import write_text
from stacker.evaluate.html_templates import environment

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 760, 150, 130, 54, 14, 16
COLOURS = ("#9ecae1", "#4292c6", "#08519c", "#08306b")


def draw(path: Path, result: Mapping[str, Any]) -> None:
    """Write the picture of what `bench.json` holds, whole or not at all."""
    stages = [stage for stage in result["stages"] if stage["measured"]]
    speeds = [each["rows_per_second"] for stage in stages for each in stage["measured"]]
    low = math.floor(math.log10(max(min(speeds, default=1), 1e-3)))
    high = max(math.ceil(math.log10(max(max(speeds, default=10), 1e-3))), low + 1)
    sizes = sorted({each["rows"] for stage in stages for each in stage["measured"]})

    def across(speed: float) -> float:
        share = (math.log10(max(speed, 1e-3)) - low) / (high - low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    tops = [TOP + GAP / 2]
    for stage in stages:
        tops.append(tops[-1] + len(stage["measured"]) * BAR + GAP)
    svg = environment(Path(__file__).with_name("templates")).get_template("bench.svg")
    drawn = svg.render(
        width=WIDTH,
        tall=TOP + sum(len(stage["measured"]) * BAR + GAP for stage in stages) + 30,
        left=LEFT,
        top=TOP,
        bar=BAR,
        told=result["machine"]["told"],
        powers=[10.0**power for power in range(low, high + 1)],
        stages=list(zip(tops, stages, strict=False)),
        colours={size: COLOURS[min(place, len(COLOURS) - 1)] for place, size in enumerate(sizes)},
        across=across,
    )
    write_text(path, drawn)


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
