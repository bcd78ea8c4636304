"""What a setting does: accuracy, time and energy against every number in which scenarios differ and nothing else.

Scenarios that are equal but for that number make a line; a point is a mean over seeds. Time and energy are to the
highest accuracy asked for that all seeds of some scenario reached, else of the whole run; a mean over some of the seeds
is none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from wirelessfsl.results.groups import OWN, Group, labels, leaves
from wirelessfsl.results.looks import SchemeLook, scheme_looks
from wirelessfsl.results.prefixes import scale
from wirelessfsl.results.report.charts import Chart, Trace, chart, packed, stroke, text
from wirelessfsl.results.tables import Spread, compare, spread

WIDE = 30
"""An axis whose largest number is more than so many times its smallest is logarithmic."""
Path = tuple[str, ...]
Point = tuple[float, tuple[Spread, Spread, Spread]]
"""A number with the final accuracy, time and energy of a scenario that has it."""


def tradeoffs(groups: Sequence[Group], targets: Sequence[float]) -> list[Chart]:
    """Final accuracy, time and energy against each such number."""
    runs = [run for found in groups for run in found.runs]
    scenarios = [found.runs[0].scenario for found in groups]
    flat = [{path: value for path, value in leaves(each) if path not in (("name",), ("seed",))} for each in scenarios]
    costs, goal = [row.costs[0] for row in compare(runs)], "of the whole run"
    rows = compare(runs, sorted(targets))
    for i, target in enumerate(sorted(set(targets))):
        if any(row.costs[i].time_s.n == row.runs for row in rows):
            costs, goal = [row.costs[i] for row in rows], f"to accuracy {target:g}"
    points = [
        (row.final_accuracy, *((spread([]),) * 2 if cost.missed else (cost.time_s, cost.energy_j)))
        for row, cost in zip(rows, costs, strict=True)
    ]
    charts = []
    for path in dict.fromkeys(path for each in flat for path, value in each.items() if type(value) in (int, float)):
        if lines := _lines(path, flat, [found.runs[0].timing_only for found in groups]):
            firsts = [scenarios[line[0]] for line in lines]
            kinds = [each.get("algorithm", {}).get("kind", "") for each in firsts]
            owners = [any(rows[i].personal for i in line) for line in lines]
            names = [name + OWN * own for name, own in zip(labels(kinds, firsts), owners, strict=True)]
            named = list(zip(names, scheme_looks(kinds), strict=True))
            charts += _against(path, [[(flat[i][path], points[i]) for i in line] for line in lines], named, goal)
    return charts


def _lines(path: Path, flat: Sequence[dict[Path, Any]], timing_only: Sequence[bool]) -> list[list[int]]:
    """Scenarios, by number, that are equal but for the setting, in its order; two or more a line."""
    alike: dict[frozenset[tuple[Path, Any]], list[int]] = {}
    for i, (each, timed) in enumerate(zip(flat, timing_only, strict=True)):
        if type(each.get(path)) in (int, float):
            rest = {other: json.dumps(value) for other, value in each.items() if other != path}
            alike.setdefault(frozenset({**rest, (): str(timed)}.items()), []).append(i)
    return [sorted(line, key=lambda i: flat[i][path]) for line in alike.values() if len(line) > 1]


def _against(
    path: Path, lines: Sequence[Sequence[Point]], named: Sequence[tuple[str, SchemeLook]], goal: str
) -> list[Chart]:
    name = ".".join(path)
    every = [value for line in lines for value, _ in line]
    wide = min(every) > 0 and max(every) > WIDE * min(every)
    charts = []
    for i, (title, unit) in enumerate((("Final accuracy", "%"), (f"Time {goal}", "s"), (f"Energy {goal}", "J"))):
        spreads = [[point[i] for _, point in line] for line in lines]
        known = [each.mean for line in spreads for each in line if each.n]
        if not known:
            continue
        factor, shown = (0.01, "%") if unit == "%" else scale(unit, max(known))
        traces: list[Trace] = [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": text(label),
                "x": packed([value for value, _ in line]),
                "y": packed([each.mean / factor for each in found]),
                "error_y": {"array": packed([each.std / factor for each in found]), "thickness": 1},
                **stroke(look),
                "hovertemplate": f"%{{y:.4g}} {shown} at %{{x:.6g}}<extra>%{{fullData.name}}</extra>",
            }
            for line, found, (label, look) in zip(lines, spreads, named, strict=True)
        ]
        caption = "Mean and sample standard deviation over seeds" + (
            "." if unit == "%" else "; no point where a run did not get there."
        )
        charts.append(
            chart(
                f"{title} against {path[-1]}",
                caption,
                traces,
                text(name, 60),
                f"{title[0].lower()}{title[1:]} ({shown})",
                showlegend=True,
                xaxis={"type": "log"} if wide else {},
            )
        )
    return charts
