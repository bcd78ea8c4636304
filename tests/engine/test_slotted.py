"""OFDMA slot by slot: blocks by hand, TDD, grants, retransmissions, messages that leave, and one run per seed."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engine.ofdma_worlds import BAND_HZ, carried_bit_s, channel, play, sent, there
from wirelessfsl.engine.access import Ofdma
from wirelessfsl.radio.fading import Rayleigh
from wirelessfsl.radio.nr.access import GrantAccess
from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.radio.nr.numerology import resource_blocks
from wirelessfsl.radio.nr.phy import Adaptation, Nr
from wirelessfsl.radio.phy import FixedEfficiency
from wirelessfsl.radio.power_control import FractionalPower
from wirelessfsl.radio.scheduling import MaxRate

SLOT_S = 1e-3
PLAIN = channel(phy=FixedEfficiency(bit_s_hz=1.0))
BLOCK_BITS = 180
"""Of a resource block in a slot, at 1 bit/s/Hz; the band has ten."""
MEDIUM = Ofdma(bandwidth_hz=BAND_HZ, mode="slots")
NR, NR_BAND_HZ = Nr(subcarrier_spacing_khz=15), 5e6


def bytes_of(blocks: int) -> int:
    return blocks * BLOCK_BITS // 8


def near(slots: list[float]) -> object:
    return pytest.approx([slot * SLOT_S for slot in slots], abs=1e-8)


def test_blocks_of_two_messages_by_hand() -> None:
    # Slots 0 and 1: a alone, 10 blocks each. b comes in the middle of slot 1, and from 2 on both have 5: b's 8 blocks
    # are through after two slots, then a has 30 of its 60 to go.
    a, b = sent(there(2, MEDIUM, PLAIN), [bytes_of(60), bytes_of(8)], at_s=[0.0, 1.5 * SLOT_S])
    assert [a.end_s, b.end_s] == near([7, 4])


def test_more_messages_than_blocks_take_turns() -> None:
    ends = [each.end_s for each in sent(there(20, MEDIUM, PLAIN), [bytes_of(4)] * 20)]
    assert sorted(ends) == near([7] * 10 + [8] * 10)


def test_equals_take_turns_on_the_whole_band() -> None:
    medium = replace(MEDIUM, scheduler=MaxRate())
    assert [each.end_s for each in sent(there(2, medium, PLAIN), [bytes_of(20)] * 2)] == near([3, 4])


def test_who_leaves_gives_its_blocks_to_the_others_from_the_next_slot_on() -> None:
    world = there(2, MEDIUM, PLAIN)
    stays, goes = (world.medium.transmit(client, world.server, bytes_of(60)) for client in world.clients)
    play(world, 3.5 * SLOT_S)
    gone = world.medium.leave(goes, world.server)
    # Half of the slot under way has flown, and counts as sent, rounded down to bytes.
    assert gone.sent_bytes == pytest.approx(bytes_of(15) + bytes_of(5) / 2, abs=1)
    assert not gone.arrived
    play(world)
    assert stays.value.end_s == pytest.approx((4 + 4) * SLOT_S, abs=1e-8)


@pytest.mark.parametrize(("down", "share"), [(False, 0.2), (True, 0.7)])
def test_slots_of_the_other_direction_carry_nothing(down: bool, share: float) -> None:
    phy = replace(NR, uplink_share=0.2, downlink_share=0.7)
    both = []
    for own in phy, NR:
        world = there(1, Ofdma(bandwidth_hz=NR_BAND_HZ, mode="slots"), channel(30.0, NR_BAND_HZ, own))
        both.append(carried_bit_s(world, 1.0, down)[0])
    assert both[0] == pytest.approx(share * both[1], rel=5e-3)


def test_grants_take_as_long_as_the_fluid_says() -> None:
    access = GrantAccess(request_period_slots=40, grant_slots=3, k2_slots=2)
    medium = replace(MEDIUM, access=access)
    starts = SLOT_S * 100 * np.arange(200)
    # One client after the other, so that nobody shares; each comes in the middle of a slot.
    world = there(200, medium, PLAIN)
    waits = np.array([one.end_s for one in sent(world, [bytes_of(10)] * 200, list(starts + 0.5e-3))]) - starts - 1.5e-3
    assert waits.min() >= (3 + 2) * SLOT_S - 1e-8
    # Uniform over 40 slots.
    assert waits.mean() == pytest.approx(access.mean_s(15), abs=4 * 40 * SLOT_S / math.sqrt(12 * 200))
    down = sent(there(1, medium, PLAIN), [bytes_of(10)], down=True)
    assert [down[0].end_s] == near([1])


def test_blocks_that_fail_arrive_a_round_trip_later() -> None:
    # At the SINR from which an MCS is taken its blocks fail most often. A message is one block, every 100 slots.
    phy = replace(NR, harq=Harq(rtt_slots=20))
    blocks = resource_blocks(NR_BAND_HZ, 15)
    adaptation, mcs = Adaptation.of(phy, blocks), 12
    sinr_db = adaptation.threshold_db[mcs] + 1e-6
    failing = adaptation.blocks.error(np.array([mcs]), np.array([sinr_db])).item()
    on = channel(sinr_db + 10 * math.log10(blocks * 180e3 / NR_BAND_HZ), NR_BAND_HZ, phy)
    starts = 100 * SLOT_S * np.arange(300)
    world = there(300, Ofdma(bandwidth_hz=NR_BAND_HZ, mode="slots"), on)
    took = [one.end_s for one in sent(world, [100] * 300, starts.tolist())] - starts
    assert set(np.round(took / SLOT_S, 4)) == {1.0, 21.0}
    late = (took > 1.5 * SLOT_S).mean()
    assert late == pytest.approx(failing, abs=4 * math.sqrt(failing / 300))
    assert failing > 5 * math.sqrt(failing / 300)


def test_a_block_that_is_lost_is_sent_anew_so_messages_arrive_whole() -> None:
    # Without retransmission, in deep fades: what fails is lost, and its bits are sent in later blocks.
    phy = replace(NR, harq=Harq(transmissions=1))
    on = channel(0.0, NR_BAND_HZ, phy, Rayleigh(coherence_time_s=0.01))
    (delivery,) = sent(there(1, Ofdma(bandwidth_hz=NR_BAND_HZ, mode="slots"), on), [50_000])
    assert delivery.arrived
    assert delivery.sent_bytes == 50_000


def test_power_control_acts_on_the_blocks_of_a_slot() -> None:
    control = FractionalPower(p0_dbm=10.0, alpha=0.0)  # 10 of 20 dBm a block
    found = [
        carried_bit_s(there(1, replace(MEDIUM, power_control=control, mode=mode), channel()), 0.2)[0]
        for mode in ("fluid", "slots")
    ]
    assert found == pytest.approx([BAND_HZ * math.log2(1 + 1.0)] * 2, rel=2e-3)


def test_the_outer_loop_of_a_link_goes_on_from_message_to_message() -> None:
    # Whatever the SINR promises, about a tenth of first transmissions fail in the end: fewer bits arrive.
    medium, on = Ofdma(bandwidth_hz=NR_BAND_HZ, mode="slots"), channel(20.0, NR_BAND_HZ, NR)
    as_told, offset = (
        carried_bit_s(there(1, replace(medium, outer_loop_step_db=step_db), on), 1.0)[0] for step_db in (0.0, 0.1)
    )
    assert 0.8 * as_told < offset < 0.99 * as_told
    # Blocks of one message each: with a loop of its own, a message would never know of those before it.
    sizes, starts = [100] * 300, [0.1 * i for i in range(300)]
    phy = replace(NR, harq=Harq(rtt_slots=20))
    one_link = channel(20.0, NR_BAND_HZ, phy)
    world = there(1, replace(medium, outer_loop_step_db=0.5), one_link)
    took = []

    def send() -> Generator[Any, Any, Any]:
        for size, start in zip(sizes, starts, strict=True):
            yield world.env.timeout(start - world.env.now)
            delivery = yield world.medium.transmit(world.clients[0], world.server, size)
            took.append((delivery.end_s - start) / SLOT_S)

    world.env.process(send())
    play(world)
    assert (np.array(took) > 1.5).mean() == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / 300))


def test_a_run_is_a_function_of_its_seed() -> None:
    on = channel(5.0, NR_BAND_HZ, NR, Rayleigh(coherence_time_s=0.01))
    medium = Ofdma(bandwidth_hz=NR_BAND_HZ, mode="slots", access=GrantAccess())
    ends = [[one.end_s for one in sent(there(3, medium, on, seed=seed), [20_000] * 3)] for seed in (1, 1, 2)]
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def test_energy_is_of_the_slots_that_a_device_sends_in() -> None:
    # Two take turns for ten slots each: 3 W in one's own, 0.5 W in the other's.
    first, second = sent(there(2, replace(MEDIUM, scheduler=MaxRate()), PLAIN), [bytes_of(100)] * 2)
    assert first.transmit_j == pytest.approx((10 * 3.0 + 9 * 0.5) * SLOT_S, rel=1e-6)
    assert second.transmit_j == pytest.approx((10 * 3.0 + 10 * 0.5) * SLOT_S, rel=1e-6)


def test_in_time_division_slots_cost_what_the_fluid_says() -> None:
    on = channel(20.0, NR_BAND_HZ, replace(NR, uplink_share=0.2, downlink_share=0.7))
    fluid, slots = (
        sent(there(1, Ofdma(bandwidth_hz=NR_BAND_HZ, mode=mode), on), [300_000])[0] for mode in ("fluid", "slots")
    )
    # 3 W in a fifth of the time, 0.5 W in the rest; retransmissions wait besides.
    assert fluid.transmit_j == pytest.approx((0.2 * 3.0 + 0.8 * 0.5) * fluid.end_s, rel=0.02)
    assert slots.transmit_j == pytest.approx(fluid.transmit_j, rel=0.03)
