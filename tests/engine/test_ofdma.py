"""OFDMA as a fluid by hand: shares, blocks, power control and waits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.engine.ofdma_worlds import BAND_HZ, channel, sent, there
from tests.worlds import tiny, world_of
from wirelessfsl.engine.access import Fdma, Ofdma
from wirelessfsl.engine.ofdma import Averages
from wirelessfsl.network.failures import LinkFailure
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.access import GrantAccess
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import FixedEfficiency
from wirelessfsl.radio.power_control import FractionalPower
from wirelessfsl.radio.scheduling import MaxRate, ProportionalFair, RoundRobin

MEDIUM = Ofdma(bandwidth_hz=BAND_HZ)
SIZE = 100_000
EXACT = {"rel": 1e-9}


def seconds(bit_s: float, size: int = SIZE) -> float:
    return 8 * size / bit_s


def rate(part: float, boost: float, snr: float = 10.0) -> float:
    return BAND_HZ * part * math.log2(1 + snr * boost)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_round_robin_has_all_send_at_once_with_their_whole_power_in_fewer_blocks(count: int) -> None:
    ends = [each.end_s for each in sent(there(count, MEDIUM, channel()), [SIZE] * count)]
    assert ends == pytest.approx([seconds(rate(1 / count, count))] * count, **EXACT)


def test_who_shares_a_block_has_no_more_power_in_it_than_alone() -> None:
    # 25 messages on 10 blocks: a block each for 2/5 of the time.
    ends = [each.end_s for each in sent(there(25, MEDIUM, channel()), [SIZE] * 25)]
    assert ends == pytest.approx([seconds(rate(1 / 25, 10))] * 25, **EXACT)


@pytest.mark.parametrize("scheduler", [RoundRobin(), ProportionalFair(), MaxRate()])
def test_downlink_power_is_spread_so_a_share_has_the_snr_of_the_band(scheduler: RoundRobin) -> None:
    world = there(4, Ofdma(bandwidth_hz=BAND_HZ, scheduler=scheduler), channel())
    ends = [each.end_s for each in sent(world, [SIZE] * 4, down=True)]
    assert ends == pytest.approx([seconds(rate(1 / 4, 1))] * 4, **EXACT)


def test_one_at_a_time_has_the_band_but_no_more_power_in_it() -> None:
    # All alike and a channel that stays: equal shares of the time.
    world = there(4, Ofdma(bandwidth_hz=BAND_HZ, scheduler=ProportionalFair()), channel())
    assert [each.end_s for each in sent(world, [SIZE] * 4)] == pytest.approx([seconds(rate(1 / 4, 1))] * 4, **EXACT)


def test_max_rate_serves_the_nearest_first() -> None:
    # At 2 m the SNR is 10/4, so whoever is there waits for the other.
    world = there(2, Ofdma(bandwidth_hz=BAND_HZ, scheduler=MaxRate()), channel(), distances_m=(2.0, 1.0))
    far, near = sent(world, [SIZE, SIZE])
    assert near.end_s == pytest.approx(seconds(rate(1, 1)), **EXACT)
    assert far.end_s == pytest.approx(near.end_s + seconds(rate(1, 1 / 4)), **EXACT)


def test_without_limits_round_robin_is_fdma_with_equal_shares() -> None:
    medium = Fdma(bandwidth_hz=BAND_HZ)
    plans = {"sizes": [SIZE, 2 * SIZE, SIZE // 2], "at_s": [0.0, 0.02, 0.05]}
    both = [sent(there(3, each, channel()), **plans) for each in (MEDIUM, medium)]
    assert [each.end_s for each in both[0]] == pytest.approx([each.end_s for each in both[1]], **EXACT)


def test_power_control_keeps_a_device_with_few_blocks_from_shouting() -> None:
    # 30 dBm over 10 blocks are 20 dBm each. The path loss that is measured is that of both antennas' gain, too.
    on = channel()
    loss_db = 100.0 - on.antenna_gain_db
    control = FractionalPower(p0_dbm=23.0 - 0.5 * loss_db, alpha=0.5)  # 23 dBm a block
    medium = Ofdma(bandwidth_hz=BAND_HZ, power_control=control)
    for count, boost in (1, 1.0), (2, 10**0.3), (5, 10**0.3):
        end_s = sent(there(count, medium, on), [SIZE] * count)[0].end_s
        assert end_s == pytest.approx(seconds(rate(1 / count, min(count, boost))), **EXACT)


def test_power_control_may_leave_power_unused_and_does_not_concern_the_server() -> None:
    on = channel()
    medium = Ofdma(bandwidth_hz=BAND_HZ, power_control=FractionalPower(p0_dbm=10.0, alpha=0.0))  # 10 of 20 dBm a block
    assert sent(there(1, medium, on), [SIZE])[0].end_s == pytest.approx(seconds(rate(1, 0.1)), **EXACT)
    assert sent(there(1, medium, on), [SIZE], down=True)[0].end_s == pytest.approx(seconds(rate(1, 1)), **EXACT)


def test_access_is_a_wait_in_the_uplink() -> None:
    access = GrantAccess(request_period_slots=10, grant_slots=3, k2_slots=2)
    medium = Ofdma(bandwidth_hz=BAND_HZ, access=access)
    airtime_s = seconds(rate(1, 1))
    assert sent(there(1, medium, channel()), [SIZE])[0].end_s == pytest.approx(airtime_s + 10e-3, **EXACT)
    assert sent(there(1, medium, channel()), [SIZE], down=True)[0].end_s == pytest.approx(airtime_s, **EXACT)


def test_retransmissions_of_nr_delay_the_last_block() -> None:
    phy = Nr(subcarrier_spacing_khz=15, block_prb=25)
    on, medium = channel(band_hz=5e6, phy=phy), Ofdma(bandwidth_hz=5e6)
    at_once = sent(there(1, Fdma(bandwidth_hz=5e6), on), [SIZE])[0].end_s
    blocks_hz = 25 * 180e3
    sinr = np.array([10.0 * 5e6 / blocks_hz])
    again_s = phy.one_way("uplink").delay_s(sinr).item()
    assert again_s > 0.0
    assert sent(there(1, medium, on), [SIZE])[0].end_s == pytest.approx(at_once + again_s, **EXACT)


def test_a_fixed_efficiency_knows_no_power() -> None:
    ends = [each.end_s for each in sent(there(4, MEDIUM, channel(phy=FixedEfficiency(bit_s_hz=2.0))), [SIZE] * 4)]
    assert ends == pytest.approx([seconds(BAND_HZ * 2 / 4)] * 4, **EXACT)


def transmitted_j(medium: Ofdma, count: int, on: Channel) -> list[float]:
    return [each.transmit_j for each in sent(there(count, medium, on), [SIZE] * count)]


def test_energy_is_of_sending_all_the_time_in_a_part_of_the_band() -> None:
    # 3 W for as long as it takes.
    seconds_each = seconds(rate(1 / 4, 4))
    assert transmitted_j(MEDIUM, 4, channel()) == pytest.approx([3.0 * seconds_each] * 4, **EXACT)


def test_energy_is_of_sending_in_one_s_own_time_and_idling_in_the_rest() -> None:
    # A quarter of the time 3 W, then 0.5 W.
    medium = Ofdma(bandwidth_hz=BAND_HZ, scheduler=ProportionalFair())
    seconds_each = seconds(rate(1 / 4, 1))
    assert transmitted_j(medium, 4, channel()) == pytest.approx([(0.75 + 0.375) * seconds_each] * 4, **EXACT)


def test_energy_is_of_the_power_that_is_sent() -> None:
    # A tenth of 1 W over an efficiency of 0.5, and 1 W of the circuit.
    medium = Ofdma(bandwidth_hz=BAND_HZ, power_control=FractionalPower(p0_dbm=10.0, alpha=0.0))
    assert transmitted_j(medium, 1, channel()) == pytest.approx([1.2 * seconds(rate(1, 0.1))], **EXACT)


def test_a_radio_that_has_been_quiet_sends_with_all_of_its_power_again() -> None:
    world = there(1, Ofdma(bandwidth_hz=BAND_HZ, power_control=FractionalPower(p0_dbm=10.0, alpha=0.0)), channel())
    sent(world, [SIZE])
    radio = world.clients[0].radio
    assert radio.sending_w == radio.states.transmit_w


@pytest.mark.parametrize("mode", ["fluid", "slots"])
def test_a_link_that_is_down_leaves_its_blocks_to_the_others(mode: str) -> None:
    down = LinkFailure(of=("client-0",), to_s=1.0)
    medium = Ofdma(bandwidth_hz=BAND_HZ, mode=mode, latency_s=0.0)  # type: ignore[arg-type]
    scenario = tiny(2, medium=medium, channel=channel(), layout=Fixed(distances_m=(1.0,)))
    world, _ = world_of(replace(scenario, network=replace(scenario.network, failures=(down,))))
    broken, whole = sent(world, [SIZE, SIZE])
    assert whole.end_s == pytest.approx(seconds(rate(1, 1)), abs=2e-3)
    assert broken.end_s == pytest.approx(1.0 + seconds(rate(1, 1)), abs=2e-3)


def test_averages_stay_with_their_links_when_the_band_goes_on_to_others() -> None:
    averages, links = Averages(3, time_constant_s=2.0), np.array([0, 1])
    averages.at(0.0, links, np.array([8.0, 4.0]))  # equal shares: 4 and 2
    averages.give(links, np.array([6.0, 1.0]), until_s=2.0)
    links[:] = 2, 0  # the band's own column, when other messages have taken off
    left = np.exp(-1.0)
    found = averages.at(2.0, np.array([0, 1]), np.ones(2))
    assert found == pytest.approx([left * 4.0 + (1.0 - left) * 6.0, left * 2.0 + (1.0 - left) * 1.0])
