"""How accuracy grows with rounds, simulated time, energy and traffic.

A line is the mean over the seeds of a scenario, in a band that is its 95 % interval as far as an accuracy can be; of
one or two seeds every run is a line. What a run reaches holds until its next evaluation, and a mean ends where the
first of its runs ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from wirelessfsl.results import metrics
from wirelessfsl.results.bands import FEW, mean_interval, stepped
from wirelessfsl.results.columns import Floats
from wirelessfsl.results.looks import COLUMN_IN, GREY, STYLE, WIDTH_IN, SchemeLook
from wirelessfsl.results.plots.sheets import (
    called_by_accuracy,
    curve_legend,
    curve_looks,
    curve_of,
    groups_of,
    interval_text,
    sheet,
)
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run

MARKED = 8
"""About how many markers a curve has."""


def convergence(runs: Sequence[Run], width_in: float = COLUMN_IN) -> Figure:
    """Test accuracy against rounds, simulated time, energy of the whole network, and traffic; a curve a scenario."""
    groups = groups_of(runs)
    curves = [[curve_of(run) for run in found.runs] for found in groups]
    every = [curve for found in curves for curve in found]
    time, joules, traffic = (
        scale(unit, max(float(getattr(curve, column).max()) for curve in every))
        for unit, column in (("s", "time_s"), ("J", "energy_j"), ("B", "bytes"))
    )
    against: dict[str, Callable[[metrics.Curve], Floats]] = {
        "communication round": lambda curve: curve.round.astype(float),
        f"simulated time ({time.unit})": lambda curve: curve.time_s / time.factor,
        f"total energy ({joules.unit})": lambda curve: curve.energy_j / joules.factor,
        f"total traffic ({traffic.unit})": lambda curve: curve.bytes / traffic.factor,
    }
    legend: list[Any] = [*curve_legend(groups, called_by_accuracy(groups), width_in)]
    if told := interval_text(groups):
        legend.append(Patch(facecolor=GREY, alpha=0.5, label=told))
    rows = 2 if width_in < WIDTH_IN else 1
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, 1.7 * rows, width_in)
        grid = figure.subplots(rows, 4 // rows, sharey=True, squeeze=False)
        panels = grid.ravel()
        for panel, (label, x) in zip(panels, against.items(), strict=True):
            for found, look in zip(curves, curve_looks(groups), strict=True):
                _draw(panel, [(x(curve), 100 * curve.accuracy) for curve in found], look, min(0.2, 0.8 / len(groups)))
            panel.set_xlabel(label)
            panel.set_xlim(left=0)
            panel.grid(True)
        for panel in grid[:, 0]:
            panel.set_ylabel("test accuracy (%)")
        panels[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure


def _draw(panel: Axes, curves: Sequence[tuple[Floats, Floats]], look: SchemeLook, alpha: float) -> None:
    """The curves of a scenario as one with its band, or each on its own where they are few or never at once."""
    grid, values = stepped(curves)
    if len(curves) >= FEW and grid.size:
        told = mean_interval(values)
        panel.fill_between(
            grid, told.low.clip(0, 100), told.high.clip(0, 100), color=look.colour, alpha=alpha, linewidth=0
        )
        curves = [(grid, told.mean)]
    for x, y in curves:
        panel.plot(
            *(x, y),
            color=look.colour,
            linestyle=look.dash,
            marker=look.marker,
            markevery=max(1, -(-x.size // MARKED)),
        )
