"""Fading as a sum of sinusoids: waves from all around a moving device, each with its Doppler shift.

The gain is a function of the way travelled, and so can be evaluated at any instant without stepping (Xiao, Zheng,
Beaulieu, "Novel Sum-of-Sinusoids Simulation Models for Rayleigh and Rician Fading Channels", IEEE Trans. Wireless
Commun. 5(12), 2006). The sum of N waves is nearly Gaussian: the variance of its power is 1 - 1/N instead of 1. Between
re-evaluations, at multiples of a step of time, the gain holds. Left out: waves that come from some directions rather
than others.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.radio.fading import FadingProcess, KFactorDb, Way, coherence_time_s, next_block_s
from wirelessfsl.settings import settings
from wirelessfsl.streams import Floats, Keys, uniforms
from wirelessfsl.units import SPEED_OF_LIGHT_M_S, Ge, Le, PositiveFraction, SpeedMS, block, db_to_linear

_TURN = np.float32(2.0 * math.pi)


class Waves:
    """Complex amplitudes of the taps of many links.

    h_l(s) = sqrt(P_l / N) sum_n exp(2 pi j (s cos(alpha_n) / lambda + phi_n)), alpha_n = 2 pi (n + theta_n) / N, with
    phi_n and theta_n uniform in [0, 1), at the way s and the wavelength lambda; the first tap has, beside, a line of
    sight sqrt(P_0) exp(2 pi j (s c_0 / lambda + phi_0)).

    stream_keys: key of every link's fading stream, shape (n,).
    powers: P_l of every tap, shape (L,). los_power: P_0. los_cosine: c_0. sinusoids: waves N of a tap.
    carrier_hz: gives lambda. speed_m_s: of the fastest device. own_speed_m_s: with which all devices count as moving,
    whatever way they travel. step_coherence_times: time between re-evaluations.
    """

    def __init__(
        self,
        stream_keys: Keys,
        carrier_hz: float,
        speed_m_s: float,
        own_speed_m_s: float | None,
        step_coherence_times: float,
        sinusoids: int,
        powers: Floats,
        los_power: float,
        los_cosine: float,
    ) -> None:
        counters, shape = 2 * len(powers) * sinusoids, (2, len(powers), sinusoids, len(stream_keys))
        theta, self._phi = np.array([uniforms(stream_keys, counter) for counter in range(counters)]).reshape(shape)
        self._cosines = np.cos(2.0 * math.pi * (np.arange(sinusoids)[:, None] + theta) / sinusoids)
        self._scale = np.sqrt(powers / sinusoids)[:, None]
        self._los, self._los_cosine = math.sqrt(los_power), los_cosine
        self._los_phi = uniforms(stream_keys, counters)
        self._wavelength_m, self._own_speed_m_s = SPEED_OF_LIGHT_M_S / carrier_hz, own_speed_m_s
        self._step_s = step_coherence_times * coherence_time_s(own_speed_m_s or speed_m_s, carrier_hz)

    def amplitudes(self, time_s: float, travelled_m: Way) -> NDArray[np.complex128]:
        """Complex amplitude of every tap of every link, shape (L, n), as of the last re-evaluation."""
        held_s = block(time_s, self._step_s) * self._step_s if self._step_s < math.inf else 0.0
        way_m = travelled_m(held_s) if self._own_speed_m_s is None else self._own_speed_m_s * held_s
        wavelengths = way_m / self._wavelength_m
        turns = self._cosines * wavelengths
        turns += self._phi
        turns -= np.rint(turns)
        # Within half a turn single precision is good for 1e-6 of the amplitude, at a tenth of the time.
        angles = turns.astype(np.float32) * _TURN
        h: NDArray[np.complex128] = self._scale * (np.cos(angles).sum(axis=1) + 1j * np.sin(angles).sum(axis=1))
        if self._los:
            h[0] += self._los * np.exp(2j * math.pi * (self._los_cosine * wavelengths + self._los_phi))
        return h

    def gain(self, time_s: float, travelled_m: Way) -> Floats:
        """Power gain of every link, shape (n,), of all its taps at one frequency."""
        h = self.amplitudes(time_s, travelled_m).sum(axis=0)
        gain: Floats = h.real**2 + h.imag**2
        return gain

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which the gain is to be evaluated anew, s."""
        return next_block_s(time_s, self._step_s)


@settings
class Clarke:
    """Fading with Clarke's spectrum: waves of equal power from all directions, and perhaps a line of sight.

    E[h(t) h*(t + tau)] = J0(2 pi fd tau), fd = v f / c. Without a line of sight the gain is Rayleigh's and crosses the
    level R, relative to the rms, sqrt(2 pi) fd R exp(-R^2) times a second.

    Clarke, "A Statistical Theory of Mobile-Radio Reception", Bell Syst. Tech. J. 47, 1968; simulated after Xiao, Zheng
    and Beaulieu, IEEE Trans. Wireless Commun. 5(12), 2006.

    speed_m_s: speed v in m/s, > 0 to 1e4, with which all devices count as moving for their fading; by default fading
        follows the way that each device travels.
    k_factor_db: power of the line of sight to that of the waves in dB, -100 to 100; by default there is none.
    los_angle_deg: angle between the line of sight and the movement in degrees, 0 to 180; its Doppler shift is fd times
        the cosine.
    sinusoids: number of waves, 8 to 1024.
    step_coherence_times: time after which the gain is evaluated anew, > 0 to 1, in coherence times 0.423 / fd
        (Rappaport 2002, sec. 5.4.3) of the fastest device.

    >>> links = np.array([1, 2], dtype=np.uint64)
    >>> fading = Clarke(speed_m_s=10.0, k_factor_db=100.0).process(links, 3.5e9, 0.0, 20e6)
    >>> fading.gain(1.0, lambda _: np.zeros(2)).round(3)
    array([1., 1.])
    """

    kind: Literal["clarke"] = "clarke"
    speed_m_s: SpeedMS | None = None
    k_factor_db: KFactorDb | None = None
    los_angle_deg: Annotated[float, Ge(0), Le(180)] = 45.0
    sinusoids: Annotated[int, Ge(8), Le(1024)] = 64
    step_coherence_times: PositiveFraction = 0.25

    def process(self, stream_keys: Keys, carrier_hz: float, speed_m_s: float, bandwidth_hz: float) -> FadingProcess:
        """Fading of the links with these keys.

        stream_keys: key of every link's fading stream, shape (n,).
        carrier_hz: carrier frequency, Hz.
        speed_m_s: of the fastest device, m/s.
        bandwidth_hz: does not matter.
        """
        k_factor = 0.0 if self.k_factor_db is None else db_to_linear(self.k_factor_db)
        return Waves(
            stream_keys,
            carrier_hz,
            speed_m_s,
            self.speed_m_s,
            self.step_coherence_times,
            self.sinusoids,
            powers=np.array([1.0 / (k_factor + 1.0)]),
            los_power=k_factor / (k_factor + 1.0),
            los_cosine=math.cos(math.radians(self.los_angle_deg)),
        )
