"""Sums of sinusoids against Clarke's closed forms; rates and times as of a maximum Doppler shift of 50 Hz."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import j0

from wirelessfsl.radio.clarke import Clarke, Waves
from wirelessfsl.radio.fading import FadingProcess
from wirelessfsl.streams import Floats, keys
from wirelessfsl.units import SPEED_OF_LIGHT_M_S

CARRIER_HZ, FD_HZ = 3.5e9, 50.0
SPEED_M_S = FD_HZ * SPEED_OF_LIGHT_M_S / CARRIER_HZ
LINKS = 20_000
FINE = 1e-4
"""Step in coherence times at which the gain is as good as continuous."""


def process(fading: Clarke, links: int = LINKS, speed_m_s: float = SPEED_M_S) -> FadingProcess:
    streams = keys(5, [("fading", i) for i in range(links)])
    return fading.process(streams, CARRIER_HZ, speed_m_s, 20e6)


def walk(time_s: float) -> Floats:
    return np.full(LINKS, SPEED_M_S * time_s)


def amplitudes(fading: Clarke, *instants_s: float) -> list[np.ndarray]:
    waves = process(fading)
    assert isinstance(waves, Waves)
    return [waves.amplitudes(t, walk)[0] for t in instants_s]


@pytest.mark.parametrize(("lag_s", "figure"), [(0.001, 0.9754777741), (0.004, 0.642512), (0.01, -0.3042421776)])
@pytest.mark.parametrize("start_s", [0.0, 3600.0])
def test_autocorrelation_is_a_bessel_function(lag_s: float, figure: float, start_s: float) -> None:
    correlation = float(j0(2 * math.pi * FD_HZ * lag_s))
    assert correlation == pytest.approx(figure, abs=1e-6)
    first, second = amplitudes(Clarke(step_coherence_times=FINE), start_s, start_s + lag_s)
    products = first * second.conj()
    assert products.real.mean() == pytest.approx(correlation, abs=4 * products.real.std() / math.sqrt(LINKS))
    assert products.imag.mean() == pytest.approx(0.0, abs=4 * products.imag.std() / math.sqrt(LINKS))


def test_a_line_of_sight_turns_with_its_own_doppler_shift() -> None:
    # E[h(0) h*(t)] = (K exp(-2 pi j fd cos(60 degrees) t) + J0(2 pi fd t)) / (K + 1), K = 2.
    lag_s = 0.004
    fading = Clarke(k_factor_db=10 * math.log10(2.0), los_angle_deg=60.0, step_coherence_times=FINE)
    first, second = amplitudes(fading, 0.3, 0.3 + lag_s)
    products = first * second.conj()
    turn = -2 * math.pi * FD_HZ * 0.5 * lag_s
    scattered = float(j0(2 * math.pi * FD_HZ * lag_s))
    for part, expected in (
        (products.real, (2 * math.cos(turn) + scattered) / 3),
        (products.imag, 2 * math.sin(turn) / 3),
    ):
        assert part.mean() == pytest.approx(expected, abs=4 * part.std() / math.sqrt(LINKS))


@pytest.mark.parametrize("sinusoids", [8, 64])
def test_the_variance_of_the_power_lacks_one_nth(sinusoids: int) -> None:
    (h,) = amplitudes(Clarke(sinusoids=sinusoids), 2.0)
    squares = (np.abs(h) ** 2 - 1) ** 2
    assert squares.mean() == pytest.approx(1 - 1 / sinusoids, abs=4 * squares.std() / math.sqrt(LINKS))


def test_gain_without_a_line_of_sight_is_rayleighs() -> None:
    gain = process(Clarke()).gain(1.0, walk)
    assert stats.kstest(gain, stats.expon.cdf).pvalue > 1e-3


@pytest.mark.parametrize("k_factor_db", [0.0, 9.0])
def test_gain_with_a_line_of_sight_is_ricians(k_factor_db: float) -> None:
    gain, k = process(Clarke(k_factor_db=k_factor_db)).gain(1.0, walk), 10 ** (k_factor_db / 10)
    assert stats.kstest(gain, stats.ncx2(2, 2 * k, scale=1 / (2 * (k + 1))).cdf).pvalue > 1e-3


def test_fading_follows_the_way_of_each_device_or_its_own_speed() -> None:
    ways, none = np.linspace(0.0, 100.0, LINKS), np.zeros(LINKS)
    by_way, by_speed = process(Clarke()), process(Clarke(speed_m_s=SPEED_M_S))
    np.testing.assert_array_equal(by_way.gain(0.0, lambda _: ways), by_way.gain(9.0, lambda _: ways))
    np.testing.assert_array_equal(by_speed.gain(2.0, lambda _: ways), by_speed.gain(2.0, lambda _: none))
    np.testing.assert_allclose(by_speed.gain(2.0, lambda _: none), by_way.gain(2.0, walk), atol=1e-4)


def test_gains_are_evaluated_anew_after_a_part_of_the_coherence_time() -> None:
    step_s = 0.5 * 0.423 / FD_HZ
    for speed_m_s, own in ((SPEED_M_S, None), (0.0, SPEED_M_S)):
        fading = process(Clarke(speed_m_s=own, step_coherence_times=0.5), 1, speed_m_s)
        assert fading.next_change_s(0.0) == pytest.approx(step_s)


def test_long_means_of_one_link_are_one() -> None:
    # Over a way of S wavelengths the variance of the mean power is 2 / S times the integral of (1 - s / S)
    # J0(2 pi s)^2, which is about ln(2 pi S) / (pi^2 S): 0.0009 for S = 1,000. The largest of 200 is within five
    # deviations.
    wavelength_m = SPEED_OF_LIGHT_M_S / CARRIER_HZ
    waves = process(Clarke(), 200)
    ways = [np.full(200, 0.1 * k * wavelength_m) for k in range(10_000)]
    means = np.mean([waves.gain(0.0, lambda _, way=way: way) for way in ways], axis=0)
    assert np.abs(means - 1).max() < 5 * math.sqrt(math.log(2000 * math.pi) / (math.pi**2 * 1000))


@pytest.fixture(scope="module")
def records() -> Floats:
    """Envelopes of 400 links over 1 s, sampled every 0.2 ms, shape (5001, 400)."""
    fading = process(Clarke(speed_m_s=SPEED_M_S, step_coherence_times=FINE), 400)
    return np.sqrt([fading.gain(k * 2e-4, walk) for k in range(5001)])


@pytest.mark.parametrize(
    ("level", "rate_hz", "duration_s"), [(0.5, 48.80410158, 0.004532389897), (1.0, 46.10685044, 0.01370990542)]
)
def test_level_crossing_rate_and_average_fade_duration(
    records: Floats, level: float, rate_hz: float, duration_s: float
) -> None:
    assert math.sqrt(2 * math.pi) * FD_HZ * level * math.exp(-(level**2)) == pytest.approx(rate_hz)
    assert math.expm1(level**2) / (level * FD_HZ * math.sqrt(2 * math.pi)) == pytest.approx(duration_s)
    below = records < level
    crossings = (below[:-1] & ~below[1:]).sum(axis=0)  # in 1 s
    # Between links the counts are independent; 64 sinusoids are 0.5 % away from a Gaussian process.
    assert crossings.mean() == pytest.approx(rate_hz, abs=4 * crossings.std() / math.sqrt(400) + 0.005 * rate_hz)
    durations = below.mean(axis=0) - crossings * duration_s  # mean zero; what remains is its error, times the rate
    error = durations.std() / math.sqrt(400) / rate_hz
    assert below.mean() / crossings.mean() == pytest.approx(duration_s, abs=4 * error + 0.005 * duration_s)
