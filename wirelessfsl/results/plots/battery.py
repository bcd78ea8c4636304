"""How long batteries last: the charge left over time, and the rounds until it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wirelessfsl.results.bands import mean_interval
from wirelessfsl.results.clients import Charge, charges, device_classes, lifetime
from wirelessfsl.results.looks import COLUMN_IN, GREY, INTERVAL, STYLE, WIDTH_IN, SchemeLook
from wirelessfsl.results.plots.sheets import (
    AXIS_IN,
    called,
    curve_legend,
    curve_looks,
    groups_of,
    interval_text,
    name_rows,
    row_names,
    rows_in,
    sheet,
    wrapped,
)
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run

CURVES_IN = 1.6
MARKED = 5
"""About how many markers a curve has."""


def battery(runs: Sequence[Run], width_in: float = COLUMN_IN) -> Figure:
    """Energy left in batteries over time, and the rounds they are expected to last; two panels a class of devices.

    A curve is the mean over the devices of the class and over the seeds, from the emptiest to the fullest of them in
    its band; it ends where the first run ends. The rounds are those of :func:`wirelessfsl.results.clients.lifetime`.
    """
    groups = groups_of(runs)
    classes = device_classes([found.runs[0].scenario for found in groups])
    left: dict[str, list[list[list[Charge]]]] = {}
    """By class, group, run and device."""
    for i, (found, each) in enumerate(zip(groups, classes, strict=True)):
        for j, run in enumerate(found.runs):
            for client, charge in charges(run.facts, run.scenario).items():
                of_class = left.setdefault(each[client], [[[] for _ in group.runs] for group in groups])
                of_class[i][j].append(charge)
    if not left:
        raise ValueError(f"{groups[0].runs[0].path}: no device has a battery; give it one with devices.battery")
    rows, curves = row_names(called(groups), width_in), curve_looks(groups)
    legend: list[Any] = curve_legend(groups, called(groups), width_in)
    if any(len([*chain(*by_run)]) > 1 for of_class in left.values() for by_run in of_class):
        legend.append(Patch(facecolor=GREY, alpha=0.5, label="range over devices"))
    if told := interval_text(groups):
        legend.append(Line2D([], [], label=told, **INTERVAL))
    side_by_side = width_in >= WIDTH_IN
    bars_in = AXIS_IN + rows_in(rows, 2 * len(left))
    heights = [max(CURVES_IN, bars_in)] if side_by_side else [CURVES_IN, bars_in]
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, sum(heights) * len(left) + 0.2 * len(left), width_in)
        axes = figure.subplots(
            *(len(heights) * len(left), 2 if side_by_side else 1), squeeze=False, height_ratios=heights * len(left)
        ).reshape(-1, 2)
        for (over_time, expected), (name, of_class) in zip(axes, left.items(), strict=True):
            over_time.set_title(wrapped(name, 42), loc="left")
            _draw_charge(over_time, [[*chain(*by_run)] for by_run in of_class], curves)
            for row, (by_run, look) in enumerate(zip(of_class, curves, strict=True)):
                if lives := [lifetime(devices) for devices in by_run if devices]:
                    rounds = mean_interval(np.array(lives))
                    expected.barh(row, rounds.mean, 0.6, color=look.colour)
                    expected.plot([rounds.low, rounds.high], [row, row], **INTERVAL)
            name_rows(expected, rows)
            expected.set_xlabel("expected battery life (rounds)")
            expected.set_xlim(left=0)
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure


def _draw_charge(axis: Axes, left: Sequence[Sequence[Charge]], curves: Sequence[SchemeLook]) -> None:
    """Mean and range over the devices of each group, on the instants at which a round of one of them ended."""
    most_j = max(float(charge.left_j[0]) for each in left for charge in each)
    fullest = scale("J", most_j)
    longest = scale("s", max(float(charge.time_s[-1]) for each in left for charge in each))
    for each, look in zip(left, curves, strict=True):
        if each:
            time = np.unique(np.concatenate([charge.time_s for charge in each]))
            time = time[time <= min(charge.time_s[-1] for charge in each)]
            joules = np.array([np.interp(time, charge.time_s, charge.left_j) for charge in each]) / fullest.factor
            time = time / longest.factor
            axis.fill_between(time, joules.min(0), joules.max(0), color=look.colour, alpha=0.2, linewidth=0)
            every = max(1, time.size // MARKED)
            axis.plot(
                *(time, joules.mean(0)),
                color=look.colour,
                linestyle=look.dash,
                marker=look.marker,
                markevery=(every, every),
            )
    axis.set_xlabel(f"simulated time ({longest.unit})")
    axis.set_ylabel(f"energy left ({fullest.unit})")
    axis.set_xlim(left=0)
    axis.set_ylim(0, 1.05 * most_j / fullest.factor)
    axis.grid(True)
