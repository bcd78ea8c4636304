"""What it takes to reach an accuracy against a setting of the scenario, such as the bandwidth: a line a scheme.

A point is the mean over the seeds of a scenario with its 95 % interval; of one or two seeds each is a dot. Where not
all of them reached the accuracy there is no mean: an open marker at the upper edge says how many did, and those that
did are dots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from wirelessfsl.results.axes import Axis
from wirelessfsl.results.bands import FEW, mean_interval
from wirelessfsl.results.looks import COLUMN_IN, GREY, STYLE, WIDTH_IN, SchemeLook, scheme_looks
from wirelessfsl.results.metrics import Reached
from wirelessfsl.results.plots.scales import logarithmic
from wirelessfsl.results.plots.sheets import curve_of, groups_of, sheet, wrapped
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run
from wirelessfsl.results.tradeoffs import Line, Point, tradeoffs

COSTS: dict[str, tuple[str, Callable[[Reached], float]]] = {
    "time": ("s", lambda cost: cost.time_s),
    "energy": ("J", lambda cost: cost.energy_j),
    "traffic": ("B", lambda cost: cost.bytes),
}
ASIDE_PT, SPREAD_PT = 3.0, 12.0
"""Between the points that lines have at one value of the setting, and between the outermost at most."""
NOWHERE: Any = ([], [])
"""Of what is in the legend alone."""
INTERVAL: Any = {"color": GREY, "marker": "|", "markersize": 8, "linestyle": ""}
COUNT: Any = {"fontsize": 6, "va": "center"}
OPEN: Any = {"markerfacecolor": "none", "markeredgewidth": 0.6, "linestyle": ""}
ROW = 0.09
"""Height of a row of open markers at the upper edge, of the panel's."""


def tradeoff(
    runs: Sequence[Run],
    axis: Axis,
    target_accuracy: float,
    width_in: float = COLUMN_IN,
    log: str = "",
    costs: Sequence[str] = ("time", "energy"),
) -> Figure:
    """Time and energy to an accuracy against a setting.

    runs: of any schemes, values of the setting and seeds.
    axis: the setting (:func:`wirelessfsl.results.axes.setting`).
    target_accuracy: accuracy to reach, 0 to 1.
    log: which axes are logarithmic: "x", "y" or "xy".
    costs: a panel each, of time, energy and traffic.

    Raises ValueError for a run without evaluations, if no run reached the accuracy, for a setting that has one value
    only, and for a logarithmic axis of words or of values that are not above 0.
    """
    groups_of(runs)
    best = max(float(curve_of(run).accuracy.max()) for run in runs)
    goal = f"{100 * target_accuracy:g} %"
    if best < target_accuracy:
        raise ValueError(f"no run reached {goal}, the best one {100 * best:.4g} %; give a lower --target-accuracy")
    if axis.path == ("algorithm", "kind"):
        raise ValueError("algorithm.kind is what the lines are; draw them against another setting")
    if len(axis.places) == 1:
        only = axis.places[0] if isinstance(axis.places[0], str) else f"{axis.places[0]:g} {axis.unit}".rstrip()
        raise ValueError(f"{axis.name} is {only} in all runs: there is nothing to draw it against")
    if "x" in log and any(isinstance(value, str) or value <= 0 for value in axis.values.values()):
        raise ValueError(f"{axis.name} has values that are not above 0; leave the x axis linear")
    lines = tradeoffs(runs, axis, target_accuracy)
    looks = scheme_looks([line.kind for line in lines])
    legend = [
        Line2D(*NOWHERE, color=look.colour, linestyle=look.dash, marker=look.marker, label=label)
        for label, look in zip((wrapped(line.label, int(12.5 * width_in)) for line in lines), looks, strict=True)
    ]
    points = [point for line in lines for point in line.points]
    if any(map(_has_interval, points)):
        legend.append(Line2D(*NOWHERE, **INTERVAL, label="95 % interval"))
    if not all(point.complete for point in points):
        legend.append(Line2D(*NOWHERE, **OPEN, color=GREY, marker="o", label="not reached by all"))
    across = width_in >= WIDTH_IN
    with rc_context(STYLE):
        figure, columns = sheet(legend, 2.1 if across else 1.65 * len(costs), width_in)
        panels = figure.subplots(*((1, len(costs)) if across else (len(costs), 1)), sharex=True, squeeze=False).ravel()
        for panel, cost in zip(panels, costs, strict=True):
            _draw(panel, lines, looks, axis, cost, goal, log)
        for panel in panels if across else panels[-1:]:
            panel.set_xlabel(axis.label)
        figure.legend(handles=legend, loc="outside lower center", ncols=columns)
    return figure


def _draw(
    panel: Axes, lines: Sequence[Line], looks: Sequence[SchemeLook], axis: Axis, cost: str, goal: str, log: str
) -> None:
    unit, of = COSTS[cost]
    shown = scale(unit, max(of(hit) for line in lines for point in line.points for hit in point.reached))
    figure, edge = panel.get_figure(root=True), panel.get_xaxis_transform()
    rows: Counter[float] = Counter()
    drawn: list[float] = []
    # Side by side: intervals at one value of the setting would hide each other.
    between = any(map(_has_interval, chain(*(line.points for line in lines)))) * min(ASIDE_PT, SPREAD_PT / len(lines))
    for i, (line, look) in enumerate(zip(lines, looks, strict=True)):
        aside = offset_copy(panel.transData, figure, between * (i - (len(lines) - 1) / 2), units="points")
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker}
        x = np.array([_place(point, axis) for point in line.points])
        mean = np.full(x.size, np.nan)
        for k, point in enumerate(line.points):
            values = np.array([of(hit) / shown.factor for hit in point.reached])
            drawn += values.tolist()
            if point.complete:
                told = mean_interval(values)
                mean[k] = told.mean
                if _has_interval(point):
                    panel.vlines(x[k], told.low, told.high, color=look.colour, linewidth=0.8, transform=aside)
                    drawn.append(float(told.high))
            else:
                at = 1 - ROW * (rows[x[k]] + 0.5)
                rows[x[k]] += 1
                panel.plot(x[k], at, **style, **OPEN, transform=edge)
                told_of = f"{values.size}/{point.runs}"
                panel.annotate(
                    told_of, (x[k], at), (3, 0), edge, textcoords="offset points", **COUNT, color=look.colour
                )
            if not _has_interval(point):
                panel.plot(np.full(values.size, x[k]), values, ".", color=look.colour, alpha=0.5, transform=aside)
        panel.plot(x, mean, **style, linestyle=look.dash, transform=aside)
    panel.set_ylabel(f"{cost} to {goal} ({shown.unit})")
    panel.grid(True)
    places = [float(i) if isinstance(x, str) else x / axis.shown.factor for i, x in enumerate(axis.places)]
    if axis.is_words:
        panel.set_xticks(places, map(str, axis.places))
    if "x" in log:
        logarithmic(panel, "x", places[0], places[-1], places)
    if "y" in log:
        logarithmic(panel, "y", min(drawn), max(drawn))
    # By hand: what is set aside has no part in Matplotlib's limits.
    room = 1.05 / (1 - ROW * max(rows.values(), default=0))
    panel.set_xlim(_padded(places[0], places[-1], 0.07, 0.07, "x" in log))
    panel.set_ylim(_padded(min(drawn) if "y" in log else 0.0, max(drawn), 0.1 * ("y" in log), room - 1, "y" in log))


def _padded(low: float, high: float, below: float, above: float, log: bool) -> tuple[float, float]:
    """Limits with room for shares of what is between."""
    if log:
        span = high / low if high > low else 2.0
        return low / span**below, high * span**above
    span = high - low or 1.0
    return low - below * span, high + above * span


def _has_interval(point: Point) -> bool:
    return point.complete and point.runs >= FEW


def _place(point: Point, axis: Axis) -> float:
    return float(axis.places.index(point.x)) if isinstance(point.x, str) else point.x / axis.shown.factor
