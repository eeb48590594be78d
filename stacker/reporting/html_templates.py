"""Pages from templates that escape by themselves; text of others is put in by the filter `one_line`, shown and cut."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.terminal.unseen_signs import one_line, show_controls
from stacker.reporting.numbers import written

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
