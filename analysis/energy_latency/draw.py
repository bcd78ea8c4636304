"""Tells and draws what trades joules for seconds, from points.csv; with folders of runs, makes that table first.

wirelessfsl sweep analysis/energy_latency/learning.yaml --jobs 2
wirelessfsl sweep analysis/energy_latency/times.yaml --timing-only --jobs 2
python -m analysis.energy_latency.draw [runs/energy_latency_learning runs/energy_latency_times]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.tables import Row, asked, column, middle, read, said, write
from wirelessfsl.results.looks import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    STYLE,
    VERMILLION,
    WIDTH_IN,
)
from wirelessfsl.results.plots.sheets import save

HERE = Path(__file__).parent
REFERENCE = ("reference", "none")
FAMILIES = {
    "transmit power": (BLUE, "o", ("none", "tx_17", "tx_10", "tx_3")),
    "power by deadline": (SKY, "v", ("none", "power_0.4", "power_0.6")),
    "clock by deadline": (GREEN, "^", ("none", "clock_0.6")),
    "both by deadline": (PURPLE, "D", ("none", "both_0.4", "both_0.6")),
    "bandwidth": (ORANGE, "s", ("band_2", "band_5", "band_10", "none", "band_50", "band_100")),
    "equal finish": (GREY, "P", ("none", "min_makespan")),
    "sleep after 10 ms": (VERMILLION, "X", ("none", "sleep_10ms")),
}
MARKS = {"tx": " dBm", "band": " MHz"}
THRIFTY = "bits_4"
SAVINGS = {
    "tx_17": (BLUE, "o"),
    "tx_10": (BLUE, "o"),
    "power_0.2": (SKY, "v"),
    "clock_0.2": (GREEN, "^"),
    "both_0.2": (PURPLE, "D"),
    "sleep_10ms": (VERMILLION, "X"),
}
"""Tried on the thriftiest work; colours as in the families."""
WORKS = {
    "reference": ("reference", 6, -2),
    "bits_8": ("8 bits", -27, 2),
    "bits_4": ("4 bits", -25, -1),
    "steps_2": ("2 steps", -29, -6),
    "steps_10": ("10 steps", -33, 1),
    "steps_20": ("20 steps", -20, 6),
    "bits_8_steps_10": ("8 bits, 10 steps", -64, 1),
    "batch_8": ("batch 8", -30, -2),
    "batch_16": ("batch 16", 5, -2),
    "bits_8_batch_16": ("8 bits, batch 16", 5, -3),
    "batch_64": ("batch 64", 5, -2),
    "half": ("half", 5, -7),
    "pfsl": ("pfsl", 5, -2),
    "fedlite": ("fedlite", 5, -2),
}
"""How a kind of work is called in the figure, and how many points from its mark that stands."""
PARTS = {
    "compute_j": ("compute", BLUE),
    "send_j": ("send", ORANGE),
    "receive_j": ("receive", VERMILLION),
    "idle_j": ("idle and listen", GREY),
}
ROUNDS = "SELECT run, round FROM targets"
EVENTS = """
SELECT run, round, max(end_s),
       sum(energy_j) FILTER (WHERE activity = 'compute'), sum(energy_j) FILTER (WHERE activity = 'transfer'),
       sum(energy_j) FILTER (WHERE activity = 'receive'), sum(energy_j) FILTER (WHERE activity = 'idle')
FROM (SELECT *, node = 'server' AS served FROM events) WHERE NOT served GROUP BY run, round ORDER BY run, round
"""


def collected(learning: Path, times: Path) -> list[dict[str, Any]]:
    """A row a run of ``times``: seconds, and joules of all devices, to the target."""
    needed = {(row["work"], row["seed"]): rounds for row, (rounds,) in asked(ROUNDS, learning)}
    rows: dict[str, dict[str, Any]] = {}
    for point, (round_, end_s, *joules) in asked(EVENTS, times):
        rounds = needed[point["work"], point["seed"]]
        own = rows.setdefault(
            point["name"],
            {
                "work": point["work"],
                "saving": point["saving"],
                "seed": int(point["seed"]),
                "rounds": rounds,
                "s": 0.0,
                "devices_j": 0.0,
                **dict.fromkeys(PARTS, 0.0),
            },
        )
        if round_ <= rounds:
            own["s"] = end_s
            for part, spent_j in zip(PARTS, joules, strict=True):
                own[part] += spent_j or 0.0
                own["devices_j"] += spent_j or 0.0
    return [*rows.values()]


def front(points: dict[tuple[str, str], tuple[float, float]]) -> list[tuple[str, str]]:
    """The points that no other beats in both, by rising time."""
    found: list[tuple[str, str]] = []
    for name in sorted(points, key=lambda name: points[name]):
        if not found or points[name][1] < points[found[-1]][1]:
            found.append(name)
    return found


def device_choices(rows: list[Row]) -> list[Row]:
    """Without other bands and devices, which are no choice of who has these."""
    return [row for row in rows if not row["saving"].startswith(("band", "pi", "nr"))]


def means(rows: list[Row], seed: str = "") -> dict[tuple[str, str], tuple[float, float]]:
    """Seconds and joules of every point, mean over seeds or of one."""
    names = dict.fromkeys((row["work"], row["saving"]) for row in rows)
    own = {name: [r for r in rows if (r["work"], r["saving"]) == name and seed in ("", r["seed"])] for name in names}
    return {name: (middle_of(r, "s"), middle_of(r, "devices_j")) for name, r in own.items() if r}


def middle_of(rows: list[Row], what: str) -> float:
    values = column(rows, what)
    return sum(values) / len(values)


def tell(rows: list[Row]) -> None:
    reference = {r["seed"]: r for r in rows if (r["work"], r["saving"]) == REFERENCE}
    seeds = [*reference]
    fronts = [front(means(device_choices(rows), seed)) for seed in seeds]
    print("| work | saving | rounds | s | J | times reference: s | J | compute, send, receive, idle % | on the front |")
    print("|---|---|---|---|---|---|---|---|---|")
    for work, saving in means(rows):
        own = [r for r in rows if (r["work"], r["saving"]) == (work, saving)]
        ratios = [
            said([float(r[what]) / float(reference[r["seed"]][what]) for r in own]) for what in ("s", "devices_j")
        ]
        shares = ", ".join(f"{100 * sum(column(own, part)) / sum(column(own, 'devices_j')):.0f}" for part in PARTS)
        on = f"{sum((work, saving) in each for each in fronts)} of {len(seeds)}"
        costs = [said(column(own, what)) for what in ("rounds", "s", "devices_j")]
        print("|", " | ".join([work, saving, *costs, *ratios, shares, on]), "|")
    print("front of means:", front(means(device_choices(rows))))


def draw(rows: list[Row]) -> Figure:
    """Joules over seconds to the target: ways to save on the reference, and kinds of work with the front."""
    found = means(rows)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        for name, (colour, marker, savings) in FAMILIES.items():
            points = [found["reference", saving] for saving in savings if ("reference", saving) in found]
            left.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=4, label=name)
            for saving in savings:
                family, _, value = saving.partition("_")
                if family in MARKS:
                    _mark(left, found["reference", saving], value + MARKS[family], colour, (5, -3))
        left.plot(*found[REFERENCE], color=BLACK, marker="*", markersize=9, linestyle="none", label="reference")
        for work, (words, *offset) in WORKS.items():
            right.plot(*found[work, "none"], color=BLUE, marker="o", markersize=4, linestyle="none")
            _mark(right, found[work, "none"], words, BLACK, offset)
        for saving, (colour, marker) in SAVINGS.items():
            right.plot(
                *found[THRIFTY, saving], color=colour, marker=marker, markersize=4, linestyle="none", mfc="white"
            )
        best = zip(*(found[name] for name in front(means(device_choices(rows)))), strict=True)
        right.plot(*best, color=BLACK, marker="o", markersize=9, mfc="none", linewidth=0.8, label="Pareto front")
        right.plot([], [], color=BLUE, marker="o", markersize=4, linestyle="none", label="as the work is")
        right.plot(
            [],
            [],
            color=BLUE,
            marker="o",
            markersize=4,
            mfc="white",
            linestyle="none",
            label="4 bits, saving as in (a)",
        )
        right.set_xlim(0.75, 15)
        right.plot(*found[REFERENCE], color=BLACK, marker="*", markersize=9, linestyle="none")
        for axis, letter in ((left, "a"), (right, "b")):
            axis.set(xscale="log", yscale="log", xlabel="time to 0.9 (s)", ylabel="energy of devices to 0.9 (J)")
            axis.set_title(f"({letter})", loc="left")
            axis.grid(True)
            for which, ticks in ((axis.xaxis, (1, 2, 3, 5, 10, 20, 40)), (axis.yaxis, (30, 50, 100, 200, 400, 800))):
                which.set_major_locator(FixedLocator(ticks))
                which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                which.set_minor_locator(NullLocator())
        left.legend(loc="upper left", fontsize=7)
        right.legend(loc="upper left", fontsize=7)
    return figure


def breakdown(rows: list[Row]) -> Figure:
    """What the joules to the target went into, with the reference's work."""
    families = [saving for _, _, savings in FAMILIES.values() for saving in savings]
    names = [*dict.fromkeys(["none", *families, "nr_modem", "pi", "pi_clock"])]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN / 2, 3.6), layout="constrained")
        axis = figure.subplots()
        for at, saving in enumerate(names):
            own = [r for r in rows if (r["work"], r["saving"]) == ("reference", saving)]
            left = 0.0
            for part, (label, colour) in PARTS.items():
                width = middle_of(own, part)
                axis.barh(at, width, left=left, color=colour, label=label if at == 0 else None, height=0.7)
                left += width
            axis.errorbar(left, at, xerr=middle(column(own, "devices_j"))[1], color=BLACK, linewidth=0.8, capsize=1.5)
        axis.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axis.set(xlabel="energy of devices to 0.9 (J)", ylim=(len(names) - 0.4, -0.6))
        axis.tick_params(axis="y", length=0)
        axis.grid(True, axis="x")
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def _mark(axis: Axes, point: tuple[float, float], text: str, colour: str, offset: tuple[float, float]) -> None:
    axis.annotate(text, point, xytext=offset, textcoords="offset points", fontsize=6.5, color=colour)


def main() -> None:
    if sys.argv[1:]:
        write(HERE / "points.csv", collected(*map(Path, sys.argv[1:])))
    rows = read(HERE / "points.csv")
    tell(rows)
    save(draw(rows), HERE / "figure", ("png", "pdf"))
    save(breakdown(rows), HERE / "breakdown", ("png", "pdf"))


if __name__ == "__main__":
    main()
