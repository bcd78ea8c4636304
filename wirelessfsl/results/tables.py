"""Schemes side by side: what accuracy they end with, what time, energy and traffic targets took, and who is ahead.

Runs that differ only by seed are one row: mean, sample standard deviation and Student's confidence interval over its
runs; equal runs count once. Costs to a target are over the runs that reached it, and the row says which did not: a mean
over the lucky ones must not pass for a mean over all, so it has no interval, and nothing is called faster by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, NamedTuple

from wirelessfsl.results.groups import Group, group, leaves
from wirelessfsl.results.intervals import NONE, Interval, Ratio, ratio, student
from wirelessfsl.results.metrics import Curve, Reached, convergence, reached

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run


SURROUNDINGS = ("data", "devices", "server", "network")
"""The parts of a scenario in which rows that are measured by each other are equal, if there is a choice."""


class Spread(NamedTuple):
    """Mean over ``n`` runs, sample standard deviation, confidence interval of the mean; NaN for what there is not."""

    mean: float
    std: float
    n: int
    interval: Interval


class Missed(NamedTuple):
    """A run that did not reach a target: its seed and status, and the highest accuracy that it had (NaN: none)."""

    seed: int
    status: str
    best_accuracy: float


class Gain(NamedTuple):
    """How many times less than the baseline a row took: the baseline's costs over the row's; None where one is 0."""

    time_s: Ratio | None
    energy_j: Ratio | None
    bytes: Ratio | None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What it took to reach a target, over the runs that did.

    target_accuracy: 0 to 1; None for the last evaluation, or for all that is known of a run without any.
    time_s: simulated seconds.
    energy_j: joules of the whole network.
    bytes: bytes that flew, up and down.
    missed: the runs that did not reach it.
    gain: the baseline's costs over these; None without a baseline, if a run of either did not get there, or if the
        target is one of own models for one of them and of one model for the other.
    """

    target_accuracy: float | None
    time_s: Spread
    energy_j: Spread
    bytes: Spread
    missed: tuple[Missed, ...]
    gain: Gain | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One scenario in a comparison.

    label: the scenario's name, and what sets it apart from its namesakes.
    algorithm: kind of the scheme.
    runs: runs (seeds) of the scenario.
    unfinished: how many of them did not come to their end.
    personal: whether accuracies are means over clients' own models, each on its own test samples.
    baseline: whether it is what the others are measured by.
    final_accuracy: accuracy of the last evaluation, 0 to 1.
    best_accuracy: highest accuracy of any evaluation, 0 to 1.
    costs: one for each target, or the one of the whole run.
    spent: the largest time (s), energy (J) and traffic (bytes) of a whole run: what fits where no run got there.
    """

    label: str
    algorithm: str
    runs: int
    unfinished: int
    personal: bool
    baseline: bool
    final_accuracy: Spread
    best_accuracy: Spread
    costs: tuple[Cost, ...]
    spent: tuple[float, float, float]


def compare(
    runs: Sequence[Run],
    targets: Sequence[float] = (),
    *,
    baseline: str | None = None,
    confidence: float = 0.95,
) -> list[Row]:
    """One row a scenario, in the order given.

    runs: run folders, any number of seeds of any number of scenarios.
    targets: accuracies, 0 to 1, to which time, energy and bytes are counted; without any, to the last evaluation, in a
        run that has none to the end of what is known.
    baseline: a row's label, scheme or name, or one of its run folders, whose costs are divided by every row's. Of
        several such rows, as in a study of many channels, each is that of the rows with its :data:`SURROUNDINGS`.
    confidence: of the intervals, in (0, 1).

    Raises ValueError if the baseline is none of the rows, or several of equal surroundings.
    """
    groups = group(runs)
    goals: list[float | None] = [*dict.fromkeys(targets)] or [None]
    bases: list[int | None] = [None] * len(groups) if baseline is None else _bases(groups, baseline)
    curves = [[convergence(run.evaluations) for run in members] for _, members in groups]
    found = [[_found(*each, goal) for goal in goals] for each in zip((g.runs for g in groups), curves, strict=True)]
    rows = []
    for i, ((label, members), own, base) in enumerate(zip(groups, curves, bases, strict=True)):
        evaluated = [curve.accuracy for curve in own if curve.accuracy.size]
        ends = [end for run, curve in zip(members, own, strict=True) if (end := _end(run, curve))]
        rows.append(
            Row(
                label=label,
                algorithm=_kind(members[0]),
                runs=len(members),
                unfinished=sum(not run.finished for run in members),
                personal=any(run.personal for run in members),
                baseline=i == base,
                final_accuracy=spread([float(accuracy[-1]) for accuracy in evaluated], confidence),
                best_accuracy=spread([float(accuracy.max()) for accuracy in evaluated], confidence),
                costs=tuple(
                    _cost(goal, found[i][g], None if base is None else found[base][g], confidence)
                    for g, goal in enumerate(goals)
                ),
                spent=largest([(end.time_s, end.energy_j, end.bytes) for end in ends]),
            )
        )
    return rows


def spread(values: Sequence[float], confidence: float = 0.95) -> Spread:
    """Mean, sample standard deviation sqrt(sum (x - mean)^2 / (n - 1)), and Student's interval of the mean.

    >>> spread([1.0, 3.0])[:3]
    (2.0, 1.4142135623730951, 2)
    """
    n = len(values)
    mean, std = fmean(values) if n else math.nan, stdev(values) if n > 1 else math.nan
    return Spread(mean, std, n, student(values, confidence))


def largest(costs: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The largest time, the largest energy and the largest traffic; 0 for none."""
    time_s, energy_j, size_bytes = (max(column) for column in zip((0.0, 0.0, 0.0), *costs, strict=True))
    return time_s, energy_j, size_bytes


class _Found(NamedTuple):
    """What a row's runs took.

    costs: by kind and seed, of the runs that have them.
    missed: the others.
    complete: whether none is missing, and none is that of a part of a run.
    personal: whether accuracies, where costs are up to one, are those of clients' own models.
    """

    costs: Mapping[str, Mapping[int, float]]
    missed: tuple[Missed, ...]
    complete: bool
    personal: bool


def _found(members: Sequence[Run], curves: Sequence[Curve], goal: float | None) -> _Found:
    costs: dict[str, dict[int, float]] = {"time_s": {}, "energy_j": {}, "bytes": {}}
    missed = []
    for run, curve in zip(members, curves, strict=True):
        cost = _end(run, curve) if goal is None else reached(curve, goal)
        if cost is None:
            best = float(curve.accuracy.max()) if curve.accuracy.size else math.nan
            missed.append(Missed(run.scenario.get("seed", 0), run.manifest.get("status", ""), best))
        else:
            for which, by_seed in costs.items():
                by_seed[run.scenario.get("seed", 0)] = float(getattr(cost, which))
    complete = not missed and (goal is not None or all(run.finished for run in members))
    return _Found(costs, tuple(missed), complete, goal is not None and any(run.personal for run in members))


def _end(run: Run, curve: Curve) -> Reached | None:
    """Costs up to the last evaluation, of a run without any up to its last fact; None if it has no facts either."""
    if curve.accuracy.size or not run.facts.end_s.size:
        return reached(curve, None)
    known, sent = run.summary, run.summary["bytes"]
    return Reached(known["rounds"], known["simulated_s"], known["energy_j"]["total"], sent["uplink"] + sent["downlink"])


def _cost(goal: float | None, own: _Found, base: _Found | None, confidence: float) -> Cost:
    spreads = {which: spread([*by_seed.values()], confidence) for which, by_seed in own.costs.items()}
    gain = None
    if not own.complete:
        spreads = {which: each._replace(interval=NONE) for which, each in spreads.items()}
    elif base is not None and base.complete and base.personal == own.personal:
        gain = Gain(*(ratio(base.costs[which], own.costs[which], confidence) for which in Gain._fields))
    return Cost(target_accuracy=goal, missed=own.missed, gain=gain, **spreads)


def _kind(run: Run) -> str:
    return str(run.scenario.get("algorithm", {}).get("kind", ""))


def _bases(groups: Sequence[Group], baseline: str) -> list[int | None]:
    """By row the one that it is measured by: a label comes before a scheme, a scenario's name and a folder."""
    folder = Path(baseline).resolve()
    fits = [i for i, each in enumerate(groups) if each.label == baseline] or [
        i
        for i, (_, runs) in enumerate(groups)
        if baseline in (_kind(runs[0]), runs[0].name) or any(run.path.resolve() == folder for run in runs)
    ]
    if len(fits) == 1:
        return [fits[0]] * len(groups)
    around = [
        {path: value for path, value in leaves(runs[0].scenario) if path[0] in SURROUNDINGS and value is not None}
        for _, runs in groups
    ]
    if not fits or any(around[i] == around[j] for i, j in combinations(fits, 2)):
        allowed = "; ".join(each.label for each in groups)
        raise ValueError(f"baseline: got {baseline!r}, which is {'several' if fits else 'none'} of the rows: {allowed}")
    return [next((i for i in fits if around[i] == own), None) for own in around]
