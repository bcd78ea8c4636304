"""Paths: where moving devices are at any instant, and how far they have come.

Positions are exact functions of time. The radio need not know them more finely than they matter: positions count as
constant while the fastest device moves ``resolution_m``, over steps of one length for all, from the instant 0 on. So
what a link is at an instant does not depend on when one asked before.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from wirelessfsl.streams import Floats
from wirelessfsl.units import block

Where = Callable[[float], Floats]
"""Of an instant: x, y and the way since the instant 0 of every device, m, shape (n, 3)."""


class Moving:
    """Paths of devices that move.

    where: exact places and ways. speed_m_s: the highest speed there is. resolution_m: how far the fastest device may
    move before positions count as changed.

    >>> paths = Moving(lambda time_s: np.array([[2.0 * time_s, 0.0, 2.0 * time_s]]), speed_m_s=2.0, resolution_m=1.0)
    >>> paths.positions_m(0.7), paths.travelled_m(0.7), paths.next_change_s(0.7)
    (array([[1., 0.]]), array([1.4]), 1.0)
    """

    def __init__(self, where: Where, speed_m_s: float, resolution_m: float) -> None:
        self.where, self.speed_m_s = where, speed_m_s
        self._step_s = resolution_m / speed_m_s if speed_m_s else inf

    def positions_m(self, time_s: float) -> Floats:
        """Where each device is, as of the last change, m, shape (n, 2)."""
        held_s = block(time_s, self._step_s) * self._step_s if self.speed_m_s else 0.0
        return self.where(held_s)[:, :2]

    def travelled_m(self, time_s: float) -> Floats:
        """The way that each device has travelled since the instant 0, exactly, m, shape (n,)."""
        return self.where(time_s)[:, 2]

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which positions count as changed, s; infinity if they never do."""
        return (block(time_s, self._step_s) + 1) * self._step_s if self.speed_m_s else inf


class Legs:
    """Ways in straight legs, each at a constant speed: a table of corners, longer when a later instant is asked for.

    corners: of a number of legs, the instants of the corners, shape (m, n), rising from 0 in every column, and x, y and
        way there, shape (m, n, 3). A longer table begins with the shorter one.
    """

    def __init__(self, corners: Callable[[int], tuple[Floats, Floats]]) -> None:
        self._corners, self._count = corners, 16
        self._fill()

    def _fill(self) -> None:
        self._times_s, self._points_m = self._corners(self._count)
        self._first_s, self._last_s = self._times_s.min(axis=1), self._times_s.max(axis=1)

    def __call__(self, time_s: float) -> Floats:
        """Of every device at an instant: x, y and way, m, shape (n, 3)."""
        while time_s >= self._first_s[-1]:
            self._count *= 2
            self._fill()
        everyone, someone = (np.searchsorted(each, time_s, "right") for each in (self._last_s, self._first_s))
        leg = everyone - 1 + (self._times_s[everyone:someone] <= time_s).sum(axis=0)
        device = np.arange(len(leg))
        begin_s, end_s = self._times_s[leg, device], self._times_s[leg + 1, device]
        begin_m, end_m = self._points_m[leg, device], self._points_m[leg + 1, device]
        part = (time_s - begin_s) / (end_s - begin_s)
        place: Floats = begin_m + part[:, None] * (end_m - begin_m)
        return place
