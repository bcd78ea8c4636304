"""What it takes to reach an accuracy, against a setting: runs as points of lines, seeds as repetitions of a point.

Runs are on one line if they differ by nothing but the setting, what goes with it (has one value wherever the setting
has one, as the two halves of a zipped axis do) and the seed. A scheme is never taken for something that goes with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from wirelessfsl.results.axes import Axis
from wirelessfsl.results.groups import OWN, Setting, called, leaves
from wirelessfsl.results.metrics import Reached, convergence, reached
from wirelessfsl.results.store import Run


class Point(NamedTuple):
    """Runs of all seeds at one place of a line.

    x: value of the setting.
    reached: what it took those that reached the accuracy.
    runs: how many runs there are, reached or not.
    """

    x: float | str
    reached: tuple[Reached, ...]
    runs: int

    @property
    def complete(self) -> bool:
        """Whether all of them reached it: a mean over some is no mean of all."""
        return len(self.reached) == self.runs


class Line(NamedTuple):
    """Points in the order of the axis, what tells the line from the others, and the kind of its algorithm."""

    label: str
    kind: str
    points: tuple[Point, ...]


def tradeoffs(runs: Sequence[Run], axis: Axis, target_accuracy: float) -> list[Line]:
    """The lines of a figure, in the order of the runs.

    runs: with evaluations; each has a value on the axis.
    target_accuracy: accuracy to reach, 0 to 1.
    """
    flat = [
        {path: json.dumps(value) for path, value in leaves(run.scenario) if path[0] not in ("name", "seed")}
        for run in runs
    ]
    values = [axis.values[run.path] for run in runs]
    own = axis.path[:-1] if axis.path[-1:] == ("kind",) else axis.path
    differ = [
        path
        for path in dict.fromkeys(path for each in flat for path in each)
        if len({each.get(path) for each in flat}) > 1
        and (path == ("algorithm", "kind") or not _goes_with(values, [each.get(path) for each in flat]))
        and not (own and path[: len(own)] == own)
    ]
    together: dict[tuple[str | None, ...], list[int]] = {}
    for i, each in enumerate(flat):
        together.setdefault(tuple(each.get(path) for path in differ), []).append(i)
    lines = [[runs[i] for i in members] for members in together.values()]
    kinds = [str(found[0].scenario["algorithm"]["kind"]) for found in lines]
    names = [found[0].name if len({run.name for run in found}) == 1 else "" for found in lines]
    told = called(names, kinds, [_nested(dict(zip(differ, values, strict=True))) for values in together])
    return [
        Line(label + OWN * any(run.personal for run in found), kind, _points(found, axis, target_accuracy))
        for label, kind, found in zip(told, kinds, lines, strict=True)
    ]


def _goes_with(values: Sequence[float | str], others: Sequence[str | None]) -> bool:
    """Whether a setting is a function of the axis."""
    return len(set(zip(values, others, strict=True))) == len(set(values))


def _nested(settings: dict[Setting, str | None]) -> dict[str, Any]:
    """Settings by their paths, as a scenario has them; those that there are."""
    found: dict[str, Any] = {}
    for path, text in settings.items():
        if text is not None:
            below = found
            for part in path[:-1]:
                below = below.setdefault(part, {})
            below[path[-1]] = json.loads(text)
    return found


def _points(runs: Sequence[Run], axis: Axis, target_accuracy: float) -> tuple[Point, ...]:
    costs: dict[float | str, list[Reached | None]] = {}
    for run in runs:
        hit = reached(convergence(run.evaluations), target_accuracy)
        costs.setdefault(axis.values[run.path], []).append(hit)
    in_order = [x for x in axis.places if x in costs]
    return tuple(Point(x, tuple(hit for hit in costs[x] if hit), len(costs[x])) for x in in_order)
