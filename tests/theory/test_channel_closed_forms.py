"""The channel as a whole against closed forms of outage and capacity (Tse and Viswanath 2005, sec. 5.4).

Power, distance and noise are set so that the mean SNR is what the closed form wants; links, fading and physical layer
then make the rates, over 2,000 links and 100 coherence blocks, which are independent samples. Tolerances are five
standard errors of the sample. The figures beside the formulas were also computed independently of this package.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import exp1
from scipy.stats import ncx2

from wirelessfsl.network.mobility import Standing
from wirelessfsl.radio.fading import Rayleigh, Rician
from wirelessfsl.radio.link import Channel, Links, noise_density_w_hz, rate_bit_s
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.streams import Floats

LINKS, BLOCKS, BANDWIDTH_HZ = 2000, 100, 1e6
SAMPLES = LINKS * BLOCKS


def efficiencies(fading: Rayleigh | Rician, snr_db: float) -> Floats:
    """Bit/s/Hz of every link and block at a mean SNR, shape (SAMPLES,)."""
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


@pytest.mark.parametrize(("snr_db", "figure"), [(0.0, 0.8603473823), (10.0, 2.90651), (20.0, 5.884048234)])
def test_rayleigh_ergodic_capacity_is_an_exponential_integral(snr_db: float, figure: float) -> None:
    snr = 10 ** (snr_db / 10)
    capacity = math.log2(math.e) * math.exp(1 / snr) * exp1(1 / snr)
    assert capacity == pytest.approx(figure, rel=1e-5)
    seen = efficiencies(Rayleigh(), snr_db)
    assert seen.mean() == pytest.approx(capacity, abs=5 * seen.std() / math.sqrt(SAMPLES))
