"""What TR 38.901 says of a scenario's fading: the Rician K-factor in line of sight, and the spread of the delays.

Table 7.5-6, for choosing the K-factor and the delay spread of a fading kind to suit a scenario; the report's
other parameters (angles, clusters, their correlations) are left out.
"""

from __future__ import annotations

import math
from typing import Literal

from wirelessfsl.radio.tr38901.users import Release

Condition = Literal["los", "nlos", "indoor"]

RICIAN_K_DB = {"uma": (9.0, 3.5), "umi": (9.0, 5.0), "rma": (7.0, 4.0), "inh": (7.0, 4.0), "inf": (7.0, 8.0)}
"""Mean and standard deviation in dB of the K-factor in line of sight."""

_LOWEST_GHZ = {"uma": 6.0, "umi": 2.0, "inh": 6.0}
"""Below it the parameters are those at it."""
# Mean of lg(DS / 1 s) and its standard deviation, each (a, b, c) for a lg(b + f) + c with f in GHz.
_Row = tuple[tuple[float, float, float], tuple[float, float, float]]
_SPREADS: dict[tuple[str, str], _Row] = {
    ("uma", "los"): ((-0.0963, 0.0, -6.955), (0.0, 1.0, 0.66)),
    ("uma", "nlos"): ((-0.204, 0.0, -6.28), (0.0, 1.0, 0.39)),
    ("uma", "indoor"): ((0.0, 1.0, -6.62), (0.0, 1.0, 0.32)),
    ("umi", "los"): ((-0.24, 1.0, -7.14), (0.0, 1.0, 0.38)),
    ("umi", "nlos"): ((-0.24, 1.0, -6.83), (0.16, 1.0, 0.28)),
    ("umi", "indoor"): ((0.0, 1.0, -6.62), (0.0, 1.0, 0.32)),
    ("rma", "los"): ((0.0, 1.0, -7.49), (0.0, 1.0, 0.55)),
    ("rma", "nlos"): ((0.0, 1.0, -7.43), (0.0, 1.0, 0.48)),
    ("rma", "indoor"): ((0.0, 1.0, -7.47), (0.0, 1.0, 0.24)),
    ("inh", "los"): ((-0.01, 1.0, -7.692), (0.0, 1.0, 0.18)),
    ("inh", "nlos"): ((-0.28, 1.0, -7.173), (0.10, 1.0, 0.055)),
}
_SPREADS_19: dict[tuple[str, str], _Row] = {
    ("uma", "los"): ((-0.0794, 0.0, -7.067), (0.026, 0.0, 0.57)),
    ("uma", "nlos"): ((-0.134, 0.0, -6.47), (0.0, 1.0, 0.39)),
    ("umi", "los"): ((-0.18, 1.0, -7.28), (0.0, 1.0, 0.39)),
    ("umi", "nlos"): ((-0.22, 1.0, -6.87), (0.19, 1.0, 0.22)),
}
_HALL_SPREADS = {"los": (26.0, 14.0, -9.35, 0.15), "nlos": (30.0, 32.0, -9.44, 0.19)}


def delay_spread(
    kind: str,
    condition: Condition,
    carrier_hz: float,
    release: Release = 19,
    hall_m: tuple[float, float, float] = (120.0, 60.0, 10.0),
) -> tuple[float, float]:
    """Mean and standard deviation of lg(DS / 1 s), DS the root-mean-square delay spread, which is log-normal.

    Of the outdoor scenarios and the office a lg(b + f) + c, f in GHz; of a hall of volume V and surface S
    lg(26 V/S + 14) - 9.35 in line of sight and lg(30 V/S + 32) - 9.44 without. TR 38.901, Table 7.5-6.

    kind: of the scenario: uma, umi, rma, inh or inf.
    condition: los, nlos or indoor (behind a wall of the outdoor scenarios).
    carrier_hz: carrier frequency, Hz; below 6 GHz (uma, inh) or 2 GHz (umi) the value is that at this limit.
    release: of the report, 16 or 19.
    hall_m: length, width and height of an inf hall, m.

    Raises KeyError for a condition that a scenario does not have.

    >>> mean, std = delay_spread("umi", "los", 28e9, release=16)
    >>> round(1e9 * 10**mean, 1)  # median, ns
    32.3
    """
    if kind == "inf":
        slope, offset, shift, std = _HALL_SPREADS[condition]
        a, b, c = hall_m
        return math.log10(slope * (a * b * c) / (2.0 * (a * b + b * c + c * a)) + offset) + shift, std
    at = kind, condition
    row = _SPREADS_19[at] if release == 19 and at in _SPREADS_19 else _SPREADS[at]
    f = max(carrier_hz / 1e9, _LOWEST_GHZ.get(kind, 0.0))
    mean, std = (a * math.log10(b + f) + c for a, b, c in row)
    return mean, std
