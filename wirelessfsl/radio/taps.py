"""Fading over frequency: a tapped delay line whose echoes add up differently in every part of a wide band.

Each tap fades like :mod:`wirelessfsl.radio.clarke`, independent of the others, and the band is seen at the centres of
its K equal parts; the physical layer makes one SINR of theirs. A link takes about 3 kB. Left out: what varies within a
part, delays that change as a device moves, several antennas.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.clarke import Waves
from wirelessfsl.radio.delay_profiles import Name, profile
from wirelessfsl.radio.fading import FadingProcess, Way
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys
from wirelessfsl.units import Ge, Gt, Le, PositiveFraction, SpeedMS


class Selective(NamedTuple):
    """Gains at several frequencies of links whose taps are these waves.

    responses: exp(-2 pi j f_k tau_l) of every tap at every frequency, shape (L, K).
    """

    waves: Waves
    responses: NDArray[np.complex128]

    def gain(self, time_s: float, travelled_m: Way) -> Floats:
        h = self.waves.amplitudes(time_s, travelled_m).T @ self.responses
        gain: Floats = h.real**2 + h.imag**2
        return gain

    def next_change_s(self, time_s: float) -> float:
        return self.waves.next_change_s(time_s)


@settings
class Taps:
    """Frequency-selective fading by a tapped delay line.

    H(f, t) = sum_l h_l(t) exp(-2 pi j f tau_l) with h_l as of clarke and E|h_l|^2 = P_l, so that
    E[H(f, t) H*(f + df, t)] = sum_l P_l exp(2 pi j df tau_l). The Doppler shift of a line of sight is 0.7 fd.

    3GPP TR 38.901, sec. 7.7.2 with Tables 7.7.2-1 to 7.7.2-5, delays scaled as in sec. 7.7.3.

    profile: delays and powers, of which TDL-A to C have no line of sight, TDL-D and E have one (K = 13.3 and 22 dB);
        exponential is 24 taps of equal power whose correlation over frequency is about 1 / (1 + 2 pi j df D).
    delay_spread_ns: rms delay spread D in ns, > 0 to 1e5; 10 is very short, 30 short, 100 nominal, 300 long, 1000 very
        long (TR 38.901, Table 7.7.3-1).
    sub_bands: number K of parts of the band, 2 to 1024.
    speed_m_s: speed v in m/s, > 0 to 1e4, with which all devices count as moving for their fading; by default fading
        follows the way that each device travels.
    sinusoids: number of waves of each tap, 4 to 1024.
    step_coherence_times: time after which gains are evaluated anew, > 0 to 1, in coherence times 0.423 / fd
        (Rappaport 2002, sec. 5.4.3) of the fastest device.

    >>> links = np.array([1, 2, 3], dtype=np.uint64)
    >>> Taps(sub_bands=4, speed_m_s=1.0).process(links, 3.5e9, 0.0, 20e6).gain(0.0, lambda _: np.zeros(3)).shape
    (3, 4)
    """

    kind: Literal["taps"] = "taps"
    profile: Name = "tdl_a"
    delay_spread_ns: Annotated[float, Gt(0), Le(1e5)] = 100.0
    sub_bands: Annotated[int, Ge(2), Le(1024)] = 12
    speed_m_s: SpeedMS | None = None
    sinusoids: Annotated[int, Ge(4), Le(1024)] = 8
    step_coherence_times: PositiveFraction = 0.25

    def process(self, stream_keys: Keys, carrier_hz: float, speed_m_s: float, bandwidth_hz: float) -> FadingProcess:
        """Fading of the links with these keys, gains of shape (n, K).

        stream_keys: key of every link's fading stream, shape (n,).
        carrier_hz: carrier frequency, Hz.
        speed_m_s: of the fastest device, m/s.
        bandwidth_hz: width of the band, Hz.
        """
        delays, powers, los_power = profile(self.profile)
        waves = Waves(
            stream_keys,
            carrier_hz,
            speed_m_s,
            self.speed_m_s,
            self.step_coherence_times,
            self.sinusoids,
            powers=powers,
            los_power=los_power,
            los_cosine=0.7,
        )
        frequencies_hz = ((np.arange(self.sub_bands) + 0.5) / self.sub_bands - 0.5) * bandwidth_hz
        delays_s = delays * self.delay_spread_ns * 1e-9
        return Selective(waves, np.exp(-2j * math.pi * delays_s[:, None] * frequencies_hz))
