"""Propagation: the large-scale loss of a link, from its distance and from what stands in the way.

Path loss turns distance and carrier into decibels; shadowing adds a random loss that belongs to the link and does not
change while nobody moves. Heights, line-of-sight probability, indoor loss and the correlation of shadowing over space
are left out. Follows Rappaport, Wireless Communications, 2nd ed. (2002), chapter 4, and 3GPP TR 36.814.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, uniforms
from wirelessfsl.units import SPEED_OF_LIGHT_M_S, DistanceM, Ge, Le

Exponent = Annotated[float, Ge(0), Le(10)]
LossDb = Annotated[float, Ge(0), Le(300)]
SlopeDb = Annotated[float, Ge(0), Le(100)]
StdDb = Annotated[float, Ge(0), Le(30)]


@settings
class FreeSpace:
    """Free-space path loss between isotropic antennas.

    L(d) = 20 lg(4 pi d f / c) in dB, never below 0 dB (the far-field formula would amplify closer than c / (4 pi f)).

    Friis, "A Note on a Simple Transmission Formula", Proc. IRE 34 (1946); Rappaport 2002, eq. 4.6.

    >>> FreeSpace().loss_db(np.array([1000.0]), carrier_hz=1e9).round(2)
    array([92.45])
    """

    kind: Literal["free_space"] = "free_space"

    def loss_db(self, distance_m: Floats, carrier_hz: float) -> Floats:
        """Path loss of every link, in dB, shape as ``distance_m``.

        distance_m: distance of every link, m, > 0.
        carrier_hz: carrier frequency, Hz.
        """
        loss: Floats = 20.0 * np.log10(np.maximum(distance_m * (4.0 * math.pi * carrier_hz / SPEED_OF_LIGHT_M_S), 1.0))
        return loss


@settings
class LogDistance:
    """Log-distance path loss: a known loss at a reference distance and a constant exponent beyond it.

    L(d) = L0 + 10 n lg(max(d, d0) / d0) in dB.

    Rappaport 2002, sec. 4.9.1.

    exponent: n, from 0 to 10; 2 in free space, 2.7 to 5 in cities.
    reference_distance_m: d0 in m, > 0; a shorter distance counts as d0.
    reference_loss_db: L0 in dB, 0 to 300; null takes the free-space loss at d0 and the carrier.

    >>> LogDistance(exponent=3.0, reference_loss_db=40.0).loss_db(np.array([10.0]), carrier_hz=3.5e9)
    array([70.])
    """

    kind: Literal["log_distance"] = "log_distance"
    exponent: Exponent = 3.0
    reference_distance_m: DistanceM = 1.0
    reference_loss_db: LossDb | None = None

    def loss_db(self, distance_m: Floats, carrier_hz: float) -> Floats:
        """Path loss of every link, in dB, shape as ``distance_m``.

        distance_m: distance of every link, m, > 0.
        carrier_hz: carrier frequency, Hz; only used where ``reference_loss_db`` is null.
        """
        d0, l0 = self.reference_distance_m, self.reference_loss_db
        if l0 is None:
            l0 = float(FreeSpace().loss_db(np.array([d0]), carrier_hz)[0])
        loss: Floats = l0 + 10.0 * self.exponent * np.log10(np.maximum(distance_m, d0) / d0)
        return loss


@settings
class UrbanMacro:
    """Macro-cell path loss of the federated-learning literature, at a carrier of 2 GHz; the distance is in *km*.

    L(d) = 128.1 + 37.6 lg(d / 1 km) in dB, meant for d >= 35 m and a base station 15 m above the roofs;
    below 1 m as at 1 m.

    3GPP TR 36.942, sec. 4.5.2 (macro cell, urban), and TR 36.814, Annex A.2 (case 1). ``carrier_hz`` does not
    enter, it is part of the intercept.

    intercept_db: loss at 1 km in dB, 0 to 300.
    slope_db: dB per decade of distance, 0 to 100 (ten times the path-loss exponent).

    >>> UrbanMacro().loss_db(np.array([1000.0, 100.0]), carrier_hz=2e9).round(1)
    array([128.1,  90.5])
    """

    kind: Literal["urban_macro"] = "urban_macro"
    intercept_db: LossDb = 128.1
    slope_db: SlopeDb = 37.6

    def loss_db(self, distance_m: Floats, carrier_hz: float) -> Floats:
        """Path loss of every link, in dB, shape as ``distance_m``.

        distance_m: distance of every link, m, > 0.
        carrier_hz: carrier frequency, Hz; not used.
        """
        loss: Floats = self.intercept_db + self.slope_db * np.log10(np.maximum(distance_m, 1.0) / 1000.0)
        return loss


@settings
class NoShadowing:
    """No shadowing: distance alone decides the mean gain of a link.

    >>> NoShadowing().loss_db(np.array([1, 2], dtype=np.uint64))
    array([0., 0.])
    """

    kind: Literal["none"] = "none"

    def loss_db(self, stream_keys: Keys) -> Floats:
        """Zero dB for every link, shape as ``stream_keys``."""
        return np.zeros(stream_keys.shape)


@settings
class LogNormal:
    """Log-normal shadowing: a normal loss in dB, drawn once for a link and independent between links.

    X ~ N(0, s^2) in dB, by X = s sqrt(-2 ln u) cos(2 pi v) (Box and Muller, Ann. Math. Stat. 29, 1958).

    Rappaport 2002, sec. 4.9.2; s = 8 dB for macro cells (3GPP TR 36.814, Annex A.2, case 1).

    std_db: standard deviation s in dB, 0 to 30.

    >>> LogNormal(std_db=8.0).loss_db(np.array([1, 2], dtype=np.uint64)).shape
    (2,)
    """

    kind: Literal["log_normal"] = "log_normal"
    std_db: StdDb = 8.0

    def loss_db(self, stream_keys: Keys) -> Floats:
        """Loss in dB to add to the path loss, mean 0, shape as ``stream_keys``.

        stream_keys: key of every link's shadowing stream; the same key always gives the same loss.
        """
        u, v = uniforms(stream_keys, 0), uniforms(stream_keys, 1)
        loss: Floats = self.std_db * np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * math.pi * v)
        return loss
