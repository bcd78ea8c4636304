"""Trials of an adaptive study: what their runs came to, which are best, and ``trials.csv``.

A trial that misses the target is infeasible by as much accuracy as it lacks in its worst run; what it is told to have
cost then is its whole run. The best trial, or the Pareto front, is among the feasible ones. All of it is a function of
the run folders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from operator import le, mul
from statistics import fmean
from typing import Any

from wirelessfsl.results.exports import as_text
from wirelessfsl.results.metrics import convergence, reached
from wirelessfsl.results.store import Run
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.search import COSTS, NUMBERS, Search
from wirelessfsl.studies.work import finished, run_of


@dataclass(frozen=True)
class Trial:
    """A set of values that was tried.

    values: by parameter, a plain value or an alternative's name.
    points: one a seed; none if the values make no scenario.
    objectives: their numbers, means over the points; none where something failed.
    short_by: accuracy that the worst run lacks to the target, at most 0 if none; None without a target.
    error: what failed.
    """

    values: Mapping[str, Any]
    points: tuple[Point, ...]
    objectives: tuple[float, ...] = ()
    short_by: float | None = None
    error: str = ""

    @property
    def status(self) -> str:
        """``done``, ``short`` of the target or ``failed``."""
        return "failed" if self.error else "short" if (self.short_by or 0) > 0 else "done"


def judged(search: Search, values: Mapping[str, Any], points: Sequence[Point]) -> Trial:
    """The trial that points are, from their run folders."""
    runs, points = [], tuple(points)
    for point in points:
        run = run_of(point)
        if run is None or not finished(run):
            why = run.manifest.get("error") if run else None
            return Trial(values, points, error=f"{point.name}: {why or 'did not finish'}")
        runs.append(run)
    target = search.target_accuracy
    numbers = {each.name: fmean(_number(run, each.name, target) for run in runs) for each in search.objectives}
    short_by = None if target is None else target - min(_number(run, "best_accuracy", None) for run in runs)
    unknown = [name for name, x in (numbers | {"best_accuracy": short_by or 0.0}).items() if not isfinite(x)]
    if unknown:
        return Trial(values, points, error=f"{unknown[0]} is not a number")
    return Trial(values, points, tuple(numbers.values()), short_by)


def _number(run: Run, name: str, target: float | None) -> float:
    """An objective's number; NaN if the run has none, the cost of all of the run if it missed the target."""
    if name in COSTS:
        curve = convergence(run.evaluations)
        hit = reached(curve, target) or reached(curve, None)
        return float(getattr(hit, COSTS[name], nan))
    value: Any = run.summary
    for key in NUMBERS[name]:
        value = value[key]
    return nan if value is None else float(value)


def front(search: Search, trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other one dominates, each once: of one objective the best.

    Of two trials that are done, one dominates the other if it is no worse in any objective and better in one.
    """
    first: dict[tuple[str, ...], Trial] = {}
    for trial in trials:
        if trial.status == "done":
            first.setdefault(tuple(point.digest for point in trial.points), trial)
    signs = [-1 if each.maximise else 1 for each in search.objectives]
    costs = [tuple(map(mul, signs, trial.objectives)) for trial in first.values()]
    return [
        trial
        for trial, cost in zip(first.values(), costs, strict=True)
        if not any(other != cost and all(map(le, other, cost)) for other in costs)
    ]


def trial_rows(search: Search, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The table of trials.

    Number, status, whether on the front, parameters, objectives (where the target was missed without the costs to reach
    it), accuracy that is lacking to the target, points, and what failed; None for what is not known.
    """
    best = {id(trial) for trial in front(search, trials)}
    table = []
    for i, trial in enumerate(trials):
        numbers = dict(zip((each.name for each in search.objectives), trial.objectives, strict=False))
        missing = COSTS if trial.status == "short" else ()
        table.append(
            {"trial": i, "status": trial.status, "on_front": int(id(trial) in best)}
            | dict(trial.values)
            | {each.name: None if each.name in missing else numbers.get(each.name) for each in search.objectives}
            | {"short_by": None if trial.short_by is None else max(trial.short_by, 0)}
            | {"points": " ".join(point.path.name for point in trial.points), "error": trial.error}
        )
    return table


def outcome(search: Search, table: Sequence[Mapping[str, Any]]) -> str:
    """How many trials came to what, and the best or the front; where no trial reached the target, the nearest."""
    count = Counter(row["status"] for row in table)
    told = [f"{len(table)} trials"] + [f"{count[status]} {status}" for status in ("short", "failed") if count[status]]
    shown = [row for row in table if row["on_front"]]
    what = "best" if len(search.objectives) == 1 else "Pareto front"
    columns = ["trial", *(each.name for each in (*search.parameters, *search.objectives))]
    if not shown:
        shown = sorted((row for row in table if row["status"] == "short"), key=lambda row: float(row["short_by"]))[:1]
        what = f"none reached {search.target_accuracy}, nearest" if shown else "nothing is known"
        columns.append("short_by")
    return f"{', '.join(told)}; {what}:\n{as_text(columns, [[row[name] for name in columns] for row in shown])}"
