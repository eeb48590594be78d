"""Pages from templates that escape by themselves, and the numbers in them, which carry their keys in results.json.

Text of others is put in by the filter `one_line`, shown and cut.
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.terminal.unseen_signs import one_line, show_controls

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


def figure(found: Any, *keys: str | int, form: str = ".4f") -> Markup | str:
    """Return the value at nested keys as an HTML `data` element that names its keys and its full value."""
    value = at(found, *keys)
    if value is None:
        return NONE
    where, shown = "/".join(str(key) for key in keys), written(value, form)
    return Markup('<data value="{}" data-key="{}">{}</data>').format(repr(value), where, shown)


def interval(found: Any, *keys: str | int, low: str = "low", high: str = "high", form: str = ".4f") -> Markup | str:
    """Return the two ends of an interval that lies at nested keys."""
    if at(found, *keys)[low] is None:
        return NONE
    return Markup("{} to {}").format(figure(found, *keys, low, form=form), figure(found, *keys, high, form=form))


TEMPLATES = Path(__file__).with_name("templates")


def environment(*folders: Path) -> Environment:
    """Return an environment for the templates in `folders` and for those of the charts, `charts.html`.

    Whatever stands in `{{ }}` is escaped, but not in Markdown (`.md`), which is no HTML; a name that is not given is an
    error. Filters: `one_line(longest)` and `show_controls` for untrusted text, `written(form)` for numbers.
    """
    found = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=lambda name: name is None or not name.endswith(".md"),
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"one_line": one_line, "show_controls": show_controls, "written": written}
    return found
