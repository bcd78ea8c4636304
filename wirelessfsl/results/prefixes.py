"""Units to show a quantity in: seconds as ms, min or h, joules as kJ, rates as Mbit/s, so that axes have short numbers.

Decimal prefixes only (SI); 1 MB is 10^6 bytes. Only what people look at is scaled, never what is stored.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Scale(NamedTuple):
    """A unit to show values in: divide by ``factor``, write ``unit`` behind."""

    factor: float
    unit: str


_SCALES: dict[str, tuple[tuple[float, Scale], ...]] = {
    # Each from the value on; up to three minutes or hours people read the smaller unit with more ease.
    "s": (
        (0.0, Scale(1e-6, "µs")),
        (1e-3, Scale(1e-3, "ms")),
        (1.0, Scale(1.0, "s")),
        (180.0, Scale(60.0, "min")),
        (10_800.0, Scale(3600.0, "h")),
    ),
    "J": (
        (0.0, Scale(1e-6, "µJ")),
        (1e-3, Scale(1e-3, "mJ")),
        (1.0, Scale(1.0, "J")),
        (1e3, Scale(1e3, "kJ")),
        (1e6, Scale(1e6, "MJ")),
    ),
    "B": (
        (0.0, Scale(1.0, "B")),
        (1e3, Scale(1e3, "kB")),
        (1e6, Scale(1e6, "MB")),
        (1e9, Scale(1e9, "GB")),
        (1e12, Scale(1e12, "TB")),
    ),
    "W": (
        (0.0, Scale(1e-6, "µW")),
        (1e-3, Scale(1e-3, "mW")),
        (1.0, Scale(1.0, "W")),
        (1e3, Scale(1e3, "kW")),
    ),
    "Hz": (
        (0.0, Scale(1.0, "Hz")),
        (1e3, Scale(1e3, "kHz")),
        (1e6, Scale(1e6, "MHz")),
        (1e9, Scale(1e9, "GHz")),
    ),
    "FLOP/s": (
        (0.0, Scale(1.0, "FLOP/s")),
        (1e6, Scale(1e6, "MFLOP/s")),
        (1e9, Scale(1e9, "GFLOP/s")),
        (1e12, Scale(1e12, "TFLOP/s")),
    ),
    "bit/s": (
        (0.0, Scale(1.0, "bit/s")),
        (1e3, Scale(1e3, "kbit/s")),
        (1e6, Scale(1e6, "Mbit/s")),
        (1e9, Scale(1e9, "Gbit/s")),
        (1e12, Scale(1e12, "Tbit/s")),
    ),
}


def scale(unit: str, largest: float) -> Scale:
    """The unit in which values up to ``largest`` read best.

    unit: what the values are in, "s", "J", "B", "W", "Hz", "FLOP/s" or "bit/s".
    largest: the largest value to show, >= 0; the plain unit is taken for 0.

    >>> scale("s", 0.25)
    Scale(factor=0.001, unit='ms')
    >>> scale("B", 12_500_000)
    Scale(factor=1000000.0, unit='MB')
    """
    if not largest > 0:
        return Scale(1.0, unit)
    return [fit for start, fit in _SCALES[unit] if largest >= start][-1]


def decimals(value: float) -> int:
    """Decimals that show four significant digits of a value.

    >>> decimals(0.0123), decimals(12.3), decimals(-12345.6)
    (5, 2, 0)
    """
    return max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0


def said(unit: str, value: float) -> str:
    """A value in the unit that fits it, with four significant digits; whole bytes have no decimals.

    unit: what the value is in, "s", "J", "B" or "bit/s".
    value: >= 0, finite.

    >>> said("J", 258505.2), said("s", 0.0001), said("B", 512), said("s", 0)
    ('258.5 kJ', '100.0 µs', '512 B', '0 s')
    """
    fit = scale(unit, value)
    shown = value / fit.factor
    return f"{shown:.{0 if fit.unit == 'B' else decimals(shown)}f} {fit.unit}"
