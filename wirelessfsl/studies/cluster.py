"""Points on a cluster, through Ray; without an address on a Ray of this machine alone.

Every node needs this package and sees the study's folder under the same path: run folders are written by whoever runs
the point. Claims are locks of that file system, so that sweeps from several machines do not meet in a point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import sleep

from wirelessfsl.rays import connect, library
from wirelessfsl.simulation import Progress
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.work import Ending, give_up, perform
from wirelessfsl.trackers.following import Tracker

_POLL_S = 0.5


def cluster(
    points: Sequence[Point],
    told: Callable[[Point, Progress], None] = lambda *_: None,
    *,
    jobs: int | None,
    retries: int,
    address: str | None = None,
    trackers: Sequence[Tracker] = (),
) -> Iterator[tuple[Point, Ending]]:
    """Run points and give each with its ending, as :func:`wirelessfsl.studies.local.local`; ``told`` is not called.

    jobs: processes at once of a local Ray.
    retries: how often a point is tried again whose worker died.
    address: of the cluster; None for a local Ray.
    trackers: follow the run of every point.

    Raises ValueError if Ray is not installed, or the address does not answer.
    """
    ray = library("--engine ray")
    connect(ray, address, jobs)
    run = ray.remote(num_cpus=1, max_retries=retries)(perform)
    try:
        # Absolute, for workers have folders of their own.
        pending = {run.remote(replace(point, path=point.path.absolute()), trackers=trackers): point for point in points}
        while pending:
            for ready in ray.wait([*pending])[0]:
                point = pending.pop(ready)
                try:
                    ending = ray.get(ready)
                except ray.exceptions.RayError as error:
                    ending = Ending("failed", f"worker ended with {type(error).__name__}; tries: {1 + retries}")
                    give_up(point, ending.error)
                if ending.state == "busy":
                    sleep(_POLL_S)
                    pending[run.remote(replace(point, path=point.path.absolute()), trackers=trackers)] = point
                else:
                    yield point, ending
    finally:
        ray.shutdown()
