"""A leaderboard as one HTML page that opens offline, with charts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stacker.evaluate.charts import Row, fitting, interval_rows, shares
from stacker.evaluate.html_templates import environment, written
from stacker.leaderboard.board_words import BASIS, ends, heading, percent, rank_of, remarks

TEMPLATES = Path(__file__).with_name("templates")


def board_page(found: Mapping[str, Any]) -> str:
    """Return the page for what `stacker.leaderboard.board.board` gave, with the keys that the command adds."""
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for row in found["models"]:
        groups.setdefault(row["component"], []).append(row)
    return (
        environment(TEMPLATES)
        .get_template("leaderboard.html")
        .render(
            found=found,
            heading=heading(found),
            remarks=remarks(found),
            level=f"{100 * found['level']:g} %",
            groups=[
                {
                    "models": rows,
                    "strengths": _rows(rows, "strength", "controlled_strength", "Strengths"),
                    "rates": _rows(rows, "win_rate", "controlled_win_rate", "Win rates", rates=True),
                }
                for rows in groups.values()
            ],
            others=[basis for basis in BASIS if basis in found["models"][0]["by"]],
            words=BASIS,
            effects=_effects(found["controls"]),
            ends=ends,
            percent=percent,
            rank_of=rank_of,
        )
    )


def _rows(rows: Sequence[Mapping[str, Any]], first: str, second: str, label: str, rates: bool = False) -> str:
    """Return rows of dots: as judged, and with length and style held equal."""
    drawn = []
    for row in rows:
        one, other = row[first], row[second]
        if one["value"] is None:
            continue
        note = f"{percent(one['value'])} %" if rates else f"rank {rank_of(row['rank'])}"
        pair = None if None in other.values() else (other["value"], other["low"], other["high"])
        drawn.append(Row(row["model"], one["value"], one["low"], one["high"], note, second=pair))
    known = [row.value for row in drawn] + [row.low for row in drawn] + [row.high for row in drawn]
    known += [end for row in drawn if row.second for end in row.second]
    axis = shares(*_around(known)) if rates else fitting(known)
    return interval_rows(drawn, axis, label, reference=0.5 if rates else 0.0)


def _around(known: Sequence[float | None]) -> tuple[float, float]:
    """Return the least and the greatest of the values and one half."""
    values = [0.5, *(value for value in known if value is not None)]
    return min(values), max(values)


def _effects(effects: Sequence[Mapping[str, Any]]) -> str:
    if not effects:
        return ""
    rows = [
        Row(each["control"], each["value"], each["low"], each["high"], written(each["value"], "+.2f"))
        for each in effects
    ]
    known = [end for row in rows for end in (row.value, row.low, row.high)]
    return interval_rows(rows, fitting([0.0, *known]), "Effects of length and style", reference=0.0)
