"""Gauss-Markov blocks, drawn by halving, against the recursion that they stand for."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.special import j0

from wirelessfsl.radio.ar1 import AR1, amplitudes
from wirelessfsl.streams import keys
from wirelessfsl.units import SPEED_OF_LIGHT_M_S

LINKS = 20_000
STREAMS = keys(7, [("fading", i) for i in range(LINKS)])
CARRIER_HZ, FD_HZ, BLOCK_S = 3.5e9, 50.0, 0.001
SPEED_M_S = FD_HZ * SPEED_OF_LIGHT_M_S / CARRIER_HZ
RHO = float(j0(2 * math.pi * FD_HZ * BLOCK_S))


def assert_mean(products: np.ndarray, expected: float) -> None:
    for part, value in ((products.real, expected), (products.imag, 0.0)):
        assert part.mean() == pytest.approx(value, abs=4 * part.std() / math.sqrt(LINKS))


def test_the_coefficient_is_clarkes_correlation_at_a_block() -> None:
    assert pytest.approx(0.9754777741) == RHO


@pytest.mark.parametrize("first", [0, 1, 1023, 1024, 987_654_321])
@pytest.mark.parametrize("lag", [1, 2, 5, 40])
def test_correlation_falls_by_the_coefficient_from_block_to_block(first: int, lag: int) -> None:
    # The halving begins from blocks 2048 apart, so these pairs lie within one of its intervals and across two.
    here, there = map(amplitudes(STREAMS, RHO), (first, first + lag))
    assert_mean(there * here.conj(), RHO**lag)


@pytest.mark.parametrize("rho", [0.02, 0.5, RHO, 0.9999])
def test_what_a_block_adds_is_white_and_independent_of_all_blocks_before(rho: float) -> None:
    h = [*map(amplitudes(STREAMS, rho), range(2046, 2052))]
    added = [after - rho * before for before, after in pairwise(h)]
    for k, w in enumerate(added):
        assert_mean(np.abs(w) ** 2 + 0j, 1 - rho**2)
        for before in h[: k + 1]:
            assert_mean(w * before.conj(), 0.0)


def test_gain_is_rayleighs_in_every_block() -> None:
    for k in (0, 1, 777):
        assert stats.kstest(np.abs(amplitudes(STREAMS, RHO)(k)) ** 2, stats.expon.cdf).pvalue > 1e-3


@pytest.mark.parametrize("fading", [AR1(block_s=BLOCK_S), AR1(block_s=BLOCK_S, speed_m_s=SPEED_M_S)])
def test_the_process_plays_the_blocks(fading: AR1) -> None:
    process = fading.process(STREAMS, CARRIER_HZ, fading.speed_m_s or SPEED_M_S, 20e6)
    assert process.next_change_s(0.0) == BLOCK_S
    gain = np.abs(amplitudes(STREAMS, RHO)(7)) ** 2
    np.testing.assert_allclose(process.gain(7.5 * BLOCK_S, lambda _: np.zeros(LINKS)), gain, rtol=1e-6)


def test_blocks_are_a_quarter_of_the_coherence_time_unless_they_are_set() -> None:
    process = AR1(speed_m_s=SPEED_M_S).process(STREAMS, CARRIER_HZ, 0.0, 20e6)
    assert process.next_change_s(0.0) == pytest.approx(0.25 * 0.423 / FD_HZ)
    assert j0(2 * math.pi * 0.25 * 0.423) == pytest.approx(0.89, abs=0.005)


def test_blocks_after_which_the_correlation_would_be_negative_are_refused() -> None:
    AR1(speed_m_s=SPEED_M_S, block_s=0.3799 / FD_HZ).process(STREAMS, CARRIER_HZ, 0.0, 20e6)
    with pytest.raises(ValueError, match=r"block_s: got 0.0076, must be < 0.38 / fd = 0.0076 s"):
        AR1(speed_m_s=SPEED_M_S, block_s=0.38 / FD_HZ).process(STREAMS, CARRIER_HZ, 0.0, 20e6)
