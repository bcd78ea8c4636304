"""Users: which devices are inside of buildings or cars, how deep, how high, and what the walls take.

Follows 3GPP TR 38.901, sec. 7.4.3, and for the floors Table 7.2-1. A device's place is drawn once, from a stream of its
own name, and kept for a run, whatever site it talks to and wherever it moves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from wirelessfsl.radio.tr38901.ways import Bools
from wirelessfsl.streams import Floats, keys, uniforms

Building = Literal["low_loss", "high_loss", "simple"]
Release = Literal[16, 19]
Windows = Literal["plain", "metallised"]
Floor = Literal["ground", "drawn"]


class Users(NamedTuple):
    """Where n devices are, arrays of shape (n,).

    height_m: of the antenna, m.
    indoor: whether the device is in a building.
    depth_m: way from the wall to the device d2D-in, m; 0 outdoors.
    loss_db: of the wall or the car and of what is behind, dB; 0 outdoors.
    """

    height_m: Floats
    indoor: Bools
    depth_m: Floats
    loss_db: Floats


def outdoors(count: int, height_m: float) -> Users:
    """Users with no wall between them and the site.

    >>> outdoors(2, height_m=1.5).loss_db
    array([0., 0.])
    """
    return Users(np.full(count, height_m), np.zeros(count, dtype=np.bool_), np.zeros(count), np.zeros(count))


def wall_db(building: Building, carrier_hz: float, release: Release = 19) -> tuple[float, float]:
    """Mean loss of an outer wall PL_tw and the standard deviation sigma_P of a building's loss, dB.

    low_loss: PL_tw = 5 - 10 lg(0.3 10^(-L_glass/10) + 0.7 10^(-L_concrete/10)), sigma_P = 4.4.
    high_loss: PL_tw = 5 - 10 lg(0.7 10^(-L_coated/10) + 0.3 10^(-L_concrete/10)), sigma_P = 6.5.
    simple: 20 dB, sigma_P = 0, for carriers of up to 6 GHz.

    With f in GHz, L_glass = 2 + 0.2 f, L_concrete = 5 + 4 f, and for coated glass L_coated = 23 + 0.3 f in release 16
    and 25.4 + 0.11 f in release 19. TR 38.901, Tables 7.4.3-1 to 7.4.3-3.

    building: kind of the building.
    carrier_hz: carrier frequency, Hz.
    release: of the report, 16 or 19.

    >>> round(wall_db("low_loss", 3.5e9)[0], 4)
    12.6975
    """
    if building == "simple":
        return 20.0, 0.0
    f = carrier_hz / 1e9
    concrete = 10.0 ** (-(5.0 + 4.0 * f) / 10.0)
    if building == "low_loss":
        return 5.0 - 10.0 * math.log10(0.3 * 10.0 ** (-(2.0 + 0.2 * f) / 10.0) + 0.7 * concrete), 4.4
    coated_db = 23.0 + 0.3 * f if release == 16 else 25.4 + 0.11 * f
    return 5.0 - 10.0 * math.log10(0.7 * 10.0 ** (-coated_db / 10.0) + 0.3 * concrete), 6.5


def checked_shares(owner: str, indoor_share: float, car_share: float) -> None:
    """Raises ValueError if the shares of devices in buildings and in cars add up to more than 1."""
    if indoor_share + car_share > 1.0:
        raise ValueError(f"{owner}.car_share: got {car_share!r}, must be <= 1 - indoor_share = {1 - indoor_share:g}")


def users(
    names: Sequence[str],
    seed: int,
    carrier_hz: float,
    height_m: float,
    indoor_share: float,
    deepest_m: float,
    car_share: float,
    windows: Windows,
    building: Building = "low_loss",
    release: Release = 19,
    floor: Floor = "ground",
) -> Users:
    """Draw where devices are.

    Indoors the loss is PL_tw + 0.5 d2D-in + N(0, sigma_P^2), with d2D-in the lesser of two numbers uniform in
    [0, deepest_m] (one number with a simple wall); in a car it is N(9, 5^2), behind metallised windows N(20, 5^2). With
    drawn floors a building has U{4, ..., 8} floors and an indoor device stands h_UT = 3 (U{1, ..., floors} - 1) + 1.5 m
    high.

    TR 38.901, sec. 7.4.3 and Table 7.2-1.

    names: of the devices, n of them. seed: of the run.
    carrier_hz: carrier frequency, Hz.
    height_m: of the other devices' antennas, m.
    indoor_share, car_share: of the devices, each in [0, 1] and together at most 1.
    deepest_m: greatest d2D-in, m.
    windows: of the cars.
    building, release: see :func:`wall_db`.
    floor: whether indoor devices are all on the ground floor.
    """
    from scipy.special import ndtri  # slow to import

    stream_keys = keys(seed, [("users", name) for name in names])
    place, one, other, excess, floors, level = (uniforms(stream_keys, k) for k in range(6))
    indoor, car = place < indoor_share, (place >= indoor_share) & (place < indoor_share + car_share)
    depth_m = deepest_m * (one if building == "simple" else np.minimum(one, other)) * indoor
    mean_db, std_db = wall_db(building, carrier_hz, release)
    inside_db = mean_db + 0.5 * depth_m + std_db * ndtri(excess)
    in_car_db = (9.0 if windows == "plain" else 20.0) + 5.0 * ndtri(excess)
    heights_m = np.full(len(names), height_m)
    if floor == "drawn":
        storeys = np.floor(level * np.floor(4.0 + 5.0 * floors))
        heights_m = np.where(indoor, 3.0 * storeys + 1.5, heights_m)
    return Users(heights_m, indoor, depth_m, np.select([indoor, car], [inside_db, in_car_db], 0.0))
