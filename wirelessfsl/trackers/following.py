"""Trackers follow a run: they are told its scenario, its evaluations at quiet instants, and how it ended.

A tracker only listens. What goes wrong with it before the run refuses the run; what goes wrong later is said once on
stderr, and the run goes on without it. Left out: events, which are too many for tools that draw curves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Protocol

from wirelessfsl.records import Event, Log, Metric
from wirelessfsl.results.store import Run, open_run


class Follower(Protocol):
    """What a tracker does for one run.

    metrics: takes the evaluations since the last quiet instant. end: takes the run that has ended, however it did.
    """

    def metrics(self, rows: Sequence[Metric]) -> None: ...
    def end(self, run: Run) -> None: ...


class Tracker(Protocol):
    """Settings of a tracker: plain data that a sweep hands to other processes."""

    def check(self) -> None:
        """Raise ValueError if no run can be followed: to be known before a sweep begins."""
        ...

    def begin(self, folder: Path, scenario: Mapping[str, Any]) -> Follower:
        """Follow the run in a folder, which may not be there yet, of a resolved scenario.

        Raises ValueError where that is not possible.
        """
        ...


class Following:
    """The trackers of one run, from before its folder is made to its end.

    trackers: each begins at once. folder: the run folder. scenario: resolved.

    Raises ValueError if a tracker cannot begin.
    """

    def __init__(self, trackers: Sequence[Tracker], folder: Path, scenario: Mapping[str, Any]) -> None:
        self.folder = folder
        self._followers = {type(tracker).__name__: tracker.begin(folder, scenario) for tracker in trackers}

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *_: object) -> None:
        self._tell(lambda follower: follower.end(open_run(self.folder)))

    def log(self, log: Log, kept: Sequence[Metric] = ()) -> Log:
        """A log whose evaluations go to the followers, too; first those that a resumed run has kept."""
        if not self._followers:
            return log
        if kept:
            self._metrics(kept)
        return _Followed(log, self._metrics)

    def _metrics(self, rows: Sequence[Metric]) -> None:
        self._tell(lambda follower: follower.metrics(rows))

    def _tell(self, what: Callable[[Follower], None]) -> None:
        for name, follower in [*self._followers.items()]:
            try:
                what(follower)
            except Exception as error:  # another's server, library or disk: no reason to lose a run
                del self._followers[name]
                why = shorten(f"{type(error).__name__}: {error}", 200, placeholder=" ...")
                print(f"{name}: {why}; the run goes on without it", file=sys.stderr)


class _Followed:
    event: Callable[[Event], None]

    def __init__(self, log: Log, tell: Callable[[Sequence[Metric]], None]) -> None:
        self._log, self._tell = log, tell
        self.event = log.event
        self._new: list[Metric] = []

    def metric(self, metric: Metric) -> None:
        self._log.metric(metric)
        self._new.append(metric)

    def flush(self) -> None:
        self._log.flush()
        new, self._new = self._new, []
        if new:
            self._tell(new)


def scalars(rows: Sequence[Metric], clients: bool) -> dict[tuple[int, str], tuple[float, float]]:
    """What evaluations say as curves: (round, name) to (simulated time in s, value).

    Names are ``test/accuracy``, ``test/loss``, ``train/loss``, ``energy_j``, ``uplink_bytes``, ``downlink_bytes`` and
    ``time_s``; those of a client begin with its name and a slash, and are left out unless ``clients``.
    """
    found: dict[tuple[int, str], tuple[float, float]] = {}
    for row in rows:
        if row.client is None or clients:
            of = "" if row.client is None else f"{row.client}/"
            values = {f"{row.split}/loss": row.loss, f"{row.split}/accuracy": row.accuracy}
            values |= {name: getattr(row, name) for name in ("energy_j", "uplink_bytes", "downlink_bytes", "time_s")}
            found |= {(row.round, of + name): (row.time_s, x) for name, x in values.items() if x is not None}
    return found
