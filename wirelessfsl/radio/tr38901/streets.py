"""What the urban cells of TR 38.901 have in common: who is there, two rays along a street, and how far one sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.radio.tr38901.users import Building, Floor, Release, Users, Windows, checked_shares, users
from wirelessfsl.radio.tr38901.ways import C_M_S, Sight, Ways
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Fraction, Ge, Le

DeviceHeightM = Annotated[float, Ge(1.5), Le(22.5)]
NEAREST_M = 10.0
DEEPEST_M = 25.0
"""How deep a device in a building may be (TR 38.901, sec. 7.4.3.1)."""


@settings
class Street:
    """The devices of an urban cell: on the ground, on floors of buildings and in cars; its kinds say what each is."""

    kind: str = ""
    line_of_sight: Sight = "drawn"
    nlos: Literal["standard", "optional"] = "standard"
    device_height_m: DeviceHeightM = 1.5
    indoor_share: Fraction = 0.0
    building: Building = "low_loss"
    release: Release = 19
    floor: Floor = "ground"
    car_share: Fraction = 0.0
    windows: Windows = "plain"

    def __post_init__(self) -> None:
        checked_shares(type(self).__name__, self.indoor_share, self.car_share)

    def users(self, names: Sequence[str], seed: int, carrier_hz: float) -> Users:
        """Where the devices of these names are."""
        return users(
            names,
            seed,
            carrier_hz,
            self.device_height_m,
            self.indoor_share,
            DEEPEST_M,
            self.car_share,
            self.windows,
            self.building,
            self.release,
            self.floor,
        )


def two_slopes_db(
    ways: Ways,
    length_m: Floats,
    carrier_hz: float,
    intercept_db: float,
    slope_db: float,
    site_height_m: float,
    environment_m: float | Floats,
) -> Floats:
    """Path loss in line of sight over two rays, one reflected by a ground at the height of the environment, dB, (n,).

    PL1 = a + b lg d3D + 20 lg f up to d'_BP = 4 (h_BS - h_E) (h_UT - h_E) f / c in the plane, and beyond
    PL2 = a + 40 lg d3D + 20 lg f - (40 - b)/2 lg(d'_BP^2 + (h_BS - h_UT)^2), with f in GHz in losses.

    TR 38.901, Table 7.4.1-1.

    ways, length_m: the links and their d3D, m.
    carrier_hz: f, Hz.
    intercept_db, slope_db: a and b, dB.
    site_height_m, environment_m: h_BS and h_E, m.
    """
    height_m = ways.height_m
    break_m = 4.0 * (site_height_m - environment_m) * (height_m - environment_m) * carrier_hz / C_M_S
    # PL2 - PL1: above 0 exactly where d2D > d'_BP, as the difference of heights is in both.
    beyond = length_m**2 / (break_m**2 + (site_height_m - height_m) ** 2)
    loss: Floats = slope_db * np.log10(length_m) + (intercept_db + 20.0 * np.log10(carrier_hz / 1e9))
    loss += (40.0 - slope_db) / 2.0 * np.log10(np.maximum(beyond, 1.0))
    return loss


def seen_along_streets(distance_m: Floats, decay_m: float) -> Floats:
    """Probability of line of sight from streets: 18/d + exp(-d/D) (1 - 18/d), and 1 up to 18 m, shape (n,).

    distance_m: d, m, >= 0.
    decay_m: D, m.
    """
    near = 18.0 / np.maximum(distance_m, 18.0)
    probability: Floats = near + np.exp(-distance_m / decay_m) * (1.0 - near)
    return probability
