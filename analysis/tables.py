"""What the studies of this folder share: tables as CSV, answers of queries beside the points they are of, intervals."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from wirelessfsl.results.intervals import student
from wirelessfsl.results.query import plain, query
from wirelessfsl.results.store import write_text

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """The rows of a table."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a table; numbers with five digits, nothing for null."""
    lines = [",".join(rows[0]), *(",".join(_cell(value) for value in row.values()) for row in rows)]
    write_text(path, "\n".join(lines) + "\n")


def asked(sql: str, folder: Path) -> list[tuple[Row, tuple[Any, ...]]]:
    """The answer of a query over a study's runs: the point's row in points.csv, and the columns that follow ``run``."""
    points = {row["path"]: row for row in read(folder / "points.csv")}
    return [(points[Path(run).name], tuple(rest)) for run, *rest in plain(query(sql, [folder]))]


def column(rows: Iterable[Row], name: str) -> list[float]:
    """The numbers of a column, where there are any."""
    return [float(row[name]) for row in rows if row[name]]


def middle(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval."""
    return fmean(values), (student(values).high - fmean(values))


def said(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± half of its 95 % interval.

    >>> said([1.0, 2.0, 3.0])
    '2 ± 2.48'
    """
    mean, half = middle(values)
    return f"{mean:.{digits}g} ± {half:.{digits}g}"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
