"""Gauss-Markov block fading: Rayleigh fading whose blocks remember the one before, as many papers have it.

Its correlation at lag k is rho^k; Clarke's is J0(2 pi fd k T), which agrees at the first lag only. All devices fade as
quickly as the fastest. Left out: a line of sight.

A Gauss-Markov sequence can be drawn at any block without all those before it. Blocks far apart are independent, and
one in the middle of two others is Gaussian given these, so that the ones in between follow by halving (Levy's
construction of Brownian motion; Karatzas and Shreve, Brownian Motion and Stochastic Calculus, 1991, sec. 2.3). So the
gain is a *pure function* of stream key and block, like that of the other kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.fading import Blocks, CoherenceTimeS, FadingProcess, coherence_time_s, doppler_hz
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, uniforms
from wirelessfsl.units import SpeedMS

Amplitudes = NDArray[np.complex128]

LONGEST = 0.38
"""Block length times fd below which it is allowed: J0(2 pi x) has its first zero at x = 0.3827."""


@settings
class AR1:
    """Gauss-Markov block fading of first order: a Rayleigh gain that changes little by little from block to block.

    h' = rho h + sqrt(1 - rho^2) w, w ~ CN(0, 1), rho = J0(2 pi fd T), fd = v f / c, g = |h|^2.

    Baddour and Beaulieu, "Autoregressive Modeling for Fading Channel Simulation", IEEE Trans. Wireless Commun. 4, 2005.

    speed_m_s: speed v in m/s, > 0 to 1e4, with which all devices count as moving for their fading; by default that of
        the fastest device.
    block_s: block length T in s, 1e-6 to 1e6 and below 0.38 / fd; by default a quarter of the coherence time
        0.423 / fd (Rappaport 2002, sec. 5.4.3), where rho is 0.89.

    >>> AR1(speed_m_s=10.0, block_s=1.0).process(np.array([1], dtype=np.uint64), 3.5e9, 0.0, 20e6)
    Traceback (most recent call last):
        ...
    ValueError: block_s: got 1, must be < 0.38 / fd = 0.00325489 s
    """

    kind: Literal["ar1"] = "ar1"
    speed_m_s: SpeedMS | None = None
    block_s: CoherenceTimeS | None = None

    def process(self, stream_keys: Keys, carrier_hz: float, speed_m_s: float, bandwidth_hz: float) -> FadingProcess:
        """Fading of the links with these keys.

        stream_keys: key of every link's fading stream, shape (n,).
        carrier_hz: carrier frequency, Hz.
        speed_m_s: of the fastest device, m/s.
        bandwidth_hz: does not matter.

        Raises ValueError if blocks are too long for the speed.
        """
        from scipy.special import j0

        speed_m_s = self.speed_m_s or speed_m_s
        if not speed_m_s:
            return Blocks(lambda k: _power(_innovation(stream_keys, 0)), math.inf)
        fd = doppler_hz(speed_m_s, carrier_hz)
        block_s = self.block_s or 0.25 * coherence_time_s(speed_m_s, carrier_hz)
        if block_s * fd >= LONGEST:
            raise ValueError(f"block_s: got {block_s:g}, must be < {LONGEST} / fd = {LONGEST / fd:g} s")
        rho = float(j0(2.0 * math.pi * fd * block_s))
        at = amplitudes(stream_keys, rho)
        return Blocks(lambda k: _power(at(k)), block_s)


def amplitudes(stream_keys: Keys, rho: float) -> Callable[[int], Amplitudes]:
    """Complex amplitude of every link as a function of the block, shape as ``stream_keys``.

    h_k = r / (1 + r^2) (h_(k - d) + h_(k + d)) + sqrt((1 - r^2) / (1 + r^2)) w_k, where d is the greatest power of two
    that divides k, and r = rho^d. Blocks whose correlation is below 1e-12 count as independent.

    stream_keys: key of every link's fading stream.
    rho: correlation of neighbours, in (0, 1].
    """
    halvings = math.ceil(math.log2(27.6 / max(-math.log(rho), 1e-15)))

    @lru_cache(halvings + 2)  # as many as one block stands on; most of them serve its successor, too
    def at(k: int) -> Amplitudes:
        if k % 2**halvings == 0:
            return _innovation(stream_keys, k)
        d = k & -k
        r = rho**d
        middle: Amplitudes = (at(k - d) + at(k + d)) * (r / (1 + r * r))
        return middle + math.sqrt((1 - r * r) / (1 + r * r)) * _innovation(stream_keys, k)

    return at


def _innovation(stream_keys: Keys, k: int) -> Amplitudes:
    """The k-th number of CN(0, 1) of every stream (Box and Muller)."""
    phase = np.exp(2j * math.pi * uniforms(stream_keys, 2 * k + 1))
    drawn: Amplitudes = np.sqrt(-np.log(uniforms(stream_keys, 2 * k))) * phase
    return drawn


def _power(amplitudes: Amplitudes) -> Floats:
    return amplitudes.real**2 + amplitudes.imag**2
