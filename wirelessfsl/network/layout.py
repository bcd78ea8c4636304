"""Layout: where the clients stand around the server, which is at the origin.

Positions are in metres on a plane and do not change during a run; heights, mobility and several cells are left out.
A client's position comes from its own named stream, so adding clients moves nobody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats, keys, uniforms
from wirelessfsl.units import DistanceM


@settings
class Disc:
    """Clients uniform by area in a disc around the server, save a hole in its middle.

    d = sqrt(d_min^2 + u (R^2 - d_min^2)), at an angle uniform in [0, 2 pi).

    The drop of single-cell studies, such as 3GPP TR 36.814, Annex A.2 (which has d_min = 35 m for macro cells).

    radius_m: R in m, > 0.
    min_distance_m: radius of the hole d_min in m, > 0 and below the radius.

    Raises ValueError if ``min_distance_m`` is not below ``radius_m``.

    >>> Disc(radius_m=200.0).positions_m(["client-0", "client-1"], seed=1).shape
    (2, 2)
    """

    kind: Literal["disc"] = "disc"
    radius_m: DistanceM = 200.0
    min_distance_m: DistanceM = 10.0

    def __post_init__(self) -> None:
        if self.min_distance_m >= self.radius_m:
            raise ValueError(
                f"Disc.min_distance_m: got {self.min_distance_m!r}, must be < radius_m (= {self.radius_m:g})"
            )

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Position of every client in m, shape (n, 2).

        names: name of every client, n of them.
        seed: seed of the run.
        """
        stream_keys = keys(seed, [("layout", name) for name in names])
        inner, outer = self.min_distance_m**2, self.radius_m**2
        distance = np.sqrt(inner + uniforms(stream_keys, 0) * (outer - inner))
        angle = 2.0 * math.pi * uniforms(stream_keys, 1)
        return np.column_stack((distance * np.cos(angle), distance * np.sin(angle)))


@settings
class Fixed:
    """Clients at given distances from the server, on one ray; with more clients than distances these repeat in turn.

    distances_m: distance of the first, second, ... client in m, each > 0, at least one.

    Raises ValueError if there is no distance or one is not > 0.

    >>> Fixed(distances_m=(50.0, 100.0)).positions_m(["a", "b", "c"], seed=1)[:, 0]
    array([ 50., 100.,  50.])
    """

    kind: Literal["fixed"] = "fixed"
    distances_m: tuple[DistanceM, ...] = (100.0,)

    def __post_init__(self) -> None:
        if not self.distances_m or min(self.distances_m) <= 0:
            raise ValueError(f"Fixed.distances_m: got {self.distances_m!r}, must be one distance or more, each > 0")

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Position of every client in m, shape (n, 2).

        names: name of every client, n of them.
        seed: seed of the run; not used.
        """
        distance = np.resize(np.array(self.distances_m, dtype=np.float64), len(names))
        return np.column_stack((distance, np.zeros(len(names))))


Layout = Annotated[Disc | Fixed, Kinds()]
