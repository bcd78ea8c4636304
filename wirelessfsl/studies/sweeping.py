"""A sweep: the points of a study that are not finished are run, and the table is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Protocol

from wirelessfsl.results.store import write_text
from wirelessfsl.simulation import Progress
from wirelessfsl.studies.claims import alone
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.study import Study
from wirelessfsl.studies.table import Row, Table
from wirelessfsl.studies.work import Ending

Engine = Callable[[Sequence[Point], Callable[[Point, Progress], None]], Iterator[tuple[Point, Ending]]]
"""Runs points, tells their progress, and gives each with its ending as they end."""


_WRITE_S = 1.0
"""How often the table is written at most: of 10,000 points it takes tenths of a second."""


class Show(Protocol):
    """Watches a sweep."""

    def begin(self, points: int, finished: int) -> None: ...
    def progress(self, point: Point, at: Progress) -> None: ...
    def ended(self, point: Point, row: Row, error: str) -> None: ...


def sweep(study: Study, engine: Engine, show: Show) -> Table:
    """Run the points of a study that are not finished, and write its table at the begin, meanwhile and at the end.

    study: what to run; its folder is made where it is missing.
    engine: where points run.
    show: told how it goes.

    Raises ValueError if the folder cannot be made or is one of a run. What else ends a sweep early leaves the table
    written.
    """
    try:
        study.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{study.out}: cannot be made: {error.strerror}; give another folder with --out") from error
    if (study.out / "manifest.json").exists():
        raise ValueError(f"{study.out}: is the folder of a run; give another with --out")
    with alone(study.out):
        write_text(study.out / "study.yaml", study.file.read_text(encoding="utf-8"))
    table = Table(study)
    left = [point for point in study.points if not table.finished(point)]
    show.begin(len(study.points), len(study.points) - len(left))
    table.write()
    written = monotonic()
    try:
        for point, ending in engine(left, show.progress):
            show.ended(point, table.read(point), ending.error)
            if monotonic() - written > _WRITE_S:
                table.write()
                written = monotonic()
    finally:
        table.refresh()
        table.write()
    return table
