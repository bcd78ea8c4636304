"""A comparison as a table: cells and plain statements for people, records of every figure for programs.

Costs are shown in the unit that fits a column's largest value, with four significant digits; an estimate that not all
runs of a row entered says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wirelessfsl.results.exports import aligned
from wirelessfsl.results.intervals import NONE, Interval, Ratio
from wirelessfsl.results.metrics import target_name
from wirelessfsl.results.prefixes import Scale, decimals, scale
from wirelessfsl.results.tables import Cost, Row, Spread, largest

if TYPE_CHECKING:
    from rich.table import Table


def as_text(rows: Sequence[Row], confidence: float = 0.95) -> str:
    """The comparison as aligned plain text, one line a row and target under a line of headings; then the statements."""
    return aligned(cells(rows)) + "".join(f"{line}\n" for line in statements(rows, confidence))


def as_rich(rows: Sequence[Row]) -> Table:
    """The comparison as a table for a terminal, without the statements."""
    from rich.table import Table
    from rich.text import Text

    heads, *lines = cells(rows)
    table = Table()
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left", overflow="fold")
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    return table


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Headings and lines of text, one a row and target; a row's label, runs and accuracies stand in its first line."""
    units = _units(rows)
    goals = [_goal(cost) for cost in rows[0].costs] if rows else []
    several = len(goals) > 1
    to = f" to {goals[0]}" if goals and goals[0] and not several else ""
    kinds = any(row.personal for row in rows)
    measured = any(row.baseline for row in rows)
    heads = [
        *("scenario", "runs"),
        *(["accuracy of"] if kinds else []),
        *("final accuracy", "best accuracy"),
        *(["target"] if several else []),
        *(f"{what}{to} ({fit.unit})" for what, fit in zip(("time", "energy", "traffic"), units, strict=True)),
        *(["times faster", "times less energy", "times less traffic"] if measured else []),
    ]
    table = [heads]
    for row in rows:
        begin = [
            row.label,
            f"{row.runs} ({row.unfinished} unfinished)" if row.unfinished else str(row.runs),
            *([_kind_of_accuracy(row)] if kinds else []),
            _spread(row.final_accuracy, 1.0, row.runs, "no evaluation"),
            _spread(row.best_accuracy._replace(interval=NONE), 1.0, row.runs, "no evaluation"),
        ]
        for cost in row.costs:
            table.append([
                *begin,
                *([_goal(cost)] if several else []),
                *_costs(row, cost, units),
                *(_gains(row, cost) if measured else []),
            ])  # fmt: skip
            begin = [""] * len(begin)
    return table


def _kind_of_accuracy(row: Row) -> str:
    if not row.final_accuracy.n:
        return "-"
    return "own models" if row.personal else "one model"


def _goal(cost: Cost) -> str:
    return "" if cost.target_accuracy is None else target_name(cost.target_accuracy)


def _units(rows: Sequence[Row]) -> list[Scale]:
    """Of time, energy and traffic, for all rows and targets; where nobody got there, those of the whole runs."""
    spent = largest([row.spent for row in rows])
    costs = [cost for row in rows for cost in row.costs]
    columns = ([c.time_s for c in costs], [c.energy_j for c in costs], [c.bytes for c in costs])
    return [
        scale(unit, max((each.mean for each in column if each.n), default=most))
        for unit, column, most in zip(("s", "J", "B"), columns, spent, strict=True)
    ]


def _costs(row: Row, cost: Cost, units: Sequence[Scale]) -> Iterator[str]:
    none = "not reached" if row.final_accuracy.n else "no evaluation"
    for each, fit in zip((cost.time_s, cost.energy_j, cost.bytes), units, strict=True):
        yield _spread(each, fit.factor, row.runs, none)


def _gains(row: Row, cost: Cost) -> list[str]:
    if row.baseline:
        return ["baseline"] * 3
    return ["-"] * 3 if cost.gain is None else [_ratio(each) for each in cost.gain]


def _spread(value: Spread, factor: float, runs: int, none: str) -> str:
    """``12.34 ± 0.56 [11.78, 12.90]``, with ``(2 of 3)`` behind if not all runs have the value."""
    if not value.n:
        return none
    mean = value.mean / factor
    digits = decimals(mean) if mean else 3
    text = f"{mean:.{digits}f}" + (f" ± {value.std / factor:.{digits}f}" if value.n > 1 else "")
    text += _interval(value.interval, factor, digits)
    return text if value.n == runs else f"{text} ({value.n} of {runs})"


def _ratio(value: Ratio | None) -> str:
    if value is None:
        return "-"
    digits = max(0, decimals(value.value) - 1)
    return f"{value.value:.{digits}f}{_interval(value.interval, 1.0, digits)}"


def _interval(interval: Interval, factor: float, digits: int) -> str:
    if math.isnan(interval.low):
        return ""
    return f" [{interval.low / factor:.{digits}f}, {interval.high / factor:.{digits}f}]"


def statements(rows: Sequence[Row], confidence: float = 0.95) -> list[str]:
    """What the cells mean, and which targets were not reached by which runs, a line each."""
    lines = []
    percent = f"{100 * confidence:g} %"
    if any(row.runs > 1 for row in rows):
        lines.append(f"mean ± sample standard deviation [{percent} confidence interval of the mean, Student's t]")
    if any(row.personal for row in rows):
        lines.append(
            "own models: mean over clients of the accuracy of each one's model on its own test samples;"
            " not to be compared with the accuracy of one model on all test samples"
        )
    for row in rows:
        if row.final_accuracy.n:
            lines += [_missed(row, cost) for cost in row.costs if cost.missed and _goal(cost)]
    lines += _compared(rows, percent)
    return lines


def _missed(row: Row, cost: Cost) -> str:
    who = [
        f"seed {run.seed} ("
        + ("no evaluation" if math.isnan(run.best_accuracy) else f"best {run.best_accuracy:.4f}")
        + (")" if run.status in ("completed", "exhausted") else f", {run.status})")
        for run in cost.missed
    ]
    number = f"{len(who)} of {row.runs} runs" if row.runs > 1 else "its run"
    return f"{row.label}: {_goal(cost)} not reached by {number}: {', '.join(who)}"


def _compared(rows: Sequence[Row], percent: str) -> Iterator[str]:
    bases = [row.label for row in rows if row.baseline]
    if not bases:
        return
    base = bases[0] if len(bases) == 1 else "the baseline of equal data, devices, server and network"
    found = [ratio for row in rows if not row.baseline for cost in row.costs for ratio in cost.gain or () if ratio]
    how = {ratio.paired for ratio in found if not math.isnan(ratio.interval.low)}
    ways = {
        frozenset({True}): "Student's t over pairs of equal seeds",
        frozenset({False}): "Welch's method",
        frozenset({True, False}): "Student's t over pairs of equal seeds, Welch's method where seeds differ",
    }
    means = "ratio of geometric means"
    interval = f" [{percent} confidence interval on logarithms, {ways[frozenset(how)]}]" if how else ""
    yield f"times faster, less: what {base} takes over what the row takes, {means}{interval}"
    if any(cost.gain is None for row in rows for cost in row.costs):
        nowhere = "there is no such baseline, " if len(bases) > 1 else ""
        yield (
            f"-: no ratio where {nowhere}a run of either did not get there, or to its end, where one row has own models"
            " and the other one model, or where a cost is 0"
        )


def records(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Headings and lines of plain values, one a row and target: seconds, joules, bytes; None for what there is not."""
    lines = [_record(row, cost) for row in rows for cost in row.costs]
    return [*lines[0]] if lines else [], [[*line.values()] for line in lines]


def _record(row: Row, cost: Cost) -> dict[str, Any]:
    gain = cost.gain or (None, None, None)
    found: dict[str, Any] = {
        "scenario": row.label,
        "algorithm": row.algorithm,
        "personal": row.personal,
        "baseline": row.baseline,
        "runs": row.runs,
        "unfinished": row.unfinished,
        "target_accuracy": cost.target_accuracy,
        "reached": row.runs - len(cost.missed),
    }
    for name, spread in (
        ("final_accuracy", row.final_accuracy),
        ("best_accuracy", row.best_accuracy),
        ("time_s", cost.time_s),
        ("energy_j", cost.energy_j),
        ("bytes", cost.bytes),
    ):
        found |= {name: spread.mean, f"{name}_std": spread.std}
        found |= {f"{name}_low": spread.interval.low, f"{name}_high": spread.interval.high}
    for name, ratio in zip(("times_faster", "times_less_energy", "times_less_traffic"), gain, strict=True):
        low, high = ratio.interval if ratio else NONE
        found |= {name: ratio and ratio.value, f"{name}_low": low, f"{name}_high": high}
    found["paired_seeds"] = next((ratio.n for ratio in gain if ratio and ratio.paired), None)
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in found.items()}
