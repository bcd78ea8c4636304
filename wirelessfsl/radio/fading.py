"""Small-scale fading: the power gain of a link at an instant, by which its mean gain is multiplied.

Block fading (Tse and Viswanath, Fundamentals of Wireless Communication, 2005, sec. 5.4): the gain holds for one
coherence time and is then drawn anew, independent between blocks and links. It is a *pure function* of the link's
stream key and the time, so it can be asked at any instant, in any order, and has no state. The blocks of all links
change at the same instants, k T. Left out: correlation between blocks (Doppler) and over frequency.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple, Protocol

import numpy as np

from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, uniforms
from wirelessfsl.units import Ge, Le, block, db_to_linear

CoherenceTimeS = Annotated[float, Ge(1e-6), Le(1e6)]
KFactorDb = Annotated[float, Ge(-100), Le(100)]


def _next_block_s(time_s: float, coherence_time_s: float) -> float:
    return (block(time_s, coherence_time_s) + 1) * coherence_time_s


class FadingProcess(Protocol):
    """Fading of many links under way: a pure function of time and of the way that the devices have travelled."""

    def gain(self, time_s: float, travelled_m: Floats) -> Floats:
        """Power gain of every link at an instant, linear, mean 1, shape (n,), or (n, K) for K equal parts of the band.

        time_s: instant, s, >= 0.
        travelled_m: way that each device has travelled since the instant 0, m, shape (n,).
        """

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which gains change, s; infinity if they never do."""


class Blocks(NamedTuple):
    """Block fading of links with these stream keys."""

    fading: NoFading | Rayleigh | Rician
    stream_keys: Keys

    def gain(self, time_s: float, travelled_m: Floats) -> Floats:
        return self.fading.gain(self.stream_keys, time_s)

    def next_change_s(self, time_s: float) -> float:
        return self.fading.next_change_s(time_s)


class _Block:
    """What is common to kinds whose gain is constant in blocks of time."""

    def process(self, stream_keys: Keys, carrier_hz: float, speed_m_s: float, bandwidth_hz: float) -> FadingProcess:
        """Fading of the links with these keys; carrier, speed and bandwidth do not matter."""
        return Blocks(self, stream_keys)  # type: ignore[arg-type]


@settings
class NoFading(_Block):
    """No fading: the gain of a link is its mean gain.

    >>> NoFading().gain(np.array([1, 2], dtype=np.uint64), time_s=0.0)
    array([1., 1.])
    """

    kind: Literal["none"] = "none"

    def gain(self, stream_keys: Keys, time_s: float) -> Floats:
        """One for every link, shape as ``stream_keys``."""
        return np.ones(stream_keys.shape)

    def next_change_s(self, time_s: float) -> float:
        """Infinity: the gain never changes."""
        return math.inf


@settings
class Rayleigh(_Block):
    """Rayleigh block fading: many scattered paths and no line of sight.

    h ~ CN(0, 1), g = |h|^2 ~ Exp(1), drawn as g = -ln u. Outage P(g < x) = 1 - exp(-x).

    Tse and Viswanath 2005, sec. 2.4.2.

    coherence_time_s: block length T in s, 1e-6 to 1e6; about c / (4 v f) at speed v, 21 ms at 1 m/s and 3.5 GHz.

    >>> Rayleigh(coherence_time_s=0.05).next_change_s(0.05)
    0.1
    """

    kind: Literal["rayleigh"] = "rayleigh"
    coherence_time_s: CoherenceTimeS = 0.05

    def gain(self, stream_keys: Keys, time_s: float) -> Floats:
        """Power gain of every link at an instant, linear, mean 1, shape as ``stream_keys``.

        stream_keys: key of every link's fading stream.
        time_s: instant, s, >= 0.
        """
        # Every second number, as Rician does, so that Rayleigh is Rician's K = 0 sample by sample.
        gain: Floats = -np.log(uniforms(stream_keys, 2 * block(time_s, self.coherence_time_s)))
        return gain

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` that belongs to another block, s; always later than ``time_s``."""
        return _next_block_s(time_s, self.coherence_time_s)


@settings
class Rician(_Block):
    """Rician block fading: a line of sight, constant, K times as strong as the scattered rest.

    h = sqrt(K / (K + 1)) + CN(0, 1 / (K + 1)), g = |h|^2, mean 1 and variance (2 K + 1) / (K + 1)^2.
    Outage P(g < x) = 1 - Q1(sqrt(2 K), sqrt(2 (K + 1) x)). K = 0 is Rayleigh, K to infinity is no fading.

    Tse and Viswanath 2005, sec. 2.4.2; the Gaussian is drawn after Box and Muller, Ann. Math. Stat. 29 (1958).

    k_factor_db: K in dB, -100 to 100; 3GPP TR 38.901, Table 7.5-6, has a mean of 9 dB in urban cells, 7 dB indoors.
    coherence_time_s: block length T in s, 1e-6 to 1e6; about c / (4 v f) at speed v, 21 ms at 1 m/s and 3.5 GHz.

    >>> Rician(k_factor_db=100.0).gain(np.array([1, 2], dtype=np.uint64), time_s=0.0).round(3)
    array([1., 1.])
    """

    kind: Literal["rician"] = "rician"
    k_factor_db: KFactorDb = 6.0
    coherence_time_s: CoherenceTimeS = 0.05

    def gain(self, stream_keys: Keys, time_s: float) -> Floats:
        """Power gain of every link at an instant, linear, mean 1, shape as ``stream_keys``.

        stream_keys: key of every link's fading stream.
        time_s: instant, s, >= 0.
        """
        k = db_to_linear(self.k_factor_db)
        draw = 2 * block(time_s, self.coherence_time_s)
        radius = np.sqrt(-np.log(uniforms(stream_keys, draw)))
        angle = 2.0 * math.pi * uniforms(stream_keys, draw + 1)
        in_phase, quadrature = math.sqrt(k) + radius * np.cos(angle), radius * np.sin(angle)
        gain: Floats = (in_phase**2 + quadrature**2) / (k + 1.0)
        return gain

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` that belongs to another block, s; always later than ``time_s``."""
        return _next_block_s(time_s, self.coherence_time_s)
