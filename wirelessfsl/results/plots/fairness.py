"""How evenly a scheme serves its clients: the final accuracy of every client on its own test samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wirelessfsl.results.looks import BLACK, COLUMN_IN, DARK, INTERVAL, STYLE, WHITE
from wirelessfsl.results.plots.sheets import (
    AXIS_IN,
    accuracies_of,
    called_by_accuracy,
    curve_looks,
    groups_of,
    name_rows,
    row_names,
    rows_in,
    seeds_of_all,
    sheet,
)
from wirelessfsl.results.store import Run

LANES = 0.5
"""Height in a row over which its seeds are spread."""
POINTS: Any = {"linestyle": "", "alpha": 0.6, "markeredgewidth": 0}
WORST: Any = {"color": BLACK, "linestyle": "", "marker": "<", "markerfacecolor": WHITE, "markersize": 3.5}


def fairness(runs: Sequence[Run], width_in: float = COLUMN_IN) -> Figure:
    """Final accuracy of each client, a point a client; one row a scenario, in which each seed has a lane.

    Below the points mean and standard deviation over clients, and the worst client; each is the mean over the seeds.
    """
    groups = groups_of(runs)
    accuracies = [[accuracies_of(run) for run in found.runs] for found in groups]
    names = row_names(called_by_accuracy(groups), width_in)
    legend = [
        Line2D([], [], label=f"a client{seeds_of_all(groups)}", color=DARK, marker="o", **POINTS),
        Line2D([], [], label="mean ± std", **INTERVAL),
        Line2D([], [], label="worst", **WORST),
    ]
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, AXIS_IN + rows_in(names), width_in)
        axis = figure.subplots()
        for row, (each, look) in enumerate(zip(accuracies, curve_looks(groups), strict=True)):
            lanes = row - 0.1 + LANES * (np.arange(len(each)) - (len(each) - 1) / 2) / len(each)
            for accuracy, lane in zip(each, lanes, strict=True):
                axis.plot(accuracy, np.full(accuracy.size, lane), color=look.colour, marker=look.marker, **POINTS)
            mean, std, worst = (float(np.mean([fold(one) for one in each])) for fold in (np.mean, np.std, np.min))
            axis.plot([mean - std, mean, mean + std], [row + 0.3] * 3, **INTERVAL)
            axis.plot(worst, row + 0.3, **WORST)
        name_rows(axis, names)
        low, _ = axis.get_xlim()
        axis.set_xticks([tick for tick in axis.get_xticks() if low <= tick <= 100])  # a bar may go further
        axis.set_xlabel("final test accuracy of a client (%)")
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure
