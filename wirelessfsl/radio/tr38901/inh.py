"""Indoor offices of TR 38.901 (InH): site and devices on one floor.

Table 7.4.1-1 (path loss), Table 7.4.2-1 (line of sight), Tables 7.5-6 and 7.6.3.1-2 (shadowing and correlation). The
tables are for antennas 1 to 150 m apart: nearer ones count as 1 m apart, and beyond the last slope goes on. Left out:
soft transitions between line of sight and none (sec. 7.6.3.3), walls and floors between rooms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.radio.tr38901.users import Users, outdoors
from wirelessfsl.radio.tr38901.ways import Sight, Ways
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Gt, Le

HeightM = Annotated[float, Gt(0), Le(50)]
NEAREST_M = 1.0


@settings
class InH:
    """Indoor office of 3GPP: sites at the ceiling.

    With f in GHz and d3D in m, in line of sight PL = 32.4 + 17.3 lg d3D + 20 lg f; without, the greater of that and
    17.3 + 38.3 lg d3D + 24.9 lg f, or of that and the optional 32.4 + 31.9 lg d3D + 20 lg f. The
    probability of line of sight in a mixed office is 1 up to 1.2 m, exp(-(d - 1.2)/4.7) up to 6.5 m, and beyond
    0.32 exp(-(d - 6.5)/32.6); in an open one 1 up to 5 m, exp(-(d - 5)/70.8) up to 49 m, and beyond
    0.54 exp(-(d - 49)/211.7). Below 1 m as at 1 m; beyond 150 m the slope goes on.

    3GPP TR 38.901, Tables 7.4.1-1 and 7.4.2-1; carriers of 0.5 to 100 GHz.

    line_of_sight: whether the site sees a device: drawn by the probability over the plane, always or never.
    nlos: the formula without line of sight, standard or optional.
    office: mixed or open plan, which decides how far one sees.
    site_height_m: antenna height of the site in m, > 0 to 50; 3 in the report.
    device_height_m: antenna height of the devices in m, > 0 to 50; 1 in the report.

    >>> InH(office="open").los_probability(np.array([4.0, 20.0]), np.full(2, 1.0)).round(4)
    array([1.    , 0.8091])
    """

    kind: Literal["inh"] = "inh"
    line_of_sight: Sight = "drawn"
    nlos: Literal["standard", "optional"] = "standard"
    office: Literal["mixed", "open"] = "mixed"
    site_height_m: HeightM = 3.0
    device_height_m: HeightM = 1.0

    carriers_hz = 0.5e9, 100e9
    sight_correlation_m = 10.0
    shadowing_correlation_m = 10.0, 6.0

    def users(self, names: Sequence[str], seed: int, carrier_hz: float) -> Users:
        """The devices of these names, all in the site's room."""
        return outdoors(len(names), self.device_height_m)

    def los_probability(self, distance_m: Floats, height_m: Floats) -> Floats:
        """Probability of line of sight, shape (n,).

        distance_m: in the plane, m, >= 0.
        height_m: of the devices' antennas, m; not used.
        """
        clear_m, decay_m, corner_m, share, far_decay_m = (
            (1.2, 4.7, 6.5, 0.32, 32.6) if self.office == "mixed" else (5.0, 70.8, 49.0, 0.54, 211.7)
        )
        near = np.exp(-np.maximum(distance_m - clear_m, 0.0) / decay_m)
        # Up to 49 m, the corner included, an open office has the first law; a mixed one has the second from 6.5 m on.
        far = distance_m > corner_m if self.office == "open" else distance_m >= corner_m
        return np.where(far, share * np.exp(-(distance_m - corner_m) / far_decay_m), near)

    def loss_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Path loss of every link, dB, shape (n,).

        ways: the links.
        carrier_hz: carrier frequency, Hz.
        """
        lg_d = np.log10(np.maximum(ways.length_m(self.site_height_m, 0.0), NEAREST_M))
        lg_f = math.log10(carrier_hz / 1e9)
        clear = 32.4 + 17.3 * lg_d + 20.0 * lg_f
        standard = self.nlos == "standard"
        blocked = 17.3 + 38.3 * lg_d + 24.9 * lg_f if standard else 32.4 + 31.9 * lg_d + 20.0 * lg_f
        return np.where(ways.line_of_sight, clear, np.maximum(clear, blocked))

    def shadowing_std_db(self, ways: Ways, carrier_hz: float) -> Floats:
        """Standard deviation of the shadowing, dB, shape (n,): 3 in sight, 8.03 (optional 8.29) not."""
        return np.where(ways.line_of_sight, 3.0, 8.03 if self.nlos == "standard" else 8.29)
