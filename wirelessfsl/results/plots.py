"""Figures of runs, fit to print: where time and energy go, how accuracy grows with what, who does what when.

Every figure is a function of run folders and returns a Matplotlib ``Figure``; no window and no global state are
touched. Bars show the mean over the seeds of a scenario; lines are single runs, the seeds of a scenario in one colour.
A run that lacks what a figure shows raises ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from wirelessfsl.records import is_server
from wirelessfsl.results import metrics
from wirelessfsl.results.groups import Group, group
from wirelessfsl.results.looks import BLACK, COLOURS, DASHES, GREY, OTHER, STYLE, WIDTH_IN, Look, looks, words
from wirelessfsl.results.moments import Moment, moment
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run

LEGEND_ROW_IN, AXIS_IN, LANE_IN = 0.17, 0.5, 0.17
MAX_LANES = 20
SMALL_BAR, SMALL_LANE = 0.01, 0.003
"""Phases below this share of a panel's longest bar are shown as one; below this share of a lane, not in the legend."""


def latency(runs: Sequence[Run]) -> Figure:
    """Mean seconds that a client spends in each phase of a round, stacked; one bar a scenario."""
    groups = _groups(runs)
    bars = [_mean([metrics.latency_by_phase(run.facts) for run in found.runs]) for found in groups]
    lacking = "no client rows; no client computed, sent or waited"
    return _stacked(groups, {"mean time of a client's round": bars}, "s", lacking)


def energy(runs: Sequence[Run]) -> Figure:
    """Joules of the run by phase, stacked, idle included: all devices together, and the server; one bar a scenario."""
    groups = _groups(runs)
    spent = [[metrics.energy_by_phase(run.facts) for run in found.runs] for found in groups]
    sides = {"energy of all devices": "devices", "energy of the server": "server"}
    panels = {text: [_mean([run[side] for run in each]) for each in spent] for text, side in sides.items()}
    return _stacked(groups, {text: bars for text, bars in panels.items() if any(bars)}, "J", "no node drew any energy")


def convergence(runs: Sequence[Run]) -> Figure:
    """Test accuracy against rounds, simulated time, energy of the whole network, and traffic; one line a run."""
    groups = _groups(runs)
    curves = [[_curve(run) for run in found.runs] for found in groups]
    every = [curve for found in curves for curve in found]
    time, joules, traffic = (
        scale(unit, max(float(getattr(curve, column).max()) for curve in every))
        for unit, column in (("s", "time_s"), ("J", "energy_j"), ("B", "bytes"))
    )
    against: dict[str, Callable[[metrics.Curve], Any]] = {
        "communication round": lambda curve: curve.round,
        f"simulated time ({time.unit})": lambda curve: curve.time_s / time.factor,
        f"total energy ({joules.unit})": lambda curve: curve.energy_j / joules.factor,
        f"total traffic ({traffic.unit})": lambda curve: curve.bytes / traffic.factor,
    }
    legend = [
        Line2D([], [], color=colour, linestyle=dash, label=_wrapped(_counted(found), 90))
        for found, (colour, dash) in zip(groups, _lines(len(groups)), strict=True)
    ]
    with rc_context(STYLE):
        figure, legend_columns = _sheet(legend, 1.8)
        panels = figure.subplots(1, len(against), sharey=True)
        for panel, (label, x) in zip(panels, against.items(), strict=True):
            for found, (colour, dash) in zip(curves, _lines(len(groups)), strict=True):
                for curve in found:
                    marker = "o" if curve.accuracy.size <= 25 else ""
                    panel.plot(x(curve), 100 * curve.accuracy, color=colour, linestyle=dash, marker=marker)
            panel.set_xlabel(label)
            panel.set_xlim(left=0)
            panel.grid(True)
        panels[0].set_ylabel("test accuracy (%)")
        panels[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure


def timeline(runs: Sequence[Run], round: int | None = None) -> Figure:
    """Who computes and transmits when in one round: a lane a node, the server's slots stacked in its lane.

    A client's lane shows its whole round: what it computes, sends and is sent, and the server's work for it; a thin
    line is waiting, also of a message for it, and a cross is where it leaves. The server's idle time is not drawn.

    runs: one panel a run.
    round: round to show; the first of each run by default.
    """
    groups = _groups(runs)
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
    legend: list[Patch | Line2D] = [_patch(look, words(phase)) for phase, look in phase_looks.items() if phase in seen]
    if any(shown.waits(node).size for _, shown in panels for node in shown.lanes):
        legend.append(Line2D([], [], color=GREY, linewidth=1.5, label="waiting"))
    if any(shown.drops(node).size for _, shown in panels for node in shown.lanes):
        legend.append(Line2D([], [], color=BLACK, linestyle="", marker="x", markersize=4, label="leaves the round"))
    lanes = [sum(_heights(shown)) for _, shown in panels]
    with rc_context(STYLE):
        figure, legend_columns = _sheet(legend, AXIS_IN + sum(LANE_IN * n + 0.35 for n in lanes))
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=lanes)[:, 0]
        for axis, (title, shown) in zip(axes, panels, strict=True):
            _draw(axis, shown, phase_looks, span.factor)
            axis.set_title(_wrapped(title, 100), loc="left")
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
    _groups([run])
    try:
        return moment(run.facts, round, lanes)
    except ValueError as error:
        raise ValueError(f"{run.path}: {error}") from None


KINDS: dict[str, Callable[[Sequence[Run]], Figure]] = {
    "latency": latency,
    "energy": energy,
    "convergence": convergence,
    "timeline": timeline,
}
"""What ``wirelessfsl plot --kind`` can draw."""


def save(figure: Figure, path: Path, formats: Iterable[str] = ("pdf", "png", "svg")) -> list[Path]:
    """Write a figure in each format beside each other; equal figures give equal files.

    figure: what to write.
    path: the file without its suffix; its folder is made.
    formats: "pdf", "png" (300 dpi) and "svg".

    Returns the files written. Raises ValueError where nothing can be written.
    """
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    files = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rc_context(STYLE):
            for suffix in formats:
                files.append(path.with_name(f"{path.name}.{suffix}"))
                figure.savefig(files[-1], dpi=300, metadata=undated.get(suffix))
    except OSError as error:
        where = files[-1] if files else path.parent
        raise ValueError(
            f"{where}: cannot be written: {error.strerror or error}; give another folder with --out"
        ) from error
    return files


def _groups(runs: Sequence[Run]) -> list[Group]:
    if not runs:
        raise ValueError("no run given; give at least one run folder")
    for run in runs:
        if not run.facts.start_s.size:
            raise ValueError(f"{run.path}: no events in the run; it stopped before anything happened, run it again")
    return group(runs)


def _curve(run: Run) -> metrics.Curve:
    curve = metrics.convergence(run.evaluations)
    if run.timing_only:
        raise ValueError(f"{run.path}: a timing-only run, which has no accuracy; run it without --timing-only")
    if not curve.accuracy.size:
        raise ValueError(f"{run.path}: no evaluation in the run; let it go on to its first (evaluation.every_rounds)")
    return curve


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """Key by key over the runs of a group; a phase that a run lacks took it nothing."""
    return {
        key: sum(value.get(key, 0.0) for value in values) / len(values) for key in {k: 0 for v in values for k in v}
    }


def _stacked(groups: Sequence[Group], panels: dict[str, list[dict[str, float]]], unit: str, lacking: str) -> Figure:
    """Horizontal bars, one a group, in panels side by side that share groups and phases but not the scale."""
    panels = _folded(panels)
    phase_looks = looks(phase for bars in panels.values() for bar in bars for phase, value in bar.items() if value)
    if not phase_looks:
        raise ValueError(f"{groups[0].runs[0].path}: {lacking}")
    legend = [_patch(look, words(phase)) for phase, look in phase_looks.items()]
    names = [_wrapped(_counted(found), 30) for found in groups]
    lines = max(name.count("\n") + 1 for name in names)
    with rc_context(STYLE):
        figure, legend_columns = _sheet(legend, AXIS_IN + len(groups) * max(0.32, 0.14 * lines))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (label, bars) in zip(axes, panels.items(), strict=True):
            shown = scale(unit, max(sum(bar.values()) for bar in bars))
            left = np.zeros(len(bars))
            for phase, look in phase_looks.items():
                width = np.array([bar.get(phase, 0.0) for bar in bars]) / shown.factor
                axis.barh(range(len(bars)), width, 0.7, left, label=phase, linewidth=0.4, **_paint(look))
                left += width
            axis.set_xlabel(f"{label} ({shown.unit})")
            axis.grid(True, axis="x")
            axis.tick_params(axis="y", length=0)
            axis.locator_params(axis="x", nbins=7)
            axis.set_xlim(0, 1.03 * float(left.max()) or 1.0)
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set_ylim(len(names) - 0.45, -0.55)
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure


def _folded(panels: dict[str, list[dict[str, float]]]) -> dict[str, list[dict[str, float]]]:
    """The same bars, but phases that no panel has room to show are added up as one."""
    longest = {text: max(sum(bar.values()) for bar in bars) for text, bars in panels.items()}
    shown = {
        phase
        for text, bars in panels.items()
        for bar in bars
        for phase, value in bar.items()
        if value >= SMALL_BAR * longest[text]
    }

    def fold(bar: dict[str, float]) -> dict[str, float]:
        small = sum(value for phase, value in bar.items() if phase not in shown)
        return {phase: value for phase, value in bar.items() if phase in shown} | ({OTHER: small} if small else {})

    return {text: [fold(bar) for bar in bars] for text, bars in panels.items()}


def _draw(axis: Axes, shown: Moment, phase_looks: dict[str, Look], second: float) -> None:
    """The lanes of a round, in units of ``second`` seconds."""
    facts = shown.facts
    start, end = (facts.start_s - shown.start_s) / second, (facts.end_s - shown.start_s) / second
    edges = np.cumsum([0.0, *_heights(shown)])
    for top, bottom, node in zip(edges[:-1], edges[1:], shown.lanes, strict=True):
        middle, (rows, slot) = (top + bottom) / 2, shown.bars(node)
        height = (bottom - top - 0.2) / (int(slot.max(initial=0)) + 1)
        for code in np.unique(facts.phase.codes[rows]):
            paint = _paint(phase_looks[facts.phase.names[code]])
            for track in np.unique(slot):
                bars = rows[(facts.phase.codes[rows] == code) & (slot == track)]
                spans = list(zip(start[bars], end[bars] - start[bars], strict=True))
                outline = 0.2 if height > 0.3 else 0.0
                axis.broken_barh(spans, (top + 0.1 + height * float(track), height), linewidth=outline, **paint)
        waits, drops = shown.waits(node), shown.drops(node)
        axis.hlines(np.full(waits.size, middle), start[waits], end[waits], color=GREY, linewidth=1.5)
        crosses = axis.plot(start[drops], np.full(drops.size, middle), "x", color=BLACK, markersize=4, clip_on=False)
        crosses[0].set_in_layout(False)  # the layout would make room for what sticks out over the axis
    axis.set_yticks((edges[:-1] + edges[1:]) / 2, shown.lanes)
    axis.set_ylim(edges[-1] + 0.1, -0.1)
    axis.tick_params(axis="y", length=0)
    axis.grid(True, axis="x")


def _heights(shown: Moment) -> list[float]:
    """Height of each lane: one, but more for a server of many slots, as far as a page allows."""
    return [min(max(1.0, 0.4 * (int(shown.bars(node)[1].max(initial=0)) + 1)), 6.0) for node in shown.lanes]


def _sheet(legend: Sequence[Patch | Line2D], height_in: float) -> tuple[Figure, int]:
    """A figure with room for the panels and, below them, a legend of as many columns as its texts allow."""
    longest = max((len(str(entry.get_label())) for entry in legend), default=0)
    columns = max(1, min(len(legend), 5, int(WIDTH_IN / (0.5 + 0.062 * longest))))
    rows = -(-len(legend) // columns)
    return Figure(figsize=(WIDTH_IN, height_in + 0.1 + LEGEND_ROW_IN * rows), layout="constrained"), columns


def _lines(count: int) -> list[tuple[str, Any]]:
    """Colour and dash of each of several curves; both change, so that a grey print tells neighbours apart."""
    return [(COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]) for i in range(count)]


def _paint(look: Look) -> dict[str, Any]:
    return {"facecolor": look.face, "edgecolor": look.edge, "hatch": look.hatch}


def _patch(look: Look, label: str) -> Patch:
    return Patch(label=label, linewidth=0.4, **_paint(look))


def _counted(found: Group) -> str:
    return found.label if len(found.runs) == 1 else f"{found.label}, {len(found.runs)}\N{NO-BREAK SPACE}seeds"


def _wrapped(text: str, width: int) -> str:
    return fill(text, width, break_on_hyphens=False)
