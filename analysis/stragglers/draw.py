"""Tells and draws what stragglers cost, from points.csv; with a folder of runs, makes that table of them first.

wirelessfsl sweep analysis/stragglers/study.yaml --jobs 2
python -m analysis.stragglers.draw [runs/stragglers]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from analysis.tables import Row, asked, column, middle, read, said, write
from wirelessfsl.results.looks import BLUE, GREY, ORANGE, STYLE, VERMILLION, WIDTH_IN
from wirelessfsl.results.plots.sheets import save

HERE = Path(__file__).parent
TARGETS = (0.8, 0.85, 0.9)
LAST = 5
"""Rounds at the end whose accuracies are averaged."""
POLICIES = {
    "wait": "wait for all",
    "drop_1.6": "1.6 s, drop",
    "drop_0.8": "0.8 s, drop",
    "partial_1.6": "1.6 s, partial work",
    "partial_0.8": "0.8 s, partial work",
    "best_channels": "8 best channels",
    "random_half": "random half",
    "band_to_last": "wait, equal finish",
    "v2_wait": "V2: wait for all",
    "v2_drop_1.6": "V2: 1.6 s, drop",
    "async": "asynchronous",
}
SLOW = "('client-8', 'client-9')"

COSTS = """
WITH late AS (SELECT DISTINCT run, node, round FROM events WHERE activity = 'drop')
SELECT e.run, max(end_s) / max(e.round), count(DISTINCT (late.node, late.round)) FILTER (WHERE late.node IS NOT NULL),
       sum(energy_j) FILTER (WHERE e.node LIKE 'client%'), sum(energy_j) FILTER (WHERE late.node IS NOT NULL),
       sum(energy_j) FILTER (WHERE e.node LIKE 'client%' AND activity = 'idle')
FROM events e LEFT JOIN late ON e.run = late.run AND e.node = late.node AND e.round = late.round GROUP BY e.run
"""
ACCURACIES = f"""
SELECT m.run, avg(m.accuracy) FILTER (WHERE client IS NULL),
       avg(m.accuracy) FILTER (WHERE client = 'client-8'), avg(m.accuracy) FILTER (WHERE client = 'client-9'),
       avg(m.accuracy) FILTER (WHERE client NOT IN {SLOW})
FROM metrics m JOIN runs r USING (run) WHERE split = 'test' AND m.round > r.rounds - {LAST} GROUP BY m.run
"""
TIMES = """
SELECT t.run, target, t.round, t.time_s, sum(m.energy_j)
FROM targets t JOIN metrics m ON t.run = m.run AND t.round = m.round AND split = 'test' AND client IS NOT NULL
GROUP BY t.run, target, t.round, t.time_s
"""


def collected(folder: Path) -> list[dict[str, Any]]:
    """A row a run: what a round took, who was dropped and what that wasted, accuracies at the end, costs to targets."""
    rows: dict[str, dict[str, Any]] = {}
    for point, (round_s, drops, spent_j, wasted_j, idle_j) in asked(COSTS, folder):
        rows[point["name"]] = {
            "policy": point["policy"],
            "seed": int(point["seed"]),
            "round_s": round_s,
            "drops": drops,
            "devices_j": spent_j,
            "wasted_j": wasted_j or 0.0,
            "idle_j": idle_j,
        }
    for point, accuracies in asked(ACCURACIES, folder):
        rows[point["name"]] |= dict(zip(("accuracy", "client_8", "client_9", "others"), accuracies, strict=True))
    for row in rows.values():
        row |= {f"{what}_to_{target}": None for target in TARGETS for what in ("rounds", "s", "devices_j")}
    for point, (target, rounds, time_s, spent_j) in asked(TIMES, folder):
        found = {"rounds": rounds, "s": time_s, "devices_j": spent_j}
        rows[point["name"]] |= {f"{what}_to_{target:g}": value for what, value in found.items()}
    order = [*POLICIES]
    return sorted(rows.values(), key=lambda row: (order.index(row["policy"]), row["seed"]))


def tell(rows: list[Row]) -> None:
    print("| policy | s a round | s to 0.85 | reached | J of devices to 0.85 | rounds to 0.85 |", end="")
    print(" accuracy at the end, % | client-8, far client-9, others, % | dropped, J % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for policy, name in POLICIES.items():
        own = [row for row in rows if row["policy"] == policy]
        reached = column(own, "s_to_0.85")
        cells = [said(column(own, "round_s"))]
        cells += [said(reached) if len(reached) > 1 else "-", f"{len(reached)} of {len(own)}"]
        cells += [
            said(column(own, what)) if len(reached) > 1 else "-" for what in ("devices_j_to_0.85", "rounds_to_0.85")
        ]
        cells.append(said([100 * x for x in column(own, "accuracy")]))
        slow = ("client_8", "client_9", "others")
        cells.append(", ".join(said([100 * x for x in column(own, what)]) for what in slow))
        shares = [100 * w / j for w, j in zip(column(own, "wasted_j"), column(own, "devices_j"), strict=True)]
        cells.append(said(shares))
        print("|", " | ".join([name, *cells]), "|")


def draw(rows: list[Row]) -> Figure:
    """A row a policy: time to the target, accuracy of slow clients and the others, joules and how many were wasted."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.9), layout="constrained")
        times, accuracies, joules = figure.subplots(1, 3, sharey=True, width_ratios=(1.1, 1.2, 1.0))
        for at, policy in enumerate(POLICIES):
            own = [row for row in rows if row["policy"] == policy]
            _dots(times, at, column(own, "s_to_0.85"), BLUE, "o")
            reached = len(column(own, "s_to_0.85"))
            if reached < len(own):
                times.annotate(
                    f"{reached} of {len(own)}", (1.0, at), xycoords=("axes fraction", "data"), ha="right", va="center"
                )
            for what, colour, marker, shift in (
                ("others", GREY, "o", -0.22),
                ("client_8", ORANGE, "s", 0.0),
                ("client_9", VERMILLION, "D", 0.22),
            ):
                _dots(accuracies, at + shift, column(own, what), colour, marker)
            spent = middle([j / 1e3 for j in column(own, "devices_j")])
            wasted = middle([j / 1e3 for j in column(own, "wasted_j")])[0]
            joules.barh(at, spent[0], color=GREY, height=0.6)
            joules.barh(at, wasted, color=VERMILLION, height=0.6)
            joules.errorbar(spent[0], at, xerr=spent[1], color="black", linewidth=0.8, capsize=1.5)
        times.set(xlabel="time to an accuracy of 0.85 (s)", xscale="log")
        times.xaxis.set_major_locator(FixedLocator((3, 10, 30, 100)))
        times.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        times.set_yticks(range(len(POLICIES)), POLICIES.values())
        times.set_ylim(len(POLICIES) - 0.5, -0.5)
        accuracies.set(xlabel="accuracy on own digits at the end")
        joules.set(xlabel="devices, 40 rounds (kJ)")
        for panel, letter in zip((times, accuracies, joules), "abc", strict=True):
            panel.tick_params(axis="y", length=0)
            panel.grid(True, axis="x")
            panel.set_title(f"({letter})", loc="left")
        handles = [
            accuracies.plot([], [], color=colour, marker=marker, linestyle="none", markersize=4, label=label)[0]
            for colour, marker, label in (
                (GREY, "o", "clients 0-7"),
                (ORANGE, "s", "slow client 8"),
                (VERMILLION, "D", "far client 9"),
            )
        ]
        handles.append(joules.barh(0, 0, color=VERMILLION, label="of clients dropped"))
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _dots(axis: Axes, at: float, values: list[float], colour: str, marker: str) -> None:
    """Mean with its 95 % interval, and a dot a seed."""
    axis.plot(values, [at] * len(values), color=colour, marker=".", markersize=3, linestyle="none", alpha=0.5)
    if len(values) > 2:
        mean, half = middle(values)
        axis.errorbar(mean, at, xerr=half, color=colour, marker=marker, markersize=4, linewidth=0.9, capsize=1.5)


def main() -> None:
    if sys.argv[1:]:
        write(HERE / "points.csv", collected(Path(sys.argv[1])))
    rows = read(HERE / "points.csv")
    tell(rows)
    save(draw(rows), HERE / "figure", ("png", "pdf"))


if __name__ == "__main__":
    main()
