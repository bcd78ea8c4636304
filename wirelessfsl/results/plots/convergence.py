"""How accuracy grows with rounds, simulated time, energy and traffic: lines are runs, the seeds of a scenario alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from wirelessfsl.results import metrics
from wirelessfsl.results.looks import STYLE
from wirelessfsl.results.plots.sheets import counted, curve_of, groups_of, lines, sheet, wrapped
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run


def convergence(runs: Sequence[Run]) -> Figure:
    """Test accuracy against rounds, simulated time, energy of the whole network, and traffic; one line a run."""
    groups = groups_of(runs)
    curves = [[curve_of(run) for run in found.runs] for found in groups]
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
        Line2D([], [], color=colour, linestyle=dash, label=wrapped(counted(found), 90))
        for found, (colour, dash) in zip(groups, lines(len(groups)), strict=True)
    ]
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, 1.8)
        panels = figure.subplots(1, len(against), sharey=True)
        for panel, (label, x) in zip(panels, against.items(), strict=True):
            for found, (colour, dash) in zip(curves, lines(len(groups)), strict=True):
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
