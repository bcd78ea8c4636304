"""Uplink power control: with how much power a device sends on its resource blocks.

The limit is on the device, not on its blocks: who has few sends with the more power in each, up to what power control
wants to be received. Left out: closed-loop corrections, and the error of the path loss that a device measures.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Fraction, Ge, Le, dbm_to_watt

BLOCK_HZ = 180e3
"""Width of the resource block that P0 is of."""


@settings
class FullPower:
    """Devices send with all of their power, however few their resource blocks.

    >>> FullPower().density_w_hz(np.array([1e-10]))
    array([inf])
    """

    kind: Literal["full"] = "full"

    def density_w_hz(self, gain: Floats) -> Floats:
        """Infinity for every device, W/Hz: there is no limit but the device's power."""
        return np.full(gain.shape, np.inf)


@settings
class FractionalPower:
    """Open-loop power control: a device makes up for a part of its path loss.

    P = min(P_max, P_0 + 10 lg(2^mu M) + alpha PL) in dBm, for M resource blocks of 180 kHz 2^mu and the path loss PL in
    dB that the device measures, shadowing and antennas included and fading averaged out.

    3GPP TS 38.213, sec. 7.1.1.

    p0_dbm: power P_0 received per 180 kHz of a device whose path loss is made up for in full, dBm, -202 to 24.
    alpha: part of the path loss that is made up for, 0 to 1.

    >>> watts = FractionalPower(p0_dbm=-90.0, alpha=1.0).density_w_hz(np.array([1e-10])) * 180e3
    >>> float(watts[0].round(12))
    0.01
    """

    kind: Literal["fractional"] = "fractional"
    p0_dbm: Annotated[float, Ge(-202), Le(24)] = -80.0
    alpha: Fraction = 0.8

    def density_w_hz(self, gain: Floats) -> Floats:
        """Power density that a device sends with as long as its power suffices, W/Hz, shape (n,).

        gain: mean power gain of every link, linear, shape (n,).
        """
        density: Floats = dbm_to_watt(self.p0_dbm) / BLOCK_HZ * gain**-self.alpha
        return density


PowerControl = Annotated[FullPower | FractionalPower, Kinds()]
