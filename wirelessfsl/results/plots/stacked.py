"""Where time and energy go: stacked bars of phases, the mean over the seeds of a scenario.

At the end of a bar stands the interval of its total, where there are at least three seeds to tell it from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wirelessfsl.results import metrics
from wirelessfsl.results.bands import mean_interval
from wirelessfsl.results.clients import device_classes, energy_by_class
from wirelessfsl.results.groups import Group
from wirelessfsl.results.looks import COLUMN_IN, INTERVAL, OTHER, STYLE, looks, words
from wirelessfsl.results.plots.sheets import (
    AXIS_IN,
    called,
    groups_of,
    interval_text,
    name_rows,
    paint,
    patch,
    row_names,
    rows_in,
    sheet,
    wrapped,
)
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run

SMALL_BAR = 0.01
"""Phases below this share of a panel's longest bar are shown as one."""
PANEL_IN = 2.3
"""Least width of a panel."""

Bars = list[list[dict[str, float]]]
"""By group, run and phase."""


def latency(runs: Sequence[Run], width_in: float = COLUMN_IN) -> Figure:
    """Mean seconds that a client spends in each phase of a round, stacked; one bar a scenario."""
    groups = groups_of(runs)
    bars = [[metrics.latency_by_phase(run.facts) for run in found.runs] for found in groups]
    lacking = "no client rows; no client computed, sent or waited"
    return _stacked(groups, {"mean time of a client's round": bars}, "s", lacking, width_in)


def energy(runs: Sequence[Run], width_in: float = COLUMN_IN) -> Figure:
    """Joules of the run by phase, stacked, idle included; a panel for each class of devices, and one for the server.

    A class are the devices of equal settings (profile, processor, battery and so on), together; one bar a scenario.
    """
    groups = groups_of(runs)
    classes = device_classes([found.runs[0].scenario for found in groups])
    names = list(dict.fromkeys(name for each in classes for name in each))
    spent = [
        [energy_by_class(run.facts, each) for run in found.runs] for found, each in zip(groups, classes, strict=True)
    ]
    panels: dict[str, Bars] = {}
    for name in names:
        counts = {each.count(name) for each in classes} - {0}
        number = f"{counts.pop()} × " if len(counts) == 1 else ""
        label = "energy of all devices" if len(names) == 1 else f"energy of {number}{name}"
        panels[label] = [[run.get(name, {}) for run in of_group] for of_group in spent]
    panels["energy of the server"] = [[metrics.energy_by_phase(run.facts)["server"] for run in g.runs] for g in groups]
    drawn = {label: bars for label, bars in panels.items() if any(bar for runs in bars for bar in runs)}
    return _stacked(groups, drawn, "J", "no node drew any energy", width_in)


def _stacked(groups: Sequence[Group], panels: dict[str, Bars], unit: str, lacking: str, width_in: float) -> Figure:
    """Horizontal bars, one a group, in panels that share groups and phases but not the scale."""
    means = _folded({text: [_mean(runs) for runs in bars] for text, bars in panels.items()})
    phase_looks = looks(phase for bars in means.values() for bar in bars for phase, value in bar.items() if value)
    if not phase_looks:
        raise ValueError(f"{groups[0].runs[0].path}: {lacking}")
    legend: list[Any] = [patch(look, words(phase)) for phase, look in phase_looks.items()]
    if told := interval_text(groups):
        legend.append(Line2D([], [], label=told, **INTERVAL))
    names = row_names(called(groups), width_in)
    columns = max(1, min(len(panels), int((width_in - 1) / PANEL_IN)))
    rows = -(-len(panels) // columns)
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, rows * (AXIS_IN + rows_in(names, rows)), width_in)
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        for axis, (label, bars) in zip(axes, means.items(), strict=False):
            sums = [np.array([sum(run.values()) for run in runs]) for runs in panels[label]]
            total, low, high = np.array([mean_interval(each) for each in sums]).T
            shown = scale(unit, float(total.max()))
            left = np.zeros(len(bars))
            for phase, look in phase_looks.items():
                width = np.array([bar.get(phase, 0.0) for bar in bars]) / shown.factor
                axis.barh(range(len(bars)), width, 0.7, left, label=phase, linewidth=0.4, **paint(look))
                left += width
            axis.plot(np.stack([low, high]) / shown.factor, np.arange(len(bars)) * np.ones((2, 1)), **INTERVAL)
            axis.set_xlabel(wrapped(f"{label} ({shown.unit})", int(11 * width_in / columns)))
            name_rows(axis, names)
            axis.locator_params(axis="x", nbins=7)
            axis.set_xlim(0, 1.03 * float(np.fmax(total, high).max()) / shown.factor or 1.0)
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure


def _mean(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """Key by key over the runs of a group; a phase that a run lacks took it nothing."""
    return {
        key: sum(value.get(key, 0.0) for value in values) / len(values) for key in {k: 0 for v in values for k in v}
    }


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
