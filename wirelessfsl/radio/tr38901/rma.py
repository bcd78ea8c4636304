"""Rural cells of TR 38.901 (RMa): a high mast over low buildings.

Table 7.4.1-1 (path loss), Table 7.4.2-1 (line of sight), Tables 7.5-6 and 7.6.3.1-2 (shadowing and correlation). The
tables are for 10 m to 10 km in the plane (5 km without line of sight): a nearer device counts as at 10 m, and beyond
the last slope goes on. Left out: soft transitions between line of sight and none (sec. 7.6.3.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.radio.tr38901.users import Users, Windows, checked_shares, users
from wirelessfsl.radio.tr38901.ways import C_M_S, Sight, Ways
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Fraction, Ge, Le

NEAREST_M = 10.0


@settings
class RMa:
    """Rural macro cell of 3GPP: a mast of 35 m over houses of 5 m.

    With f in GHz, d3D in m, building height h and d_BP = 2 pi h_BS h_UT f/c, in line of sight
    PL1(d) = 20 lg(40 pi d f/3) + min(0.03 h^1.72, 10) lg d - min(0.044 h^1.72, 14.77) + 0.002 lg(h) d up to d_BP and
    PL1(d_BP) + 40 lg(d3D/d_BP) beyond; without, the greater of that and 161.04 - 7.1 lg W + 7.5 lg h
    - (24.37 - 3.7 (h/h_BS)^2) lg h_BS + (43.42 - 3.1 lg h_BS) (lg d3D - 3) + 20 lg f - (3.2 (lg 11.75 h_UT)^2 - 4.97).
    Line of sight: P = exp(-(d - 10)/1000) beyond 10 m. Below 10 m as at 10 m; beyond 10 km (5 km without line of sight)
    the last slope goes on. Houses have walls of low loss.

    3GPP TR 38.901, Tables 7.4.1-1, 7.4.2-1 and 7.4.3-2; carriers of 0.5 to 30 GHz.

    line_of_sight: whether the mast sees a device: drawn by the probability over the plane, always or never.
    site_height_m: height of the mast h_BS in m, 10 to 150.
    device_height_m: antenna height h_UT in m, 1 to 10.
    building_height_m: mean height of the buildings h in m, 5 to 50.
    street_width_m: mean width of the streets W in m, 5 to 50.
    indoor_share: share of the devices in buildings, 0 to 1; each is drawn once.
    car_share: share of the devices in cars, 0 to 1 - indoor_share.
    windows: of the cars, plain (9 dB) or metallised (20 dB), with a standard deviation of 5 dB.

    Raises ValueError if the shares add up to more than 1.

    >>> RMa().los_probability(np.array([5.0, 1000.0]), np.full(2, 1.5)).round(4)
    array([1.    , 0.3716])
    """

    kind: Literal["rma"] = "rma"
    line_of_sight: Sight = "drawn"
    site_height_m: Annotated[float, Ge(10), Le(150)] = 35.0
    device_height_m: Annotated[float, Ge(1), Le(10)] = 1.5
    building_height_m: Annotated[float, Ge(5), Le(50)] = 5.0
    street_width_m: Annotated[float, Ge(5), Le(50)] = 20.0
    indoor_share: Fraction = 0.0
    car_share: Fraction = 0.0
    windows: Windows = "plain"

    carriers_hz = 0.5e9, 30e9
    sight_correlation_m = 60.0
    shadowing_correlation_m = 37.0, 120.0, 120.0

    def __post_init__(self) -> None:
        checked_shares("RMa", self.indoor_share, self.car_share)

    def users(self, names: Sequence[str], seed: int, carrier_hz: float) -> Users:
        """Where the devices of these names are."""
        return users(
            names, seed, carrier_hz, self.device_height_m, self.indoor_share, 10.0, self.car_share, self.windows
        )

    def los_probability(self, distance_m: Floats, height_m: Floats) -> Floats:
        """Probability of line of sight, shape (n,).

        distance_m: outdoor part of the way in the plane, m, >= 0.
        height_m: of the devices' antennas, m; not used.
        """
        probability: Floats = np.exp(-np.maximum(distance_m - 10.0, 0.0) / 1000.0)
        return probability

    def break_m(self, carrier_hz: float) -> float:
        """Distance of the break point d_BP in the plane, m."""
        return 2.0 * math.pi * self.site_height_m * self.device_height_m * carrier_hz / C_M_S

    def loss_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Path loss of every link outdoors, dB, shape (n,).

        ways: the links.
        carrier_hz: carrier frequency, Hz.
        """
        h, h_bs, f = self.building_height_m, self.site_height_m, carrier_hz / 1e9
        length_m, break_m = ways.length_m(h_bs, NEAREST_M), self.break_m(carrier_hz)
        far = ways.distance_m > break_m
        near_m = np.where(far, break_m, length_m)
        clear: Floats = (20.0 + min(0.03 * h**1.72, 10.0)) * np.log10(near_m) + 0.002 * math.log10(h) * near_m
        clear += 20.0 * math.log10(40.0 * math.pi * f / 3.0) - min(0.044 * h**1.72, 14.77)
        clear += 40.0 * np.log10(length_m / near_m)
        heights = 7.5 * math.log10(h) - (24.37 - 3.7 * (h / h_bs) ** 2) * math.log10(h_bs)
        device = 3.2 * math.log10(11.75 * self.device_height_m) ** 2 - 4.97
        blocked: Floats = (43.42 - 3.1 * math.log10(h_bs)) * (np.log10(length_m) - 3.0)
        blocked += 161.04 - 7.1 * math.log10(self.street_width_m) + heights + 20.0 * math.log10(f) - device
        return np.where(ways.line_of_sight, clear, np.maximum(clear, blocked))

    def shadowing_std_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Standard deviation of the shadowing, dB, (n,): in sight 4 up to the break point and 6 beyond, otherwise 8."""
        near = ways.distance_m <= self.break_m(carrier_hz)
        seen = ways.line_of_sight & ~ways.indoor
        return np.select([seen & near, seen], [4.0, 6.0], 8.0)
