"""Gauss-Markov mobility: a velocity that keeps part of itself from step to step.

Follows Liang and Haas (IEEE INFOCOM 1999). Left out: goals, streets, and that devices avoid each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.network.paths import Legs, Moving
from wirelessfsl.network.regions import RectangleRegion
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, keys, uniforms
from wirelessfsl.units import DistanceM, Fraction, Ge, Le, SpeedMS

FARTHEST = 4.0
"""Standard deviations by which a velocity differs from the mean at most, met by one step in 3000; ends all speeds."""


@settings
class GaussMarkov:
    """Gauss-Markov mobility: velocity is a first-order autoregressive process on the plane, constant for a step.

    v_{k+1} = a v_k + (1 - a) m + s sqrt(1 - a^2) w_k, with w normal in x and y; correlation over k steps is a^k. Each
    device has a mean velocity m of its own, of one speed and a uniform heading, and begins in the stationary state.
    Edges reflect, the mean velocity too.

    Liang and Haas, "Predictive distance-based mobility management for PCS networks", IEEE INFOCOM 1999.

    region: where the devices are; they begin where the layout has them.
    memory: a, 0 (a new velocity every step) to 1 (always the same).
    mean_speed_m_s: size of the mean velocity m in m/s, 0 to 1e4.
    speed_std_m_s: standard deviation s of each component of the velocity in m/s, > 0 to 1e4; a velocity differs from
        the mean by 4 s at most.
    step_s: time between changes of velocity in s, 1e-3 to 3600.
    resolution_m: the channel is looked at anew whenever the fastest may have moved that far, in m, > 0.

    >>> paths = GaussMarkov().paths(["a", "b"], np.zeros((2, 2)), seed=1)
    >>> paths.positions_m(60.0).shape, paths.speed_m_s
    ((2, 2), 3.0)
    """

    kind: Literal["gauss_markov"] = "gauss_markov"
    region: RectangleRegion = RectangleRegion()
    memory: Fraction = 0.9
    mean_speed_m_s: Annotated[float, Ge(0), Le(1e4)] = 1.0
    speed_std_m_s: SpeedMS = 0.5
    step_s: Annotated[float, Ge(1e-3), Le(3600)] = 1.0
    resolution_m: DistanceM = 1.0

    def paths(self, names: Sequence[str], start_m: Floats, seed: int) -> Moving:
        """Paths of the devices of these names, each from its own stream, so adding devices changes no way.

        start_m: where the layout has them, m, shape (n, 2).
        """
        stream_keys = keys(seed, [("mobility", name) for name in names])
        legs = Legs(lambda count: self._corners(stream_keys, start_m, count))

        def where(time_s: float) -> Floats:
            found = legs(time_s)
            found[:, :2] = self.region.reflected(found[:, :2])
            return found

        return Moving(where, self.mean_speed_m_s + FARTHEST * self.speed_std_m_s, self.resolution_m)

    def _corners(self, stream_keys: Keys, start_m: Floats, count: int) -> tuple[Floats, Floats]:
        """Instants of the steps, and x, y (without edges) and way there."""
        heading = 2.0 * math.pi * uniforms(stream_keys, 0)
        mean = self.mean_speed_m_s * np.column_stack((np.cos(heading), np.sin(heading)))
        deviations = np.empty((count, *start_m.shape))
        deviations[0] = self.speed_std_m_s * _normal(stream_keys, 0)
        for k in range(1, count):
            new = self.speed_std_m_s * math.sqrt(1.0 - self.memory**2) * _normal(stream_keys, k)
            deviations[k] = self.memory * deviations[k - 1] + new
        size = np.linalg.norm(deviations, axis=-1, keepdims=True)
        most = FARTHEST * self.speed_std_m_s
        moves = self.step_s * (mean + deviations * (most / np.maximum(size, most)))
        steps = np.dstack((moves, np.linalg.norm(moves, axis=-1)))
        begin = np.column_stack((start_m, np.zeros(len(start_m))))[None]
        times = np.broadcast_to(self.step_s * np.arange(count + 1)[:, None], (count + 1, len(start_m)))
        return times, np.concatenate((begin, steps)).cumsum(axis=0)


def _normal(stream_keys: Keys, number: int) -> Floats:
    """The pair of standard normal numbers of every stream (Box and Muller), shape (n, 2)."""
    u, v = uniforms(stream_keys, 2 * number + 1), uniforms(stream_keys, 2 * number + 2)
    turn = 2.0 * math.pi * v
    normal: Floats = np.sqrt(-2.0 * np.log(u))[:, None] * np.column_stack((np.cos(turn), np.sin(turn)))
    return normal
