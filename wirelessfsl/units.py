"""Units: conversions between decibel and linear, blocks of time, and the numeric ranges that settings may take.

A number enters the package with its unit in its name (``bandwidth_hz``, ``tx_power_dbm``, ``energy_j``); inside a
formula everything is SI and linear. The ``Annotated`` types below state which values are allowed, once, for both
readers: pydantic checks a scenario against them and :func:`wirelessfsl.settings.settings` a direct construction.
"""

from __future__ import annotations

import math
from typing import Annotated, overload

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

SPEED_OF_LIGHT_M_S = 299_792_458.0
"""Speed of light in vacuum, exact (SI)."""
THERMAL_NOISE_DBM_HZ = -174.0
"""Thermal noise density kT at 290 K as 3GPP rounds it (10 lg(1.380649e-23 * 290 / 1 mW) = -173.975)."""
BITS_PER_BYTE = 8

Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Le(1)]
PositiveFraction = Annotated[float, Gt(0), Le(1)]
Count = Annotated[int, Ge(1)]
BandwidthHz = Annotated[float, Ge(1e3), Le(1e12)]
CarrierHz = Annotated[float, Ge(1e6), Le(3e12)]
DistanceM = Annotated[float, Gt(0), Le(1e8)]
PowerDbm = Annotated[float, Ge(-100), Le(80)]
GainDb = Annotated[float, Ge(-100), Le(100)]
RateBitS = Annotated[float, Ge(1), Le(1e13)]
LatencyS = Annotated[float, Ge(0), Le(3600)]
SpeedMS = Annotated[float, Gt(0), Le(1e4)]

__all__ = [
    "BITS_PER_BYTE",
    "SPEED_OF_LIGHT_M_S",
    "THERMAL_NOISE_DBM_HZ",
    "BandwidthHz",
    "CarrierHz",
    "Count",
    "DistanceM",
    "Fraction",
    "GainDb",
    "Ge",
    "Gt",
    "LatencyS",
    "Le",
    "Lt",
    "NonNegative",
    "Positive",
    "PositiveFraction",
    "PowerDbm",
    "RateBitS",
    "SpeedMS",
    "block",
    "db_to_linear",
    "dbm_to_watt",
    "linear_to_db",
    "watt_to_dbm",
]

Floats = NDArray[np.float64]


@overload
def db_to_linear(value_db: float) -> float: ...
@overload
def db_to_linear(value_db: Floats) -> Floats: ...
def db_to_linear(value_db: float | Floats) -> float | Floats:
    """Power ratio of a decibel value, 10^(x/10).

    >>> db_to_linear(20.0)
    100.0
    """
    ratio: float | Floats = 10.0 ** (value_db / 10.0)
    return ratio


@overload
def linear_to_db(ratio: float) -> float: ...
@overload
def linear_to_db(ratio: Floats) -> Floats: ...
def linear_to_db(ratio: float | Floats) -> float | Floats:
    """Decibel value of a power ratio, 10 lg x.

    >>> linear_to_db(1000.0)
    30.0
    """
    value = 10.0 * np.log10(ratio)
    return value if isinstance(ratio, np.ndarray) else float(value)


def dbm_to_watt(power_dbm: float) -> float:
    """Watts of a power in dBm.

    >>> dbm_to_watt(30.0)
    1.0
    """
    return float(10.0 ** ((power_dbm - 30.0) / 10.0))


def watt_to_dbm(power_w: float) -> float:
    """Power in dBm of a power in watts.

    >>> watt_to_dbm(0.1)
    20.0
    """
    return float(10.0 * np.log10(power_w) + 30.0)


def block(time_s: float, length_s: float) -> int:
    """Number k of the block of time, such as a coherence time, that an instant lies in, k T <= t < (k + 1) T.

    The boundaries are the floating-point products k T themselves. The quotient t / T may be rounded across one of
    them (43 * 0.05 / 0.05 is below 43), so its floor is put right by comparison. Exact for t / T < 2^51, which is 71
    years of blocks of 1 us.

    time_s: instant, s, >= 0.
    length_s: block length T, s, > 0.

    >>> block(43 * 0.05, 0.05), math.floor(43 * 0.05 / 0.05)
    (43, 42)
    """
    k = math.floor(time_s / length_s)
    if k * length_s > time_s:
        return k - 1
    if (k + 1) * length_s <= time_s:
        return k + 1
    return k
