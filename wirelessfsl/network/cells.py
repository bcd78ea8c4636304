"""Cells: a hexagonal grid of sites, their sectors and antennas, and which cells share a part of the band.

Pure geometry on a plane. With wrap-around the cluster of sites is repeated around itself, six times, and a link is that
to the nearest image of a site, so that cells at the border have as many neighbours as the one in the middle. Left out:
vertical antenna patterns and tilt, and sites that are not on the grid. Follows 3GPP TR 36.814, Annex A.2.1.1, and
TR 38.901, section 7.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.network.regions import first_accepted, rhombus
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats, Keys, keys, uniforms
from wirelessfsl.units import DistanceM, Fraction, Ge, Gt, Le

Indices = NDArray[np.intp]


@settings
class Handover:
    """When a device changes cells: once another's mean received power is better by the hysteresis.

    g_best > g_serving 10^(H / 10) at an instant k T, with the mean gains g, the hysteresis H in dB and the period T.

    3GPP TS 38.331, sec. 5.5.4.4 (event A3), without time to trigger and filtering.

    hysteresis_db: by how much another cell must be better in dB, 0 to 30.
    period_s: how often it is measured in s, 1e-3 to 1e3.
    interruption_s: time after a change in which nothing flies to or from the device in s, 0 to 10.
    """

    hysteresis_db: Annotated[float, Ge(0), Le(30)] = 3.0
    period_s: Annotated[float, Ge(1e-3), Le(1e3)] = 0.2
    interruption_s: Annotated[float, Ge(0), Le(10)] = 0.06


@settings
class Single:
    """One cell, with its site at the origin and nobody around: SINR = P g / N, without interference.

    >>> Single().kind
    'single'
    """

    kind: Literal["single"] = "single"


@settings
class Hexagonal:
    """A hexagonal grid: a site at the origin and rings of others around it, each of one cell or three.

    Sites are d (i + j / 2, j sqrt(3) / 2) for whole i, j with max(|i|, |j|, |i + j|) <= rings: 1, 7 or 19 of them, the
    first at the origin; cells are numbered site by site. A sector's antenna has the pattern
    A(phi) = G - min(12 (phi / phi_3dB)^2, A_max) in dB around its boresight at 30, 150 or 270 degrees.

    3GPP TR 36.814, Annex A.2.1.1 (layout, wrap-around); TR 38.901, Table 7.3-1 (antenna).

    rings: rings of sites around the one in the middle, 0 to 2.
    inter_site_distance_m: distance d of neighbouring sites in m, > 0.
    sectors: cells of a site, 1 (an antenna that radiates alike in all directions) or 3.
    reuse: parts of the band; 3 gives neighbouring sites (with three sectors, the sectors of a site) different ones.
    wrap_around: whether the cluster repeats itself around its border.
    min_distance_m: distance from their site that devices keep at least when they are dropped in m, > 0.
    antenna_gain_dbi: gain G of a sector's antenna in dBi, 0 to 30.
    beamwidth_deg: angle phi_3dB over which it falls by 3 dB, both sides together, in degrees, > 0 to 360.
    max_attenuation_db: A_max, by which it falls at most, in dB, 0 to 100.
    load: share of the time in which a site sends that has no message of the simulation in the air, 0 to 1.
    noise_rise_db: interference at the sites by devices that are not simulated, as a rise of the noise in dB, 0 to 40.
    handover: when devices change cells.

    Raises ValueError if ``min_distance_m`` is not well inside of a cell, or if parts of the band of single-sector sites
    would not fit where the cluster meets its images.

    >>> cells = Hexagonal(rings=1, inter_site_distance_m=500.0)
    >>> cells.sites_m.shape, cells.offsets_m(np.array([[1300.0, 0.0]])).shape
    ((7, 2), (1, 7, 2))
    """

    kind: Literal["hexagonal"] = "hexagonal"
    rings: Annotated[int, Ge(0), Le(2)] = 1
    inter_site_distance_m: DistanceM = 500.0
    sectors: Literal[1, 3] = 1
    reuse: Literal[1, 3] = 1
    wrap_around: bool = True
    min_distance_m: DistanceM = 35.0
    antenna_gain_dbi: Annotated[float, Ge(0), Le(30)] = 8.0
    beamwidth_deg: Annotated[float, Gt(0), Le(360)] = 65.0
    max_attenuation_db: Annotated[float, Ge(0), Le(100)] = 30.0
    load: Fraction = 0.0
    noise_rise_db: Annotated[float, Ge(0), Le(40)] = 0.0
    handover: Handover = Handover()

    def __post_init__(self) -> None:
        if self.min_distance_m > 0.4 * self.inter_site_distance_m:
            text = f"got {self.min_distance_m!r}, must be <= 0.4 inter_site_distance_m"
            raise ValueError(f"Hexagonal.min_distance_m: {text} (= {0.4 * self.inter_site_distance_m:g})")
        if self.reuse == 3 and self.sectors == 1 and self.wrap_around:
            text = "got 3, must be 1 with wrap_around and one sector: the cluster's images would not fit its pattern"
            raise ValueError(f"Hexagonal.reuse: {text}; take sectors: 3 or wrap_around: false")

    @cached_property
    def sites_m(self) -> Floats:
        """Where the sites are, m, shape (sites, 2)."""
        return self._on_grid(self._steps)

    @property
    def site_of(self) -> Indices:
        """The site of every cell, shape (cells,)."""
        return np.arange(len(self._steps)).repeat(self.sectors)

    @property
    def boresight_deg(self) -> Floats:
        """Direction in which every cell's antenna points, degrees from the x axis, shape (cells,)."""
        return np.tile(30.0 + 120.0 * np.arange(self.sectors), len(self._steps))

    @property
    def reuse_group(self) -> Indices:
        """The part of the band that every cell has, 0 to reuse - 1, shape (cells,); cells of one part interfere."""
        if self.sectors == 3:
            return np.tile(np.arange(3), len(self._steps)) % self.reuse
        return (self._steps[:, 0] - self._steps[:, 1]) % self.reuse

    @property
    def borders_m(self) -> Floats:
        """Border of every cell, a closed line, m, shape (cells, points, 2): hexagons, or thirds of them for sectors."""
        corners_deg = 30.0 + 60.0 * np.arange(7) + np.zeros((len(self.site_of), 1))
        side_m = self.inter_site_distance_m / math.sqrt(3.0)
        if self.sectors == 3:
            corners_deg = self.boresight_deg[:, None] + [-60.0, 0.0, 60.0]
        around = np.deg2rad(corners_deg)
        line_m = side_m * np.stack((np.cos(around), np.sin(around)), axis=-1)
        if self.sectors == 3:
            line_m = np.pad(line_m, ((0, 0), (1, 1), (0, 0)))
        border: Floats = self.sites_m[self.site_of][:, None] + line_m
        return border

    def holds(self, points_m: Floats) -> NDArray[np.bool_]:
        """Which points, m, shape (n, 2), lie in the hexagon of one of the sites, shape (n,)."""
        normals = np.deg2rad([0.0, 60.0, 120.0])
        reach_m = (points_m[:, None] - self.sites_m) @ np.array([np.cos(normals), np.sin(normals)])
        inside: NDArray[np.bool_] = np.any(np.abs(reach_m).max(axis=2) <= self.inter_site_distance_m / 2, axis=1)
        return inside

    def offsets_m(self, positions_m: Floats) -> Floats:
        """Devices as seen from the nearest image of every cell's site, m, shape (n, cells, 2).

        positions_m: where the devices are, m, shape (n, 2); with wrap-around inside of the cluster.
        """
        offsets = [self.offset_m(positions_m, site) for site in range(len(self.sites_m))]
        return np.stack(offsets, axis=1)[:, self.site_of]

    def offset_m(self, positions_m: Floats, site: int) -> Floats:
        """Devices as seen from the nearest image of a site, m, shape (n, 2)."""
        offset: Floats = positions_m - self.sites_m[site]
        if self.wrap_around:
            images = offset[:, None] - self._images_m
            nearest = np.hypot(images[..., 0], images[..., 1]).argmin(axis=1)
            offset = images[np.arange(len(images)), nearest]
        return offset

    def gain_db(self, offsets_m: Floats) -> Floats:
        """Gain of every cell's antenna towards devices, dB, shape (n, cells); 0 with one sector.

        offsets_m: as :meth:`offsets_m` returns them, shape (n, cells, 2).
        """
        return self.pattern_db(offsets_m, self.boresight_deg)

    def pattern_db(self, offset_m: Floats, boresight_deg: float | Floats) -> Floats:
        """Gain of an antenna that points somewhere, degrees, towards devices, dB; 0 with one sector."""
        if self.sectors == 1:
            return np.zeros(offset_m.shape[:-1])
        direction = np.rad2deg(np.arctan2(offset_m[..., 1], offset_m[..., 0]))
        off_deg = (direction - boresight_deg + 180.0) % 360.0 - 180.0
        gain: Floats = self.antenna_gain_dbi - np.minimum(
            12.0 * (off_deg / self.beamwidth_deg) ** 2, self.max_attenuation_db
        )
        return gain

    def positions_m(self, names: Sequence[str], seed: int) -> Floats:
        """Devices dropped uniformly in the cells, one cell after the other in turn, m, shape (n, 2).

        names: name of every device, each of which has its own stream. seed: of the run.
        """
        stream_keys = keys(seed, [("layout", name) for name in names])
        cells = np.arange(len(names)) % len(self.site_of)
        side_m = self.inter_site_distance_m / math.sqrt(3.0)
        third = uniforms(stream_keys, 2**32) * 3.0 // 1.0
        axis_deg = 30.0 + 120.0 * third if self.sectors == 1 else self.boresight_deg[cells]
        numbered = np.column_stack((stream_keys, np.arange(len(names), dtype=np.uint64)))

        def propose(of: Keys, attempt: int) -> tuple[Floats, NDArray[np.bool_]]:
            u, v = uniforms(of[:, 0], 2 * attempt), uniforms(of[:, 0], 2 * attempt + 1)
            points = rhombus(u, v, axis_deg[of[:, 1].astype(np.intp)], side_m)
            return points, np.hypot(points[:, 0], points[:, 1]) >= self.min_distance_m

        return self.sites_m[self.site_of[cells]] + first_accepted(numbered, propose)

    @cached_property
    def _steps(self) -> Indices:
        """The whole numbers (i, j) of every site, from the middle outwards, shape (sites, 2)."""
        reach = range(-self.rings, self.rings + 1)
        steps = [(i, j) for i in reach for j in reach if abs(i + j) <= self.rings]
        return np.array(sorted(steps, key=lambda step: (max(map(abs, (*step, sum(step)))), step)))

    @property
    def _images_m(self) -> Floats:
        """By how much the cluster is moved to its images: not at all, and to the six around it, m, shape (7, 2)."""
        turns = [(2 * self.rings + 1, -self.rings)]
        for _ in range(5):
            i, j = turns[-1]
            turns.append((-j, i + j))
        return self._on_grid(np.array([(0, 0), *turns]))

    def _on_grid(self, steps: Indices) -> Floats:
        i, j = steps.T
        return self.inter_site_distance_m * np.column_stack((i + j / 2, j * (math.sqrt(3.0) / 2)))


class Sector(NamedTuple):
    """One cell of a grid, as a site of radio links."""

    grid: Hexagonal
    number: int

    @property
    def name(self) -> str:
        """Name of its site; sectors of a site share their shadowing."""
        return f"site-{self.grid.site_of[self.number]}"

    @property
    def cell(self) -> str:
        """Its name among cells, each with fading of its own."""
        return f"cell-{self.number}"

    def offset_m(self, positions_m: Floats) -> Floats:
        """Positions as seen from the nearest image of its site, m, shape (n, 2)."""
        return self.grid.offset_m(positions_m, int(self.grid.site_of[self.number]))

    def gain_db(self, offset_m: Floats) -> Floats:
        """Gain of its antenna towards these, dB, shape (n,)."""
        return self.grid.pattern_db(offset_m, float(self.grid.boresight_deg[self.number]))


Cells = Annotated[Single | Hexagonal, Kinds()]
