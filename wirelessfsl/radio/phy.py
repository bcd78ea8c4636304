"""Physical layer: the spectral efficiency that a link reaches at a given SINR.

One number per link, bit/s/Hz, as if coding and modulation adapted without delay and without error. Block errors,
retransmission and the steps of a modulation table are left out. Follows the gap approximation (Forney and Ungerboeck,
"Modulation and Coding for Linear Gaussian Channels", IEEE Trans. Inf. Theory 44, 1998).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np

from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats
from wirelessfsl.units import Ge, Gt, Le, db_to_linear

Efficiency = Annotated[float, Gt(0), Le(100)]
_LOG2_E = 1.0 / math.log(2.0)
GapDb = Annotated[float, Ge(0), Le(50)]


class _Plain:
    """What is common to kinds that use the whole band, both ways alike, without errors."""

    def one_way(self, direction: str) -> Self:
        """The physical layer in one direction, ``uplink`` or ``downlink``."""
        return self

    def occupied_hz(self, bandwidth_hz: float) -> float:
        """Width that carries data within a band, Hz."""
        return bandwidth_hz

    def effective_sinr(self, sinr: Floats) -> Floats:
        """The SINR of a flat channel that carries as much as K parts of a band do: log2(1 + S) is the mean of theirs.

        sinr: of each part, linear, shape (n, K); the result has shape (n,).
        """
        effective: Floats = np.expm1(np.log1p(sinr).mean(axis=-1))
        return effective


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
class FixedEfficiency(_Plain):
    """One spectral efficiency for all links, whatever their SINR: bandwidth alone decides the rate.

    bit_s_hz: efficiency in bit/s/Hz, > 0 to 100.

    >>> FixedEfficiency(bit_s_hz=2.0).efficiency(np.array([0.1, 100.0]))
    array([2., 2.])
    """

    kind: Literal["fixed"] = "fixed"
    bit_s_hz: Efficiency = 1.0

    def efficiency(self, sinr: Floats) -> Floats:
        """The set efficiency for every link, bit/s/Hz, shape as ``sinr`` (whose values are not used)."""
        return np.full(sinr.shape, self.bit_s_hz)
