"""Who does what when in a round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wirelessfsl.records import is_server
from wirelessfsl.results.looks import BLACK, COLUMN_IN, GREY, STYLE, Look, looks, words
from wirelessfsl.results.moments import Moment, moment
from wirelessfsl.results.plots.sheets import AXIS_IN, groups_of, paint, patch, sheet, wrapped
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run

LANE_IN = 0.17
MAX_LANES = 20
SMALL_LANE = 0.003
"""Phases below this share of a lane are not in the legend."""
SMALL_WORK, HAIR_PT = 0.05, 0.4
"""A server may be too fast for its bars to be seen: phases from this share of its work on are hairlines at least."""


def timeline(runs: Sequence[Run], width_in: float = COLUMN_IN, round: int | None = None) -> Figure:
    """Who computes and transmits when in one round: a lane a node, the server's slots stacked in its lane.

    A client's lane shows its whole round: what it computes, sends and is sent, and the server's work for it; a thin
    line is waiting, also of a message for it, and a cross is where it leaves. The server's idle time is not drawn.

    runs: one panel a run.
    round: round to show; the first of each run by default.
    """
    groups = groups_of(runs)
    panels: list[tuple[str, Moment]] = []
    for found in groups:
        for run in found.runs:
            shown = shown_round(run, round, max(4, MAX_LANES // len(runs)))
            seed = f", seed {run.scenario.get('seed')}" if len(found.runs) > 1 else ""
            drawn = sum(not is_server(node) for node in shown.lanes)
            choice = f", {drawn} of {shown.clients} clients" if drawn < shown.clients else ""
            panels.append((f"{found.label}{seed}: round {shown.round}{choice}", shown))
    span = scale("s", max(shown.length_s for _, shown in panels))
    phase_looks = looks(phase for _, shown in panels for phase in shown.phases())
    seen = {phase for _, shown in panels for phase, share in shown.phases().items() if share >= SMALL_LANE}
    seen |= {phase for _, shown in panels for phase in _served(shown)}
    legend: list[Patch | Line2D] = [patch(look, words(phase)) for phase, look in phase_looks.items() if phase in seen]
    if any(shown.waits(node).size for _, shown in panels for node in shown.lanes):
        legend.append(Line2D([], [], color=GREY, linewidth=1.5, label="waiting"))
    if any(shown.drops(node).size for _, shown in panels for node in shown.lanes):
        legend.append(Line2D([], [], color=BLACK, linestyle="", marker="x", markersize=4, label="leaves the round"))
    lanes = [sum(_heights(shown)) for _, shown in panels]
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, AXIS_IN + sum(LANE_IN * n + 0.35 for n in lanes), width_in)
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=lanes)[:, 0]
        for axis, (title, shown) in zip(axes, panels, strict=True):
            _draw(axis, shown, phase_looks, span.factor)
            axis.set_title(wrapped(title, int(12 * width_in)), loc="left")
        axes[-1].set_xlim(0, max(shown.length_s for _, shown in panels) / span.factor or 1.0)
        axes[-1].set_xlabel(f"time since the start of the round ({span.unit})")
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure


def shown_round(run: Run, round: int | None, lanes: int = MAX_LANES) -> Moment:
    """The round of a run that a timeline shows.

    round: which; the first by default.
    lanes: nodes to show at most.

    Raises ValueError, with the path of the run, if it has no such round.
    """
    groups_of([run])
    try:
        return moment(run.facts, round, lanes)
    except ValueError as error:
        raise ValueError(f"{run.path}: {error}") from None


def _draw(axis: Axes, shown: Moment, phase_looks: dict[str, Look], second: float) -> None:
    """The lanes of a round, in units of ``second`` seconds."""
    facts, served = shown.facts, _served(shown)
    start, end = (facts.start_s - shown.start_s) / second, (facts.end_s - shown.start_s) / second
    edges = np.cumsum([0.0, *_heights(shown)])
    for top, bottom, node in zip(edges[:-1], edges[1:], shown.lanes, strict=True):
        middle, (rows, slot) = (top + bottom) / 2, shown.bars(node)
        height = (bottom - top - 0.2) / (int(slot.max(initial=0)) + 1)
        for code in np.unique(facts.phase.codes[rows]):
            fill = paint(phase_looks[facts.phase.names[code]])
            for track in np.unique(slot):
                bars = rows[(facts.phase.codes[rows] == code) & (slot == track)]
                spans = list(zip(start[bars], end[bars] - start[bars], strict=True))
                outline = 0.2 if height > 0.3 else 0.0
                low = top + 0.1 + height * float(track)
                axis.broken_barh(spans, (low, height), linewidth=outline, **fill)
                if is_server(node) and facts.phase.names[code] in served:
                    axis.vlines(start[bars], low, low + height, color=fill["facecolor"], linewidth=HAIR_PT, zorder=2)
        waits, drops = shown.waits(node), shown.drops(node)
        axis.hlines(np.full(waits.size, middle), start[waits], end[waits], color=GREY, linewidth=1.5)
        crosses = axis.plot(start[drops], np.full(drops.size, middle), "x", color=BLACK, markersize=4, clip_on=False)
        crosses[0].set_in_layout(False)  # the layout would make room for what sticks out over the axis
    axis.set_yticks((edges[:-1] + edges[1:]) / 2, shown.lanes)
    axis.set_ylim(edges[-1] + 0.1, -0.1)
    axis.tick_params(axis="y", length=0)
    axis.grid(True, axis="x")


def _served(shown: Moment) -> set[str]:
    """Phases that the work of some server is made of."""
    found: set[str] = set()
    seconds = shown.facts.end_s - shown.facts.start_s
    for node in filter(is_server, shown.lanes):
        own = np.zeros(seconds.size, dtype=bool)
        own[shown.bars(node)[0]] = True
        totals = shown.facts.phase.totals(seconds, own)
        found |= {phase for phase, total in totals.items() if total >= SMALL_WORK * sum(totals.values())}
    return found


def _heights(shown: Moment) -> list[float]:
    """Height of each lane: one, but more for a server of many slots, as far as a page allows."""
    return [min(max(1.0, 0.4 * (int(shown.bars(node)[1].max(initial=0)) + 1)), 6.0) for node in shown.lanes]
