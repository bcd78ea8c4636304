"""Tables of a report: what runs came to, phase by phase, how they were set and where they were made.

A cell shows four significant digits in a unit that fits and carries the exact value in s, J or bytes (``data``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any
from xml.etree.ElementTree import Element

from wirelessfsl.results.groups import Group, leaves
from wirelessfsl.results.looks import looks, words
from wirelessfsl.results.prefixes import said
from wirelessfsl.results.report.bars import costs
from wirelessfsl.results.report.html import folded, table, tag
from wirelessfsl.results.store import Run
from wirelessfsl.results.tables import compare
from wirelessfsl.results.tabulated import cells, statements

NONE = "–"


def comparison(runs: Sequence[Run], targets: Sequence[float]) -> list[Element]:
    """The comparison of the whole runs and, where there are any, of the costs to the targets; then what it says."""
    told = {"Accuracy, and costs of the whole run": compare(runs)}
    if targets:
        told["Costs up to the first evaluation that has the accuracy"] = compare(runs, targets)
    found = []
    for caption, rows in told.items():
        heads, *lines = cells(rows)
        found.append(table(caption, heads, [[name, *map(_lines, rest)] for name, *rest in lines]))
    return [*found, tag("ul", *(tag("li", line) for line in statements(rows)), class_="told")]


def summaries(groups: Sequence[Group], names: Sequence[str]) -> Element:
    """A row a run: the numbers of its ``summary.json``."""
    heads = ["run folder", "scenario", "seed", "status", "rounds", "simulated time", "final accuracy", "best accuracy"]
    heads += ["worst client", "energy of devices", "energy of server", "uplink", "downlink"]
    rows = []
    each = [(group.label, run) for group in groups for run in group.runs]
    for name, (label, run) in zip(names, each, strict=True):
        has = run.summary
        shares = [has["final"]["accuracy"], has["best"]["accuracy"], has["fairness"]["worst"]]
        joules = [has["energy_j"][side] for side in ("devices", "server")]
        sizes = [has["bytes"][way] for way in ("uplink", "downlink")]
        rows.append(
            [
                *(name, label, str(has["seed"]), has["status"], str(has["rounds"])),
                _exact(said("s", has["simulated_s"]), has["simulated_s"]),
                *(NONE if share is None else _exact(f"{share:.4f}", share) for share in shares),
                *(_exact(said("J", energy_j), energy_j) for energy_j in joules),
                *(_exact(said("B", size), size) for size in sizes),
            ]
        )
    return table("Accuracies are shares of held-out samples, those of clients of their own ones", heads, rows)


def phases(group: Group) -> Element:
    """A row a phase: seconds of a client's round, joules, bytes."""
    columns = costs(group)
    units = ("s", "J", "J", "B")
    rows = [
        [
            words(phase),
            *(
                _exact(said(unit, column[phase]), column[phase]) if phase in column else NONE
                for unit, column in zip(units, columns, strict=True)
            ),
        ]
        for phase in looks(phase for column in columns for phase in column)
    ]
    heads = ["phase", "time of a client's round", "energy of devices", "energy of server", "traffic"]
    caption = "Time: mean over clients and rounds; energy and traffic: of a whole run" + (
        ", mean over seeds" if len(group.runs) > 1 else ""
    )
    return table(caption, heads, rows)


def differences(what: str, names: Sequence[str], columns: Sequence[dict[str, Any]]) -> list[Element]:
    """Nested plain data side by side: first where it differs, then, folded, what all have.

    what: is compared. names, columns: what is compared; of a single one everything is folded.
    """
    flat = [{".".join(path): _text(value) for path, value in leaves(values)} for values in columns]
    cells = {path: [values.get(path, NONE) for values in flat] for path in dict.fromkeys(chain(*flat))}
    common = [(path, values[0]) for path, values in cells.items() if len(set(values)) == 1]
    differing = [(path, *values) for path, values in cells.items() if len(set(values)) > 1]
    found = []
    if differing:
        rows = [("", *names), *differing]
        if len(differing) < len(names):  # the longer way goes down the page
            rows = [*zip(*rows, strict=True)]
        found.append(table(f"{what} that differ", rows[0], rows[1:]))
    if common:
        title = f"{what} that all have" if differing else what
        found.append(folded(f"{title} ({len(common)})", table(title, ("", "value"), common)))
    return found


def _lines(cell: str) -> Element:
    """A cell with its interval, if it has one, in a line of its own."""
    value, bracket, interval = cell.partition(" [")
    return tag("span", value, *((tag("br"), f"[{interval}") if bracket else ()), class_="whole")


def _exact(shown: str, value: float) -> Element:
    return tag("data", shown, value=repr(value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
