"""How the page looks, and what it does in a browser: draw its figures, show and hide a scenario in all of them."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #111; background: #fff; }
body { max-width: 1280px; margin: 0 auto; padding: 0 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1.2rem 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #bbb; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
a { color: #0050a0; }
nav { display: flex; flex-wrap: wrap; gap: 0 1rem; }
.notes { border-left: 4px solid #d55e00; background: #fdf3ec; margin: 1rem 0; padding: .5rem 1rem .5rem 2rem; }
.told { font-size: .85rem; color: #444; padding-left: 1.2rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 31rem), 1fr)); gap: 1.2rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .85rem; color: #444; }
.scenarios { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; border: 0; padding: 0; margin: 0 0 1rem; }
.scenarios label { font-size: .9rem; }
.scenarios legend { color: #444; padding: 0; }
.scenarios label { overflow-wrap: anywhere; }
.scenarios svg { vertical-align: middle; margin: 0 .4rem; }
.wide { overflow-x: auto; margin: .6rem 0 1.2rem; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #444; padding-bottom: .3rem; }
th, td { padding: .15rem .7rem .15rem 0; text-align: right; vertical-align: top; border-bottom: 1px solid #e5e5e5; }
thead th { border-bottom: 1px solid #888; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; font-weight: 400; }
th, td { max-width: 20rem; overflow-wrap: break-word; }
data, .whole { white-space: nowrap; }
details { margin: .5rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
article { margin-top: 1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; background: #f6f6f6; padding: .6rem; }
ol { padding-left: 1.6rem; }
ol li { overflow-wrap: anywhere; }
@media print {
  :root { font-size: 11px; }
  nav, input, .modebar { display: none !important; }
  .figures { display: block; }
  figure, tr { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  .wide { overflow: visible; }
  table { font-size: .75rem; }
  th, td { padding-right: .4rem; }
}
"""

SCRIPT = """
"use strict";
// By default Plotly has a button that sends the figure to its maker: only these are there, and no address.
const config = { responsive: true, displaylogo: false, typesetMath: false, plotlyServerURL: "",
                 modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };
const all = (what, where = document) => [...where.querySelectorAll(what)];
const drawn = () => all(".js-plotly-plot");
function draw(figure) {
  const chart = figure.querySelector(".chart");
  if (chart.classList.contains("js-plotly-plot") || figure.closest("details:not([open])")) return;
  const { traces, layout } = JSON.parse(figure.querySelector("script").textContent);
  Plotly.newPlot(chart, traces, layout, config);
}
all("figure").forEach(draw);
all("details").forEach((fold) => fold.addEventListener("toggle", () => all("figure", fold).forEach(draw)));
all("input[data-scenario]").forEach((box) => box.addEventListener("change", () => drawn().forEach((chart) => {
  const own = chart.data.flatMap((trace, i) => trace.legendgroup === box.dataset.scenario ? [i] : []);
  if (own.length) Plotly.restyle(chart, { visible: box.checked }, own);
})));
const resize = (size) => () => drawn().forEach((chart) => Plotly.relayout(chart, size));
addEventListener("beforeprint", resize({ width: 660 }));
addEventListener("afterprint", resize({ width: null, autosize: true }));
"""
