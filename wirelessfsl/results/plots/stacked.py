"""Where time and energy go: stacked bars of phases, the mean over the seeds of a scenario."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from wirelessfsl.results import metrics
from wirelessfsl.results.groups import Group
from wirelessfsl.results.looks import OTHER, STYLE, looks, words
from wirelessfsl.results.plots.sheets import AXIS_IN, counted, groups_of, paint, patch, sheet, wrapped
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run

SMALL_BAR = 0.01
"""Phases below this share of a panel's longest bar are shown as one."""


def latency(runs: Sequence[Run]) -> Figure:
    """Mean seconds that a client spends in each phase of a round, stacked; one bar a scenario."""
    groups = groups_of(runs)
    bars = [_mean([metrics.latency_by_phase(run.facts) for run in found.runs]) for found in groups]
    lacking = "no client rows; no client computed, sent or waited"
    return _stacked(groups, {"mean time of a client's round": bars}, "s", lacking)


def energy(runs: Sequence[Run]) -> Figure:
    """Joules of the run by phase, stacked, idle included: all devices together, and the server; one bar a scenario."""
    groups = groups_of(runs)
    spent = [[metrics.energy_by_phase(run.facts) for run in found.runs] for found in groups]
    sides = {"energy of all devices": "devices", "energy of the server": "server"}
    panels = {text: [_mean([run[side] for run in each]) for each in spent] for text, side in sides.items()}
    return _stacked(groups, {text: bars for text, bars in panels.items() if any(bars)}, "J", "no node drew any energy")


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
    legend = [patch(look, words(phase)) for phase, look in phase_looks.items()]
    names = [wrapped(counted(found), 30) for found in groups]
    lines = max(name.count("\n") + 1 for name in names)
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, AXIS_IN + len(groups) * max(0.32, 0.14 * lines))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (label, bars) in zip(axes, panels.items(), strict=True):
            shown = scale(unit, max(sum(bar.values()) for bar in bars))
            left = np.zeros(len(bars))
            for phase, look in phase_looks.items():
                width = np.array([bar.get(phase, 0.0) for bar in bars]) / shown.factor
                axis.barh(range(len(bars)), width, 0.7, left, label=phase, linewidth=0.4, **paint(look))
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
