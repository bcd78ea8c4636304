"""The link slot by slot against the fluid goodput, and HARQ and the outer loop against closed forms, by simulation.

Seeds are fixed; where blocks are counted the tolerance is four standard errors of the count.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import gammainc

from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.radio.nr.numerology import occupied_hz, slot_s
from wirelessfsl.radio.nr.phy import Adaptation, Nr
from wirelessfsl.radio.nr.slots import Block, OuterLoop, SlotLink
from wirelessfsl.units import db_to_linear

SLOTS = 20_000


class Played(NamedTuple):
    """What became of the slots of a link: bits that arrived, blocks that ended, slots in which nothing was sent."""

    bits: int
    ended: list[Block]
    delays: list[int]
    idle: int


def play(link: SlotLink, sinr: float, slots: int = SLOTS, prb: int = 10) -> Played:
    """A link that is scheduled in every slot, at a constant SINR that it knows."""
    uniforms = np.random.default_rng(1).random(slots).tolist()
    first: dict[Block, int] = {}
    bits, idle, ended, delays = 0, 0, [], []
    for slot, uniform in enumerate(uniforms):
        block = link.block(slot, prb, sinr)
        if block is None:
            idle += 1
            continue
        first.setdefault(block, slot)
        bits += link.send(block, slot, sinr, uniform)
        if block.delivered or block.lost:
            ended.append(block)
            delays.append(slot - first[block])
    return Played(bits, ended, delays, idle)


@pytest.mark.parametrize(
    ("combining", "below_db"), [("chase", 0.0), ("chase", 0.8), ("chase", 3.5), ("none", 0.0), ("none", 0.8)]
)
def test_long_run_goodput_transmissions_losses_and_delay_are_those_of_the_fluid_rate(
    combining: str, below_db: float
) -> None:
    # At and below the threshold of the lowest MCS, where a tenth, half or all of the first transmissions fail.
    phy = Nr(harq=Harq(combining=combining))  # type: ignore[arg-type]
    sinr = db_to_linear(float(Adaptation.of(phy, 10).blocks.required_db(np.array(0.1))[0]) - below_db)
    fluid, at = phy.one_way("uplink"), np.array([sinr])
    played = play(SlotLink(phy), sinr)
    count = len(played.ended)
    transmissions = np.array([block.transmissions for block in played.ended])
    mean, residual = float(fluid.transmissions(at)[0]), float(fluid.residual(at)[0])
    error = transmissions.std() / math.sqrt(count)
    assert transmissions.mean() == pytest.approx(mean, abs=4 * error)
    assert np.mean([block.lost for block in played.ended]) == pytest.approx(
        residual, abs=4 * math.sqrt(residual * (1 - residual) / count) + 1e-9
    )
    assert np.mean(played.delays) * slot_s(30) == pytest.approx(
        float(fluid.delay_s(at)[0]), abs=4 * 8 * error * slot_s(30)
    )
    goodput = played.bits / (SLOTS * occupied_hz(10, 30) * slot_s(30))
    arrived = (1 - residual) * count
    tolerance = 4 * (error / mean + math.sqrt(residual / arrived)) + 16 / count  # and those under way at the end
    assert goodput == pytest.approx(float(fluid.efficiency(at)[0]), rel=tolerance)
    assert played.idle == 0


def test_where_nothing_fails_the_goodput_is_exact() -> None:
    for sinr_db in (0.3, 8.0, 15.5, 33.0):
        sinr = db_to_linear(sinr_db)
        phy = Nr(target_bler=1e-9)
        goodput = play(SlotLink(phy), sinr, slots=100).bits / (100 * occupied_hz(10, 30) * slot_s(30))
        assert goodput == pytest.approx(float(phy.one_way("uplink").efficiency(np.array([sinr]))[0]))


def test_too_few_processes_leave_the_slots_idle_that_the_fluid_rate_leaves_out() -> None:
    phy = Nr(harq=Harq(processes=3, rtt_slots=8))
    played = play(SlotLink(phy), 100.0, slots=8000)
    assert played.idle == 5000
    goodput = played.bits / (8000 * occupied_hz(10, 30) * slot_s(30))
    assert goodput == pytest.approx(float(phy.one_way("uplink").efficiency(np.array([100.0]))[0]))


def test_truncated_arq_takes_1_111_transmissions_at_an_error_of_a_tenth() -> None:
    phy = Nr(harq=Harq(combining="none", transmissions=4))
    sinr = db_to_linear(float(Adaptation.of(phy, 10).blocks.required_db(np.array(0.1))[0]))
    transmissions = np.array([block.transmissions for block in play(SlotLink(phy), sinr).ended])
    error = transmissions.std() / math.sqrt(len(transmissions))
    assert transmissions.mean() == pytest.approx((1 - 0.1**4) / (1 - 0.1), abs=4 * error)


@pytest.mark.parametrize(("k", "figure"), [(2, 0.4433659755), (4, 0.06609028178)])
def test_chase_combining_over_rayleigh_fading_is_a_gamma_outage(k: int, figure: float) -> None:
    # A code of threshold 3 (rate 2 of capacity) at a mean of 3 dB, a fade for each transmission. An MCS that fails
    # half the time at 3 stands for it; its curve's width of 0.15 dB moves the outage by less than 1e-4.
    mean, threshold = db_to_linear(3.0), 3.0
    assert gammainc(k, threshold / mean) == pytest.approx(figure)
    ideal = Adaptation.of(Nr(implementation_loss_db=0.0, mcs_table=1), 51)
    loss_db = 10 * math.log10(threshold) - float(ideal.blocks.required_db(np.array(0.5))[11])
    phy = Nr(implementation_loss_db=loss_db, mcs_table=1, harq=Harq(transmissions=k))
    reported = db_to_linear(float(Adaptation.of(phy, 51).threshold_db[11]) + 1e-6)
    blocks, rng, link, lost = 10_000, np.random.default_rng(2), SlotLink(phy), 0
    for number in range(blocks):
        block = link.block(slot := 1000 * number, 51, reported)
        while block and not (block.delivered or block.lost):
            assert block.mcs == 11
            link.send(block, slot, mean * rng.exponential(), rng.random())
            block = block if block.delivered or block.lost else link.block(slot := slot + 8, 51, reported)
        assert block is not None
        lost += block.lost
    assert lost / blocks == pytest.approx(figure, abs=4 * math.sqrt(figure * (1 - figure) / blocks))


@pytest.mark.parametrize("target", [0.1, 0.01])
def test_the_outer_loop_settles_at_its_target_whatever_the_report_is_wrong_by(target: float) -> None:
    # Reports are 4 dB too good, and the channel has 2 dB of its own that they do not know.
    phy, slots, rng = Nr(target_bler=target), 40_000, np.random.default_rng(3)
    link, failed, first = SlotLink(phy, step_up_db=0.01 * target / (1 - target) * 10), 0, 0
    for slot, shift_db in enumerate(rng.normal(-4.0, 2.0, slots).tolist()):
        block = link.block(slot, 10, db_to_linear(15.0))
        assert block is not None
        if block.transmissions == 0:
            first += 1
            link.send(block, slot, db_to_linear(15.0 + shift_db), rng.random())
            failed += not block.delivered
        else:
            link.send(block, slot, db_to_linear(15.0 + shift_db), rng.random())
        assert abs(link.outer_loop.offset_db) < link.outer_loop.limit_db
    # Up-steps less down-steps are the offset, which is bounded: so the share is the target within this much, surely.
    loop = link.outer_loop
    bound = abs(loop.offset_db) / (first * (loop.step_up_db + loop.step_down_db))
    assert failed / first == pytest.approx(target, abs=bound + 1e-12)
    assert bound < 0.1 * target + 0.002
    assert loop.offset_db < -4.0


def test_without_the_outer_loop_a_wrong_report_misses_the_target() -> None:
    link = SlotLink(Nr())
    for slot in range(8):
        block = link.block(slot, 10, db_to_linear(15.0))
        assert block is not None
        assert block.transmissions == 0
        assert link.send(block, slot, db_to_linear(11.0), uniform=0.5) == 0


def test_steps_of_the_outer_loop_are_in_the_ratio_of_successes_to_failures_and_have_a_limit() -> None:
    loop = OuterLoop(target_bler=0.1, step_up_db=0.1, limit_db=1.0)
    assert loop.step_down_db / loop.step_up_db == pytest.approx(9.0)
    for _ in range(50):
        loop.hear(acknowledged=True)
    assert loop.offset_db == 1.0
    loop.hear(acknowledged=False)
    assert loop.offset_db == pytest.approx(0.1)


def test_a_failed_block_returns_after_the_round_trip_with_its_mcs_and_size() -> None:
    link = SlotLink(Nr())
    block = link.block(0, 10, 100.0)
    assert block is not None
    assert link.send(block, 0, sinr=10.0, uniform=0.5) == 0
    for slot in range(1, 8):
        other = link.block(slot, 10, 100.0)
        assert other is not None
        assert other is not block
        assert link.send(other, slot, sinr=100.0, uniform=0.5) == other.bits
    assert link.block(8, 50, 1.0) is block
    assert (block.prb, block.transmissions) == (10, 1)
    assert link.send(block, 8, sinr=95.0, uniform=0.5) == block.bits  # 10 and 95 are more than the 100 it was made for
    assert (block.transmissions, block.delivered, block.lost) == (2, True, False)


def test_a_block_is_lost_after_its_last_transmission_and_bits_are_conserved() -> None:
    link = SlotLink(Nr(harq=Harq(transmissions=2)))
    block = link.block(0, 10, 100.0)
    assert block is not None
    sent = [link.send(block, slot, sinr=1.0, uniform=0.5) for slot in (0, 8)]
    assert (sent, block.delivered, block.lost) == ([0, 0], False, True)
    assert link.block(16, 10, 100.0) is not block
