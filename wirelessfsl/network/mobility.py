"""Movement: where the devices are as a function of time."""

from __future__ import annotations

from math import inf
from typing import Protocol

import numpy as np

from wirelessfsl.streams import Floats


class Paths(Protocol):
    """Ways of devices: :class:`Standing` says what the methods give."""

    @property
    def speed_m_s(self) -> float: ...
    def positions_m(self, time_s: float) -> Floats: ...
    def travelled_m(self, time_s: float) -> Floats: ...
    def next_change_s(self, time_s: float) -> float: ...


class Standing:
    """Ways of devices that stand still.

    start_m: where they stand, m, shape (n, 2).

    >>> Standing(np.array([[3.0, 4.0]])).positions_m(7.0)
    array([[3., 4.]])
    """

    speed_m_s = 0.0
    """The highest speed there is, m/s."""

    def __init__(self, start_m: Floats) -> None:
        self._start_m = start_m

    def positions_m(self, time_s: float) -> Floats:
        """Where each device is at an instant, m, shape (n, 2)."""
        return self._start_m

    def travelled_m(self, time_s: float) -> Floats:
        """The way that each device has travelled since the instant 0, m, shape (n,)."""
        return np.zeros(len(self._start_m))

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which positions count as changed, s; infinity if they never do."""
        return inf


class Both:
    """The ways of some devices, and after them of others that stand still."""

    def __init__(self, moving: Paths, standing: Standing) -> None:
        self._moving, self._standing = moving, standing
        self.speed_m_s = moving.speed_m_s

    def positions_m(self, time_s: float) -> Floats:
        return np.concatenate((self._moving.positions_m(time_s), self._standing.positions_m(time_s)))

    def travelled_m(self, time_s: float) -> Floats:
        return np.concatenate((self._moving.travelled_m(time_s), self._standing.travelled_m(time_s)))

    def next_change_s(self, time_s: float) -> float:
        return self._moving.next_change_s(time_s)
