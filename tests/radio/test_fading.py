"""Fading: distribution, limits, and the block structure in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from wirelessfsl.radio.fading import NoFading, Rayleigh, Rician, block
from wirelessfsl.streams import keys

MANY = np.random.default_rng(2).integers(0, 2**64, size=200_000, dtype=np.uint64)
N = len(MANY)
FEW = keys(1, [("fading", f"client-{i}", "uplink") for i in range(4)])

times_s = st.floats(0, 1e9)
block_lengths_s = st.floats(1e-6, 1e6)
block_numbers = st.integers(0, 10**9)


def rician_cdf(x: float, k_factor_db: float) -> float:
    k = 10 ** (k_factor_db / 10)
    return float(stats.ncx2.cdf(2 * (k + 1) * x, 2, 2 * k))


def test_no_fading_is_one_for_ever() -> None:
    np.testing.assert_array_equal(NoFading().gain(FEW, 3.0), np.ones(4))
    assert NoFading().next_change_s(3.0) == math.inf


def test_rayleigh_gain_is_exponential_with_mean_and_variance_one() -> None:
    gain = Rayleigh().gain(MANY, 0.0)
    # Five standard errors; Var g = 1 and Var (g - 1)^2 = 8.
    assert gain.mean() == pytest.approx(1.0, abs=5 / np.sqrt(N))
    assert gain.var() == pytest.approx(1.0, abs=5 * np.sqrt(8 / N))
    assert stats.kstest(gain, stats.expon.cdf).pvalue > 1e-3


@pytest.mark.parametrize("k_factor_db", [-10.0, 0.0, 6.0, 15.0])
def test_rician_gain_has_mean_one_and_the_variance_of_its_k_factor(k_factor_db: float) -> None:
    gain = Rician(k_factor_db=k_factor_db).gain(MANY, 0.0)
    k = 10 ** (k_factor_db / 10)
    variance = (2 * k + 1) / (k + 1) ** 2
    squares = (gain - 1) ** 2
    assert gain.mean() == pytest.approx(1.0, abs=5 * np.sqrt(variance / N))
    assert gain.var() == pytest.approx(variance, abs=5 * squares.std() / np.sqrt(N))
    assert stats.kstest(gain, stats.ncx2(2, 2 * k, scale=1 / (2 * (k + 1))).cdf).pvalue > 1e-3


@pytest.mark.parametrize("level", [0.01, 0.1, 0.3, 1.0])
def test_outage_is_the_closed_form(level: float) -> None:
    cases: list[tuple[Rayleigh | Rician, float]] = [
        (Rayleigh(), 1 - math.exp(-level)),
        (Rician(k_factor_db=3.0), rician_cdf(level, 3.0)),
        (Rician(k_factor_db=9.0), rician_cdf(level, 9.0)),
    ]
    for fading, outage in cases:
        seen = np.mean(fading.gain(MANY, 0.0) < level)
        # Five standard errors of a proportion, and one sample.
        assert seen == pytest.approx(outage, abs=5 * np.sqrt(outage * (1 - outage) / N) + 1 / N)


def test_rician_with_an_infinite_k_factor_is_no_fading() -> None:
    # The scattered amplitude is below 1e-5 * sqrt(-ln 2^-53) = 6e-5, the gain within twice of that.
    np.testing.assert_allclose(Rician(k_factor_db=100.0).gain(MANY, 0.0), 1.0, atol=2e-4)


def test_rician_without_line_of_sight_is_rayleigh_sample_by_sample() -> None:
    rician, rayleigh = Rician(k_factor_db=-100.0), Rayleigh()
    for time_s in (0.0, 0.07, 12.3):
        np.testing.assert_allclose(rician.gain(MANY, time_s), rayleigh.gain(MANY, time_s), atol=2e-4)


@pytest.mark.parametrize("fading", [Rayleigh(), Rician()])
def test_links_and_blocks_are_independent(fading: Rayleigh | Rician) -> None:
    links, blocks = 200, 1000
    gain = np.array([fading.gain(MANY[:links], k * fading.coherence_time_s) for k in range(blocks)])
    centred = gain - gain.mean()
    # A correlation of n independent pairs has a standard error of 1 / sqrt(n).
    for lag in (1, 2, 7):
        correlation = np.mean(centred[lag:] * centred[:-lag]) / centred.var()
        assert correlation == pytest.approx(0.0, abs=5 / np.sqrt((blocks - lag) * links))
    neighbours = np.mean(centred[:, 1:] * centred[:, :-1]) / centred.var()
    assert neighbours == pytest.approx(0.0, abs=5 / np.sqrt(blocks * (links - 1)))


@pytest.mark.parametrize("fading", [NoFading(), Rayleigh(), Rician()])
def test_gain_depends_on_link_and_time_only_not_on_order_or_company(fading: NoFading | Rayleigh | Rician) -> None:
    instants = [0.0, 5.01, 0.3, 77.7]
    forward = {t: fading.gain(FEW, t) for t in instants}
    for t in reversed(instants):
        np.testing.assert_array_equal(fading.gain(FEW[[3, 1]], t), forward[t][[3, 1]])


@pytest.mark.parametrize("fading", [Rayleigh(coherence_time_s=0.05), Rician(coherence_time_s=0.05)])
def test_gain_holds_for_a_coherence_time_and_then_changes(fading: Rayleigh | Rician) -> None:
    np.testing.assert_array_equal(fading.gain(FEW, 0.0), fading.gain(FEW, 0.0499))
    assert np.all(fading.gain(FEW, 0.0499) != fading.gain(FEW, 0.05))
    assert fading.next_change_s(0.0499) == 0.05
    assert fading.next_change_s(0.05) == 0.1


@given(times_s, block_lengths_s)
@example(43 * 0.05, 0.05)
@example(0.3, 0.1)
@example(1e9, 1e-6)
@example(0.0, 1e6)
def test_next_change_is_later_and_is_the_first_instant_of_the_next_block(time_s: float, length_s: float) -> None:
    fading = Rayleigh(coherence_time_s=length_s)
    change_s = fading.next_change_s(time_s)
    assert change_s > time_s
    assert Rician(coherence_time_s=length_s).next_change_s(time_s) == change_s
    now, just_before, then = (
        fading.gain(FEW, t) for t in (time_s, max(time_s, math.nextafter(change_s, 0.0)), change_s)
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
    fading, time_s = Rayleigh(coherence_time_s=length_s), 0.0
    for k in range(5000):
        assert block(time_s, length_s) == k
        time_s = fading.next_change_s(time_s)
