"""The channel as a whole against closed forms of outage and capacity (Tse and Viswanath 2005, sec. 5.4).

Power, distance and noise are set so that the mean SNR is what the closed form wants; links, fading and physical layer
then make the rates, over 2,000 links and 100 coherence blocks, which are independent samples. Tolerances are five
standard errors of the sample. The figures beside the formulas were also computed independently of this package.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import binom, exp1, gammainc
from scipy.stats import gamma, ncx2

from wirelessfsl.network.mobility import Standing
from wirelessfsl.radio.ar1 import AR1
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.fading import Nakagami, Rayleigh, Rician
from wirelessfsl.radio.link import Channel, Links, noise_density_w_hz, rate_bit_s
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.streams import Floats

LINKS, BLOCKS, BANDWIDTH_HZ = 2000, 100, 1e6
SAMPLES = LINKS * BLOCKS


def efficiencies(fading: Rayleigh | Rician | Nakagami | AR1 | Clarke, snr_db: float) -> Floats:
    """Bit/s/Hz of every link and block at a mean SNR, shape (SAMPLES,); blocks are in turn, 2,000 links each."""
    channel = Channel(fading=fading, phy=Shannon(cap_bit_s_hz=100.0))
    links = Links(
        channel, [f"client-{i}" for i in range(LINKS)], Standing(np.tile([150.0, 0.0], (LINKS, 1))), 1, "uplink"
    )
    noise_w_hz = noise_density_w_hz(channel.noise_density_dbm_hz, 6.0)
    tx_power_w = 10 ** (snr_db / 10) * noise_w_hz * BANDWIDTH_HZ / links.mean_gain[0]
    time_s, rates = 0.0, []
    for _ in range(BLOCKS):
        rates.append(rate_bit_s(channel.phy, tx_power_w * links.gain(time_s), noise_w_hz, BANDWIDTH_HZ))
        time_s = links.next_change_s(time_s)
    return np.concatenate(rates) / BANDWIDTH_HZ


def assert_outage(seen: Floats, rate: float, outage: float) -> None:
    assert np.mean(seen < rate) == pytest.approx(outage, abs=5 * math.sqrt(outage * (1 - outage) / SAMPLES))


@pytest.mark.parametrize(("rate", "figure"), [(1.0, 0.09516258196), (2.0, 0.2591817793)])
def test_rayleigh_outage_is_1_minus_exp_of_threshold_over_snr(rate: float, figure: float) -> None:
    outage = 1 - math.exp(-(2**rate - 1) / 10)
    assert outage == pytest.approx(figure)
    assert_outage(efficiencies(Rayleigh(), snr_db=10.0), rate, outage)


@pytest.mark.parametrize(("k_factor_db", "figure"), [(3.0, 0.161784096), (9.0, 0.03323822762)])
def test_rician_outage_is_marcum_q(k_factor_db: float, figure: float) -> None:
    # 1 - Q1(sqrt(2 K), sqrt(2 (K + 1) x)) is the distribution function of a non-central chi-squared variable.
    k, rate = 10 ** (k_factor_db / 10), 2.0
    outage = float(ncx2.cdf(2 * (k + 1) * (2**rate - 1) / 10, 2, 2 * k))
    assert outage == pytest.approx(figure)
    assert_outage(efficiencies(Rician(k_factor_db=k_factor_db), snr_db=10.0), rate, outage)


@pytest.mark.parametrize(("m", "figure"), [(2.0, 0.1219013822), (4.0, 0.03376896819)])
def test_nakagami_outage_is_an_incomplete_gamma_function(m: float, figure: float) -> None:
    outage = float(gammainc(m, m * (2**2.0 - 1) / 10))
    assert outage == pytest.approx(figure)
    assert_outage(efficiencies(Nakagami(m=m), snr_db=10.0), 2.0, outage)


@pytest.mark.parametrize(("snr_db", "figure"), [(0.0, 0.8603473823), (10.0, 2.90651), (20.0, 5.884048234)])
def test_rayleigh_ergodic_capacity_is_an_exponential_integral(snr_db: float, figure: float) -> None:
    snr = 10 ** (snr_db / 10)
    capacity = math.log2(math.e) * math.exp(1 / snr) * exp1(1 / snr)
    assert capacity == pytest.approx(figure, rel=1e-5)
    seen = efficiencies(Rayleigh(), snr_db)
    assert seen.mean() == pytest.approx(capacity, abs=5 * seen.std() / math.sqrt(SAMPLES))


def test_nakagami_ergodic_capacity_is_a_quadrature() -> None:
    capacity = quad(lambda g: math.log2(1 + 10 * g) * gamma.pdf(g, 2.0, scale=0.5), 0, math.inf)[0]
    assert capacity == pytest.approx(3.166252506, rel=1e-6)
    seen = efficiencies(Nakagami(m=2.0), 10.0)
    assert seen.mean() == pytest.approx(capacity, abs=5 * seen.std() / math.sqrt(SAMPLES))


@pytest.mark.parametrize(("k", "figure"), [(4, 2.083333333), (16, 3.380728993)])
def test_the_best_of_k_rayleigh_links_has_a_mean_snr_of_the_kth_harmonic_number(k: int, figure: float) -> None:
    assert sum(1 / i for i in range(1, k + 1)) == pytest.approx(figure)
    best = (2 ** efficiencies(Rayleigh(), 10.0).reshape(-1, k).max(axis=1) - 1) / 10
    assert best.mean() == pytest.approx(figure, abs=5 * best.std() / math.sqrt(len(best)))


def test_opportunistic_capacity_is_a_sum_of_exponential_integrals() -> None:
    k, snr = 8, 10.0
    capacity = k * sum(
        (-1) ** i * binom(k - 1, i) / (i + 1) * math.log2(math.e) * math.exp((i + 1) / snr) * exp1((i + 1) / snr)
        for i in range(k)
    )
    assert capacity == pytest.approx(4.686517988)
    best = efficiencies(Rayleigh(), 10.0).reshape(-1, k).max(axis=1)
    assert best.mean() == pytest.approx(capacity, abs=5 * best.std() / math.sqrt(len(best)))


@pytest.mark.parametrize("fading", [AR1(speed_m_s=30.0), Clarke(speed_m_s=30.0)], ids=lambda fading: fading.kind)
def test_fading_with_memory_has_the_same_outage_and_ergodic_capacity(fading: AR1 | Clarke) -> None:
    seen = efficiencies(fading, 10.0)
    # Blocks of one link are not independent, the 2,000 links are: the spread is that of their means.
    for values, expected in ((seen < 2.0, 0.2591817793), (seen, 2.90651)):
        own = values.reshape(BLOCKS, LINKS).mean(axis=0)
        assert own.mean() == pytest.approx(expected, abs=5 * own.std() / math.sqrt(LINKS))
