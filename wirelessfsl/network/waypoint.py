"""Random waypoint: straight to a random point, a pause, and on to the next.

Follows Johnson and Maltz (Mobile Computing, 1996) and, for a start that is already in the long run, Navidi and Camp
(IEEE Trans. Mobile Computing 3, 2004) and Le Boudec and Vojnovic (IEEE INFOCOM 2005). Left out: streets and obstacles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.network.paths import Legs, Moving
from wirelessfsl.network.regions import RectangleRegion, Region, first_accepted
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, keys, uniforms
from wirelessfsl.units import DistanceM, LatencyS, SpeedMS


class _Start(NamedTuple):
    """Where each device is at the instant 0, how long it stays there, where it then goes and at what speed."""

    point_m: Floats
    wait_s: Floats
    goal_m: Floats
    speed_m_s: Floats


@settings
class RandomWaypoint:
    """Random waypoint: to a uniform point of the region at a uniform speed, a pause, and so on.

    In the long run a device is more often in the middle of the region than at its edge, and the mean speed of one that
    moves is (v1 - v0) / ln(v1 / v0), below (v0 + v1) / 2, since slow legs take longer. With ``start: layout`` devices
    begin a leg at the place that the layout gives them, and means drift from one to the other; ``stationary`` begins in
    the long run: with probability P / (P + T) in a pause, of mean leg time T = E[L] ln(v1 / v0) / (v1 - v0), else on a
    leg drawn in proportion to its length, at a uniform point of it, with speed v0 (v1 / v0)^u.

    Johnson and Maltz 1996; Navidi and Camp 2004 (the stationary start).

    region: where the points lie.
    min_speed_m_s: lowest speed v0 in m/s, > 0 to 1e4.
    max_speed_m_s: highest speed v1 in m/s, at least v0.
    pause_s: pause P at every point in s, 0 to 3600.
    start: begin where the layout has the devices (layout), or as if they had always moved (stationary).
    resolution_m: the channel is looked at anew whenever the fastest may have moved that far, in m, > 0.

    Raises ValueError if ``max_speed_m_s`` is below ``min_speed_m_s``.

    >>> paths = RandomWaypoint().paths(["a", "b"], np.zeros((2, 2)), seed=1)
    >>> paths.positions_m(60.0).shape, paths.speed_m_s
    ((2, 2), 1.5)
    """

    kind: Literal["random_waypoint"] = "random_waypoint"
    region: Region = RectangleRegion()
    min_speed_m_s: SpeedMS = 0.5
    max_speed_m_s: SpeedMS = 1.5
    pause_s: LatencyS = 0.0
    start: Literal["layout", "stationary"] = "layout"
    resolution_m: DistanceM = 1.0

    def __post_init__(self) -> None:
        if self.max_speed_m_s < self.min_speed_m_s:
            text = f"got {self.max_speed_m_s!r}, must be >= min_speed_m_s (= {self.min_speed_m_s:g})"
            raise ValueError(f"RandomWaypoint.max_speed_m_s: {text}")

    def paths(self, names: Sequence[str], start_m: Floats, seed: int) -> Moving:
        """Paths of the devices of these names, each from its own stream, so adding devices changes no way.

        start_m: where the layout has them, m, shape (n, 2).
        """
        stream_keys = keys(seed, [("mobility", name) for name in names])
        start = _Start(start_m, np.zeros(len(names)), *self._leg(stream_keys, 0))
        if self.start == "stationary":
            start = self._stationary(keys(seed, [("mobility", name, "start") for name in names]), start)
        legs = Legs(lambda count: self._corners(stream_keys, start, count))
        return Moving(legs, self.max_speed_m_s, self.resolution_m)

    def _leg(self, stream_keys: Keys, number: int) -> tuple[Floats, Floats]:
        """End and speed of every device's leg of this number."""
        u, v, w = (uniforms(stream_keys, 3 * number + i) for i in range(3))
        return self.region.place(u, v), self.min_speed_m_s + w * (self.max_speed_m_s - self.min_speed_m_s)

    def _corners(self, stream_keys: Keys, start: _Start, count: int) -> tuple[Floats, Floats]:
        """Arrival at every point and departure from it: instants, and x, y and way."""
        goals, speeds = zip(*(self._leg(stream_keys, k) for k in range(1, count)), strict=True)
        points = np.stack((start.point_m, start.goal_m, *goals))
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=-1)
        times, ways = np.zeros((2, 2 * count + 2, points.shape[1]))
        times[1], times[3::2] = start.wait_s, self.pause_s
        times[2::2], ways[2::2] = lengths / np.stack((start.speed_m_s, *speeds)), lengths
        return times.cumsum(axis=0), np.dstack((points.repeat(2, axis=0), ways.cumsum(axis=0)))

    def _stationary(self, stream_keys: Keys, ordinary: _Start) -> _Start:
        def propose(of: Keys, attempt: int) -> tuple[Floats, NDArray[np.bool_]]:
            u, v, w, x, y = (uniforms(of, 5 * attempt + i) for i in range(5))
            ends = np.stack((self.region.place(u, v), self.region.place(w, x)), axis=1)
            return ends, y * self.region.diameter_m < np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1)

        slow, fast = self.min_speed_m_s, self.max_speed_m_s
        leg_s = self.region.mean_leg_m * (math.log(fast / slow) / (fast - slow) if fast > slow else 1.0 / slow)
        paused, u, v, part, speed = (uniforms(stream_keys, 2**32 + i) for i in range(5))
        pausing = paused < self.pause_s / (self.pause_s + leg_s)
        ends = first_accepted(stream_keys, propose)
        on_the_way = ends[:, 0] + part[:, None] * (ends[:, 1] - ends[:, 0])
        return _Start(
            point_m=np.where(pausing[:, None], self.region.place(u, v), on_the_way),
            wait_s=np.where(pausing, part * self.pause_s, 0.0),
            goal_m=np.where(pausing[:, None], ordinary.goal_m, ends[:, 1]),
            speed_m_s=np.where(pausing, ordinary.speed_m_s, slow * (fast / slow) ** speed),
        )
