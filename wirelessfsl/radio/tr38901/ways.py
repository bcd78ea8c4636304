"""Ways between a site and its devices: what the formulas of TR 38.901 ask of a link."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.streams import Floats

C_M_S = 3.0e8
"""Speed of light in break points, as TR 38.901, Table 7.4.1-1, note 1, rounds it."""
Bools = NDArray[np.bool_]
Sight = Literal["drawn", "always", "never"]


class Ways(NamedTuple):
    """The ways between a site and n devices, arrays of shape (n,).

    distance_m: in the plane, d2D, m, >= 0.
    height_m: of the device's antenna h_UT, m.
    line_of_sight: whether the site sees the device, or the wall that it is behind.
    indoor: whether the device is in a building and the site is not.
    draw: two uniform numbers in (0, 1) that belong to the link, shape (2, n).
    """

    distance_m: Floats
    height_m: Floats
    line_of_sight: Bools
    indoor: Bools
    draw: Floats

    def length_m(self, site_height_m: float, nearest_m: float) -> Floats:
        """Distance between the antennas d3D, m, shape (n,); a device nearer than ``nearest_m`` in the plane is there.

        d3D = sqrt(d2D^2 + (h_BS - h_UT)^2), TR 38.901, eq. 7.4-1.

        site_height_m: height of the site's antenna h_BS, m.
        nearest_m: least distance d2D that the formulas are meant for, m.
        """
        return np.hypot(np.maximum(self.distance_m, nearest_m), site_height_m - self.height_m)
