"""Figures of the page: each is taken from results.json by its keys, and carries keys and full value with it."""

from collections.abc import Sequence
from html import escape
from typing import Any

from pipelines.terminal.unseen_signs import plain

NONE = "–"
MINUS = "\u2212"


def at(found: Any, *keys: str | int) -> Any:
    """Return the value at nested keys."""
    for key in keys:
        found = found[key]
    return found


def written(value: float | None, form: str = ".4f") -> str:
    """Return a number as text, with a true minus sign and a space before a per cent sign; a dash for None."""
    if value is None:
        return NONE
    if value == 0 and form.endswith("e"):
        return "0"
    return format(value, form).replace("-", MINUS).replace("%", "\u00a0%")


def figure(found: Any, *keys: str | int, form: str = ".4f") -> str:
    """Return the value at nested keys as an HTML `data` element that names its keys and its full value."""
    value = at(found, *keys)
    if value is None:
        return NONE
    where = escape("/".join(str(key) for key in keys))
    return f'<data value="{value!r}" data-key="{where}">{written(value, form)}</data>'


def interval(found: Any, *keys: str | int, low: str = "low", high: str = "high", form: str = ".4f") -> str:
    """Return the two ends of an interval that lies at nested keys."""
    if at(found, *keys)[low] is None:
        return NONE
    return f"{figure(found, *keys, low, form=form)} to {figure(found, *keys, high, form=form)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], strong: Sequence[int] = (), label: str = "") -> str:
    """Return an HTML table.

    Parameters
    ----------
    head : sequence of k str
        Headings, as text.
    rows : sequence of sequences of k str
        Cells as HTML; the first names its row.
    strong : sequence of int
        Rows that stand out.
    label : str
        Said by a screen reader.
    """
    top = "".join(f"<th scope='col'>{escape(each)}</th>" for each in head)
    body = "".join(
        f"<tr{' class=strong' if place in strong else ''}><th scope='row'>{row[0]}</th>"
        + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for place, row in enumerate(rows)
    )
    return (
        f'<div class="wide"><table class="figures" aria-label="{escape(label)}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def name(text: str, longest: int = 80) -> str:
    """Return an untrusted name as HTML."""
    return plain(text, longest)
