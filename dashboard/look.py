"""The look of the pages: colours for light and dark on the root, and the sheets of the parts that stand on every page."""

ROOT = """
:root { color-scheme: light dark;
  --page: light-dark(#f5f6f8, #14171b); --surface: light-dark(#ffffff, #1d2127); --raised: light-dark(#ffffff, #232830);
  --text: light-dark(#1c2127, #e6e9ed); --soft: light-dark(#5b6571, #a3adb9); --line: light-dark(#e1e5ea, #2f363f);
  --accent: light-dark(#1f5fa8, #7db6f2); --on-accent: light-dark(#ffffff, #10151b);
  --first: light-dark(#0072b2, #56b4e9); --second: light-dark(#c45500, #e69f00); --good: light-dark(#00795a, #2fbf94);
  --warn: light-dark(#a8501a, #f0a868); --bad: light-dark(#b3261e, #f2a199);
  --shadow: 0 1px 2px light-dark(#1c212712, #0005), 0 6px 20px light-dark(#1c21270d, #0004);
  --ring: 0 0 0 3px color-mix(in srgb, var(--accent) 32%, transparent);
  --design-background-color: var(--surface); --design-background-text-color: var(--text);
  --design-surface-color: var(--raised); --design-surface-text-color: var(--text);
  --design-primary-color: var(--accent); --design-primary-text-color: var(--on-accent);
  --body-font: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang TC", "Microsoft JhengHei",
    "Noto Sans CJK TC", "Noto Sans TC", sans-serif;
  --code-font: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Noto Sans Mono", "Noto Sans Mono CJK TC",
    monospace;
  --bokeh-base-font: var(--body-font); --bokeh-mono-font: var(--code-font); }
:root[data-theme="light"] { color-scheme: light; } :root[data-theme="dark"] { color-scheme: dark; }
html, body { margin: 0; min-height: 100%; background: var(--page); color: var(--text); font: 16px/1.55 var(--body-font);
  -webkit-text-size-adjust: 100%; }
body { overflow-x: hidden; overflow-y: scroll; }
#waiting { display: grid; place-items: center; height: 70vh; color: var(--soft); }
#waiting i { width: 1.75rem; height: 1.75rem; border-radius: 50%; border: 2.5px solid var(--line);
  border-top-color: var(--accent); animation: turn 1s linear infinite; }
body:has(#page > *) #waiting { display: none; }
@keyframes turn { to { rotate: 1turn; } }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation-duration: .01s !important; } }
#page { max-width: 76rem; margin: 0 auto; padding: 1.25rem 1.25rem 3rem; box-sizing: border-box; }
@media (max-width: 640px) { #page { padding: .75rem .75rem 1.5rem; } }
.bk-notification-area { display: none; }
"""
"""Sheet of the whole page; its variables reach into every part, also behind a shadow root."""

_BASE = """
:host { font: 16px/1.55 var(--body-font); color: var(--text); display: block; }
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
button { font: inherit; color: inherit; cursor: pointer; }
button:disabled { cursor: default; }
:focus-visible { outline: none; box-shadow: var(--ring); }
"""

BARS = (
    _BASE
    + """
header { display: flex; align-items: center; gap: 1.25rem; max-width: 76rem; margin: 0 auto; padding: .65rem 1.25rem; }
.brand { display: inline-flex; align-items: center; gap: .55rem; color: inherit; text-decoration: none;
  border-radius: .5rem; white-space: nowrap; }
.brand b { font-weight: 650; letter-spacing: -.01em; }
.brand svg { width: 1.5rem; height: 1.5rem; }
.brand rect:first-child { fill: var(--first); } .brand rect:last-child { fill: var(--second); }
nav { display: flex; gap: .2rem; flex: 1; overflow-x: auto; scrollbar-width: none; min-width: 0; padding: 3px; }
nav a { color: var(--soft); text-decoration: none; padding: .38rem .75rem; border-radius: .6rem; font-size: .9375rem;
  white-space: nowrap; }
nav a:hover { color: var(--text); background: color-mix(in srgb, var(--text) 6%, transparent); }
nav a[aria-current] { color: var(--text); font-weight: 600; background: color-mix(in srgb, var(--text) 8%, transparent); }
.tools { display: flex; align-items: center; gap: .25rem; }
.tools button, .leave { background: none; border: 0; padding: .38rem .6rem; border-radius: .6rem; color: var(--soft);
  font-size: .875rem; white-space: nowrap; text-decoration: none; }
.tools button:hover, .leave:hover { color: var(--text); background: color-mix(in srgb, var(--text) 7%, transparent); }
.theme svg { width: 1.15rem; height: 1.15rem; display: block; fill: currentColor; }
.theme circle { fill: none; stroke: currentColor; stroke-width: 1.75; }
@media (max-width: 720px) {
  header { flex-wrap: wrap; gap: .1rem .5rem; padding: .5rem .75rem .35rem; }
  .brand { flex: 1; } nav { order: 3; flex-basis: 100%; margin: 0 -.35rem; } nav a { padding: .35rem .6rem; }
}

.lost { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; } .lost p { margin: .25rem 0 .5rem; padding: .6rem 1rem;
  border-radius: .8rem; background: color-mix(in srgb, var(--warn) 18%, var(--surface)); font-size: .9375rem; }

section { background: color-mix(in srgb, var(--raised) 92%, transparent); backdrop-filter: blur(10px);
  border: 1px solid var(--line); border-radius: 1.1rem; box-shadow: var(--shadow); padding: .65rem .75rem .75rem;
  max-width: 46rem; margin: 0 auto; }
section p { margin: 0 .25rem .5rem; text-align: center; font-size: .875rem; color: var(--soft); min-height: 1.4em; }
section p.warns { color: var(--warn); }
.row { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: .5rem; }
.row button { display: flex; align-items: center; justify-content: center; gap: .55rem; min-height: 2.9rem;
  padding: .35rem .5rem; border-radius: .75rem; border: 1px solid var(--line); background: var(--surface);
  font-weight: 550; font-size: .9375rem; line-height: 1.2; transition: background .12s, border-color .12s, opacity .2s; }
.row button:not(:disabled):hover { border-color: color-mix(in srgb, var(--accent) 60%, var(--line));
  background: color-mix(in srgb, var(--accent) 7%, var(--surface)); }
.row button[data-code="a"]:not(:disabled):hover { border-color: var(--first);
  background: color-mix(in srgb, var(--first) 9%, var(--surface)); }
.row button[data-code="b"]:not(:disabled):hover { border-color: var(--second);
  background: color-mix(in srgb, var(--second) 9%, var(--surface)); }
.row button:disabled { opacity: .45; } .row button.pressed { opacity: 1; border-color: var(--accent); }
.row button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.row button.main:hover { filter: brightness(1.06); }
kbd { font: 600 .6875rem/1 var(--body-font); padding: .25rem .4rem; border-radius: .35rem; opacity: .75;
  border: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
@media (max-width: 640px) {
  section { border-radius: 1rem; padding: .5rem; } kbd { display: none; }
  .row { gap: .35rem; } .row button { font-size: .875rem; padding: .35rem .25rem; min-height: 2.75rem; }
}
"""
)

COMPOSER = (
    _BASE
    + """
form { background: var(--surface); border: 1px solid var(--line); border-radius: 1.25rem; box-shadow: var(--shadow);
  padding: .85rem .85rem .7rem 1.1rem; transition: border-color .15s; }
form:focus-within { border-color: color-mix(in srgb, var(--accent) 55%, var(--line)); }
textarea { display: block; width: 100%; border: 0; outline: 0; resize: none; background: none; color: inherit;
  font: 1.0625rem/1.5 var(--body-font); padding: .15rem 0 .4rem; box-shadow: none !important; }
textarea::placeholder { color: color-mix(in srgb, var(--soft) 85%, transparent); }
.row { display: flex; align-items: center; justify-content: space-between; gap: 1rem; }
.end { display: flex; align-items: center; gap: .6rem; min-width: 0; }
select { font: .8125rem/1.4 var(--body-font); color: var(--soft); background: none; border: 1px solid var(--line);
  border-radius: .7rem; padding: .4rem .5rem; min-width: 0; max-width: 12rem; text-overflow: ellipsis; }
select option { color: var(--text); background: var(--raised); }
.hint { font-size: .8125rem; color: var(--soft); } .hint.over { color: var(--bad); }
button[type="submit"] { background: var(--accent); color: var(--on-accent); border: 0; border-radius: .8rem;
  padding: .5rem 1.2rem; font-weight: 600; white-space: nowrap; transition: opacity .15s; }
button[type="submit"]:disabled { opacity: .4; }
.notice { margin: .7rem .25rem 0; color: var(--warn); font-size: .9375rem; }
.examples { display: flex; flex-wrap: wrap; justify-content: center; gap: .5rem; margin-top: 1.1rem; }
.examples:empty { display: none; }
.examples button { border: 1px solid var(--line); background: none; border-radius: 2rem; padding: .4rem .95rem;
  font-size: .875rem; color: var(--soft); text-align: start; }
.examples button:hover { color: var(--text); border-color: color-mix(in srgb, var(--accent) 50%, var(--line)); }
@media (max-width: 640px) { .hint { font-size: .75rem; } .examples { justify-content: flex-start; } }
"""
)

TEXT = """
.text { overflow-wrap: anywhere; min-width: 0; }
.text > :first-child { margin-top: 0; } .text > :last-child { margin-bottom: 0; }
.text p, .text ul, .text ol, .text pre, .text table, .text blockquote { margin: .7em 0; }
.text ul, .text ol { padding-inline-start: 1.5em; } .text li { margin: .2em 0; } .text li > p { margin: .35em 0; }
.text h1, .text h2, .text h3, .text h4, .text h5, .text h6 { font-size: 1.0625em; font-weight: 650; line-height: 1.35;
  margin: 1.25em 0 .4em; } .text h1 { font-size: 1.25em; } .text h2 { font-size: 1.15em; }
.text pre { overflow-x: auto; padding: .8rem 1rem; border-radius: .7rem; font-size: .875em; line-height: 1.5;
  background: color-mix(in srgb, currentColor 6%, transparent); }
.text code { font-family: var(--code-font); font-size: .9em; overflow-wrap: anywhere; }
.text :not(pre) > code { padding: .1em .35em; border-radius: .35em;
  background: color-mix(in srgb, currentColor 8%, transparent); }
.text pre code { font-size: 1em; overflow-wrap: normal; }
.text table { border-collapse: collapse; display: block; max-width: 100%; overflow-x: auto; font-size: .9375em; }
.text th, .text td { border-bottom: 1px solid var(--line); padding: .4rem .8rem; text-align: start; vertical-align: top; }
.text th { font-weight: 600; }
.text blockquote { margin-inline: 0; padding-inline-start: 1rem; color: var(--soft);
  border-inline-start: 3px solid var(--line); }
.text a { color: var(--accent); text-underline-offset: .15em; } .text hr { border: 0; border-top: 1px solid var(--line); }
.text math { font-size: 1.05em; } .text math[display="block"] { overflow-x: auto; overflow-y: hidden; max-width: 100%; }
.text .hl-k { color: light-dark(#8a3ab9, #cfa0f0); } .text .hl-s { color: light-dark(#1d7a3e, #8fd3a0); }
.text .hl-c { color: light-dark(#6b7480, #8d98a5); font-style: italic; } .text .hl-m { color: light-dark(#0b62a8, #86c1f5); }
.text .hl-f { color: light-dark(#a8481a, #f0b083); } .text .hl-o { color: inherit; }
"""
"""Rendered Markdown, within an element of class `text`."""

ANSWER = (
    _BASE
    + """
:host { min-width: 0; }
article { background: var(--surface); border: 1px solid var(--line); border-radius: 1.1rem; box-shadow: var(--shadow);
  min-height: 11rem; height: 100%; display: flex; flex-direction: column; overflow: clip;
  transition: border-color .2s, box-shadow .2s; }
article[data-side="a"] { --side: var(--first); } article[data-side="b"] { --side: var(--second); }
article > header { display: flex; align-items: baseline; gap: .6rem; padding: .85rem 1.25rem .7rem;
  border-bottom: 1px solid color-mix(in srgb, var(--line) 60%, transparent); }
h2 { font-size: .9375rem; font-weight: 650; margin: 0; display: inline-flex; align-items: center; gap: .5rem;
  white-space: nowrap; }
h2::before { content: ""; width: .6rem; height: .6rem; border-radius: .2rem; background: var(--side); }
header small { font-size: .8125rem; color: var(--soft); overflow-wrap: anywhere; }
.status { margin-inline-start: auto; font-size: .8125rem; color: var(--soft); white-space: nowrap; }
.text { padding: 1.1rem 1.25rem .4rem; } .text:empty { display: none; }
.dots { display: flex; gap: .35rem; padding: .6rem 1.25rem 1.25rem; }
.dots i { width: .42rem; height: .42rem; border-radius: 50%; background: var(--soft); opacity: .3;
  animation: beat 1.2s infinite ease-in-out; }
.dots i:nth-child(2) { animation-delay: .16s; } .dots i:nth-child(3) { animation-delay: .32s; }
@keyframes beat { 40% { opacity: .95; } 80% { opacity: .3; } }
footer { margin-top: auto; padding: .75rem 1.25rem 1rem; display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; }
footer p { margin: 0; flex: 1 1 14rem; font-size: .875rem; color: var(--soft); } footer p.failed { color: var(--warn); }
.again { border: 1px solid var(--line); background: none; border-radius: .7rem; padding: .4rem .95rem; font-size: .875rem;
  font-weight: 550; } .again:hover { border-color: var(--accent); }
article[data-chosen="won"] { border-color: var(--side); box-shadow: var(--shadow), inset 0 0 0 1px var(--side); }
article[data-chosen="lost"] .text { opacity: .78; }
article[data-state="done"]::after, article[data-state="failed"]::after { content: ""; height: .8rem; flex: none; }
@media (max-width: 640px) { article > header { padding: .7rem 1rem .6rem; } .text { padding: .9rem 1rem .3rem; }
  .dots { padding-inline: 1rem; } footer { padding-inline: 1rem; } article { min-height: 7rem; } }
"""
)

PARTS = (
    TEXT
    + _BASE
    + """
.hero { text-align: center; padding: clamp(1.5rem, 9vh, 6rem) 0 1.5rem; }
.hero h1 { font-size: clamp(1.65rem, 4.2vw, 2.4rem); font-weight: 680; letter-spacing: -.022em; line-height: 1.2;
  margin: 0 0 .6rem; text-wrap: balance; }
.hero:lang(zh-Hant) h1 { word-break: keep-all; overflow-wrap: anywhere; letter-spacing: 0; }
.hero p { margin: 0 auto; color: var(--soft); max-width: 36rem; text-wrap: balance; }
.state { text-align: center; font-size: .8125rem; color: var(--soft); margin: 1.75rem auto 0; max-width: 44rem; }
.state p { margin: .3rem 0; } .state code { font-family: var(--code-font); font-size: .9em; padding: .1em .4em;
  border-radius: .35em; background: color-mix(in srgb, currentColor 10%, transparent); }
.question { display: flex; flex-direction: column; gap: .6rem; }
.question .asked { align-self: flex-end; max-width: min(46rem, 92%); background: color-mix(in srgb, var(--accent) 11%,
  var(--surface)); border-radius: 1.2rem 1.2rem .35rem 1.2rem; padding: .7rem 1.1rem; max-height: 14rem; overflow: auto; }
.question .notice { border: 1px solid var(--line); border-radius: .9rem;
  padding: .65rem 1.1rem; font-size: .875rem; color: var(--soft); background: var(--surface); }
.question .notice b { color: var(--text); font-weight: 600; } .question .notice p { margin: 0 0 .2rem; }
.question .notice summary { cursor: pointer; }
.question .notice pre { margin: .5rem 0 .2rem; overflow-x: auto; font: .8125rem/1.5 var(--code-font);
  background: color-mix(in srgb, currentColor 7%, transparent); padding: .7rem .9rem; border-radius: .5rem; }
"""
)
"""Head of the ask page, the question above the answers, and the line on the judge."""

COMPARISON = (
    _BASE
    + """
.comparison { background: var(--surface); border: 1px solid var(--line); border-radius: 1.1rem; box-shadow: var(--shadow);
  padding: 1.25rem 1.5rem 1.4rem; }
.comparison h2 { font-size: 1.1875rem; font-weight: 650; margin: 0 0 .9rem; display: flex; align-items: center; gap: .6rem;
  line-height: 1.35; }
.comparison h2 i { flex: none; width: 1.65rem; height: 1.65rem; border-radius: 50%; display: grid; place-items: center;
  font: 700 .9375rem/1 var(--body-font); color: var(--surface); background: var(--soft); }
.comparison.agrees h2 i { background: var(--good); } .comparison.differs h2 i { background: var(--warn); }
.said { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: 1rem 2.25rem; }
.said dl { display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1rem; margin: 0; align-content: start; }
.said dt { color: var(--soft); font-size: .875rem; } .said dd { margin: 0; font-weight: 550; }
.said dd small { font-weight: 400; color: var(--soft); }
.chances { display: grid; gap: .4rem; }
.chances div { display: grid; grid-template-columns: minmax(5.5rem, max-content) 1fr 3.4rem; gap: .75rem; align-items: center;
  font-size: .9375rem; }
.chances b { font-weight: 500; } .chances .called b { font-weight: 700; }
.chances span { height: .6rem; border-radius: .3rem; background: color-mix(in srgb, var(--text) 8%, transparent); }
.chances i { display: block; height: 100%; border-radius: .3rem; background: var(--soft); min-width: 2px; }
.chances .a i { background: var(--first); } .chances .b i { background: var(--second); }
.chances em { font-style: normal; text-align: end; font-variant-numeric: tabular-nums; }
h3 { font-size: .9375rem; font-weight: 650; margin: 1.4rem 0 .1rem; }
.covers { font-size: .8125rem; color: var(--soft); margin: .15rem 0 .7rem; max-width: 52rem; }
.why { display: grid; gap: .3rem; }
.why .heads, .why div { display: grid; grid-template-columns: minmax(9rem, 42%) 1fr; gap: 1rem; align-items: center; }
.why p { margin: 0; font-size: .875rem; line-height: 1.35; } .why p small { color: var(--soft); display: block;
  font-size: .75rem; }
.why .track { position: relative; height: 1.6rem; }
.why .track::before { content: ""; position: absolute; left: 50%; inset-block: -.15rem; width: 1px; background: var(--line); }
.why .track i { position: absolute; inset-block: .3rem; min-width: 2px; }
.why .track .a { right: 50%; border-radius: .25rem 0 0 .25rem; background: var(--first); }
.why .track .b { left: 50%; border-radius: 0 .25rem .25rem 0; background: var(--second); }
.why .track em { position: absolute; top: 50%; translate: 0 -50%; font: 500 .75rem/1 var(--body-font); color: var(--soft);
  font-variant-numeric: tabular-nums; white-space: nowrap; padding-inline: .35rem; }
.why .heads { font-size: .75rem; color: var(--soft); } .why .heads span { display: flex; justify-content: space-between; }
.pending { color: var(--soft); font-size: .875rem; margin: 1rem 0 0; }
@media (max-width: 640px) { .comparison { padding: 1rem 1rem 1.1rem; } .why div { grid-template-columns: 1fr; gap: .1rem; }
  .why .heads { grid-template-columns: 1fr; } .why .heads span:first-child { display: none; } }
"""
)
