"""Tells and draws where the best cut changes, from points.csv; with folders of runs, makes that table of them first.

wirelessfsl sweep analysis/cut_layer/learning.yaml --jobs 2
wirelessfsl sweep analysis/cut_layer/times.yaml --timing-only --jobs 2
python -m analysis.cut_layer.draw [runs/cut_layer_learning runs/cut_layer_times]
"""

from __future__ import annotations

import json
import sys
from itertools import product
from math import log
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from analysis.tables import Row, asked, column, middle, read, said, write
from wirelessfsl.results.looks import BLACK, BLUE, GREEN, ORANGE, PURPLE, STYLE, WIDTH_IN
from wirelessfsl.results.plots.sheets import save

HERE = Path(__file__).parent
CUTS = {
    "block1": ("after block 1", BLUE, "o"),
    "block2": ("after block 2", ORANGE, "s"),
    "fc1": ("after fc1", GREEN, "^"),
    "fc2": ("after fc2", PURPLE, "D"),
    "u_shape": ("U: block 1 and fc2 (PFSL)", BLACK, "v"),
}
DEVICES = {"phone": "telephones", "microcontroller": "microcontrollers"}
PAIRS = {"round_s": "predicted_s", "round_j": "predicted_j"}
"""What is measured of a round, and what is predicted of it."""
SHOWN = (("s", "predicted_s"), ("s", "predicted_s"), ("devices_j", "predicted_j"))
LABELS = ("time to 0.9 (s)", "time (block 2 = 1)", "energy (block 2 = 1)")
RIVALS = (("block1", "block2"), ("block2", "fc1"), ("block2", "fc2"), ("fc1", "fc2"))
ROUNDS = "SELECT run, round FROM targets"
EVENTS = """
SELECT run, round, max(end_s), sum(energy_j) FILTER (WHERE node <> 'server') FROM events GROUP BY run, round
ORDER BY run, round
"""


def collected(learning: Path, times: Path) -> list[dict[str, Any]]:
    """A row a run of ``times``: what it takes to the target, what a round takes, and what was predicted of a round."""
    needed = {(row["cut"], row["seed"]): rounds for row, (rounds,) in asked(ROUNDS, learning)}
    rows: dict[str, dict[str, Any]] = {}
    for point, (round_, end_s, spent_j) in asked(EVENTS, times):
        own = rows.setdefault(
            point["name"],
            {
                "cut": point["cut"],
                "device": point["device"],
                "distance_m": json.loads(point["network.layout.distances_m"])[0],
                "seed": int(point["seed"]),
                "rounds": needed[point["cut"], point["seed"]],
                "s": None,
                "devices_j": 0.0,
                "round_s": 0.0,
                "round_j": 0.0,
                "predicted_s": None,
                "predicted_j": None,
            },
        )
        if own["rounds"] is not None and round_ <= own["rounds"]:
            own["s"] = end_s
            own["devices_j"] += spent_j
        own["round_s"] = end_s / round_
        own["round_j"] += (spent_j - own["round_j"]) / round_
    for row in rows.values():
        row["predicted_s"], row["predicted_j"] = predicted(row["cut"], row["device"], row["distance_m"], row["seed"])
    order = [*CUTS]
    return sorted(rows.values(), key=lambda r: (order.index(r["cut"]), r["device"], r["distance_m"], r["seed"]))


def predicted(cut: str, device: str, distance_m: float, seed: int) -> tuple[float, float]:
    """Seconds of a round and joules of all devices in it, as ``wirelessfsl cuts`` predicts them."""
    from wirelessfsl.prediction import predict
    from wirelessfsl.scenario import dataset_of
    from wirelessfsl.studies.study import load_study

    if not _SCENARIOS:
        for point in load_study(HERE / "times.yaml", timing_only=True).points:
            values = point.values
            _SCENARIOS[values["cut"], values["device"], *values["network.layout.distances_m"], values["seed"]] = point
    scenario = _SCENARIOS[cut, device, distance_m, seed].scenario
    found = predict(scenario, dataset_of(scenario))
    return found.seconds, scenario.data.clients * found.joules


_SCENARIOS: dict[tuple[Any, ...], Any] = {}


def tell(rows: list[Row]) -> None:
    print({cut: sorted({int(row["rounds"]) for row in _of(rows, cut)}) for cut in CUTS})
    for device in DEVICES:
        print(f"| {device}, m |", " | ".join(CUTS), "| s: measured, predicted | J: measured, predicted |")
        print("|---|" + "---|" * (len(CUTS) + 2))
        for place in _places(rows):
            costs = [said(_costs(rows, cut, device, place, "s")) for cut in CUTS]
            best = [", ".join(_best(rows, device, place, what) for what in pair) for pair in PAIRS.items()]
            print(f"| {place:g} |", " | ".join([*costs, *best]), "|")
    for device, (one, other), (measured, expected) in product(DEVICES, RIVALS, PAIRS.items()):
        found = [crossings(rows, device, one, other, what) for what in (measured, expected)]
        print(device, one, other, measured, *found)
    for (measured, expected), cut in product(PAIRS.items(), CUTS):
        errors = [100 * (float(row[expected]) / float(row[measured]) - 1) for row in _of(rows, cut)]
        print(expected, cut, f"off by {said(errors)} %, from {min(errors):.1f} to {max(errors):.1f}")


def crossings(rows: list[Row], device: str, one: str, other: str, what: str) -> str:
    """The distance from which on ``other`` is cheaper than ``one``, where every seed has just one such.

    Between two places the logarithm of the ratio is taken to be linear in that of the distance.
    """
    places, found = _places(rows), []
    for seed in sorted({row["seed"] for row in rows}):
        own = [r for r in rows if r["seed"] == seed]
        costs = [[_costs(own, cut, device, place, what)[0] for place in places] for cut in (one, other)]
        ratios = [log(a / b) for a, b in zip(*costs, strict=True)]
        ends = [i for i in range(1, len(ratios)) if (ratios[i] > 0) != (ratios[i - 1] > 0)]
        if len(ends) != 1 or ratios[0] > 0:
            return "not in every seed"
        low, high, i = ratios[ends[0] - 1], ratios[ends[0]], ends[0]
        found.append(places[i - 1] * (places[i] / places[i - 1]) ** (low / (low - high)))
    return f"{said(found)} m"


def draw(rows: list[Row]) -> Figure:
    """Time to the target over distance, and time and energy as shares of those after block 2; lines are predictions."""
    places = _places(rows)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 5.4), layout="constrained")
        panels = figure.subplots(3, 2, sharex=True)
        for (device, name), column_of in zip(DEVICES.items(), panels.T, strict=True):
            for cut, (words, colour, marker) in CUTS.items():
                look: Any = {"color": colour, "marker": marker, "markersize": 4, "linestyle": "none", "capsize": 1.5}
                for axis, (what, expected) in zip(column_of, SHOWN, strict=True):
                    whole = axis is column_of[0]
                    measured = [_shares(rows, cut, device, place, what, whole) for place in places]
                    means, halves = zip(*map(middle, measured), strict=True)
                    axis.errorbar(places, means, halves, elinewidth=0.8, label=words, **look)
                    line = [middle(_shares(rows, cut, device, place, expected, whole))[0] for place in places]
                    axis.plot(places, line, color=colour, linewidth=0.8)
            column_of[0].set_title(name)
            column_of[-1].set_xlabel("distance of all devices (m)")
        for line, label in zip(panels, LABELS, strict=True):
            for axis in line:
                axis.set(yscale="log", xscale="log")
                axis.xaxis.set_major_locator(FixedLocator((10, 50, 100, 200, 400)))
                axis.xaxis.set_minor_locator(NullLocator())
                axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.yaxis.set_minor_locator(NullLocator())
                axis.grid(True)
            line[0].set_ylabel(label)
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _shares(rows: list[Row], cut: str, device: str, place: float, what: str, whole: bool) -> list[float]:
    """Costs to the target, one a seed; if not ``whole`` as shares of those after block 2."""
    costs = _to_target(rows, cut, device, place, what)
    return (
        costs if whole else [a / b for a, b in zip(costs, _to_target(rows, "block2", device, place, what), strict=True)]
    )


def _to_target(rows: list[Row], cut: str, device: str, place: float, what: str) -> list[float]:
    own = _of(rows, cut, device, place)
    return [float(row[what]) * (float(row["rounds"]) if what.startswith("predicted") else 1.0) for row in own]


def _best(rows: list[Row], device: str, place: float, what: str) -> str:
    """The cut in two at which a round costs least."""
    return min([*CUTS][:4], key=lambda cut: middle(_costs(rows, cut, device, place, what))[0])


def _places(rows: list[Row]) -> list[float]:
    return sorted({float(row["distance_m"]) for row in rows})


def _of(rows: list[Row], cut: str, device: str = "", place: float | None = None) -> list[Row]:
    return [
        row
        for row in rows
        if row["cut"] == cut and device in ("", row["device"]) and place in (None, float(row["distance_m"]))
    ]


def _costs(rows: list[Row], cut: str, device: str, place: float, what: str) -> list[float]:
    return column(_of(rows, cut, device, place), what)


def main() -> None:
    if sys.argv[1:]:
        write(HERE / "points.csv", collected(*map(Path, sys.argv[1:])))
    rows = read(HERE / "points.csv")
    tell(rows)
    save(draw(rows), HERE / "figure", ("png", "pdf"))


if __name__ == "__main__":
    main()
