"""Points in processes of this machine: a fresh one each, forked from a server that has torch loaded.

So a point costs a fork and not an import, and a worker that crashes or is killed takes nobody with it. Workers do not
outlive this process, however it ends, and get no Ctrl-C of their own: it is passed on to them once.
"""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from threading import Thread
from time import monotonic
from typing import NamedTuple

from wirelessfsl.forking import fork_server
from wirelessfsl.simulation import Progress
from wirelessfsl.studies.claims import free
from wirelessfsl.studies.points import Point
from wirelessfsl.studies.work import Ending, give_up, perform
from wirelessfsl.trackers.following import Tracker

_POLL_S, _REPORT_S, _STOP_S = 0.2, 0.2, 30.0
"""How often points of others are looked at, how often a worker reports, and how long it may take to stop."""


class _Worker(NamedTuple):
    point: Point
    process: ForkServerProcess
    connection: Connection


def local(
    points: Sequence[Point],
    told: Callable[[Point, Progress], None] = lambda *_: None,
    *,
    jobs: int,
    retries: int,
    trackers: Sequence[Tracker] = (),
) -> Iterator[tuple[Point, Ending]]:
    """Run points and give each with its ending, as they end.

    points: what to run; those that another process works on come last, when it is done with them.
    told: called with the progress of running points.
    jobs: processes at once.
    retries: how often a point is tried again whose worker died.
    trackers: follow the run of every point.
    """
    context = fork_server()
    queue, busy = deque(points), deque[Point]()
    deaths = Counter[str]()
    workers: dict[object, _Worker] = {}
    try:
        while queue or busy or workers:
            while len(workers) < jobs and (point := _next(queue, busy)):
                ours, its = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(point, its, trackers), name=point.name)
                process.start()
                its.close()
                workers[ours] = _Worker(point, process, ours)
            for ready in wait([each.connection for each in workers.values()], _POLL_S if busy else None):
                worker = workers[ready]
                match _received(worker):
                    case Progress() as progress:
                        told(worker.point, progress)
                        continue
                    case Ending(state="busy"):
                        busy.append(worker.point)
                    case Ending() as ending:
                        yield worker.point, ending
                    case int() as code:
                        deaths[worker.point.digest] += 1
                        if deaths[worker.point.digest] <= retries:
                            queue.appendleft(worker.point)
                        else:
                            error = f"worker {_said(code)}; tries: {1 + retries}"
                            give_up(worker.point, error)
                            yield worker.point, Ending("failed", error)
                del workers[ready]
    finally:
        _stop([*workers.values()])


def _next(queue: deque[Point], busy: deque[Point]) -> Point | None:
    """The next point to try: of those that others had, one that they have let go."""
    if queue:
        return queue.popleft()
    for _ in range(len(busy)):
        point = busy.popleft()
        if free(point.path.parent, point.digest):
            return point
        busy.append(point)
    return None


def _received(worker: _Worker) -> Progress | Ending | int:
    """What a worker says, or its exit code if it ended without a word."""
    message: Progress | Ending | None = None
    with suppress(EOFError, OSError):
        message = worker.connection.recv()
    if isinstance(message, Progress):
        return message
    worker.connection.close()
    worker.process.join()
    return message or worker.process.exitcode or 0


def _stop(workers: Sequence[_Worker]) -> None:
    """Interrupt workers, so that they leave folders that can be read; kill those that do not end."""
    end = monotonic() + _STOP_S
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker.process.pid or 0, signal.SIGINT)
    try:
        for worker in workers:
            worker.process.join(max(0.0, end - monotonic()))
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


def _said(code: int) -> str:
    """How a process ended, from its exit code."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"


def _work(point: Point, connection: Connection, trackers: Sequence[Tracker]) -> None:
    """A worker's life."""
    os.setpgrp()  # out of reach of the terminal's Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell's background has it ignored
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    Thread(target=_end_with_parent, daemon=True).start()
    last_s = -_REPORT_S

    def report(progress: Progress) -> None:
        nonlocal last_s
        if monotonic() - last_s >= _REPORT_S:
            last_s = monotonic()
            connection.send(progress)

    with suppress(KeyboardInterrupt):
        connection.send(perform(point, report, trackers))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
