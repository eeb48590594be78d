"""Numbers as text, and figures of a page, which carry their keys in results.json and their full value with them."""

from typing import Any

from markupsafe import Markup

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
