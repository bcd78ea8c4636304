"""One point's run: what every worker does, in a process of this machine or of a cluster.

A point is claimed, looked up and run, so that whoever else works in the same folder, it runs once. A run that an
earlier process left half done goes on; where it cannot, its folder is moved to ``.aside`` and the point begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from wirelessfsl.api import resume, simulate
from wirelessfsl.results.locks import InUse
from wirelessfsl.results.store import Run, open_run, write_json
from wirelessfsl.scenario import resolve
from wirelessfsl.simulation import Progress
from wirelessfsl.studies.claims import claimed
from wirelessfsl.studies.points import Point, identity
from wirelessfsl.trackers.following import Tracker

_LAST = ("metrics.parquet", "summary.json")


class Ending(NamedTuple):
    """How a worker ended.

    state: ``done``, ``failed``, or ``busy`` where another process has the point.
    error: why it failed.
    """

    state: str
    error: str = ""


def perform(
    point: Point, report: Callable[[Progress], None] = lambda _: None, trackers: Sequence[Tracker] = ()
) -> Ending:
    """Run a point into its folder, unless its run is finished.

    report: called after every round. trackers: follow the run.
    """
    with claimed(point.path.parent, point.digest) as ours:
        if not ours:
            return Ending("busy")
        if finished(run_of(point)):
            return Ending("done")
        try:
            _run(point, report, trackers)
        except InUse as error:  # by a run of its own: what it comes to is not ours to say
            return Ending("failed", str(error))
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            _fail(point, told)
            return Ending("failed", told)
    return Ending("done")


def _run(point: Point, report: Callable[[Progress], None], trackers: Sequence[Tracker]) -> None:
    run = run_of(point)
    if run is not None and not run.finished:
        try:
            resume(point.path, report=report, trackers=trackers)
        except InUse:
            raise
        except ValueError:  # of another version, with code of the user's own, or with a changed scenario.yaml
            pass
        else:
            return
    if point.path.exists():
        _set_aside(point.path)
    simulate(point.scenario, point.path, report=report, timing_only=point.timing_only, trackers=trackers)


def run_of(point: Point) -> Run | None:
    """The run in a point's folder, None where there is none that is the point's."""
    try:
        run = open_run(point.path)
    except ValueError:
        return None
    return run if identity(run.scenario, run.timing_only) == point.digest else None


def finished(run: Run | None) -> bool:
    """Whether a run came to its end and all of it is there."""
    if run is None or not run.finished:
        return False
    try:
        return all((run.path / name).exists() for name in _LAST) and bool(run.parts and run.summary)
    except ValueError:  # damaged
        return False


def give_up(point: Point, error: str) -> None:
    """Write into the folder of a point whose worker could not do it that it failed, and why."""
    with claimed(point.path.parent, point.digest) as ours:
        if ours:
            _fail(point, error)


def _fail(point: Point, error: str) -> None:
    """Write into a point's folder that it failed and why, unless it says so or is finished."""
    run = run_of(point)
    if finished(run) or (run and run.manifest["status"] == "failed"):
        return
    timing_only = {"timing_only": True} if point.timing_only else {}
    manifest = run.manifest if run else {"scenario": resolve(point.scenario), **timing_only}
    with suppress(OSError):  # a full disk may be what went wrong
        point.path.mkdir(exist_ok=True)
        write_json(point.path / "manifest.json", manifest | {"status": "failed", "error": error})


def _set_aside(folder: Path) -> None:
    place = folder.parent / ".aside"
    place.mkdir(exist_ok=True)
    folder.rename(next(to for i in range(1, 10_000) if not (to := place / f"{folder.name}-{i}").exists()))
