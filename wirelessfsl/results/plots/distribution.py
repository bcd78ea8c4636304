"""How long clients take: distributions of the time of a client's round, the clients of all seeds together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wirelessfsl.results.clients import Rounds, client_rounds
from wirelessfsl.results.columns import Floats
from wirelessfsl.results.looks import COLUMN_IN, STYLE, SchemeLook
from wirelessfsl.results.plots.sheets import counted, curve_legend, curve_looks, groups_of, sheet
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.store import Run

WIDE = 30.0
"""Ratio of the longest to the shortest time from which the axis is logarithmic."""
MARKED = 5
"""About how many markers a curve has."""


def latency_cdf(runs: Sequence[Run], width_in: float = COLUMN_IN) -> Figure:
    """Share of clients, by their mean round, and of single rounds of clients that are done within a time.

    The time is that of :func:`wirelessfsl.results.clients.client_rounds`, without waiting for the others. Rounds that a
    client left before it was done count as never done, so a curve may end below 100 %.
    """
    groups = groups_of(runs)
    parts = [[client_rounds(run.facts) for run in found.runs] for found in groups]
    panels = {
        ("mean round", "clients"): [np.concatenate([_by_client(run) for run in found]) for found in parts],
        ("round", "client-rounds"): [np.concatenate([run.seconds for run in found]) for found in parts],
    }
    done = np.concatenate([seconds[np.isfinite(seconds)] for found in panels.values() for seconds in found])
    if not done.size:
        raise ValueError(f"{groups[0].runs[0].path}: no client got to the end of a round")
    shown = scale("s", float(done.max()))
    legend = curve_legend(groups, [counted(found) for found in groups], width_in)
    with rc_context(STYLE):
        figure, legend_columns = sheet(legend, 1.9, width_in)
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, ((time, whose), found) in zip(axes, panels.items(), strict=True):
            if 0 < done.min() < done.max() / WIDE:
                axis.set_xscale("log")
            else:
                axis.set_xlim(0, 1.03 * float(done.max()) / shown.factor or 1.0)
                axis.locator_params(axis="x", nbins=5)
            for seconds, look in zip(found, curve_looks(groups), strict=True):
                _draw(axis, seconds / shown.factor, look)
            axis.set_xlabel(f"{time} of a client ({shown.unit})")
            axis.set_ylabel(f"{whose} done (%)")
            axis.set_ylim(0, 103)
            axis.grid(True)
        figure.legend(handles=legend, loc="outside lower center", ncols=legend_columns)
    return figure


def _by_client(parts: Rounds) -> Floats:
    """Mean over the rounds that a client was done with, inf for a client without any; shape (clients,)."""
    clients, place = np.unique(parts.client, return_inverse=True)
    done = np.isfinite(parts.seconds)
    total = np.bincount(place[done], weights=parts.seconds[done], minlength=clients.size)
    count = np.bincount(place[done], minlength=clients.size)
    mean: Floats = np.divide(total, count, out=np.full(clients.size, np.inf), where=count > 0)
    return mean


def _draw(axis: Axes, values: Floats, look: SchemeLook) -> None:
    """The empirical distribution function of values, in percent."""
    x = np.sort(values)
    y = 100 * np.arange(1, x.size + 1) / x.size
    x, y = x[np.isfinite(x)], y[np.isfinite(x)]
    axis.plot(
        np.append(x[:1], x),
        np.append(np.zeros(x[:1].size), y),
        drawstyle="steps-post",
        color=look.colour,
        linestyle=look.dash,
        marker=look.marker,
        markevery=max(1, -(-x.size // MARKED)),
    )
