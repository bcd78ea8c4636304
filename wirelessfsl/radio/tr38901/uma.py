"""Urban macro cells of TR 38.901 (UMa): sites above the roofs.

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


def _g(distance_m: Floats) -> Floats:
    """1.25 (d/100)^3 exp(-d/150) beyond 18 m: how far high devices see over the roofs."""
    sees = 1.25 * (distance_m / 100.0) ** 3 * np.exp(-distance_m / 150.0)
    return np.where(distance_m > 18.0, sees, 0.0)


@settings
class UMa(Street):
    """Urban macro cell of 3GPP: a site 25 m high, above the roofs.

    With f in GHz, d3D in m and d'_BP, h_E of the two-ray break point, in line of sight
    PL = 28 + 22 lg d3D + 20 lg f up to d'_BP and 28 + 40 lg d3D + 20 lg f - 9 lg(d'_BP^2 + (25 - h_UT)^2) beyond;
    without, the greater of that and 13.54 + 39.08 lg d3D + 20 lg f - 0.6 (h_UT - 1.5), or of that and the optional
    32.4 + 30 lg d3D + 20 lg f. Line of sight: P = (18/d + exp(-d/63) (1 - 18/d)) (1 + 1.25 C (d/100)^3 exp(-d/150))
    beyond 18 m, C = ((h_UT - 13)/10)^1.5 above 13 m. Below 10 m as at 10 m; beyond 5 km the last slope goes on.

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

    >>> UMa(device_height_m=1.5).los_probability(np.array([10.0, 200.0]), np.full(2, 1.5)).round(4)
    array([1.   , 0.128])
    """

    kind: Literal["uma"] = "uma"
    site_height_m = 25.0
    carriers_hz = 0.5e9, 100e9
    sight_correlation_m = 50.0
    shadowing_correlation_m = 37.0, 50.0, 7.0

    def los_probability(self, distance_m: Floats, height_m: Floats) -> Floats:
        """Probability of line of sight, shape (n,).

        distance_m: outdoor part of the way in the plane, m, >= 0.
        height_m: of the devices' antennas, m.
        """
        high = (np.maximum(height_m - 13.0, 0.0) / 10.0) ** 1.5
        raised = 1.0 + high * _g(distance_m)
        # The report's product passes 1 by up to half a per cent just beyond 18 m for the highest devices.
        return np.minimum(seen_along_streets(distance_m, 63.0) * raised, 1.0)

    def environment_m(self, ways: Ways) -> Floats:
        """Effective height of the environment h_E, m, shape (n,).

        1 m with probability 1 / (1 + C), otherwise uniform on {12, 15, ..., h_UT - 1.5}, with C = 0 below 13 m and
        ((h_UT - 13)/10)^1.5 g(d2D) above, g = 1.25 (d2D/100)^3 exp(-d2D/150) beyond 18 m. A link's random numbers are
        kept, so that a place has one h_E. TR 38.901, Table 7.4.1-1, note 1.
        """
        c = (np.maximum(ways.height_m - 13.0, 0.0) / 10.0) ** 1.5 * _g(ways.distance_m)
        choices = np.maximum(np.floor((ways.height_m - 13.5) / 3.0) + 1.0, 1.0)
        return np.where(ways.draw[0] * (1.0 + c) < 1.0, 1.0, 12.0 + 3.0 * np.floor(ways.draw[1] * choices))

    def loss_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Path loss of every link outdoors, dB, shape (n,).

        ways: the links.
        carrier_hz: carrier frequency, Hz.
        """
        length_m = ways.length_m(self.site_height_m, NEAREST_M)
        clear = two_slopes_db(ways, length_m, carrier_hz, 28.0, 22.0, self.site_height_m, self.environment_m(ways))
        f_db = 20.0 * np.log10(carrier_hz / 1e9)
        if self.nlos == "standard":
            blocked = 13.54 + 39.08 * np.log10(length_m) + f_db - 0.6 * (ways.height_m - 1.5)
        else:
            blocked = 32.4 + 30.0 * np.log10(length_m) + f_db
        return np.where(ways.line_of_sight, clear, np.maximum(clear, blocked))

    def shadowing_std_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Standard deviation of the shadowing, dB, shape (n,): 4 in sight, 6 (optional 7.8) not, 7 indoors."""
        blocked = 6.0 if self.nlos == "standard" else 7.8
        return np.select([ways.indoor, ways.line_of_sight], [7.0, 4.0], blocked)
