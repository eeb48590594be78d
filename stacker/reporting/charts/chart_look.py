"""The charts' style sheet: colours that colour-blind people tell apart (Okabe and Ito, 2008), lighter in the dark."""

CHARTS = """
:host { container-type: inline-size; }
.chart { --third: light-dark(#00795a, #2fbf94);
  --grey: light-dark(#8a929c, #7d8792);
  color: inherit; font-size: .875rem; line-height: 1.35; margin: 0; }
.chart i { font-style: normal; display: block; }
.chart .first { --mark: var(--first, light-dark(#0072b2, #56b4e9)); } .chart .second {
  --mark: var(--second, light-dark(#c45500, #e69f00)); }
.chart .third { --mark: var(--third); } .chart .grey { --mark: var(--grey); }

.rows { display: grid; gap: .1rem; }
.rows .row { display: grid; grid-template-columns: minmax(5rem, 22%) 1fr minmax(6.5rem, 24%); gap: .75rem;
  align-items: center; min-height: 2rem; border-radius: .4rem; }
.rows .row:not(.ticks):hover { background: color-mix(in srgb, currentColor 5%, transparent); }
.rows .name { overflow-wrap: anywhere; text-align: end; }
.rows .note { color: color-mix(in srgb, currentColor 72%, transparent); font-variant-numeric: tabular-nums;
  font-size: .8125rem; }
.rows .track { position: relative; height: 1.5rem; margin-inline: .5rem; }
.rows .row.two .track { height: 2rem; }
.rows .track::before { content: ""; position: absolute; inset: 50% 0 auto; height: 1px;
  background: color-mix(in srgb, currentColor 14%, transparent); }
.rows .reference { position: absolute; inset-block: -.3rem; width: 0;
  border-left: 1.5px dashed color-mix(in srgb, currentColor 42%, transparent); }
.rows .range { position: absolute; top: calc(50% - .1875rem); height: .375rem; border-radius: .2rem;
  background: var(--mark); opacity: .38; }
.rows .dot { position: absolute; top: calc(50% - .375rem); width: .75rem; height: .75rem; margin-left: -.375rem;
  border-radius: 50%; background: var(--mark); }
.rows .two .first { translate: 0 -.42rem; } .rows .two .second { translate: 0 .42rem; }
.rows .dot.second { border-radius: .15rem; scale: .85; }
.rows .bar { position: absolute; inset: .3rem auto .3rem 0; border-radius: 0 .25rem .25rem 0;
  background: var(--first, light-dark(#0072b2, #56b4e9));
  min-width: 2px; }
.rows .faint { opacity: .6; }
.rows .ticks { min-height: 1.2rem; font-size: .75rem; color: color-mix(in srgb, currentColor 66%, transparent); }
.rows .ticks .track { height: 1rem; } .rows .ticks .track::before { display: none; }
.rows .ticks i { position: absolute; translate: -50% 0; white-space: nowrap; }

.plane { display: grid; grid-template-columns: auto 1fr; }
.plane .area { display: grid; grid-template-columns: 3rem 1fr; grid-column: 1 / -1; }
.plane .field { position: relative; height: var(--tall, 14rem);
  border-bottom: 1px solid color-mix(in srgb, currentColor 30%, transparent); }
.plane svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plane .grid { position: absolute; inset-inline: 0; height: 1px;
  background: color-mix(in srgb, currentColor 10%, transparent); }
.plane .line { fill: none; stroke: var(--mark); stroke-width: 2.25px; vector-effect: non-scaling-stroke;
  stroke-linejoin: round; }
.plane .line.grey { stroke-dasharray: 5 4; stroke-width: 1.5px; }
.plane .band { fill: var(--mark); opacity: .18; }
.plane .dot { position: absolute; width: .55rem; height: .55rem; margin: 0 0 -.275rem -.275rem; border-radius: 50%;
  background: var(--mark); }
.plane .dot.second { border-radius: .1rem; } .plane .dot.third { border-radius: .1rem; rotate: 45deg; }
.plane .dot::after { content: ""; position: absolute; inset: -.5rem; }
.plane .whisker { position: absolute; width: 1.5px; margin-left: -.75px; background: var(--mark); opacity: .45; }
.plane .y-ticks { position: relative; } .plane .x-ticks { position: relative; grid-column: 2; height: 1.4rem; }
.plane .y-ticks i { position: absolute; right: .5rem; translate: 0 50%; white-space: nowrap; }
.plane .x-ticks i { position: absolute; top: .3rem; translate: -50% 0; white-space: nowrap; }
.plane .y-ticks, .plane .x-ticks, .plane .x-title, .plane .y-title { font-size: .75rem;
  color: color-mix(in srgb, currentColor 66%, transparent); font-variant-numeric: tabular-nums; }
.plane .y-title { grid-column: 1 / -1; margin-bottom: .5rem; }
.plane .x-title { grid-column: 1 / -1; text-align: end; }
.plane .legend, .legend { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .5rem;
  font-size: .8125rem; }
.legend span { display: inline-flex; align-items: center; gap: .4rem; }
.legend span i { width: .7rem; height: .7rem; border-radius: 50%; background: var(--mark); }
.legend .second i { border-radius: .1rem; } .legend .third i { border-radius: .1rem; rotate: 45deg; scale: .85; }

.confusion { border-collapse: separate; border-spacing: .25rem; width: 100%; table-layout: fixed;
  text-align: center; }
.confusion th { font-weight: 500; padding: .25rem; overflow-wrap: anywhere; font-size: .8125rem; }
.confusion .title { color: color-mix(in srgb, currentColor 66%, transparent); font-size: .75rem; }
.confusion td { padding: .55rem .25rem; border-radius: .4rem;
  --ground: var(--first, light-dark(#0072b2, #56b4e9));
  background: color-mix(in srgb, var(--ground) calc(var(--share, 0) * 60% + 4%), transparent); }
.confusion td.corner { background: none; }
.confusion td.same { outline: 2px solid color-mix(in srgb, currentColor 35%, transparent); outline-offset: -2px; }
.confusion b { display: block; font-size: 1rem; font-variant-numeric: tabular-nums; font-weight: 600; }
.confusion small { color: color-mix(in srgb, currentColor 80%, transparent); }

@container (max-width: 34rem) {
  .rows .row:not(.ticks) { grid-template-columns: 1fr auto; gap: 0 .75rem; padding-block: .2rem; }
  .rows .row:not(.ticks) .name { text-align: start; } .rows .row:not(.ticks) .track { grid-area: 2 / 1 / auto / -1; }
  .rows .ticks { grid-template-columns: 0 1fr 0; gap: 0; }
  .plane .area { grid-template-columns: 2.75rem 1fr; }
  .plane .x-ticks i:nth-child(even) { display: none; }
}
"""
