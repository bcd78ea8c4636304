"""Figures of a scenario's network, fit to print: what its channel gives over time and place, and what hangs together.

Functions of tables alone (:mod:`wirelessfsl.charts`): no log, no simulator. A map has the same scale in both
directions, in a colour map that colour-blind readers and a grey print keep in order (cividis).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from wirelessfsl.charts import Coverage, Line, Plan, Samples
from wirelessfsl.results.looks import BLACK, BLUE, COLOURS, DARK, GREY, ORANGE, STYLE, VERMILLION, WHITE, WIDTH_IN
from wirelessfsl.results.prefixes import scale

ROW_IN, LEGEND_IN, NODE_IN = 1.15, 0.35, 0.4
NAMED = 20
"""Devices up to which a map of the topology has their numbers."""
TOGETHER = 10
"""Samples of which a mean is drawn."""
ASIDE = 0.12
"""Between clients who have the same cell, of the step from cell to cell."""
_CORNERS = (1, 1), (1, -1), (-1, 1), (-1, -1)
"""Of a marker, where a label may stand."""
_BLANK = {"boxstyle": "square,pad=0.05", "facecolor": WHITE, "edgecolor": "none"}
_DOTTED = (0, (2, 1.5))
STUB = 0.3
"""Share of a link around the edge that is drawn."""
_AROUND: Any = {"color": VERMILLION, "linewidth": 0.7, "linestyle": _DOTTED}
_MARKS = {"site": ("^", BLACK, 7.0), "relay": ("s", ORANGE, 5.0), "device": ("o", BLUE, 4.0)}
"""Marker, colour and size of what has a place."""


def channel(samples: Samples, coverage: Coverage | None, plan: Plan) -> Figure:
    """SINR, rate and, where there are such, MCS and serving cell of clients over time; below it the SINR over the area.

    samples: of the clients to show, at most as many as there are colours. coverage: of the map; None for a medium
    without places. plan: of who is on the map.
    """
    clients = [str(name) for name in dict.fromkeys(samples.client.tolist())]
    colours = dict(zip(clients, COLOURS, strict=False))
    rows = ["rate_bit_s"]
    if not np.isnan(samples.sinr_db).all():
        rows.insert(0, "sinr_db")
    if samples.mcs.max() >= 0:
        rows.append("mcs")
    if len(set(samples.cell.tolist())) > 1:
        rows.append("cell")
    cells = len(set(samples.cell.tolist()))
    served = [samples.cell[samples.direction == direction].tolist() for direction in dict.fromkeys(samples.direction)]
    once = cells > 1 and all(each == served[0] for each in served)
    heights = [0.35 + 0.1 * cells if row == "cell" else ROW_IN for row in rows]
    if coverage is not None:
        heights.append(0.45 + 3.0 * len(coverage.y_m) / len(coverage.x_m))
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 0.4 + sum(heights) + LEGEND_IN), layout="constrained")
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
        directions = [str(name) for name in dict.fromkeys(samples.direction.tolist())]
        for at, row in enumerate(rows):
            panels: list[Axes] = []
            both = once and row == "cell"
            last = row == rows[-1] or (once and row == rows[-2])
            for side, direction in enumerate(directions[:1] if both else directions):
                shared = panels[0] if panels else None
                panel = figure.add_subplot(grid[at, :] if both else grid[at, side], sharey=shared)
                _over_time(panel, samples, row, direction, colours)
                panel.tick_params(labelbottom=last, labelleft=side == 0)
                panels.append(panel)
            _name(panels, samples, row)
            if last:
                span = scale("s", samples.time_s.max())
                for panel in panels:
                    panel.set_xlabel(f"simulated time ({span.unit})")
            if both:
                panels[0].set_title("both directions")
            if at == 0:
                for panel, direction in zip(panels, directions, strict=True):
                    panel.set_title(direction)
        legend = [Line2D([], [], color=colour, label=client) for client, colour in colours.items()]
        if _fades(samples):
            means = f"{'rate, MCS' if 'mcs' in rows else 'rate'}: mean of {TOGETHER} samples"
            legend += [
                Line2D([], [], color=DARK, linewidth=1.6, label=f"SINR: without fading; {means}"),
                Line2D([], [], color=DARK, linewidth=0.5, label="samples, with fading"),
            ]
        if coverage is not None:
            _maps([figure.add_subplot(grid[-1, side]) for side in (0, 1)], directions, coverage, plan, colours)
        fits = sum(0.5 + 0.055 * len(str(entry.get_label())) for entry in legend) < WIDTH_IN
        figure.legend(handles=legend, loc="outside lower center", ncols=len(legend) if fits else 3)
    return figure


def topology(plan: Plan) -> Figure:
    """Devices, sites and relays in m to scale; beside them the wires to the server, with rate and delay.

    plan: what there is; either part is left out where it is empty.
    """
    layers = _layers(plan.lines, plan.server)
    with rc_context(STYLE):
        wired_in = 0.6 + NODE_IN * max(map(len, layers), default=0)
        figure = Figure(layout="constrained")
        panels: Sequence[Axes] = figure.subplots(1, bool(plan.places) + bool(plan.lines), squeeze=False)[0]
        if plan.places:
            figure.set_size_inches(WIDTH_IN if plan.lines else WIDTH_IN * 0.6, max(0.5 * WIDTH_IN, wired_in))
            _to_scale(panels[0], plan)
            handles, _ = panels[0].get_legend_handles_labels()
            figure.legend(handles=handles, loc="outside lower center", ncols=5 if plan.lines else 2)
        else:
            figure.set_size_inches(WIDTH_IN, wired_in)
        if plan.lines:
            _wired(panels[-1], plan, layers)
        if plan.places:
            _labels(panels[0], plan)
    return figure


def _over_time(panel: Axes, samples: Samples, row: str, direction: str, colours: Mapping[str, str]) -> None:
    """One quantity of all clients: where they fade the samples thin and, thick, what they scatter around."""
    second = scale("s", samples.time_s.max()).factor
    factor = scale("bit/s", samples.rate_bit_s.max()).factor if row == "rate_bit_s" else 1.0
    cells = _in_order(samples.cell.tolist())
    for i, (client, colour) in enumerate(colours.items()):
        own = (samples.client == client) & (samples.direction == direction)
        time = samples.time_s[own] / second
        if row == "cell":
            beside = ASIDE * (i - (len(colours) - 1) / 2)  # who has the same cell is seen, too
            number = np.array([cells.index(cell) for cell in samples.cell[own]])
            panel.step(time, number + beside, where="post", color=colour)
            continue
        value = getattr(samples, row)[own] / factor
        if row == "mcs":  # a gap out of range
            value = np.where((value < 0) | (samples.rate_bit_s[own] <= 0), np.nan, value)
        if not _fades(samples):
            panel.step(
                time, value, where="post", color=colour, linewidth=max(3.4 - 0.8 * i, 0.6)
            )  # equal ones all show
            continue
        panel.plot(time, value, color=colour, linewidth=0.4, alpha=0.5)
        if row == "sinr_db":
            panel.plot(time, samples.mean_sinr_db[own], color=colour, linewidth=1.6)
        else:
            parts = [np.array_split(each, max(1, len(time) // TOGETHER)) for each in (time, value)]
            panel.plot(*([_mean(part) for part in each] for each in parts), color=colour, linewidth=1.6)
    panel.set_xlim(0.0, float(samples.time_s.max()) / second or 1.0)
    panel.grid(True)


def _mean(values: NDArray[np.float64]) -> float:
    """Of those that are numbers; NaN of none."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else np.nan


def _fades(samples: Samples) -> bool:
    return not np.array_equal(samples.sinr_db, samples.mean_sinr_db, equal_nan=True)


def _name(panels: Sequence[Axes], samples: Samples, row: str) -> None:
    rate = scale("bit/s", samples.rate_bit_s.max()).unit
    words = {"sinr_db": "SINR (dB)", "rate_bit_s": f"rate ({rate})", "mcs": "MCS index", "cell": "serving cell"}
    panels[0].set_ylabel(words[row])
    if row == "cell":
        cells = _in_order(samples.cell.tolist())
        panels[0].set_yticks(range(len(cells)), cells, fontsize=6)
        panels[0].set_ylim(-0.6, len(cells) - 0.4)
    elif row != "sinr_db":
        panels[0].set_ylim(bottom=0 if row == "rate_bit_s" else None)
        panels[0].yaxis.set_major_locator(MaxNLocator(4, integer=row == "mcs"))


def _maps(
    panels: Sequence[Axes], directions: Sequence[str], coverage: Coverage, plan: Plan, colours: Mapping[str, str]
) -> None:
    """The SINR over the area in both directions, and on it who is where."""
    every = np.concatenate([each[np.isfinite(each)] for each in coverage.sinr_db.values()])
    low, high = np.percentile(every, [1.0, 99.0])
    step = coverage.x_m[1] - coverage.x_m[0]
    extent = (*_edges(coverage.x_m, step), *_edges(coverage.y_m, step))
    for panel, direction in zip(panels, directions, strict=True):
        shown = np.maximum(coverage.sinr_db[direction], low)  # nothing received is the lowest, too
        image = panel.imshow(shown, origin="lower", extent=extent, vmin=low, vmax=high, cmap="cividis")
        for border in plan.borders_m:
            panel.plot(*border.T, color=WHITE, linewidth=0.5)
        for name, way in plan.ways_m.items():
            panel.plot(*way.T, color=colours.get(name, GREY), linewidth=0.9 if name in colours else 0.3)
        for role, (marker, _, size) in _MARKS.items():
            for place in plan.places:
                if place.role == role:
                    colour = colours.get(place.name, BLACK if role != "device" else GREY)
                    at = [place.x_m], [place.y_m]
                    panel.plot(*at, marker, color=colour, markersize=size, markeredgecolor=WHITE, markeredgewidth=0.5)
        panel.set_xlim(extent[:2])
        panel.set_ylim(extent[2:])
        panel.set_xlabel("x (m)")
        panel.set_title(f"{direction}, over the area")
    panels[0].set_ylabel("y (m)")
    panels[1].tick_params(labelleft=False)
    without = f" without {', '.join(coverage.left_out)}" if coverage.left_out else ""
    bar = panels[0].figure.colorbar(image, ax=list(panels), extend="both", pad=0.02)
    bar.set_label(f"SINR{without} (dB)")


def _edges(centres: NDArray[np.float64], step: float) -> tuple[float, float]:
    return float(centres[0] - step / 2), float(centres[-1] + step / 2)


def _to_scale(panel: Axes, plan: Plan) -> None:
    """The part that has places."""
    at = {place.name: (place.x_m, place.y_m) for place in plan.places}
    devices = [place for place in plan.places if place.role == "device"]
    numbered = len(devices) <= NAMED
    for border in plan.borders_m:
        panel.plot(*border.T, color=GREY, linewidth=0.8)
    direct: dict[str, Any] = {"color": GREY, "linewidth": 0.5, "linestyle": _DOTTED}
    around = False
    for device, by in plan.served.items():
        start, end = np.array(at[device]), np.array((by.x_m, by.y_m))
        image = not np.allclose(end, at[by.name])
        shown = start + STUB * (end - start) if image else end
        panel.plot(*zip(start, shown, strict=True), **(_AROUND if image else direct), zorder=1)
        around |= image
    for way in plan.ways_m.values():
        panel.plot(*way.T, color=BLUE, linewidth=0.4, alpha=0.6)
    for role, (marker, colour, size) in _MARKS.items():
        x, y = ([p.x_m for p in plan.places if p.role == role], [p.y_m for p in plan.places if p.role == role])
        if x:
            label = (f"{role}s" if len(x) > 1 else role) + (" (numbered)" if numbered and role == "device" else "")
            style: dict[str, Any] = {"color": colour, "markersize": size, "linestyle": "", "zorder": 3}
            panel.plot(x, y, marker, label=label, **style)
    if plan.served:
        panel.plot([], [], color=GREY, linewidth=0.8, linestyle=_DOTTED, label="served by, at the beginning")
    if around:
        panel.plot([], [], **_AROUND, label="served around the edge")
    if plan.ways_m:
        panel.plot([], [], color=BLUE, linewidth=0.8, label="ways")
    panel.set_aspect("equal", adjustable="box")
    panel.set_xlabel("x (m)")
    panel.set_ylabel("y (m)")
    panel.grid(True)
    if not plan.lines:
        sites = sum(place.role == "site" for place in plan.places)
        panel.set_title("the server is at the sites" if sites > 1 else f"the server is at {plan.server}")


def _labels(panel: Axes, plan: Plan) -> None:
    """Names of sites and relays, and numbers of devices if they are few, each at a corner where nothing else is."""
    assert panel.figure is not None
    panel.figure.draw_without_rendering()  # type: ignore[union-attr]  # lays out: places have pixels from here on
    point = panel.figure.dpi / 72
    pixels = {place.name: panel.transData.transform((place.x_m, place.y_m)) for place in plan.places}
    radius = {role: size / 2 for role, (_, _, size) in _MARKS.items()}
    taken = [
        Bbox([pixels[place.name] - radius[place.role] * point, pixels[place.name] + radius[place.role] * point])
        for place in plan.places
    ]
    devices = [place for place in plan.places if place.role == "device"]
    for place in [each for each in plan.places if each.role != "device"] + devices * (len(devices) <= NAMED):
        text = place.name.removeprefix("client-") if place.role == "device" else place.name
        r = radius[place.role] + 1  # clear of its own marker
        label = panel.annotate(text, (place.x_m, place.y_m), (r, r), textcoords="offset points", fontsize=6, color=DARK)
        for x, y in (*_CORNERS, _CORNERS[0]):  # the first again if none is free
            label.set(position=(x * r, y * r), ha="left" if x > 0 else "right", va="bottom" if y > 0 else "top")
            box = label.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def _layers(lines: Sequence[Line], server: str) -> list[list[str]]:
    """Nodes by the number of lines to the server, from there outwards; the nearer to its neighbour, the better."""
    layers, found = [[server]] if lines else [], {server}
    while layers:
        ring = [other for near in layers[-1] for other in _neighbours(lines, near) if other not in found]
        if not ring:
            break
        layers.append(list(dict.fromkeys(ring)))
        found |= set(ring)
    return layers


def _neighbours(lines: Sequence[Line], node: str) -> list[str]:
    return _in_order(end for line in lines if node in line.ends for end in line.ends if end != node)


def _wired(panel: Axes, plan: Plan, layers: Sequence[Sequence[str]]) -> None:
    """The part that has none: the server to the right, and whoever is one line farther one step to the left."""
    at = {}
    for depth, ring in enumerate(layers):
        for i, node in enumerate(ring):
            at[node] = (-float(depth), (len(ring) - 1) / 2.0 - i)
    for line in plan.lines:
        (x, y), (x2, y2) = sorted(at[end] for end in line.ends)
        panel.plot([x, x2], [y, y2], color=GREY, linewidth=1.0, zorder=1)
        share = 0.5 if len(layers[round(-x)]) == 1 else 0.4  # nearer to the outer end, where wires are farther apart
        middle = x + share * (x2 - x), y + share * (y2 - y)
        panel.text(*middle, _told(line), ha="center", va="center", fontsize=6, bbox=_BLANK)
    for node, (x, y) in at.items():
        heavy = node == plan.server
        box = {"boxstyle": "round,pad=0.3", "facecolor": WHITE, "edgecolor": BLACK, "linewidth": 1.2 if heavy else 0.6}
        panel.text(x, y, node, ha="center", va="center", bbox=box, weight="bold" if heavy else "normal")
    panel.set_xlim(0.4 - len(layers), 0.6)
    tallest = max(len(ring) for ring in layers)
    panel.set_ylim(-tallest / 2 - 0.1, tallest / 2 + 0.1)
    panel.set_axis_off()
    panel.set_title("wires to the server (bold)" if plan.places else "what carries messages to the server (bold)")


def _told(line: Line) -> str:
    rates = [
        f"{bit_s / (fit := scale('bit/s', bit_s)).factor:.4g} {fit.unit}" for bit_s in (line.up_bit_s, line.down_bit_s)
    ]
    delay = scale("s", line.delay_s)
    wait = f"{line.delay_s / delay.factor:.4g} {delay.unit}"
    both = rates[0] if rates[0] == rates[1] else f"{rates[0]} up, {rates[1]} down"
    return "\n".join(text for text in (both, wait, line.note) if text)


def _in_order(names: Any) -> list[str]:
    """Names once each, numbers in them by value."""
    return sorted(
        set(names), key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    )
