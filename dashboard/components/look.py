"""The look: sheets with the colours for light and dark, panes and cards of that look, and templates of their HTML."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import panel as pn
from markupsafe import Markup

from dashboard.texts import Say
from pipelines.terminal.unseen_signs import plain
from stacker.evaluate.charts import CHARTS
from stacker.evaluate.html_templates import NONE, environment

_SHEETS = Path(__file__).parent / "sheets"


def _sheet(*names: str) -> str:
    return "\n".join((_SHEETS / f"{name}.css").read_text(encoding="utf-8") for name in names)


ROOT = _sheet("root")
"""Sheet of the whole page; its variables reach into every part, also behind a shadow root."""
TEXT = _sheet("text")
"""Rendered Markdown, within an element of class `text`."""
BARS = _sheet("base", "bars")
"""The bar above every page, and the bar of votes."""
COMPOSER = _sheet("base", "asking/composer")
"""The field for a question."""
OFFERS = _sheet("base", "asking/offers")
"""What is offered where nobody can answer a question."""
ANSWER = _sheet("base", "answer")
"""One column."""
PARTS = _sheet("text", "base", "parts")
"""Head of the ask page, the question above the answers, and the line on the judge."""
TABLE = _sheet("base", "table")
"""A table of which one page is shown at a time."""
COMPARISON = _sheet("base", "comparison")
"""Vote against verdict."""
UPLOAD = _sheet("upload")
"""A place to drop a file."""
ASK = _sheet("asking/ask")
"""How the parts of the ask page lie."""
CARDS = f"{CHARTS}\n{_sheet('cards')}"
"""Titled cards, and the tables, figures and charts in them."""
WIDGET = _sheet("widgets")
"""Panel's buttons, selects and fields."""
_LAYOUT = _sheet("layout")


def percent(share: Any) -> str:
    """Return a share in whole per cent, a dash for None."""
    return NONE if share is None else f"{100 * float(share):.0f} %"


def span(low: Any, high: Any, form: Callable[[Any], str]) -> str:
    """Return an interval, "" where there is none."""
    return "" if low is None or high is None else f"{form(low)} – {form(high)}"


def table_words(say: Say, label: str, none: str) -> dict[str, str]:
    """Return the words of a `Table`: its pager's, and those of the keys `label` (its name) and `none` (no row)."""
    pager = {word: say(f"history.pager.{word}") for word in ("first", "last", "prev", "next", "pages")}
    return {**pager, "label": say(label), "none": say(none)}


_TEMPLATES = environment(Path(__file__).parents[1] / "pages")
_TEMPLATES.filters |= {"percent": percent}


def macros(template: str) -> Any:
    """Return what has the macros of a template as its methods; each returns HTML, in which all but `Markup` is escaped.

    Parameters
    ----------
    template : str
        A file below `dashboard/pages`, e.g. `history/cards.html`. Its filters: those of
        `stacker.evaluate.html_templates.environment`, and `percent`.
    """
    return _TEMPLATES.get_template(template).module


def note(sentence: str, kind: str = "nothing", role: str = "") -> Markup:
    """Return a sentence as a paragraph of a CSS class, and for a screen reader of a role; "" for no sentence."""
    if not sentence:
        return Markup()
    told = Markup(' role="{}"').format(role) if role else ""
    return Markup('<p class="{}"{}>{}</p>').format(kind, told, Markup(plain(sentence, 600)))


class HtmlPane(pn.pane.HTML):
    """HTML, as wide as there is room for; Panel's own pane escapes `Markup` once more."""

    def __init__(self, html: str = "", sheet: str = CARDS, **params: Any) -> None:
        super().__init__(html, stylesheets=[sheet], sizing_mode="stretch_width", margin=0, **params)

    def _transform_object(self, obj: Any) -> dict[str, Any]:
        return super()._transform_object(str(obj))


def card_pane(html: str = "", visible: bool = True) -> HtmlPane:
    """Return a pane that shows cards' HTML."""
    return HtmlPane(html, visible=visible)


def boxed(title: str, *parts: Any, hint: str = "") -> pn.Column:
    """Return a titled card around some parts."""
    return card_sheet(card_pane(Markup("<h2>{}</h2>{}").format(title, note(hint, "hint"))), *parts)


def card_sheet(*parts: Any) -> pn.Column:
    """Return a card without a title."""
    return pn.Column(*parts, sizing_mode="stretch_width", css_classes=["card"], stylesheets=[CARDS])


def button(label: str, kind: str, pressed: Callable[[Any], Any], color: str = "default") -> pn.widgets.Button:
    """Return a button with a CSS class, whose lower edge is in line with its neighbours'."""
    made = pn.widgets.Button(label=label, color=color, align="end", margin=0, css_classes=[kind], stylesheets=[WIDGET])
    made.on_click(pressed)
    return made


def select(label: str, options: dict[str, Any], changed: Callable[[Any], Any], kind: str = "") -> pn.widgets.Select:
    """Return a select with a CSS class, as wide as there is room for."""
    look = {"sizing_mode": "stretch_width", "margin": 0, "css_classes": [kind] if kind else [], "stylesheets": [WIDGET]}
    made = pn.widgets.Select(label=label, options=options, **look)
    made.param.watch(changed, "value")
    return made


def in_line(*parts: Any) -> pn.Row:
    """Return widgets next to each other, their lower edges in line."""
    return pn.Row(*parts, sizing_mode="stretch_width", margin=(8, 0, 4, 0), styles={"gap": ".75rem"})


def sticky(*parts: Any) -> pn.Column:
    """Return parts that stay in view at the lower edge."""
    return _laid_out(parts, "sticky")


def stacked(*parts: Any) -> pn.Column:
    """Return parts below each other, with air between."""
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0, styles={"gap": "1rem"})


def grid(*parts: Any, fine: bool = False) -> pn.Column:
    """Return parts in as many columns as there is room for, each as wide as a chart, or as a field where `fine`."""
    return _laid_out(parts, "grid", *(["fine"] if fine else []))


def _laid_out(parts: Sequence[Any], *kinds: str) -> pn.Column:
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0, css_classes=list(kinds), stylesheets=[_LAYOUT])
