"""Schemes side by side: what accuracy they end with, and what time, energy and traffic a target accuracy took.

Runs that differ only by seed are one row, mean ± sample standard deviation over its runs; equal runs count once.
Costs to the target are over the runs that reached it, and the cell says how many did: a mean over the lucky ones must
not pass for a mean over all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, NamedTuple

from wirelessfsl.results.groups import group
from wirelessfsl.results.metrics import Curve, Reached, convergence, reached
from wirelessfsl.results.prefixes import decimals, scale

if TYPE_CHECKING:
    from rich.table import Table

    from wirelessfsl.results.store import Run


class Spread(NamedTuple):
    """Mean and sample standard deviation over ``n`` runs; NaN for the mean of none and the deviation of one."""

    mean: float
    std: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One scenario in a comparison.

    label: the scenario's name, and what sets it apart from its namesakes.
    runs: runs (seeds) of the scenario.
    unfinished: how many of them did not come to their end.
    target_accuracy: the accuracy, 0 to 1, that costs are counted to; None for the last evaluation, or for all that is
        known of a run without any.
    final_accuracy: accuracy of the last evaluation, 0 to 1.
    best_accuracy: highest accuracy of any evaluation, 0 to 1.
    time_s: simulated seconds to the target.
    energy_j: joules of the whole network to the target.
    bytes: bytes that flew, up and down, to the target.
    spent: the largest time (s), energy (J) and traffic (bytes) of a whole run: what fits where no run got there.
    """

    label: str
    runs: int
    unfinished: int
    target_accuracy: float | None
    final_accuracy: Spread
    best_accuracy: Spread
    time_s: Spread
    energy_j: Spread
    bytes: Spread
    spent: tuple[float, float, float]


def compare(runs: Sequence[Run], target_accuracy: float | None = None) -> list[Row]:
    """One row a scenario, in the order given.

    runs: run folders, any number of seeds of any number of scenarios.
    target_accuracy: accuracy, 0 to 1, to which time, energy and bytes are counted; None counts to the last evaluation,
        in a run without any to the end of what is known.
    """
    rows = []
    for label, members in group(runs):
        curves = [convergence(run.evaluations) for run in members]
        evaluated = [curve for curve in curves if curve.accuracy.size]
        ends = [_end(run, curve) for run, curve in zip(members, curves, strict=True)]
        costs = ends if target_accuracy is None else [reached(curve, target_accuracy) for curve in curves]
        met = [cost for cost in costs if cost is not None]
        rows.append(
            Row(
                label=label,
                runs=len(members),
                unfinished=sum(not run.finished for run in members),
                target_accuracy=target_accuracy,
                final_accuracy=spread([float(curve.accuracy[-1]) for curve in evaluated]),
                best_accuracy=spread([float(curve.accuracy.max()) for curve in evaluated]),
                time_s=spread([cost.time_s for cost in met]),
                energy_j=spread([cost.energy_j for cost in met]),
                bytes=spread([cost.bytes for cost in met]),
                spent=_largest([(end.time_s, end.energy_j, end.bytes) for end in ends if end is not None]),
            )
        )
    return rows


def _end(run: Run, curve: Curve) -> Reached | None:
    """Costs up to the last evaluation, of a run without any up to its last fact; None if it has no facts either."""
    if curve.accuracy.size or not run.facts.end_s.size:
        return reached(curve, None)
    known, sent = run.summary, run.summary["bytes"]
    return Reached(known["rounds"], known["simulated_s"], known["energy_j"]["total"], sent["uplink"] + sent["downlink"])


def _largest(costs: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    time_s, energy_j, size_bytes = (max(column) for column in zip((0.0, 0.0, 0.0), *costs, strict=True))
    return time_s, energy_j, size_bytes


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation, sqrt(sum (x - mean)^2 / (n - 1)).

    >>> spread([1.0, 3.0])
    Spread(mean=2.0, std=1.4142135623730951, n=2)
    """
    n = len(values)
    return Spread(fmean(values) if n else math.nan, stdev(values) if n > 1 else math.nan, n)


def as_text(rows: Sequence[Row]) -> str:
    """The comparison as aligned plain text, one line a row under a line of headings."""
    return aligned(_cells(rows))


def aligned(table: Sequence[Sequence[str]]) -> str:
    """A table of texts as lines: the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for line in table:
        first, *rest = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines) + "\n"


def as_rich(rows: Sequence[Row]) -> Table:
    """The comparison as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    heads, *lines = _cells(rows)
    table = Table()
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left", overflow="fold")
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    return table


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    """Headings and rows; every cost column in the unit that fits its largest value."""
    target = rows[0].target_accuracy if rows else None
    goal = "" if target is None else f" to {target:g}"
    spent = _largest([row.spent for row in rows])
    units = [
        scale(unit, max((cost.mean for cost in costs if cost.n), default=most))
        for unit, costs, most in (
            ("s", [row.time_s for row in rows], spent[0]),
            ("J", [row.energy_j for row in rows], spent[1]),
            ("B", [row.bytes for row in rows], spent[2]),
        )
    ]
    heads = [f"{what}{goal} ({fit.unit})" for what, fit in zip(("time", "energy", "traffic"), units, strict=True)]
    table = [["scenario", "runs", "final accuracy", "best accuracy", *heads]]
    for row in rows:
        count = f"{row.runs} ({row.unfinished} unfinished)" if row.unfinished else str(row.runs)
        evaluated = row.final_accuracy.n > 0
        accuracies = [_cell(value, 1.0, row.runs, "no evaluation") for value in (row.final_accuracy, row.best_accuracy)]
        costs = [
            _cell(cost, fit.factor, row.runs, "not reached" if evaluated else "no evaluation")
            for cost, fit in zip((row.time_s, row.energy_j, row.bytes), units, strict=True)
        ]
        table.append([row.label, count, *accuracies, *costs])
    return table


def _cell(value: Spread, factor: float, runs: int, none: str) -> str:
    """``12.34 ± 0.56``, with ``(2 of 3)`` behind if not all runs have the value; four significant digits."""
    if not value.n:
        return none
    mean = value.mean / factor
    digits = decimals(mean) if mean else 3
    text = f"{mean:.{digits}f}" + (f" ± {value.std / factor:.{digits}f}" if value.n > 1 else "")
    return text if value.n == runs else f"{text} ({value.n} of {runs})"
