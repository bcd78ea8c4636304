"""How accuracy grows, with what, and how evenly over the clients: lines, the seeds of a scenario as mean and band."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from wirelessfsl.results.bands import FEW, mean_interval, stepped
from wirelessfsl.results.columns import Floats
from wirelessfsl.results.groups import Group
from wirelessfsl.results.looks import SchemeLook
from wirelessfsl.results.metrics import Curve, client_accuracy, convergence
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.report.charts import Chart, Trace, chart, packed, stroke, text

POINTS = 500
"""A line of more points is drawn through so many of them, evenly chosen, its last one among them."""
SHARE = {"minallowed": -2, "maxallowed": 102}
"""Of an axis of shares in %: a band may go beyond what there can be, and markers need room."""
Points = tuple[Floats, Floats]


def growth(groups: Sequence[Group], looks: Sequence[SchemeLook]) -> list[Chart]:
    """Test accuracy against rounds, simulated time, energy of the whole network, and traffic."""
    curves = [
        [curve for run in group.runs if (curve := convergence(run.evaluations)).accuracy.size] for group in groups
    ]
    every = [curve for found in curves for curve in found]
    if not every:
        return []
    against: list[tuple[str, str, str, Callable[[Curve], Floats]]] = [
        ("rounds", "communication round", "", lambda curve: curve.round.astype(float)),
        ("time", "simulated time", "s", lambda curve: curve.time_s),
        ("energy", "energy of the whole network", "J", lambda curve: curve.energy_j),
        ("traffic", "traffic, up and down", "B", lambda curve: curve.bytes.astype(float)),
    ]
    personal = ", ".join(group.label for group in groups if any(run.personal for run in group.runs))
    caption = (
        f"Accuracy on held-out data{f'; mean over own models of the clients: {personal}' if personal else ''}."
        f"{_bands(curves)}{_thinned(curve.accuracy.size for curve in every)}"
    )
    charts = []
    for what, axis, unit, of in against:
        factor, shown = scale(unit, max(float(of(curve).max()) for curve in every)) if unit else (1.0, "")
        traces: list[Trace] = []
        for i, (group, look, found) in enumerate(zip(groups, looks, curves, strict=True)):
            points = [(of(curve) / factor, 100 * curve.accuracy) for curve in found]
            traces += _lines(i, group, look, points, f"%{{y:.2f}} % at %{{x:.4g}} {shown or 'rounds'}")
        label = f"{axis} ({shown})" if shown else axis
        charts.append(
            chart(
                f"Accuracy against {what}",
                caption,
                traces,
                label,
                "test accuracy (%)",
                xaxis={"rangemode": "tozero"},
                yaxis=SHARE,
            )
        )
    return charts


def fairness(groups: Sequence[Group], looks: Sequence[SchemeLook]) -> list[Chart]:
    """Accuracy of every client on its own test samples in the last evaluation, from the worst to the best."""
    traces: list[Trace] = []
    sizes = []
    for i, (group, look) in enumerate(zip(groups, looks, strict=True)):
        for run in group.runs:
            accuracy = np.sort(client_accuracy(run.evaluations))
            if accuracy.size:
                sizes.append(accuracy.size)
                points = (100 * np.arange(1, accuracy.size + 1) / accuracy.size, 100 * accuracy)
                traces += _lines(i, group, look, [points], "%{y:.2f} % or less at %{x:.3g} % of the clients")
    if not traces:
        return []
    caption = f"Each client's own test samples, last evaluation, clients sorted: a flat line is fair.{_thinned(sizes)}"
    return [chart("Accuracy of each client", caption, traces, "share of clients (%)", "accuracy (%)", yaxis=SHARE)]


def _bands(curves: Sequence[Sequence[Curve]]) -> str:
    if not any(len(found) >= FEW for found in curves):
        return ""
    return f" From {FEW} seeds on their mean and its 95 % interval, as far as all of them go."


def _thinned(sizes: Iterable[int]) -> str:
    return f" Lines of more than {POINTS} points are drawn through {POINTS} of them." if max(sizes) > POINTS else ""


def _lines(i: int, group: Group, look: SchemeLook, lines: Sequence[Points], hover: str) -> list[Trace]:
    """Lines of a scenario, the i-th of the page: from a few on as their mean with a band around it."""
    traces: list[Trace] = []
    if len(lines) >= FEW:
        x, y = stepped(lines)
        told = mean_interval(y)
        x, low, mean, high = _chosen(x, told.low, told.mean, told.high)
        lines = [(x, mean)]
        band = {"x": packed(np.concatenate([x, x[::-1]])), "y": packed(np.concatenate([high, low[::-1]]))}
        paint = {"fill": "toself", "fillcolor": f"{look.colour}33", "hoverinfo": "skip"}
        traces.append({"type": "scatter", "mode": "none", "legendgroup": str(i), **band, **paint})
    for line in lines:
        x, y = _chosen(*line)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if x.size <= 25 else "lines",
                "name": text(group.label),
                "legendgroup": str(i),
                "x": packed(x),
                "y": packed(y),
                **stroke(look),
                "hovertemplate": f"{hover}<extra>%{{fullData.name}}</extra>",
            }
        )
    return traces


def _chosen(*columns: Floats) -> list[Floats]:
    """The points of a line that are drawn."""
    size = columns[0].size
    rows = np.unique(np.linspace(0, size - 1, min(size, POINTS)).astype(int))
    return [column[rows] for column in columns]
