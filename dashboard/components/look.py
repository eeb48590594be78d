"""The look: colours for light and dark on the root, and the sheets of the parts that stand on every page."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "sheets"


def _sheet(*names: str) -> str:
    return "\n".join((_FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in names)


ROOT = _sheet("root")
"""Sheet of the whole page; its variables reach into every part, also behind a shadow root."""
TEXT = _sheet("text")
"""Rendered Markdown, within an element of class `text`."""
BARS = _sheet("base", "bars")
"""The bar above every page, and the bar of votes."""
COMPOSER = _sheet("base", "composer")
"""The field for a question."""
ANSWER = _sheet("base", "answer")
"""One column."""
PARTS = _sheet("text", "base", "parts")
"""Head of the ask page, the question above the answers, and the line on the judge."""
TABLE = _sheet("base", "table")
"""A table of which one page is shown at a time."""
COMPARISON = _sheet("base", "comparison")
"""Vote against verdict."""
