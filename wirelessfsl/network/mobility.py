"""Movement: where the devices are as a function of time (``network.mobility``).

On a plane around the server, which does not move. Every way is a function of seed, name and instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Annotated, Literal, Protocol

import numpy as np

from wirelessfsl.network.gauss_markov import GaussMarkov
from wirelessfsl.network.paths import Moving
from wirelessfsl.network.position_trace import PositionTrace
from wirelessfsl.network.regions import RectangleRegion
from wirelessfsl.network.waypoint import RandomWaypoint
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats, keys, uniforms
from wirelessfsl.units import DistanceM, Ge, Le, SpeedMS


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


class Between:
    """One device as another sees it, at least 1 m away; both may move.

    paths: of all devices. first, second: which two of them.

    >>> Between(Standing(np.array([[0.0, 4.0], [3.0, 0.0]])), 0, 1).positions_m(0.0)
    array([[5., 0.]])
    """

    def __init__(self, paths: Paths, first: int, second: int) -> None:
        self._paths, self._pair = paths, [first, second]
        self.speed_m_s = 2.0 * paths.speed_m_s

    def positions_m(self, time_s: float) -> Floats:
        here, there = self._paths.positions_m(time_s)[self._pair]
        return np.array([[max(np.hypot(*(here - there)), 1.0), 0.0]])

    def travelled_m(self, time_s: float) -> Floats:
        """The ways of both together, which is how fast the channel between them changes at most."""
        way: Floats = self._paths.travelled_m(time_s)[self._pair].sum(keepdims=True)
        return way

    def next_change_s(self, time_s: float) -> float:
        return self._paths.next_change_s(time_s)


@settings
class Static:
    """Nobody moves: devices stay where the layout puts them, and links keep their mean gain.

    >>> Static().paths(["a"], np.array([[3.0, 4.0]]), seed=1).next_change_s(0.0)
    inf
    """

    kind: Literal["static"] = "static"

    def paths(self, names: Sequence[str], start_m: Floats, seed: int) -> Standing:
        """Paths of devices that stay where the layout has them, m, shape (n, 2)."""
        return Standing(start_m)


@settings
class StraightLine:
    """Straight on at a constant speed, x(t) = x(0) + v t; at an edge of the region back, or in again on the other side.

    region: where the devices are; they begin where the layout has them.
    speed_m_s: speed in m/s, > 0 to 1e4.
    heading_deg: direction in degrees from the x axis to the y axis, -360 to 360; by default a random one for each.
    edge: come back as from a mirror (reflect), or come in at the same place of the opposite edge (wrap), a jump.
    resolution_m: the channel is looked at anew whenever the devices have moved that far, in m, > 0.

    >>> paths = StraightLine(speed_m_s=2.0, heading_deg=0.0).paths(["a"], np.array([[10.0, 0.0]]), seed=1)
    >>> paths.positions_m(5.0), paths.travelled_m(5.0)
    (array([[20.,  0.]]), array([10.]))
    """

    kind: Literal["straight_line"] = "straight_line"
    region: RectangleRegion = RectangleRegion()
    speed_m_s: SpeedMS = 1.0
    heading_deg: Annotated[float, Ge(-360), Le(360)] | None = None
    edge: Literal["reflect", "wrap"] = "reflect"
    resolution_m: DistanceM = 1.0

    def paths(self, names: Sequence[str], start_m: Floats, seed: int) -> Moving:
        """Paths of the devices of these names.

        start_m: where the layout has them, m, shape (n, 2).
        """
        angle = 2.0 * np.pi * uniforms(keys(seed, [("mobility", name) for name in names]), 0)
        if self.heading_deg is not None:
            angle = np.full(len(names), np.deg2rad(self.heading_deg))
        heading = np.column_stack((np.cos(angle), np.sin(angle)))
        inside = self.region.reflected if self.edge == "reflect" else self.region.wrapped

        def where(time_s: float) -> Floats:
            way = np.full(len(names), self.speed_m_s * time_s)
            return np.column_stack((inside(start_m + way[:, None] * heading), way))

        return Moving(where, self.speed_m_s, self.resolution_m)


Mobility = Annotated[Static | RandomWaypoint | GaussMarkov | StraightLine | PositionTrace, Kinds()]
