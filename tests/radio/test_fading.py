"""Fading: distribution, limits, and the block structure in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammainc

from wirelessfsl.radio.fading import (
    FadingProcess,
    Nakagami,
    NoFading,
    Rayleigh,
    Rician,
    coherence_time_s,
    doppler_hz,
)
from wirelessfsl.streams import Floats, Keys, keys
from wirelessfsl.units import block

MANY = np.random.default_rng(2).integers(0, 2**64, size=200_000, dtype=np.uint64)
N = len(MANY)
FEW = keys(1, [("fading", f"client-{i}", "uplink") for i in range(4)])

times_s = st.floats(0, 1e9)
block_lengths_s = st.floats(1e-6, 1e6)
block_numbers = st.integers(0, 10**9)


Drawn = Rayleigh | Rician | Nakagami


def process(fading: NoFading | Drawn, stream_keys: Keys = FEW) -> FadingProcess:
    return fading.process(stream_keys, carrier_hz=3.5e9, speed_m_s=0.0, bandwidth_hz=20e6)


def still(time_s: float) -> Floats:
    return np.zeros(1)


def gain_at(fading: NoFading | Drawn, time_s: float, stream_keys: Keys = FEW) -> Floats:
    return process(fading, stream_keys).gain(time_s, still)


def rician_cdf(x: float, k_factor_db: float) -> float:
    k = 10 ** (k_factor_db / 10)
    return float(stats.ncx2.cdf(2 * (k + 1) * x, 2, 2 * k))


def test_no_fading_is_one_for_ever() -> None:
    np.testing.assert_array_equal(gain_at(NoFading(), 3.0), np.ones(4))
    assert process(NoFading()).next_change_s(3.0) == math.inf


def test_rayleigh_gain_is_exponential_with_mean_and_variance_one() -> None:
    gain = Rayleigh().gain(MANY, 0)
    # Five standard errors; Var g = 1 and Var (g - 1)^2 = 8.
    assert gain.mean() == pytest.approx(1.0, abs=5 / np.sqrt(N))
    assert gain.var() == pytest.approx(1.0, abs=5 * np.sqrt(8 / N))
    assert stats.kstest(gain, stats.expon.cdf).pvalue > 1e-3


@pytest.mark.parametrize("k_factor_db", [-10.0, 0.0, 6.0, 15.0])
def test_rician_gain_has_mean_one_and_the_variance_of_its_k_factor(k_factor_db: float) -> None:
    gain = Rician(k_factor_db=k_factor_db).gain(MANY, 0)
    k = 10 ** (k_factor_db / 10)
    variance = (2 * k + 1) / (k + 1) ** 2
    squares = (gain - 1) ** 2
    assert gain.mean() == pytest.approx(1.0, abs=5 * np.sqrt(variance / N))
    assert gain.var() == pytest.approx(variance, abs=5 * squares.std() / np.sqrt(N))
    assert stats.kstest(gain, stats.ncx2(2, 2 * k, scale=1 / (2 * (k + 1))).cdf).pvalue > 1e-3


@pytest.mark.parametrize("m", [0.5, 1.0, 2.5, 20.0])
def test_nakagami_gain_has_mean_one_the_variance_of_its_shape_and_the_gamma_distribution(m: float) -> None:
    gain = Nakagami(m=m).gain(MANY, 0)
    squares = (gain - 1) ** 2
    assert gain.mean() == pytest.approx(1.0, abs=5 / np.sqrt(m * N))
    assert gain.var() == pytest.approx(1 / m, abs=5 * squares.std() / np.sqrt(N))
    assert stats.kstest(gain, stats.gamma(m, scale=1 / m).cdf).pvalue > 1e-3


def test_nakagami_of_shape_one_is_rayleigh_sample_by_sample() -> None:
    np.testing.assert_allclose(Nakagami(m=1.0).gain(MANY, 3), Rayleigh().gain(MANY, 3), rtol=1e-9)


def test_nakagami_of_half_is_the_square_of_a_real_gaussian() -> None:
    assert stats.kstest(Nakagami(m=0.5).gain(MANY, 0), stats.chi2(1).cdf).pvalue > 1e-3


def test_nakagami_of_a_great_shape_is_no_fading() -> None:
    # The deviation is 1 / sqrt(m); of 200,000 samples none is six of them away.
    np.testing.assert_allclose(Nakagami(m=1000.0).gain(MANY, 0), 1.0, atol=6 / np.sqrt(1000.0))


@pytest.mark.parametrize("level", [0.01, 0.1, 0.3, 1.0])
def test_outage_is_the_closed_form(level: float) -> None:
    cases: list[tuple[Drawn, float]] = [
        (Rayleigh(), 1 - math.exp(-level)),
        (Rician(k_factor_db=3.0), rician_cdf(level, 3.0)),
        (Rician(k_factor_db=9.0), rician_cdf(level, 9.0)),
        (Nakagami(m=2.0), float(gammainc(2.0, 2.0 * level))),
        (Nakagami(m=4.0), float(gammainc(4.0, 4.0 * level))),
    ]
    for fading, outage in cases:
        seen = np.mean(fading.gain(MANY, 0) < level)
        # Five standard errors of a proportion, and one sample.
        assert seen == pytest.approx(outage, abs=5 * np.sqrt(outage * (1 - outage) / N) + 1 / N)


def test_rician_with_an_infinite_k_factor_is_no_fading() -> None:
    # The scattered amplitude is below 1e-5 * sqrt(-ln 2^-53) = 6e-5, the gain within twice of that.
    np.testing.assert_allclose(Rician(k_factor_db=100.0).gain(MANY, 0), 1.0, atol=2e-4)


def test_rician_without_line_of_sight_is_rayleigh_sample_by_sample() -> None:
    rician, rayleigh = Rician(k_factor_db=-100.0), Rayleigh()
    for k in (0, 1, 246):
        np.testing.assert_allclose(rician.gain(MANY, k), rayleigh.gain(MANY, k), atol=2e-4)


@pytest.mark.parametrize("fading", [Rayleigh(), Rician(), Nakagami()])
def test_links_and_blocks_are_independent(fading: Drawn) -> None:
    links, blocks = 200, 1000
    gain = np.array([fading.gain(MANY[:links], k) for k in range(blocks)])
    centred = gain - gain.mean()
    # A correlation of n independent pairs has a standard error of 1 / sqrt(n).
    for lag in (1, 2, 7):
        correlation = np.mean(centred[lag:] * centred[:-lag]) / centred.var()
        assert correlation == pytest.approx(0.0, abs=5 / np.sqrt((blocks - lag) * links))
    neighbours = np.mean(centred[:, 1:] * centred[:, :-1]) / centred.var()
    assert neighbours == pytest.approx(0.0, abs=5 / np.sqrt(blocks * (links - 1)))


@pytest.mark.parametrize("fading", [Rayleigh(), Rician(), Nakagami()])
def test_gain_holds_for_a_coherence_time_and_then_changes(fading: Drawn) -> None:
    np.testing.assert_array_equal(gain_at(fading, 0.0), gain_at(fading, 0.0499))
    assert np.all(gain_at(fading, 0.0499) != gain_at(fading, 0.05))
    assert process(fading).next_change_s(0.0499) == 0.05
    assert process(fading).next_change_s(0.05) == 0.1


def test_the_doppler_shift_is_speed_over_wavelength() -> None:
    assert doppler_hz(299_792_458.0 / 3.5e9, 3.5e9) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", [Rayleigh, Rician, Nakagami])
def test_the_coherence_time_that_is_not_set_is_that_of_the_speed(kind: type[Drawn]) -> None:
    fading = kind(coherence_time_s=None)
    # fd = 10 m/s * 3.5e9 Hz / c = 116.75 Hz.
    for speed_m_s, length_s in ((10.0, 0.423 / 116.747), (0.0, math.inf)):
        assert coherence_time_s(speed_m_s, 3.5e9) == pytest.approx(length_s, rel=1e-5)
        assert fading.process(FEW, 3.5e9, speed_m_s, 20e6).next_change_s(0.0) == pytest.approx(length_s, rel=1e-5)


@given(times_s, block_lengths_s)
@example(43 * 0.05, 0.05)
@example(0.3, 0.1)
@example(1e9, 1e-6)
@example(0.0, 1e6)
def test_next_change_is_later_and_is_the_first_instant_of_the_next_block(time_s: float, length_s: float) -> None:
    fading = Rayleigh(coherence_time_s=length_s)
    change_s = process(fading).next_change_s(time_s)
    assert change_s > time_s
    now, just_before, then = (
        gain_at(fading, t) for t in (time_s, max(time_s, math.nextafter(change_s, 0.0)), change_s)
    )
    np.testing.assert_array_equal(now, just_before)
    assert np.all(then != now)
    assert block(change_s, length_s) == block(time_s, length_s) + 1


@given(block_numbers, block_lengths_s)
@example(43, 0.05)
@example(29, 0.01)
@example(3, 0.7)
def test_blocks_begin_at_the_floating_point_multiples_of_the_coherence_time(k: int, length_s: float) -> None:
    start_s = k * length_s
    assert block(start_s, length_s) == k
    assert block(math.nextafter(start_s, math.inf), length_s) == k
    if k:
        assert block(math.nextafter(start_s, 0.0), length_s) == k - 1


@pytest.mark.parametrize("length_s", [0.05, 0.1, 0.001, 1 / 3, 0.7])
def test_following_the_changes_visits_every_block_once(length_s: float) -> None:
    fading, time_s = process(Rayleigh(coherence_time_s=length_s)), 0.0
    for k in range(5000):
        assert block(time_s, length_s) == k
        time_s = fading.next_change_s(time_s)
