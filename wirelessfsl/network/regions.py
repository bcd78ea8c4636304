"""Regions of the plane around the server, at the origin, that devices stand or move in.

Flat and without obstacles. A uniform point is drawn from uniform numbers of a device's own stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats, Keys
from wirelessfsl.units import DistanceM


def rhombus(u: Floats, v: Floats, axis_deg: Floats | float, side_m: float) -> Floats:
    """Uniform points of a rhombus with a corner of 120 degrees at the origin, shape (n, 2).

    Three of them, their axes 120 degrees apart, are a hexagon. u, v: uniform in (0, 1), shape (n,). axis_deg: direction
    of the diagonal from the origin, of length ``side_m``.
    """
    first, second = (np.deg2rad(np.asarray(axis_deg) + turn) for turn in (-60.0, 60.0))
    x, y = (side_m * (u * f(first) + v * f(second)) for f in (np.cos, np.sin))
    return np.column_stack((x, y))


def first_accepted(stream_keys: Keys, propose: Callable[[Keys, int], tuple[Floats, NDArray[np.bool_]]]) -> Floats:
    """The first proposal of every stream that is accepted (von Neumann's rejection), shape (n, ...).

    propose: of (keys, number of the try), proposals of shape (n, ...) and which are accepted, shape (n,).
    """
    found, accepted = propose(stream_keys, 0)
    attempt = 0
    while not accepted.all():
        attempt += 1
        left = np.flatnonzero(~accepted)
        found[left], accepted[left] = propose(stream_keys[left], attempt)
    return found


@settings
class RectangleRegion:
    """A rectangle, the server in its middle.

    width_m: extent along x in m, > 0.
    height_m: extent along y in m, > 0.

    >>> RectangleRegion(width_m=4.0, height_m=2.0).place(np.array([0.5]), np.array([1.0]))
    array([[0., 1.]])
    """

    kind: Literal["rectangle"] = "rectangle"
    width_m: DistanceM = 400.0
    height_m: DistanceM = 400.0

    def place(self, u: Floats, v: Floats) -> Floats:
        """Points, uniform if u and v in (0, 1) are, in m, shape (..., 2)."""
        return (np.stack((u, v), axis=-1) - 0.5) * self._sides_m

    def holds(self, points_m: Floats) -> NDArray[np.bool_]:
        """Which points, shape (n, 2), lie in it, shape (n,)."""
        inside: NDArray[np.bool_] = np.all(np.abs(points_m) <= self._sides_m / 2, axis=-1)
        return inside

    def reflected(self, points_m: Floats) -> Floats:
        """Where mirrors at the edges put points of the plane, m, shape (n, 2)."""
        sides = self._sides_m
        folded: Floats = sides / 2 - np.abs((points_m + sides / 2) % (2 * sides) - sides)
        return folded

    def wrapped(self, points_m: Floats) -> Floats:
        """Where points of the plane are if who leaves over an edge comes in over the opposite one, m, shape (n, 2)."""
        wrapped: Floats = (points_m + self._sides_m / 2) % self._sides_m - self._sides_m / 2
        return wrapped

    @property
    def diameter_m(self) -> float:
        """Greatest distance of two points, m."""
        return math.hypot(self.width_m, self.height_m)

    @property
    def mean_leg_m(self) -> float:
        """Mean distance of two uniform points, m (Ghosh, Bull. Calcutta Math. Soc. 43, 1951).

        >>> round(RectangleRegion(width_m=1.0, height_m=1.0).mean_leg_m, 6)
        0.521405
        """
        a, b, d = self.width_m, self.height_m, self.diameter_m
        straight = a**3 / b**2 + b**3 / a**2 + d * (3 - a**2 / b**2 - b**2 / a**2)
        return (straight + 2.5 * (b**2 / a * math.log((a + d) / b) + a**2 / b * math.log((b + d) / a))) / 15

    @property
    def _sides_m(self) -> Floats:
        return np.array([self.width_m, self.height_m])


@settings
class DiscRegion:
    """A disc around the server.

    radius_m: radius in m, > 0.

    >>> DiscRegion(radius_m=100.0).holds(np.array([[60.0, 80.0], [0.0, 101.0]]))
    array([ True, False])
    """

    kind: Literal["disc"] = "disc"
    radius_m: DistanceM = 200.0

    def place(self, u: Floats, v: Floats) -> Floats:
        """Points, uniform if u and v in (0, 1) are, in m, shape (..., 2)."""
        distance, angle = self.radius_m * np.sqrt(u), 2.0 * math.pi * v
        return np.stack((distance * np.cos(angle), distance * np.sin(angle)), axis=-1)

    def holds(self, points_m: Floats) -> NDArray[np.bool_]:
        """Which points, shape (n, 2), lie in it, shape (n,)."""
        inside: NDArray[np.bool_] = np.hypot(points_m[:, 0], points_m[:, 1]) <= self.radius_m
        return inside

    @property
    def diameter_m(self) -> float:
        """Greatest distance of two points, m."""
        return 2.0 * self.radius_m

    @property
    def mean_leg_m(self) -> float:
        """Mean distance of two uniform points, m: 128 R / (45 pi)."""
        return 128.0 * self.radius_m / (45.0 * math.pi)


Region = Annotated[RectangleRegion | DiscRegion, Kinds()]
