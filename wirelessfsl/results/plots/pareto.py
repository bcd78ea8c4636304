"""Which runs no other one beats: Pareto fronts of accuracy, time and energy.

A point is the mean over the seeds of a scenario: its best accuracy with what it took to get there, and in the last
panel time and energy to one accuracy, of those whose seeds all reached it. Points on a front are filled and joined by
the steps of what it offers at a cost; the others, which something on the front beats, are open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wirelessfsl.results.columns import Floats, Mask
from wirelessfsl.results.fronts import front
from wirelessfsl.results.groups import OWN, Group
from wirelessfsl.results.looks import COLUMN_IN, DARK, STYLE, WIDTH_IN, SchemeLook, scheme_look
from wirelessfsl.results.metrics import reached
from wirelessfsl.results.plots.scales import logarithmic
from wirelessfsl.results.plots.sheets import curve_of, groups_of, sheet, wrapped
from wirelessfsl.results.prefixes import Scale, scale
from wirelessfsl.results.store import Run

NUMBERED, LINE_IN = 9, 0.13
"""So many scenarios on fronts at most are numbered and named; height of a line of names."""
APART = 20.0
"""If costs of some panel differ by more than this factor, those of all are on logarithmic axes."""


class Side(NamedTuple):
    """One side of a panel: a value a scenario in s, J or %, NaN where it has none."""

    name: str
    unit: str
    values: Floats

    @property
    def is_cost(self) -> bool:
        """Whether less is better."""
        return self.unit != "%"

    @property
    def scale(self) -> Scale:
        """The unit in which it reads best."""
        return scale(self.unit, self.ends[1]) if self.is_cost else Scale(1.0, self.unit)

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.scale.unit})"

    @property
    def shown(self) -> Floats:
        """The values in that unit."""
        return self.values / self.scale.factor

    @property
    def ends(self) -> tuple[float, float]:
        """The least value and the largest."""
        return float(np.nanmin(self.values)), float(np.nanmax(self.values))


def pareto(runs: Sequence[Run], target_accuracy: float, width_in: float = COLUMN_IN) -> Figure:
    """Accuracy against time and against energy, and energy against time to one accuracy, with the front of each.

    target_accuracy: of the last panel, 0 to 1; the panel is left out if no scenario reached it with all its seeds.

    Raises ValueError for a run without evaluations and for a single scenario.
    """
    groups = groups_of(runs)
    if len(groups) == 1:
        raise ValueError(f"{groups[0].label} is the only scenario: a front is of several")
    best, goal = _costs(groups, None), _costs(groups, target_accuracy)
    top = np.array([np.mean([100 * curve_of(run).accuracy.max() for run in found.runs]) for found in groups])
    accuracy, to = Side("best accuracy", "%", top), f"to {100 * target_accuracy:g} %"
    panels = {
        "A": (Side("time to the best", "s", best[:, 0]), accuracy),
        "B": (Side("energy to the best", "J", best[:, 1]), accuracy),
    }
    if not np.isnan(goal).all():
        panels["C"] = (Side(f"time {to}", "s", goal[:, 0]), Side(f"energy {to}", "J", goal[:, 1]))
    costs = [side.ends for sides in panels.values() for side in sides if side.is_cost]
    log = any(high > APART * low > 0 for low, high in costs)
    fronts = {name: _front(*sides) for name, sides in panels.items()}
    winners = np.flatnonzero(np.any(list(fronts.values()), axis=0))
    winners = winners[np.argsort(best[winners, 0], kind="stable")]
    numbers = {int(i): str(n) for n, i in enumerate(winners, 1)} if winners.size <= NUMBERED else {}
    kinds = [str(found.runs[0].scenario["algorithm"]["kind"]) for found in groups]
    looks = [scheme_look(kind) for kind in kinds]
    schemes = [kind + OWN * any(run.personal for run in found.runs) for kind, found in zip(kinds, groups, strict=True)]
    legend = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=scheme)
        for scheme, look in dict(zip(schemes, looks, strict=True)).items()
    ]
    legend.append(Line2D([], [], color=DARK, linewidth=0.8, label="front"))
    texts = [wrapped(f"{number}: {groups[i].label}", int(18 * width_in)) for i, number in numbers.items()]
    layout = "".join(panels) if width_in >= WIDTH_IN else "AB;CC" if "C" in panels else "AB"
    with rc_context(STYLE):
        rows = layout.count(";") + 1
        height_in = (2.1 if width_in >= WIDTH_IN else 1.8 * rows) + LINE_IN * sum(
            1 + text.count("\n") for text in texts
        )
        figure, columns = sheet(legend, height_in, width_in)
        if texts:
            figure.suptitle("\n".join(texts), x=0.02, ha="left", fontsize=7)
        axes = figure.subplot_mosaic(layout)
        for name, sides in panels.items():
            _draw(axes[name], *sides, fronts[name], looks, numbers, log)
        axes["B"].sharey(axes["A"])
        axes["B"].set_ylabel("")
        axes["B"].tick_params(labelleft=False)
        if missing := int(np.isnan(goal[:, 0]).sum()) if "C" in panels else 0:
            axes["C"].set_title(
                f"without {missing} of {len(groups)}: not reached with every seed", loc="right", fontsize=6
            )
        figure.legend(handles=legend, loc="outside lower center", ncols=columns)
    return figure


def _costs(groups: Sequence[Group], accuracy: float | None) -> Floats:
    """Mean seconds and joules to an accuracy, of each run's own best for None; NaN unless all its seeds reached it."""
    found = []
    for each in groups:
        curves = [curve_of(run) for run in each.runs]
        hits = [reached(curve, float(curve.accuracy.max()) if accuracy is None else accuracy) for curve in curves]
        costs = [(hit.time_s, hit.energy_j) if hit else (np.nan, np.nan) for hit in hits]
        found.append(np.mean(costs, axis=0))
    return np.array(found)


def _front(x: Side, y: Side) -> Mask:
    """Of those that have both: cost against accuracy, or cost against cost."""
    there = ~np.isnan(x.values + y.values)
    sign = 1.0 if y.is_cost else -1.0
    found = np.zeros(there.size, dtype=bool)
    found[there] = front(np.stack([x.values[there], sign * y.values[there]], axis=1))
    return found


def _draw(
    panel: Axes, x: Side, y: Side, on_front: Mask, looks: Sequence[SchemeLook], numbers: dict[int, str], log: bool
) -> None:
    for i, look in enumerate(looks):
        at = x.shown[i], y.shown[i]
        style: dict[str, Any] = {} if on_front[i] else {"markerfacecolor": "none", "markeredgewidth": 0.6, "alpha": 0.6}
        panel.plot(*at, look.marker, color=look.colour, zorder=3, **style)
        if on_front[i] and i in numbers:
            beyond: Any = (
                {"ha": "right", "va": "top", "xytext": (-2, -2)} if y.is_cost else {"ha": "right", "xytext": (-2, 2)}
            )
            panel.annotate(numbers[i], at, textcoords="offset points", fontsize=6, **beyond)
    panel.set(xlabel=x.label, ylabel=y.label)
    if log:
        logarithmic(panel, "x", *x.ends)
        if y.is_cost:
            logarithmic(panel, "y", *y.ends)
    panel.margins(0.12)
    panel.grid(True)
    order = np.flatnonzero(on_front)[np.argsort(x.shown[on_front], kind="stable")]
    (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()
    across = np.concatenate([x.shown[order[:1]], x.shown[order], [right]])
    up = np.concatenate([[top if y.is_cost else bottom], y.shown[order], y.shown[order[-1:]]])
    panel.step(across, up, where="post", color=DARK, linewidth=0.8)
    panel.set(xlim=(left, right), ylim=(bottom, top))
