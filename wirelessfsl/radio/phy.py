"""Physical layer: the spectral efficiency that a link reaches at a given SINR.

One number per link, bit/s/Hz, as if coding and modulation adapted without delay and without error. Block errors,
retransmission and the steps of a modulation table are left out here; :mod:`wirelessfsl.radio.nr.phy` has them. Follows
the gap approximation (Forney and Ungerboeck, "Modulation and Coding for Linear Gaussian Channels", IEEE Trans. Inf.
Theory 44, 1998) and the truncated Shannon bound of 3GPP TR 36.942.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, Self

import numpy as np

from wirelessfsl.radio.effective import mean_capacity
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Ge, Gt, Le, PositiveFraction, db_to_linear

Efficiency = Annotated[float, Gt(0), Le(100)]
_LOG2_E = 1.0 / math.log(2.0)
GapDb = Annotated[float, Ge(0), Le(50)]


class OneWay(Protocol):
    """The physical layer in one direction, as ``one_way`` of its settings gives it; SINRs are linear, >= 0."""

    def occupied_hz(self, bandwidth_hz: float) -> float:
        """Width that carries data within a band, Hz."""

    def efficiency(self, sinr: Floats) -> Floats:
        """Mean goodput of every link, bit/s/Hz of the occupied width, shape (n,) as ``sinr``."""

    def residual(self, sinr: Floats) -> Floats:
        """Probability that a block is lost after all retransmissions, shape (n,) as ``sinr``."""

    def effective_sinr(self, sinr: Floats) -> Floats:
        """SINR, shape (n,), of the flat channel that is as good as K parts of a band with ``sinr``, shape (n, K)."""


class _Plain:
    """What is common to kinds that use the whole band, both ways alike, without errors."""

    def one_way(self, direction: str) -> Self:
        """The physical layer in one direction, ``uplink`` or ``downlink``."""
        return self

    def occupied_hz(self, bandwidth_hz: float) -> float:
        """Width that carries data within a band, Hz."""
        return bandwidth_hz

    def effective_sinr(self, sinr: Floats) -> Floats:
        """The SINR of a flat channel of the same capacity as K parts of a band.

        sinr: of each part, linear, shape (n, K); the result has shape (n,).
        """
        return mean_capacity(sinr)

    def residual(self, sinr: Floats) -> Floats:
        """Zero for every link: nothing is lost."""
        return np.zeros(sinr.shape)


@settings
class Shannon(_Plain):
    """Shannon capacity with an SNR gap and a cap.

    e = min(log2(1 + SINR / gap), cap) in bit/s/Hz.

    Forney and Ungerboeck 1998 (gap); 3GPP TS 38.214, Table 5.1.3.1-2 (cap: 256QAM, 8 * 948/1024 = 7.41 bit/s/Hz).

    gap_db: distance of the code from capacity in dB, 0 to 50; 0 is Shannon's limit.
    cap_bit_s_hz: highest efficiency in bit/s/Hz, > 0 to 100; what the best modulation carries.

    >>> Shannon().efficiency(np.array([0.0, 1.0, 1e9]))
    array([0. , 1. , 7.4])
    """

    kind: Literal["shannon"] = "shannon"
    gap_db: GapDb = 0.0
    cap_bit_s_hz: Efficiency = 7.4

    def efficiency(self, sinr: Floats) -> Floats:
        """Spectral efficiency of every link, bit/s/Hz, shape as ``sinr``.

        sinr: signal to interference and noise ratio, linear, >= 0.
        """
        bits: Floats = np.log1p(sinr / db_to_linear(self.gap_db) if self.gap_db else sinr)
        bits *= _LOG2_E
        return np.minimum(bits, self.cap_bit_s_hz, out=bits)


@settings
class TruncatedShannon:
    """Shannon capacity scaled to what LTE links reach, with a floor and a cap of each direction.

    e = min(alpha log2(1 + SINR), cap) from the lowest SINR on, 0 below it.

    3GPP TR 36.942, annex A.1; the defaults are those commonly quoted from it, for one antenna that sends and two that
    receive.

    downlink_alpha: share of capacity in the downlink, (0, 1].
    uplink_alpha: share of capacity in the uplink, (0, 1].
    min_sinr_db: lowest SINR at which anything is carried in dB, -50 to 50.
    downlink_cap_bit_s_hz: highest efficiency in the downlink in bit/s/Hz, > 0 to 100.
    uplink_cap_bit_s_hz: highest efficiency in the uplink in bit/s/Hz, > 0 to 100.

    >>> TruncatedShannon().one_way("downlink").efficiency(np.array([0.09, 1.0, 1e9]))
    array([0. , 0.6, 4.4])
    """

    kind: Literal["truncated_shannon"] = "truncated_shannon"
    downlink_alpha: PositiveFraction = 0.6
    uplink_alpha: PositiveFraction = 0.4
    min_sinr_db: Annotated[float, Ge(-50), Le(50)] = -10.0
    downlink_cap_bit_s_hz: Efficiency = 4.4
    uplink_cap_bit_s_hz: Efficiency = 2.0

    def one_way(self, direction: str) -> OneWay:
        """The physical layer in one direction, ``uplink`` or ``downlink``."""
        lowest = db_to_linear(self.min_sinr_db)
        if direction == "uplink":
            return _Truncated(self.uplink_alpha, lowest, self.uplink_cap_bit_s_hz)
        return _Truncated(self.downlink_alpha, lowest, self.downlink_cap_bit_s_hz)


@dataclass(frozen=True)
class _Truncated(_Plain):
    """:class:`TruncatedShannon` in one direction; ``lowest`` SINR linear."""

    alpha: float
    lowest: float
    cap_bit_s_hz: float

    def efficiency(self, sinr: Floats) -> Floats:
        bits = np.minimum(self.alpha * _LOG2_E * np.log1p(sinr), self.cap_bit_s_hz)
        return np.where(sinr >= self.lowest, bits, 0.0)


@settings
class FixedEfficiency(_Plain):
    """One spectral efficiency for all links, whatever their SINR: bandwidth alone decides the rate.

    e = bit_s_hz, as if every link had the same modulation and code, and no error ever.

    bit_s_hz: efficiency in bit/s/Hz, > 0 to 100.

    >>> FixedEfficiency(bit_s_hz=2.0).efficiency(np.array([0.1, 100.0]))
    array([2., 2.])
    """

    kind: Literal["fixed"] = "fixed"
    bit_s_hz: Efficiency = 1.0

    def efficiency(self, sinr: Floats) -> Floats:
        """The set efficiency for every link, bit/s/Hz, shape as ``sinr`` (whose values are not used)."""
        return np.full(sinr.shape, self.bit_s_hz)
