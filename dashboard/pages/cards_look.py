"""Cards and their style sheet, for the pages of votes on a file, history and model."""

from html import escape
from typing import Any

import panel as pn

from stacker.reporting.charts import CHARTS

PAGES = """
:host(.card) { border: 1px solid var(--line); border-radius: 1.1rem; box-shadow: var(--shadow);
  padding: 1.1rem 1.25rem 1.25rem; background: var(--surface); margin: 0 !important; min-width: 0; }
:host { line-height: 1.5; color: var(--text); }
h3 { font-size: 1.0625rem; font-weight: 600; margin: 0 0 .25rem; line-height: 1.3; }
h4 { font-size: .9375rem; font-weight: 600; margin: 1.25rem 0 .25rem; }
.hint { color: color-mix(in srgb, currentColor 70%, transparent); font-size: .8125rem; margin: 0 0 .6rem;
  max-width: 70ch; }
.nothing { color: color-mix(in srgb, currentColor 70%, transparent); font-size: .9375rem; margin: .75rem 0; }
.nothing.first { padding: 3rem 1rem; text-align: center; font-size: 1.0625rem; }

.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1rem; margin: 0; }
.figures dt { font-size: .8125rem; color: color-mix(in srgb, currentColor 70%, transparent); }
.figures dd { margin: 0; font-size: 1.875rem; font-weight: 600; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.figures small { display: block; font-size: .8125rem; font-weight: 400;
  color: color-mix(in srgb, currentColor 70%, transparent); }
.facts { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .35rem 1.25rem; margin: 0;
  font-size: .875rem; }
.facts dt { color: color-mix(in srgb, currentColor 70%, transparent); } .facts dd { margin: 0;
  overflow-wrap: anywhere; }

.wide { overflow-x: auto; margin: 0 -.25rem .75rem; }
.scores { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
.scores th, .scores td { padding: .42rem .6rem; text-align: end; white-space: nowrap;
  border-bottom: 1px solid color-mix(in srgb, currentColor 10%, transparent); }
.scores thead th { font-weight: 500; color: color-mix(in srgb, currentColor 70%, transparent); font-size: .8125rem; }
.scores tbody th { text-align: start; font-weight: 400; position: sticky; left: 0;
  background: var(--surface); }
.scores .stack th, .scores .stack td { font-weight: 600;
  background: color-mix(in srgb, var(--first) 12%, var(--surface)); }
.scores .baseline { color: color-mix(in srgb, currentColor 66%, transparent); }
.scores b { text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: 3px; }

.details { border-top: 1px solid color-mix(in srgb, currentColor 13%, transparent); margin-top: 1rem;
  padding-top: 1rem; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.sides section { min-width: 0; container-type: inline-size; }
.sides h4 { margin-top: .25rem; display: flex; flex-wrap: wrap; gap: .25rem .6rem;
  align-items: baseline; }
.sides h4 small { font-weight: 400; color: color-mix(in srgb, currentColor 70%, transparent); }
.badge { font-size: .75rem; font-weight: 500; padding: .1rem .5rem; border-radius: 1rem;
  background: color-mix(in srgb, var(--first) 20%, transparent); }
.text { max-height: 26rem; overflow: auto; overflow-wrap: anywhere; font-size: .9375rem; padding: .75rem 1rem;
  border-radius: .6rem; background: color-mix(in srgb, currentColor 4%, transparent); }
.text > :first-child { margin-top: 0; } .text > :last-child { margin-bottom: 0; }
.text pre { overflow-x: auto; padding: .6rem .75rem; border-radius: .4rem;
  background: color-mix(in srgb, currentColor 7%, transparent); }
.text pre.source { white-space: pre-wrap; overflow-wrap: anywhere; }
.text pre .hl-i { display: block; margin-bottom: .5em; font-size: .9em; opacity: .75; }
.text code { font-size: .875em; } .text table { border-collapse: collapse; display: block; overflow-x: auto; }
.text th, .text td { border: 1px solid color-mix(in srgb, currentColor 18%, transparent); padding: .25rem .5rem;
  overflow-wrap: break-word; }
.text blockquote { margin-inline: 0; padding-inline-start: .9rem;
  border-inline-start: 3px solid color-mix(in srgb, currentColor 22%, transparent); }
.text blockquote blockquote blockquote blockquote { padding-inline-start: .35rem; }
.text li li li li :is(ul, ol) { padding-inline-start: 1.1em; }
.text h1, .text h2, .text h3, .text h4 { font-size: 1.0625rem; margin: 1em 0 .35em; line-height: 1.35; }
.text.question { max-height: 12rem; font-weight: 500; }
.verdict { font-size: .9375rem; margin: .75rem 0; } .verdict b { font-weight: 600; }
.verdict .yes, .verdict .no { padding: .1rem .55rem; border-radius: 1rem; white-space: nowrap; }
.verdict .yes { background: color-mix(in srgb, var(--good) 22%, transparent); }
.verdict .no { background: color-mix(in srgb, var(--second) 24%, transparent); }

.links { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)); }
.links a { border: 1px solid var(--line); border-radius: .7rem; background: var(--surface); color: var(--text);
  font: 550 .9375rem/1.3 var(--body-font); padding: .65rem 1rem; text-align: center; text-decoration: none; }
.links a:hover { border-color: color-mix(in srgb, var(--accent) 60%, var(--line)); }
.links a:focus-visible { outline: none; box-shadow: var(--ring); }

.bar-of { height: .5rem; border-radius: .25rem; overflow: hidden; display: flex; margin: .35rem 0;
  background: color-mix(in srgb, currentColor 12%, transparent); }
.bar-of i { background: var(--first); transition: width .25s; }
.status { display: flex; flex-wrap: wrap; gap: .15rem 1.25rem; justify-content: space-between; font-size: .875rem; }
.status span { color: color-mix(in srgb, currentColor 70%, transparent); font-variant-numeric: tabular-nums; }
"""
WIDGET = """
:host { font-size: .9375rem; }
.bk-input, select.bk-input { border: 1px solid var(--line); border-radius: .7rem; background-color: var(--surface);
  color: var(--text); font: .9375rem/1.4 var(--body-font); padding: .45rem .7rem; height: 2.5rem;
  min-height: 2.5rem; }
.bk-input:focus { border-color: var(--accent); box-shadow: var(--ring); outline: none; }
label { font-size: .8125rem; color: var(--soft); padding-bottom: .2rem; }
.bk-btn, .bk-btn-group .bk-btn, a { font: 550 .9375rem/1.3 var(--body-font); }
.bk-btn, :host(.solid) .bk-btn.bk-btn-default { border: 1px solid var(--line); border-radius: .7rem;
  background: var(--surface); color: var(--text);
  padding: .5rem 1rem; min-height: 2.5rem; box-shadow: none !important; }
:host(.solid) .bk-btn.bk-btn-default:hover:not(:disabled) {
  border-color: color-mix(in srgb, var(--accent) 60%, var(--line));
  background: color-mix(in srgb, var(--accent) 7%, var(--surface)); color: var(--text); }
.bk-btn:focus-visible { outline: none; box-shadow: var(--ring) !important; }
.bk-btn.bk-btn-primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.bk-btn.bk-btn-primary:hover:not(:disabled) { background: var(--accent); color: var(--on-accent);
  filter: brightness(1.06); }
.bk-btn:disabled { opacity: .5; }
.bk-btn-group .bk-btn.bk-btn-default.bk-active {
  background: color-mix(in srgb, var(--accent) 14%, var(--surface)); font-weight: 650;
  border-color: color-mix(in srgb, var(--accent) 50%, var(--line)); }
"""


def card_pane(html: str = "", visible: bool = True) -> pn.pane.HTML:
    """Return a pane that shows cards' HTML."""
    return pn.pane.HTML(html, stylesheets=[CHARTS, PAGES], sizing_mode="stretch_width", margin=0, visible=visible)


def boxed(title: str, *parts: Any, hint: str = "") -> pn.Column:
    """Return a titled card around some parts."""
    note = f'<p class="hint">{escape(hint)}</p>' if hint else ""
    head = card_pane(f"<h3>{escape(title)}</h3>{note}")
    return pn.Column(head, *parts, sizing_mode="stretch_width", css_classes=["card"], stylesheets=[PAGES])


def card_sheet(*parts: Any) -> pn.Column:
    """Return a card without a title."""
    return pn.Column(*parts, sizing_mode="stretch_width", css_classes=["card"], stylesheets=[PAGES])


def plain_button(label: str, kind: str) -> pn.widgets.Button:
    """Return a button that does not stand out, with a CSS class."""
    return pn.widgets.Button(label=label, align="end", margin=0, css_classes=[kind], stylesheets=[WIDGET])


def in_line(*parts: Any) -> pn.Row:
    """Return widgets beside each other, their lower edges in line."""
    return pn.Row(*parts, sizing_mode="stretch_width", margin=(8, 0, 4, 0), styles={"gap": ".75rem"})


def sticky(*parts: Any) -> pn.Column:
    """Return parts that stay in view at the lower edge."""
    sheet = ":host(.sticky) { position: sticky !important; bottom: .6rem; z-index: 5; }"
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0, css_classes=["sticky"], stylesheets=[sheet])


def stacked(*parts: Any) -> pn.Column:
    """Return parts below each other, with air between."""
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0, styles={"gap": "1rem"})


def grid(*parts: Any, least: str = "26rem") -> pn.Column:
    """Return parts in as many columns, at least `least` wide, as there is room for."""
    columns = f"repeat(auto-fit, minmax(min(100%, {least}), 1fr))"
    sheet = f":host(.grid) {{ display: grid !important; gap: 1rem; grid-template-columns: {columns}; }}"
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0, css_classes=["grid"], stylesheets=[sheet])
