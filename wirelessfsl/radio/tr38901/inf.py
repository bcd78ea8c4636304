"""Factory halls of TR 38.901 (InF): machines between the site and the devices.

Table 7.4.1-1 (path loss), Table 7.4.2-1 (line of sight), Tables 7.5-6 and 7.6.3.1-2 (shadowing and correlation). The
tables are for antennas 1 to 600 m apart: nearer ones count as 1 m apart, and beyond the last slope goes on. Left out:
soft transitions between line of sight and none (sec. 7.6.3.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np

from wirelessfsl.radio.tr38901.users import Users, outdoors
from wirelessfsl.radio.tr38901.ways import Sight, Ways
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Gt, Le, Lt

SizeM = Annotated[float, Gt(0), Le(50)]
NEAREST_M = 1.0


class Hall(NamedTuple):
    """What a kind of factory hall has without being told: clutter, heights of antennas, and its law without sight.

    laws: intercept and slope of each PL' = a + b lg d3D + 20 lg f, of which the greatest counts.
    """

    clutter_size_m: float
    clutter_density: float
    clutter_height_m: float
    site_height_m: float
    device_height_m: float
    laws: tuple[tuple[float, float], ...]
    std_db: float


_SL = (33.0, 25.5)
HALLS = {
    "sl": Hall(10.0, 0.2, 2.0, 1.5, 1.5, (_SL,), 5.7),
    "dl": Hall(2.0, 0.6, 6.0, 1.5, 1.5, ((18.6, 35.7), _SL), 7.2),
    "sh": Hall(10.0, 0.2, 2.0, 8.0, 1.5, ((32.4, 23.0),), 5.9),
    "dh": Hall(2.0, 0.6, 6.0, 8.0, 1.5, ((33.63, 21.9),), 4.0),
    "hh": Hall(2.0, 0.6, 6.0, 8.0, 8.0, (), 4.3),
}
"""The kinds of hall."""


@settings
class InF:
    """Indoor factory of 3GPP: a hall with machines, the site below (low) or above (high) their tops.

    With f in GHz and d3D in m, in line of sight PL = 31.84 + 21.5 lg d3D + 19 lg f; without, the greater of that and
    33 + 25.5 lg d3D + 20 lg f (sl), also of 18.6 + 35.7 lg d3D + 20 lg f (dl), 32.4 + 23 lg d3D + 20 lg f (sh) or
    33.63 + 21.9 lg d3D + 20 lg f (dh). Line of sight: P = exp(-d/k), k = -s / ln(1 - r) with clutter of size s on the
    share r of the floor, times (h_BS - h_UT)/(h_c - h_UT) for a high site over clutter of height h_c; in hh always.
    Below 1 m as at 1 m; beyond 600 m the slope goes on.

    3GPP TR 38.901, Tables 7.4.1-1 and 7.4.2-1; carriers of 0.5 to 100 GHz. Defaults of clutter and heights are as
    commonly quoted from the report's calibration (Table 7.8-7), those of hh ours.

    line_of_sight: whether the site sees a device: drawn by the probability over the plane, always or never.
    hall: sl, dl, sh, dh (sparse or dense clutter, low or high site) or hh (both antennas above all clutter).
    clutter_size_m: typical width of a machine s in m, > 0 to 50; by default 10 in sparse halls, 2 in dense ones.
    clutter_density: share of the floor with clutter r, in (0, 1); by default 0.2 in sparse halls, 0.6 in dense ones.
    clutter_height_m: mean height of clutter h_c in m, > 0 to 50; by default 2 in sparse halls, 6 in dense ones.
    site_height_m: antenna height of the site h_BS in m, > 0 to 50; by default 1.5 of a low one and 8 of a high one.
    device_height_m: antenna height of the devices h_UT in m, > 0 to 50; by default 1.5, in hh 8.

    Raises ValueError if under a high site devices are not below the clutter, or the site is.

    >>> InF(hall="dl").los_probability(np.array([0.0, 2.0]), np.full(2, 1.5)).round(3)
    array([1. , 0.4])
    """

    kind: Literal["inf"] = "inf"
    line_of_sight: Sight = "drawn"
    hall: Literal["sl", "dl", "sh", "dh", "hh"] = "sl"
    clutter_size_m: SizeM | None = None
    clutter_density: Annotated[float, Gt(0), Lt(1)] | None = None
    clutter_height_m: SizeM | None = None
    site_height_m: SizeM | None = None
    device_height_m: SizeM | None = None

    carriers_hz = 0.5e9, 100e9
    shadowing_correlation_m = 10.0, 10.0

    def __post_init__(self) -> None:
        hall = self.furnished
        if self.hall in ("sh", "dh") and not hall.device_height_m < hall.clutter_height_m <= hall.site_height_m:
            raise ValueError(
                f"InF.clutter_height_m: got {hall.clutter_height_m:g}, must be > device_height_m ="
                f" {hall.device_height_m:g} and <= site_height_m = {hall.site_height_m:g} in a hall {self.hall}"
            )

    @property
    def furnished(self) -> Hall:
        """The hall with what is given in place of what it has without being told."""
        given = {name: getattr(self, name) for name in Hall._fields if getattr(self, name, None) is not None}
        return HALLS[self.hall]._replace(**given)

    @property
    def sight_correlation_m(self) -> float:
        """Correlation distance of line of sight, m: half a machine. Table 7.6.3.1-2."""
        return self.furnished.clutter_size_m / 2.0

    def users(self, names: Sequence[str], seed: int, carrier_hz: float) -> Users:
        """The devices of these names, all in the site's hall."""
        return outdoors(len(names), self.furnished.device_height_m)

    def los_probability(self, distance_m: Floats, height_m: Floats) -> Floats:
        """Probability of line of sight, shape (n,).

        distance_m: in the plane, m, >= 0.
        height_m: of the devices' antennas, m.
        """
        hall = self.furnished
        if self.hall == "hh":
            return np.ones(distance_m.shape)
        free_m = -hall.clutter_size_m / math.log1p(-hall.clutter_density)
        if self.hall in ("sl", "dl"):
            return np.exp(-distance_m / free_m)
        return np.exp(-distance_m / free_m * (hall.clutter_height_m - height_m) / (hall.site_height_m - height_m))

    def loss_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Path loss of every link, dB, shape (n,).

        ways: the links.
        carrier_hz: carrier frequency, Hz.
        """
        hall = self.furnished
        lg_d = np.log10(np.maximum(ways.length_m(hall.site_height_m, 0.0), NEAREST_M))
        lg_f = math.log10(carrier_hz / 1e9)
        clear: Floats = 31.84 + 21.5 * lg_d + 19.0 * lg_f
        blocked = clear
        for intercept_db, slope_db in hall.laws:
            blocked = np.maximum(blocked, intercept_db + slope_db * lg_d + 20.0 * lg_f)
        return np.where(ways.line_of_sight, clear, blocked)

    def shadowing_std_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Standard deviation of the shadowing, dB, (n,): 4.3 in sight; not, 5.7 (sl), 7.2 (dl), 5.9 (sh), 4 (dh)."""
        return np.where(ways.line_of_sight, 4.3, HALLS[self.hall].std_db)
