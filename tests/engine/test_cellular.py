"""Cells: SINR with who is in the air, by hand; who serves a device on its way; coverage against its closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.worlds import tiny
from wirelessfsl.devices.radio_power import RadioPower
from wirelessfsl.engine.access import Fdma
from wirelessfsl.engine.airs import Flying
from wirelessfsl.engine.cellular import Association, CellularAir
from wirelessfsl.network.cells import Handover, Hexagonal
from wirelessfsl.network.layout import InCells
from wirelessfsl.network.mobility import Standing
from wirelessfsl.networking import airs
from wirelessfsl.radio.allocation import Proportional
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel, Links, Omni
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.propagation import LogDistance
from wirelessfsl.scenario import Network
from wirelessfsl.streams import Floats, stream

BAND_HZ, NOISE_W_HZ, POWER_W = 1e6, 4e-21, 0.2
CHANNEL = Channel(path_loss=LogDistance(exponent=3.0), fading=NoFading(), phy=Shannon(cap_bit_s_hz=50.0))
SITES = ((0.0, 0.0), (400.0, 0.0), (0.0, 400.0))
PLACES = np.array([[50.0, 0.0], [100.0, 30.0], [350.0, 10.0], [0.0, 300.0]])
"""Of four devices: the first two in cell 0, then one each in cells 1 and 2."""
EVERY = np.arange(4)
NO_WAIT = Handover(period_s=0.1, hysteresis_db=0.0, interruption_s=0.0)


def cells(
    spread: bool, places: Any = PLACES, sites: Sequence[tuple[float, float]] = SITES, **changes: Any
) -> CellularAir:
    paths = Standing(places) if isinstance(places, np.ndarray) else places
    names = [f"client-{i}" for i in range(len(paths.positions_m(0.0)))]
    channel = changes.pop("channel", CHANNEL)
    links = [
        Links(channel, names, paths, 1, "downlink" if spread else "uplink", BAND_HZ, Omni(f"site-{c}", at))
        for c, at in enumerate(sites)
    ]
    handover, n = changes.pop("handover", NO_WAIT), len(names)
    association = Association(links, handover, paths.speed_m_s > 0)
    power, noise = np.full(n, POWER_W), np.full(n, NOISE_W_HZ)
    reuse = changes.pop("reuse", [0] * len(sites))
    return CellularAir(
        links, association, channel.phy, power, noise, BAND_HZ * len(set(reuse)), spread, reuse, **changes
    )


def rates(air: CellularAir, *links: int) -> list[float]:
    index = np.array(links, dtype=np.intp)
    quality = air.quality(0.0)
    flying = Flying(index, quality[index], np.ones(len(links)), np.full(len(links), True))
    return air.rates_bit_s(flying).tolist()


def received_w(device: int, cell: int) -> float:
    """L = 20 lg(4 pi f / c) + 30 lg d at 3.5 GHz."""
    loss_db = 20 * math.log10(4 * math.pi * 3.5e9 / 299_792_458.0) + 30 * math.log10(
        math.dist(PLACES[device], SITES[cell])
    )
    return POWER_W * 10 ** (-loss_db / 10)


def bit_s(share: float, sinr: float) -> float:
    return BAND_HZ * share * math.log2(1 + sinr)


NOISE_W = NOISE_W_HZ * BAND_HZ


def test_downlink_a_cell_that_sends_disturbs_all_others() -> None:
    # Cell 0 shares its band between two; cell 1 sends, cell 2 is silent.
    air = cells(spread=True)
    a, b, c = rates(air, 0, 1, 2)
    assert a == pytest.approx(bit_s(0.5, received_w(0, 0) / (NOISE_W + received_w(0, 1))))
    assert b == pytest.approx(bit_s(0.5, received_w(1, 0) / (NOISE_W + received_w(1, 1))))
    assert c == pytest.approx(bit_s(1.0, received_w(2, 1) / (NOISE_W + received_w(2, 0))))


def test_uplink_every_message_of_another_cell_disturbs_the_station_with_its_full_power() -> None:
    air = cells(spread=False)
    a, b, c = rates(air, 0, 1, 3)
    # A share of the half has half of the noise and of the interference, and all of the power.
    at_0 = NOISE_W + received_w(3, 0)
    assert a == pytest.approx(bit_s(0.5, 2 * received_w(0, 0) / at_0))
    assert b == pytest.approx(bit_s(0.5, 2 * received_w(1, 0) / at_0))
    assert c == pytest.approx(bit_s(1.0, received_w(3, 2) / (NOISE_W + received_w(0, 2) + received_w(1, 2))))


@pytest.mark.parametrize("spread", [False, True])
def test_alone_in_the_air_a_device_has_no_interference(spread: bool) -> None:
    (alone,) = rates(cells(spread), 2)
    assert alone == pytest.approx(bit_s(1.0, received_w(2, 1) / NOISE_W))


@pytest.mark.parametrize("spread", [False, True])
def test_cells_on_other_frequencies_do_not_disturb(spread: bool) -> None:
    apart = rates(cells(spread, reuse=[0, 1, 2]), 1, 2, 3)
    assert apart == pytest.approx([rates(cells(spread), k)[0] for k in (1, 2, 3)])
    together = rates(cells(spread, reuse=[0, 1, 0]), 1, 2, 3)
    assert together[1] == pytest.approx(apart[1])
    assert together[0] < apart[0]


def test_load_is_interference_by_stations_that_have_no_message() -> None:
    (rate,) = rates(cells(True, load=0.3), 0)
    disturbed = 0.3 * (received_w(0, 1) + received_w(0, 2))
    assert rate == pytest.approx(bit_s(1.0, received_w(0, 0) / (NOISE_W + disturbed)))


def test_noise_rise_is_noise() -> None:
    (rate,) = rates(cells(False, noise_rise=4.0), 0)
    assert rate == pytest.approx(bit_s(1.0, received_w(0, 0) / (4 * NOISE_W)))


class Drive:
    """From cell 0 to cell 1 at 20 m/s, placed anew every 0.05 s."""

    speed_m_s = 20.0

    def positions_m(self, time_s: float) -> Floats:
        return np.array([[math.floor(time_s / 0.05) + 10.0, 0.0]])

    def travelled_m(self, time_s: float) -> Floats:
        return np.array([20.0 * time_s])

    def next_change_s(self, time_s: float) -> float:
        return (math.floor(time_s / 0.05 + 1e-9) + 1) * 0.05


@pytest.mark.parametrize("hysteresis_db", [0.0, 3.0, 6.0])
def test_a_device_changes_over_where_the_other_cell_is_better_by_the_hysteresis(hysteresis_db: float) -> None:
    # 30 lg(x / (400 - x)) = H at x = 400 / (1 + 10^(-H / 30)).
    at_m = 400 / (1 + 10 ** (-hysteresis_db / 30))
    handover = Handover(period_s=0.1, hysteresis_db=hysteresis_db, interruption_s=0.06)
    air = cells(True, Drive(), SITES[:2], handover=handover)
    expected_s = (at_m - 10) / 20
    times = np.arange(0.0, 19.0, 0.01)
    serving = [air._association.at(t)[0] for t in times]
    change_s = times[int(np.argmax(serving))]
    assert expected_s <= change_s <= expected_s + 0.1 + 0.05 + 0.011
    assert sum(a != b for a, b in pairwise(serving)) == 1
    assert air._association.handovers == 1


def test_nothing_flies_while_a_device_changes_over_and_the_air_says_when_it_is_back() -> None:
    handover = Handover(period_s=0.1, hysteresis_db=0.0, interruption_s=0.06)
    air = cells(True, Drive(), SITES[:2], handover=handover)
    time_s = 9.0
    while air.quality(time_s)[0] > 0:
        time_s = air.next_change_s(time_s)
    assert rates_at(air, time_s) == [0.0]
    back_s = air._association.back_s[0]
    assert back_s == pytest.approx(time_s + 0.06)
    while time_s < back_s:
        assert air.quality(time_s)[0] == 0
        time_s = air.next_change_s(time_s)
    assert time_s == back_s
    assert air.quality(back_s)[0] > 0
    assert rates_at(air, back_s)[0] > 0


def rates_at(air: CellularAir, time_s: float) -> list[float]:
    index = np.array([0], dtype=np.intp)
    return air.rates_bit_s(Flying(index, air.quality(time_s), np.ones(1), np.full(1, True))).tolist()


def test_who_serves_is_a_function_of_time_whatever_instants_are_asked_for() -> None:
    forward, jumping = (cells(True, Drive(), SITES[:2]) for _ in range(2))
    times = [0.0, 15.0, 3.0, 11.0, 9.0]
    in_order = {t: int(forward._association.at(t)[0]) for t in sorted(times)}
    assert [int(jumping._association.at(t)[0]) for t in times] == [in_order[t] for t in times]


def test_coverage_of_a_poisson_network_is_that_of_andrews_baccelli_and_ganti() -> None:
    # alpha = 4, no noise, Rayleigh, nearest station: P = 1 / (1 + sqrt T (pi/2 - atan(1 / sqrt T))).
    thresholds, drops = (1.0, 10**0.5), []
    channel = Channel(path_loss=LogDistance(exponent=4.0), fading=Rayleigh(coherence_time_s=1.0))
    for drop in range(40):
        rng = stream(drop, "sites")
        sites = [(float(x), float(y)) for x, y in rng.uniform(-2500, 2500, (rng.poisson(225), 2))]
        places = rng.uniform(-600, 600, (60, 2))
        air = cells(True, places, sites, channel=channel, load=1.0)
        snr = air.quality(float(drop))
        everyone = np.arange(len(places))
        disturbed = air.disturbance(everyone, everyone[:0], np.zeros(len(sites)))
        drops.append([np.mean(snr / disturbed > threshold) for threshold in thresholds])
    for threshold, found in zip(thresholds, np.transpose(drops), strict=True):
        closed = 1 / (1 + math.sqrt(threshold) * (math.pi / 2 - math.atan(1 / math.sqrt(threshold))))
        error = np.std(found, ddof=1) / math.sqrt(len(found))
        assert error < 0.02
        # Stations beyond 1.9 km are missing: less than 1 % of the interference.
        assert np.mean(found) == pytest.approx(closed, abs=4 * error + 0.005)


def test_blocks_fail_at_the_sinr_of_their_share_in_every_cell() -> None:
    # Two in cell 0 and one in cell 1, on shares by their bits: 3/4 and 1/4 of the band, and all of it.
    phy = Shannon(cap_bit_s_hz=50.0)
    air = cells(False, allocation=Proportional(), loses=True)
    seen: list[Floats] = []
    air._phy = Watched(phy, seen)  # type: ignore[assignment]
    quality = air.quality(0.0)
    index = np.array([0, 1, 2], dtype=np.intp)
    flying = Flying(index, quality[index], np.array([3.0, 1.0, 1.0]), np.full(3, True))
    air.rates_bit_s(flying)
    air.residual(flying)
    at = [NOISE_W + received_w(2, 0), NOISE_W + received_w(0, 1) + received_w(1, 1)]
    expected = received_w(0, 0) / at[0] / 0.75, received_w(1, 0) / at[0] / 0.25, received_w(2, 1) / at[1]
    assert seen[0] == pytest.approx(np.array(expected))


class Watched:
    """A physical layer that tells at which SINRs blocks fail."""

    def __init__(self, phy: Shannon, seen: list[Floats]) -> None:
        self._phy, self._seen = phy, seen

    def efficiency(self, sinr: Floats) -> Floats:
        return self._phy.efficiency(sinr)

    def residual(self, sinr: Floats) -> Floats:
        self._seen.append(sinr)
        return np.zeros(len(sinr))


def test_noise_rise_is_at_the_sites_alone() -> None:
    grid = Network(layout=InCells(), cells=Hexagonal(noise_rise_db=10.0))
    quiet = replace(grid, cells=Hexagonal())
    radios, station = [RadioPower()] * 5, RadioPower()
    (up, down), (quiet_up, quiet_down) = (
        airs(tiny(5, network=network), Fdma(), radios, station) for network in (grid, quiet)
    )
    assert up.quality(0.0) == pytest.approx(quiet_up.quality(0.0) / 10.0)
    assert down.quality(0.0) == pytest.approx(quiet_down.quality(0.0))
