"""The frame of the report: one HTML file without script, nothing fetched, made for the screen and for paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from stacker.reporting.charts import CHARTS

LOOK = """
:root { color-scheme: light dark; --first: light-dark(#0072b2, #56b4e9); --second: light-dark(#c45500, #e69f00);
  --text: light-dark(#1b1f24, #e6e9ed); --page: light-dark(#ffffff, #16191d); --line: light-dark(#d9dee4, #343a42);
  --soft: color-mix(in srgb, currentColor 70%, transparent); }
* { box-sizing: border-box; }
html { background: var(--page); color: var(--text); -webkit-text-size-adjust: 100%; }
body { font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK TC", sans-serif;
  max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.25rem; margin: 3rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { max-width: 75ch; margin: .5rem 0; } .hint { color: var(--soft); font-size: .875rem; }
.lead { font-size: 1.125rem; }
nav ul { columns: 3 12rem; padding: 0; margin: 1.25rem 0 0; list-style: none; font-size: .9375rem; }
a { color: var(--first); } data { font-variant-numeric: tabular-nums; }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.25rem, 1fr)); gap: 1rem 1.5rem;
  margin: 1.5rem 0 0; }
.key dt { font-size: .8125rem; color: var(--soft); } .key dd { margin: 0; font-size: 1.625rem; font-weight: 600;
  line-height: 1.25; } .key small { display: block; font-size: .8125rem; font-weight: 400; color: var(--soft); }
.wide { overflow-x: auto; margin: .9rem 0; }
table.figures { border-collapse: collapse; font-size: .875rem; min-width: 50%; font-variant-numeric: tabular-nums; }
table.figures th, table.figures td { padding: .3rem .7rem .3rem 0; text-align: end; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
table.figures th:first-child { text-align: start; white-space: normal; } table.figures tbody th { font-weight: 400; }
table.figures thead th { font-size: .8125rem; color: var(--soft); vertical-align: bottom; white-space: normal; }
.facts table.figures td { white-space: normal; overflow-wrap: anywhere; text-align: start; }
table.figures .strong > * { font-weight: 650; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1.5rem 2.5rem; }
.holder { container-type: inline-size; min-width: 0; } .narrow { max-width: 34rem; } .middle { max-width: 48rem; }
article.battle { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: .75rem 0;
  font-size: .875rem; }
article.battle header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; justify-content: space-between; }
article.battle h4 { font-size: .8125rem; color: var(--soft); margin: .6rem 0 .1rem; font-weight: 600; }
article.battle .texts { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.25rem; }
article.battle p { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; max-width: none; }
article.battle .won h4 { color: inherit; }
pre { font: .8125rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem;
  columns: 2 22rem; column-gap: 2rem; }
@media (max-width: 40rem) { article.battle .texts { grid-template-columns: 1fr; } body { padding-top: 1.25rem; } }
@media print {
  :root { color-scheme: light; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  @page { margin: 16mm 15mm; } html { background: none; font-size: 10pt; } body { max-width: none; padding: 0; }
  nav { display: none; } a { color: inherit; text-decoration: none; } h2, h3 { break-after: avoid; }
  h2 { margin-top: 1.75rem; } .holder, table.figures tr, article.battle, .key { break-inside: avoid; }
  .wide { overflow: visible; } table.figures { font-size: .74rem; } .two { grid-template-columns: 1fr 1fr; }
}
"""


@dataclass(frozen=True)
class Part:
    """A section of the page: its anchor, its heading as text, and its content as HTML."""

    anchor: str
    heading: str
    body: str


def page(title: str, head: str, parts: Sequence[Part]) -> str:
    """Return the whole page; `title` is text, `head` is HTML, and parts without content are left out."""
    shown = [part for part in parts if part.body]
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.heading)}</a></li>' for part in shown)
    body = "".join(
        f'<section id="{part.anchor}"><h2>{escape(part.heading)}</h2>{part.body}</section>' for part in shown
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{LOOK}{CHARTS}</style></head><body>{head}"
        f'<nav aria-label="Contents"><ul>{links}</ul></nav><main>{body}</main></body></html>\n'
    )


def holder(chart: str, width: str = "") -> str:
    """Return a chart in a place of its own, `narrow`, `middle` or as wide as the page."""
    return f'<div class="holder {width}">{chart}</div>'
