"""Small-scale fading: the power gain of a link at an instant, by which its mean gain is multiplied.

Here are the kinds whose gain holds for one coherence time and is then drawn anew, independent between blocks and links
(block fading; Tse and Viswanath, Fundamentals of Wireless Communication, 2005, sec. 5.4). It is a *pure function* of
the link's stream key and the number of the block, so it can be asked at any instant, in any order, and has no state.
The blocks of all links change at the same instants, k T. Correlation over time is :mod:`wirelessfsl.radio.clarke` and
:mod:`wirelessfsl.radio.ar1`, over frequency :mod:`wirelessfsl.radio.taps`.

Fades average out: a transfer over many coherence times sees the ergodic mean of its rate. With a coherence time longer
than any transfer, nearly every transfer sees one draw, as many papers have it; this overstates how their times scatter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, Protocol

import numpy as np

from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, uniforms
from wirelessfsl.units import SPEED_OF_LIGHT_M_S, Ge, Le, block, db_to_linear

CoherenceTimeS = Annotated[float, Ge(1e-6), Le(1e6)]
KFactorDb = Annotated[float, Ge(-100), Le(100)]


def doppler_hz(speed_m_s: float, carrier_hz: float) -> float:
    """Maximum Doppler shift, Hz: fd = v f / c.

    >>> round(doppler_hz(30 / 3.6, 3.5e9), 1)
    97.3
    """
    return speed_m_s * carrier_hz / SPEED_OF_LIGHT_M_S


def coherence_time_s(speed_m_s: float, carrier_hz: float) -> float:
    """Coherence time, s: T = 0.423 / fd (Rappaport 2002, sec. 5.4.3); infinity at rest.

    >>> round(coherence_time_s(1.0, 3.5e9), 4)
    0.0362
    """
    return 0.423 / doppler_hz(speed_m_s, carrier_hz) if speed_m_s else math.inf


def next_block_s(time_s: float, length_s: float) -> float:
    """First instant after ``time_s`` that belongs to another block, s; infinity if there is none.

    >>> next_block_s(0.05, 0.05)
    0.1
    """
    return (block(time_s, length_s) + 1) * length_s


Way = Callable[[float], Floats]
"""Of an instant: the way that each device has travelled since the instant 0, m, shape (n,)."""


class FadingProcess(Protocol):
    """Fading of many links under way: a pure function of time, which holds between changes."""

    def gain(self, time_s: float, travelled_m: Way) -> Floats:
        """Power gain of every link at an instant, linear, mean 1, shape (n,), or (n, K) for K equal parts of the band.

        time_s: instant, s, >= 0.
        travelled_m: way of the devices at any instant.
        """

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which gains change, s; infinity if they never do."""


class Blocks(NamedTuple):
    """Fading that is constant in blocks of time.

    draw: gain of every link in the k-th block.
    length_s: of a block.
    """

    draw: Callable[[int], Floats]
    length_s: float

    def gain(self, time_s: float, travelled_m: Way) -> Floats:
        return self.draw(block(time_s, self.length_s))

    def next_change_s(self, time_s: float) -> float:
        return next_block_s(time_s, self.length_s)


@settings
class NoFading:
    """No fading: the gain of a link is its mean gain.

    >>> NoFading().process(np.array([1, 2], dtype=np.uint64), 3.5e9, 0.0, 20e6).gain(7.0, lambda _: np.zeros(2))
    array([1., 1.])
    """

    kind: Literal["none"] = "none"

    def process(self, stream_keys: Keys, carrier_hz: float, speed_m_s: float, bandwidth_hz: float) -> FadingProcess:
        """One for every link, for ever."""
        return Blocks(lambda k: np.ones(stream_keys.shape), math.inf)


class _Drawn:
    """What is common to kinds that are drawn anew in every coherence block."""

    coherence_time_s: float | None

    def process(self, stream_keys: Keys, carrier_hz: float, speed_m_s: float, bandwidth_hz: float) -> FadingProcess:
        """Fading of the links with these keys.

        stream_keys: key of every link's fading stream, shape (n,).
        carrier_hz, speed_m_s: carrier frequency and speed of the fastest device, which give the coherence time if no
            other is set.
        bandwidth_hz: does not matter.
        """
        length_s = self.coherence_time_s or coherence_time_s(speed_m_s, carrier_hz)
        return Blocks(lambda k: self.gain(stream_keys, k), length_s)

    def gain(self, stream_keys: Keys, k: int) -> Floats:
        """Power gain of every link in the k-th block, linear, mean 1, shape as ``stream_keys``."""
        raise NotImplementedError


@settings
class Rayleigh(_Drawn):
    """Rayleigh block fading: many scattered paths and no line of sight.

    h ~ CN(0, 1), g = |h|^2 ~ Exp(1), drawn as g = -ln u. Outage P(g < x) = 1 - exp(-x).

    Tse and Viswanath 2005, sec. 2.4.2.

    coherence_time_s: block length T in s, 1e-6 to 1e6; null is 0.423 c / (v f) (Rappaport 2002, sec. 5.4.3) with the
        speed v of the fastest device, 36 ms at 1 m/s and 3.5 GHz.

    >>> Rayleigh(coherence_time_s=0.05).process(np.array([1], dtype=np.uint64), 3.5e9, 0.0, 20e6).next_change_s(0.05)
    0.1
    """

    kind: Literal["rayleigh"] = "rayleigh"
    coherence_time_s: CoherenceTimeS | None = 0.05

    def gain(self, stream_keys: Keys, k: int) -> Floats:
        """Power gain of every link in the k-th block, linear, mean 1, shape as ``stream_keys``."""
        # Every second number, as Rician does, so that Rayleigh is Rician's K = 0 sample by sample.
        gain: Floats = -np.log(uniforms(stream_keys, 2 * k))
        return gain


@settings
class Rician(_Drawn):
    """Rician block fading: a line of sight, constant, K times as strong as the scattered rest.

    h = sqrt(K / (K + 1)) + CN(0, 1 / (K + 1)), g = |h|^2, mean 1 and variance (2 K + 1) / (K + 1)^2.
    Outage P(g < x) = 1 - Q1(sqrt(2 K), sqrt(2 (K + 1) x)). K = 0 is Rayleigh, K to infinity is no fading.

    Tse and Viswanath 2005, sec. 2.4.2; the Gaussian is drawn after Box and Muller, Ann. Math. Stat. 29 (1958).

    k_factor_db: K in dB, -100 to 100; 3GPP TR 38.901, Table 7.5-6, has a mean of 9 dB in urban cells, 7 dB indoors.
    coherence_time_s: block length T in s, 1e-6 to 1e6; null is 0.423 c / (v f) (Rappaport 2002, sec. 5.4.3) with the
        speed v of the fastest device, 36 ms at 1 m/s and 3.5 GHz.

    >>> Rician(k_factor_db=100.0).gain(np.array([1, 2], dtype=np.uint64), 0).round(3)
    array([1., 1.])
    """

    kind: Literal["rician"] = "rician"
    k_factor_db: KFactorDb = 6.0
    coherence_time_s: CoherenceTimeS | None = 0.05

    def gain(self, stream_keys: Keys, k: int) -> Floats:
        """Power gain of every link in the k-th block, linear, mean 1, shape as ``stream_keys``."""
        k_factor = db_to_linear(self.k_factor_db)
        radius = np.sqrt(-np.log(uniforms(stream_keys, 2 * k)))
        angle = 2.0 * math.pi * uniforms(stream_keys, 2 * k + 1)
        in_phase, quadrature = math.sqrt(k_factor) + radius * np.cos(angle), radius * np.sin(angle)
        gain: Floats = (in_phase**2 + quadrature**2) / (k_factor + 1.0)
        return gain


@settings
class Nakagami(_Drawn):
    """Nakagami-m block fading: milder than Rayleigh for m > 1, harsher below.

    g ~ Gamma(m, 1 / m), mean 1 and variance 1 / m. Outage P(g < x) = P(m, m x) with the regularised incomplete gamma
    function P, whose inverse draws it. m = 1 is Rayleigh, m to infinity is no fading.

    Nakagami, "The m-Distribution", in Statistical Methods in Radio Wave Propagation, 1960; Simon and Alouini, Digital
    Communication over Fading Channels, 2005, sec. 2.2.1.

    m: shape, 0.5 (the square of a real Gaussian) to 1000.
    coherence_time_s: block length T in s, 1e-6 to 1e6; null is 0.423 c / (v f) (Rappaport 2002, sec. 5.4.3) with the
        speed v of the fastest device, 36 ms at 1 m/s and 3.5 GHz.

    >>> links = np.array([1, 2], dtype=np.uint64)
    >>> bool(np.allclose(Nakagami(m=1.0).gain(links, 7), Rayleigh().gain(links, 7)))
    True
    """

    kind: Literal["nakagami"] = "nakagami"
    m: Annotated[float, Ge(0.5), Le(1000)] = 2.0
    coherence_time_s: CoherenceTimeS | None = 0.05

    def gain(self, stream_keys: Keys, k: int) -> Floats:
        """Power gain of every link in the k-th block, linear, mean 1, shape as ``stream_keys``."""
        from scipy.special import gammainccinv

        # The upper tail, of which -ln u is the case m = 1: sample by sample Rayleigh's.
        gain: Floats = gammainccinv(self.m, uniforms(stream_keys, 2 * k)) / self.m
        return gain
