"""Urban micro cells of TR 38.901 (UMi): sites in street canyons, below the roofs.

Table 7.4.1-1 (path loss), Table 7.4.2-1 (line of sight), Tables 7.5-6 and 7.6.3.1-2 (shadowing and correlation). The
tables are for 10 m to 5 km in the plane: a nearer device counts as at 10 m, and beyond 5 km the last slope goes on, so
that who is farther never has the better channel. Left out: soft transitions between line of sight and none (sec.
7.6.3.3) and sites at other heights than the report's.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from wirelessfsl.radio.tr38901.streets import NEAREST_M, Street, seen_along_streets, two_slopes_db
from wirelessfsl.radio.tr38901.ways import Ways
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats


@settings
class UMi(Street):
    """Urban micro cell of 3GPP: a site 10 m high in a street canyon, below the roofs.

    With f in GHz, d3D in m and d'_BP of the two-ray break point (h_E = 1 m), in line of sight
    PL = 32.4 + 21 lg d3D + 20 lg f up to d'_BP and 32.4 + 40 lg d3D + 20 lg f - 9.5 lg(d'_BP^2 + (10 - h_UT)^2) beyond;
    without, the greater of that and 22.4 + 35.3 lg d3D + 21.3 lg f - 0.3 (h_UT - 1.5), or of that and the optional
    32.4 + 31.9 lg d3D + 20 lg f. Line of sight: P = 18/d + exp(-d/36) (1 - 18/d) beyond 18 m. Below 10 m as at 10 m;
    beyond 5 km the last slope goes on.

    3GPP TR 38.901, Tables 7.4.1-1, 7.4.2-1 and 7.4.3-1 to 7.4.3-3; carriers of 0.5 to 100 GHz.

    line_of_sight: whether the site sees a device: drawn by the probability over the plane, always or never.
    nlos: the formula without line of sight, standard or optional.
    device_height_m: antenna height h_UT of devices on the ground in m, 1.5 to 22.5.
    indoor_share: share of the devices in buildings, 0 to 1; each is drawn once.
    building: low_loss (plain glass), high_loss (coated glass) or simple (20 dB, carriers of up to 6 GHz).
    release: 16 or 19, of the report's coated glass.
    floor: whether indoor devices are on the ground floor or each on a drawn one of 4 to 8 (up to 22.5 m high).
    car_share: share of the devices in cars, 0 to 1 - indoor_share.
    windows: of the cars, plain (9 dB) or metallised (20 dB), with a standard deviation of 5 dB.

    Raises ValueError if the shares add up to more than 1.

    >>> UMi().los_probability(np.array([10.0, 100.0]), np.full(2, 1.5)).round(4)
    array([1.   , 0.231])
    """

    kind: Literal["umi"] = "umi"
    site_height_m = 10.0
    carriers_hz = 0.5e9, 100e9
    sight_correlation_m = 50.0
    shadowing_correlation_m = 10.0, 13.0, 7.0

    def los_probability(self, distance_m: Floats, height_m: Floats) -> Floats:
        """Probability of line of sight, shape (n,).

        distance_m: outdoor part of the way in the plane, m, >= 0.
        height_m: of the devices' antennas, m; not used.
        """
        return seen_along_streets(distance_m, 36.0)

    def loss_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Path loss of every link outdoors, dB, shape (n,).

        ways: the links.
        carrier_hz: carrier frequency, Hz.
        """
        length_m = ways.length_m(self.site_height_m, NEAREST_M)
        clear = two_slopes_db(ways, length_m, carrier_hz, 32.4, 21.0, self.site_height_m, 1.0)
        lg_f = np.log10(carrier_hz / 1e9)
        if self.nlos == "standard":
            blocked = 22.4 + 35.3 * np.log10(length_m) + 21.3 * lg_f - 0.3 * (ways.height_m - 1.5)
        else:
            blocked = 32.4 + 31.9 * np.log10(length_m) + 20.0 * lg_f
        return np.where(ways.line_of_sight, clear, np.maximum(clear, blocked))

    def shadowing_std_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Standard deviation of the shadowing, dB, shape (n,): 4 in sight, 7.82 (optional 8.2) not, 7 indoors."""
        blocked = 7.82 if self.nlos == "standard" else 8.2
        return np.select([ways.indoor, ways.line_of_sight], [7.0, 4.0], blocked)
