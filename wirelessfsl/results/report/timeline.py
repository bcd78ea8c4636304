"""One round as lanes: what every node computes and sends, and when it waits."""

from __future__ import annotations

from typing import Any

import numpy as np

from wirelessfsl.records import is_server
from wirelessfsl.results.columns import Floats, Ints
from wirelessfsl.results.looks import BLACK, GREY, looks, words
from wirelessfsl.results.moments import Indices, Moment, moment
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.report.charts import Chart, Trace, around, chart, fill, packed, text
from wirelessfsl.results.store import Run

LANES = 16
"""Nodes to show at most."""
COLUMNS = 400
"""Instants at which a lane is looked at that has more bars than this: as many as a screen can show."""


def timeline(run: Run) -> list[Chart]:
    """The first round of a run, if it has one: a lane a node, the server's slots stacked in its lane."""
    if not run.facts.start_s.size:
        return []
    try:
        shown = moment(run.facts, max_lanes=LANES)
    except ValueError:  # nobody did anything in its first round
        return []
    fit = scale("s", shown.length_s)
    parts: dict[str, list[Floats]] = {}
    waits, drops = [np.empty((0, 2))], [np.empty((0, 2))]
    looked_at = False
    for lane, node in enumerate(shown.lanes):
        rows, slot = shown.bars(node)
        height = 0.8 / (int(slot.max(initial=0)) + 1)
        for track in np.unique(slot):
            code, start, end = _bars(shown, rows[slot == track])
            looked_at |= code.size < (slot == track).sum()
            middle = np.full(code.size, lane - 0.4 + height * (track + 0.5))
            bars = np.stack([start / fit.factor, (end - start) / fit.factor, middle, np.full(code.size, height)], 1)
            for phase in np.unique(code):
                parts.setdefault(shown.facts.phase.names[phase], []).append(bars[code == phase])
        waits.append(_gapped(shown, shown.waits(node), lane) / (fit.factor, 1.0))
        left = shown.drops(node)
        drops.append(np.stack([(shown.facts.start_s[left] - shown.start_s) / fit.factor, np.full(left.size, lane)], 1))
    traces: list[Trace] = [_line(np.concatenate(waits))]
    traces += [_phase(phase, np.concatenate(parts[phase]), look, fit.unit) for phase, look in looks(parts).items()]
    if (crosses := np.concatenate(drops)).size:
        traces.append(_crosses(crosses))
    lanes, clients = len(shown.lanes), sum(not is_server(node) for node in shown.lanes)
    chosen = f"{clients} of {shown.clients} clients. " if clients < shown.clients else ""
    sampled = f"Lanes with more than {COLUMNS} bars show what goes on at {COLUMNS} instants. " if looked_at else ""
    return [
        chart(
            f"Round {shown.round}",
            f"{chosen}{sampled}A lane is what a node computes and sends, and what the server does for it; a thin line"
            " is waiting.",
            traces,
            f"time since the start of the round ({fit.unit})",
            "",
            height=around(len(traces), 5) + 24 * lanes,
            barmode="overlay",
            showlegend=True,
            xaxis={"minallowed": 0},
            yaxis={
                "tickvals": [*range(lanes)],
                "ticktext": [text(node) for node in shown.lanes],
                "range": [lanes - 0.45, -0.55],
                "showgrid": False,
                "ticklabelstandoff": 4,
                "fixedrange": True,
            },
        )
    ]


def _bars(shown: Moment, rows: Indices) -> tuple[Ints, Floats, Floats]:
    """Phase code, start and end of each bar of one track, in s since the start of the round; of too many, what is going
    on at evenly spaced instants, equal neighbours as one."""
    f = shown.facts
    order = rows[np.argsort(f.start_s[rows], kind="stable")]
    code, start, end = f.phase.codes[order], f.start_s[order] - shown.start_s, f.end_s[order] - shown.start_s
    if code.size <= COLUMNS:
        return code, start, end
    edges = np.linspace(0.0, shown.length_s, COLUMNS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    there = np.maximum(np.searchsorted(start, middles, side="right") - 1, 0)
    seen = np.where((start[there] <= middles) & (middles < end[there]), code[there], -1)
    firsts = np.flatnonzero(np.diff(seen, prepend=-2))
    lasts = np.append(firsts[1:], COLUMNS)
    busy = seen[firsts] >= 0
    return seen[firsts][busy], edges[firsts][busy], edges[lasts][busy]


def _gapped(shown: Moment, rows: Indices, lane: int) -> Floats:
    """Start, end and a gap for each wait, as points of one line; shape (3 n, 2)."""
    f = shown.facts
    x = np.stack([f.start_s[rows] - shown.start_s, f.end_s[rows] - shown.start_s, np.full(rows.size, np.nan)], 1)
    return np.stack([x.ravel(), np.full(x.size, float(lane))], 1)


def _phase(phase: str, bars: Floats, look: Any, unit: str) -> Trace:
    start, length, middle, height = bars.T
    return {
        "type": "bar",
        "orientation": "h",
        "name": text(words(phase)),
        "base": packed(start),
        "x": packed(length),
        "y": packed(middle),
        "width": packed(height),
        "customdata": packed(bars[:, :2]),
        "hovertemplate": f"%{{customdata[1]:.4g}} {unit} from %{{customdata[0]:.4g}} {unit} on"
        "<extra>%{fullData.name}</extra>",
        "marker": fill(look),
    }


def _line(points: Floats) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "waiting",
        "x": packed(points[:, 0]),
        "y": packed(points[:, 1]),
        "line": {"color": GREY, "width": 2},
        "hoverinfo": "skip",
    }


def _crosses(points: Floats) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "leaves the round",
        "x": packed(points[:, 0]),
        "y": packed(points[:, 1]),
        "marker": {"symbol": "x", "color": BLACK, "size": 8},
        "hovertemplate": "leaves the round<extra></extra>",
    }
