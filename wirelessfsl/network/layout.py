"""Layout: where the clients stand around the server, which is at the origin.

Positions are in metres on a plane, at the beginning of a run; how they change is mobility's. Heights are left out.
A client's position comes from its own named stream, so adding clients moves nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.network.regions import RectangleRegion, first_accepted, rhombus
from wirelessfsl.network.tables import read_table
from wirelessfsl.network.topology import CoordinateM
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats, Keys, keys, uniforms
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


@settings
class Rectangle:
    """Clients uniform by area in a rectangle with the server in its middle, save a disc around the server.

    x uniform in [-w/2, w/2] and y in [-h/2, h/2], drawn again within the disc.

    width_m: extent along x in m, > 0.
    height_m: extent along y in m, > 0.
    min_distance_m: distance from the server that clients keep at least in m, > 0 and below half of both extents.

    Raises ValueError if ``min_distance_m`` is not below half of both extents.

    >>> Rectangle(width_m=500.0, height_m=500.0).positions_m(["client-0", "client-1"], seed=1).shape
    (2, 2)
    """

    kind: Literal["rectangle"] = "rectangle"
    width_m: DistanceM = 400.0
    height_m: DistanceM = 400.0
    min_distance_m: DistanceM = 10.0

    def __post_init__(self) -> None:
        half_m = min(self.width_m, self.height_m) / 2
        if self.min_distance_m >= half_m:
            text = f"got {self.min_distance_m!r}, must be < {half_m:g}, half of the lesser extent"
            raise ValueError(f"Rectangle.min_distance_m: {text}")

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Position of every client in m, shape (n, 2).

        names: name of every client, n of them.
        seed: seed of the run.
        """
        region = RectangleRegion(width_m=self.width_m, height_m=self.height_m)
        return _outside(self.min_distance_m, names, seed, region.place)


@settings
class Hexagon:
    """Clients uniform by area in a hexagonal cell around the server, corners at 30, 90, ... degrees, save a disc.

    The drop of multi-cell studies, such as 3GPP TR 36.814, Annex A.2.1; neighbouring sites would be sqrt(3) R away.

    radius_m: distance R of the corners from the server in m, > 0.
    min_distance_m: distance from the server that clients keep at least in m, > 0 and below R sqrt(3) / 2.

    Raises ValueError if ``min_distance_m`` is not below R sqrt(3) / 2.

    >>> Hexagon(radius_m=200.0).positions_m(["client-0", "client-1"], seed=1).shape
    (2, 2)
    """

    kind: Literal["hexagon"] = "hexagon"
    radius_m: DistanceM = 200.0
    min_distance_m: DistanceM = 10.0

    def __post_init__(self) -> None:
        inner_m = self.radius_m * math.sqrt(3.0) / 2
        if self.min_distance_m >= inner_m:
            text = f"got {self.min_distance_m!r}, must be < {inner_m:g}, the inner radius"
            raise ValueError(f"Hexagon.min_distance_m: {text}")

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Position of every client in m, shape (n, 2).

        names: name of every client, n of them.
        seed: seed of the run.
        """

        def place(u: Floats, v: Floats) -> Floats:
            third = np.floor(3.0 * u)
            return rhombus(3.0 * u - third, v, 30.0 + 120.0 * third, self.radius_m)

        return _outside(self.min_distance_m, names, seed, place)


@settings
class Listed:
    """Clients at given places, as seen from the server; with more clients than places these repeat in turn.

    at_m: place of the first, second, ... client as [x, y] in m, at least one.

    Raises ValueError if there is no place.

    >>> Listed(at_m=((50.0, 0.0), (0.0, -80.0))).positions_m(["a", "b", "c"], seed=1)[:, 1]
    array([  0., -80.,   0.])
    """

    kind: Literal["listed"] = "listed"
    at_m: tuple[tuple[CoordinateM, CoordinateM], ...] = ((100.0, 0.0),)

    def __post_init__(self) -> None:
        if not self.at_m:
            raise ValueError("Listed.at_m: got an empty list, must be one place or more")

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Position of every client in m, shape (n, 2).

        names: name of every client, n of them.
        seed: seed of the run; not used.
        """
        return _in_turn(self.at_m, len(names))


@settings
class FromFile:
    """Clients at the places in a CSV file with the columns x_m and y_m, in its order; with more clients in turn.

    path: the file; a relative path is from the folder where the tool runs.
    sha256: digest that what it reads must have, hexadecimal; a run writes down the present one, so that running its
        scenario again reads the same or is refused.
    """

    kind: Literal["file"] = "file"
    path: str
    sha256: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """What it reads."""
        return (self.path,)

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Position of every client in m, shape (n, 2).

        names: name of every client, n of them.
        seed: seed of the run; not used.

        Raises ValueError with file and line if it cannot be read.
        """
        return _in_turn([row.numbers for row in read_table(self.path, ("x_m", "y_m"))], len(names))


def _in_turn(places_m: Sequence[Sequence[float]], count: int) -> Floats:
    return np.array(places_m, dtype=np.float64)[np.arange(count) % len(places_m)]


def _outside(
    min_distance_m: float, names: Sequence[str], seed: int, place: Callable[[Floats, Floats], Floats]
) -> Floats:
    """Points that a function of two uniform numbers gives, at least so far from the origin, shape (n, 2)."""

    def propose(stream_keys: Keys, attempt: int) -> tuple[Floats, NDArray[np.bool_]]:
        points = place(uniforms(stream_keys, 2 * attempt), uniforms(stream_keys, 2 * attempt + 1))
        return points, np.hypot(points[:, 0], points[:, 1]) >= min_distance_m

    return first_accepted(keys(seed, [("layout", name) for name in names]), propose)


@settings
class InCells:
    """Clients uniform in the cells of ``network.cells``, one cell after the other in turn."""

    kind: Literal["cells"] = "cells"

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Of the cells: :meth:`wirelessfsl.network.cells.Hexagonal.positions_m`."""
        raise ValueError("InCells: got no cells, must be asked through the scenario's")


Layout = Annotated[Disc | Fixed | Rectangle | Hexagon | Listed | FromFile | InCells, Kinds()]
