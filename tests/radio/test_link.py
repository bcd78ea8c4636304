"""Links: the link budget by hand, what is common to both directions and what is not, and the rate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wirelessfsl.network.mobility import Standing
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel, Links, Omni, noise_density_w_hz, rate_bit_s
from wirelessfsl.radio.phy import FixedEfficiency, Shannon
from wirelessfsl.radio.propagation import LogNormal, UrbanMacro
from wirelessfsl.streams import Floats
from wirelessfsl.units import dbm_to_watt

NAMES = [f"client-{i}" for i in range(2000)]
DISTANCES_M = np.linspace(20.0, 500.0, len(NAMES))


def standing(distances_m: Floats) -> Standing:
    return Standing(np.column_stack((distances_m, np.zeros(len(distances_m)))))


def links(channel: Channel, direction: str = "uplink", seed: int = 1) -> Links:
    return Links(channel, NAMES, standing(DISTANCES_M), seed, direction)


def relative(some: Links, time_s: float) -> Floats:
    return some.gain(time_s) / some.mean_gain


def test_link_budget_by_hand() -> None:
    # 23 dBm through 90.5 dB at 100 m with 5 dBi is -62.5 dBm. Noise at figure 6 dB in 1 MHz is -174 + 6 + 60 = -108
    # dBm. SNR 45.5 dB, log2(1 + 10^4.55) = 15.1149 bit/s/Hz.
    channel = Channel(path_loss=UrbanMacro(), fading=NoFading(), phy=Shannon(cap_bit_s_hz=20.0), antenna_gain_db=5.0)
    one = Links(channel, ["client-0"], standing(np.array([100.0])), 1, "uplink")
    received_w = dbm_to_watt(23.0) * one.gain(0.0)
    assert received_w[0] == pytest.approx(10 ** ((-62.5 - 30) / 10))
    rate = rate_bit_s(channel.phy, received_w, noise_density_w_hz(channel.noise_density_dbm_hz, 6.0), 1e6)
    assert rate[0] == pytest.approx(15.1149e6, rel=1e-5)


def test_thermal_noise_is_4e_minus_21_w_hz_and_the_figure_multiplies_it() -> None:
    assert noise_density_w_hz(-174.0, 0.0) == pytest.approx(3.981e-21, rel=1e-4)
    assert noise_density_w_hz(-174.0, 10.0) == pytest.approx(3.981e-20, rel=1e-4)


def test_shadowing_is_common_to_both_directions() -> None:
    channel = Channel(shadowing=LogNormal(), fading=NoFading())
    np.testing.assert_array_equal(links(channel, "uplink").mean_gain, links(channel, "downlink").mean_gain)


def test_shadowing_moves_the_mean_gain_by_its_standard_deviation() -> None:
    shadowed, clear = links(Channel(shadowing=LogNormal(std_db=8.0))), links(Channel())
    shadow_db = 10 * np.log10(clear.mean_gain / shadowed.mean_gain)
    # Five standard errors of a standard deviation, 8 / sqrt(2 n).
    assert shadow_db.std() == pytest.approx(8.0, abs=5 * 8 / np.sqrt(2 * len(NAMES)))


def test_fading_is_independent_between_directions() -> None:
    channel = Channel(path_loss=UrbanMacro(), fading=Rayleigh())
    up, down = (relative(links(channel, d), 0.0) for d in ("uplink", "downlink"))
    # A correlation of n independent pairs has a standard error of 1 / sqrt(n).
    assert np.corrcoef(up, down)[0, 1] == pytest.approx(0.0, abs=5 / np.sqrt(len(NAMES)))


def test_fading_multiplies_the_mean_gain_with_mean_one() -> None:
    some = links(Channel())
    ratio = np.mean([relative(some, 0.05 * k) for k in range(100)])
    assert ratio == pytest.approx(1.0, abs=5 / np.sqrt(100 * len(NAMES)))


class Walk:
    """From 100 m to 200 m at 1 m/s, placed anew every second."""

    speed_m_s = 1.0

    def positions_m(self, time_s: float) -> Floats:
        return np.array([[100.0 + math.floor(time_s), 0.0]])

    def travelled_m(self, time_s: float) -> Floats:
        return np.array([time_s])

    def next_change_s(self, time_s: float) -> float:
        return math.floor(time_s) + 1.0


def test_the_gain_follows_the_device_as_it_moves_whatever_instants_are_asked_for() -> None:
    some = Links(Channel(path_loss=UrbanMacro(), fading=NoFading()), ["a"], Walk(), 1, "uplink")
    for time_s in (0.0, 0.9, 7.0, 50.5, 7.0):
        km = (100 + math.floor(time_s)) / 1000
        assert some.gain(time_s)[0] == pytest.approx(10 ** (-(128.1 + 37.6 * math.log10(km)) / 10))
    assert some.next_change_s(50.5) == 51.0


def test_the_site_is_where_distances_count_from() -> None:
    channel = Channel(path_loss=UrbanMacro(), fading=NoFading())
    away = Links(channel, ["a"], standing(np.array([100.0])), 1, "uplink", site=Omni("b", (100.0, 500.0)))
    assert away.gain(0.0)[0] == pytest.approx(10 ** (-(128.1 + 37.6 * math.log10(0.5)) / 10))


def test_adding_clients_changes_no_link() -> None:
    channel = Channel(shadowing=LogNormal())
    fewer = Links(channel, NAMES[:5], standing(DISTANCES_M[:5]), 1, "uplink")
    np.testing.assert_array_equal(fewer.gain(0.7), links(channel).gain(0.7)[:5])


def test_another_seed_is_another_channel() -> None:
    channel = Channel(shadowing=LogNormal())
    assert np.all(links(channel, seed=1).mean_gain != links(channel, seed=2).mean_gain)
    assert np.all(links(Channel(), seed=1).gain(0.0) != links(Channel(), seed=2).gain(0.0))


def test_gains_change_with_the_fading_only() -> None:
    assert links(Channel(fading=NoFading())).next_change_s(1.0) == math.inf
    assert links(Channel(fading=Rayleigh(coherence_time_s=0.5))).next_change_s(1.0) == 1.5


def test_a_narrower_share_raises_the_snr_until_the_cap() -> None:
    received_w, noise_w_hz = np.array([1e-13]), 1e-20
    efficiency = [
        float(rate_bit_s(Shannon(cap_bit_s_hz=7.4), received_w, noise_w_hz, b)[0] / b) for b in (1e7, 1e6, 1e5, 1e3)
    ]
    np.testing.assert_allclose(efficiency, [1.0, np.log2(11), np.log2(101), 7.4])


def test_rate_is_proportional_to_bandwidth_where_the_efficiency_is_fixed() -> None:
    rate = rate_bit_s(FixedEfficiency(bit_s_hz=2.0), np.array([1e-13, 1e-15]), 1e-20, np.array([1e6, 2e6]))
    np.testing.assert_array_equal(rate, [2e6, 4e6])


def test_rate_takes_a_noise_density_per_receiver() -> None:
    # Same SNR, 10 dB better link with 10 dB more noise.
    rate = rate_bit_s(Shannon(), np.array([1e-14, 1e-13]), np.array([1e-20, 1e-19]), 1e6)
    np.testing.assert_allclose(rate, [1e6, 1e6])


def test_ranges_are_checked() -> None:
    with pytest.raises(ValueError, match=r"Channel.carrier_hz: got 3.5, must be >= 1e\+06"):
        Channel(carrier_hz=3.5)


def test_a_sites_own_antenna_adds_to_the_channels() -> None:
    class Horn(Omni):
        def gain_db(self, offset_m: Floats) -> float:
            return 7.0

    channel = Channel(fading=NoFading(), antenna_gain_db=2.0)
    horn, omni = (Links(channel, ["a"], standing(np.array([90.0])), 1, "uplink", site=of) for of in (Horn(), Omni()))
    assert horn.gain(0.0)[0] / omni.gain(0.0)[0] == pytest.approx(10**0.7, rel=1e-12)
