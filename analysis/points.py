"""What the studies share: points that are run once and kept in a table, and their spread over seeds.

A point is what names it (scheme, codec, seed, ...), a row is a point with what was measured there. The table is a CSV
that grows with every finished point, so a study that was interrupted, or got more points, goes on where it stood.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev

from matplotlib.figure import Figure

from wirelessfsl.results.plots.sheets import save

Point = dict[str, str | int | float]
Row = dict[str, str]


def study(
    script: str,
    text: str | None,
    points: Callable[[list[int]], list[Point]],
    measure: Callable[[Point], Point],
    tell: Callable[[list[Row]], None],
    draw: Callable[[list[Row]], Figure],
    seeds: Sequence[int] = (1, 2, 3),
) -> None:
    """The command line of a study: measures the points that its table lacks, tells what they say and draws it.

    script: its file, beside which are ``points.csv`` and the figure. text: of ``--help``. seeds: by default.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[*seeds])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()
    here = Path(script).parent
    rows = measured(here / "points.csv", points(args.seeds), measure, args.jobs)
    tell(rows)
    save(draw(rows), here / "figure", ("png", "pdf"))


def measured(table: Path, points: Sequence[Point], measure: Callable[[Point], Point], jobs: int = 1) -> list[Row]:
    """The rows of these points, in their order; those that the table lacks are measured, in so many processes.

    table: CSV file; rows of other points stay in it.
    measure: a function of a module that returns what it found at a point.
    """
    rows = _read(table)
    missing = [point for point in points if _found(rows, point) is None]
    with get_context("spawn").Pool(jobs, maxtasksperchild=10) as pool:
        for point, found in zip(missing, pool.imap(measure, missing), strict=True):
            row = {name: str(value) for name, value in (point | found).items()}
            rows.append(row)
            rows.sort(key=lambda row: [*row.values()])
            with table.open("w", newline="") as stream:
                writer = csv.DictWriter(stream, row.keys(), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            print(*(f"{name}={value}" for name, value in row.items()), flush=True)
    return [row for point in points if (row := _found(rows, point)) is not None]


def column(rows: Iterable[Row], name: str) -> list[float]:
    """The numbers of a column."""
    return [float(row[name]) for row in rows]


def spread(values: Sequence[float], factor: float = 1.0, digits: int = 1) -> str:
    """Mean ± sample standard deviation, times a factor.

    >>> spread([0.8, 0.9], 100)
    '85.0 ± 7.1'
    """
    around = f" ± {factor * stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{factor * mean(values):.{digits}f}{around}"


def bars(values: Sequence[Sequence[float]]) -> tuple[list[float], tuple[list[float], list[float]]]:
    """Means, and how far the least and the greatest of each lie from them: for error bars."""
    means = [mean(each) for each in values]
    below = [middle - min(each) for middle, each in zip(means, values, strict=True)]
    return means, (below, [max(each) - middle for middle, each in zip(means, values, strict=True)])


def _read(table: Path) -> list[Row]:
    if not table.exists():
        return []
    with table.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _found(rows: Iterable[Row], point: Point) -> Row | None:
    named = {name: str(value) for name, value in point.items()}
    return next((row for row in rows if named.items() <= row.items()), None)
