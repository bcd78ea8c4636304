"""OFDMA against theory, as a fluid and slot by slot: capacities under fading, what schedulers gain, and queues.

Of links that fade in blocks, capacities are means over independent blocks: the tolerance is four standard errors, from
the exact variance of the capacity in a block. Of queues, each figure is the mean over ten replications with fixed
seeds, and the tolerance is four standard errors of it from their spread; a message waits half a slot for the beginning
of the next, and up to one slot for the end of its last, which the fluid does not have.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np
import pytest
from scipy.special import exp1

from tests.engine.ofdma_worlds import carried_bit_s, channel, play, there
from tests.worlds import RADIO, tiny
from wirelessfsl.engine.access import Ofdma
from wirelessfsl.engine.airs import SharedAir
from wirelessfsl.engine.band import Band
from wirelessfsl.engine.medium import Medium
from wirelessfsl.networking import airs
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import FixedEfficiency
from wirelessfsl.radio.scheduling import MaxRate, ProportionalFair, RoundRobin
from wirelessfsl.scheduling import slotted_airs
from wirelessfsl.streams import Floats

BAND_HZ, SNR, USERS = 2.16e6, 10.0, 4
"""Twelve blocks of 180 kHz, three for each of four."""
COHERENCE_S, SECONDS = 0.01, 8.0
BLOCKS = round(SECONDS / COHERENCE_S)
MODES = pytest.mark.parametrize("mode", ["fluid", "slots"])


def ergodic(snr: float) -> float:
    """Capacity under Rayleigh fading, bit/s/Hz."""
    return float(math.log2(math.e) * math.exp(1 / snr) * exp1(1 / snr))


def best_of(count: int, snr: float) -> float:
    """Mean capacity of the best of so many that fade alike, bit/s/Hz."""
    terms = ((-1) ** k * math.comb(count - 1, k) / (k + 1) * ergodic(snr / (k + 1)) for k in range(count))
    return count * sum(terms)


def capacities(count: int, snr: float) -> Floats:
    """Capacity in a block of the best of so many, at equally likely quantiles."""
    levels = (np.arange(100_000) + 0.5) / 100_000
    quantiles: Floats = np.log2(1.0 - snr * np.log1p(-(levels ** (1 / count))))
    return quantiles


def throughput(scheduler: Any, mode: Any, count: int, down: bool) -> Floats:
    """Of every user that always has something to send, bit/s/Hz of the band."""
    medium = Ofdma(bandwidth_hz=BAND_HZ, scheduler=scheduler, mode=mode)
    on = channel(band_hz=BAND_HZ, fading=Rayleigh(coherence_time_s=COHERENCE_S))
    return carried_bit_s(there(count, medium, on), SECONDS, down) / BAND_HZ


def test_the_closed_forms_are_those_that_are_known() -> None:
    assert (ergodic(10.0), best_of(8, 10.0)) == pytest.approx((2.90651, 4.68652), abs=1e-5)
    assert capacities(8, 10.0).mean() == pytest.approx(best_of(8, 10.0), rel=1e-4)


@MODES
@pytest.mark.parametrize("count", [1, USERS])
def test_round_robin_users_have_the_ergodic_capacity_of_their_share(mode: str, count: int) -> None:
    # In the uplink each has all of its power in its share, so count times the SNR.
    found = throughput(RoundRobin(), mode, count, down=False)
    error = capacities(1, SNR * count).std() / math.sqrt(BLOCKS) / count
    assert found == pytest.approx(ergodic(SNR * count) / count, abs=4 * error)


@MODES
@pytest.mark.parametrize("scheduler", [ProportionalFair(time_constant_s=2.0), MaxRate()], ids=lambda one: one.kind)
def test_the_best_of_all_has_the_band_and_everybody_is_that_as_often(mode: str, scheduler: Any) -> None:
    found = throughput(scheduler, mode, USERS, down=True)
    best = capacities(USERS, SNR)
    # The average that proportional fairness looks back on takes less than 1 % of the gain.
    within = 4 * best.std() / math.sqrt(BLOCKS) + 0.01 * best_of(USERS, SNR) * (scheduler.kind == "proportional_fair")
    assert found.sum() == pytest.approx(best_of(USERS, SNR), abs=within)
    own = math.sqrt((best**2).mean() / USERS - (best.mean() / USERS) ** 2) / math.sqrt(BLOCKS)
    assert found == pytest.approx(best_of(USERS, SNR) / USERS, abs=4 * own)


@pytest.mark.parametrize("scheduler", [RoundRobin(), ProportionalFair(), MaxRate()], ids=lambda one: one.kind)
def test_slots_carry_on_the_same_channel_what_the_fluid_does(scheduler: Any) -> None:
    both = [throughput(scheduler, mode, USERS, down=False) for mode in ("fluid", "slots")]
    # Nothing is drawn but the fading, which is the same: what is left is the last slot, and bits rounded down.
    assert both[1] == pytest.approx(both[0], rel=2e-3)


def nr(mode: Any, fading: Any, snr_db: float) -> float:
    phy = Nr(subcarrier_spacing_khz=15, block_prb=25)
    medium = Ofdma(bandwidth_hz=5e6, mode=mode)
    return float(carried_bit_s(there(1, medium, channel(snr_db, 5e6, phy, fading)), 4.0)[0])


@pytest.mark.parametrize("snr_db", [8.3, 15.2, 25.0])
def test_nr_blocks_with_errors_drawn_have_the_goodput_of_the_fluid(snr_db: float) -> None:
    # 4,000 blocks, of which at most a tenth fail: 4 sqrt(0.1 0.9 / 4000) = 1.9 %.
    assert nr("slots", NoFading(), snr_db) == pytest.approx(nr("fluid", NoFading(), snr_db), rel=0.019)


def test_nr_blocks_that_fail_in_a_fade_take_slots_of_the_better_channel_after_it() -> None:
    # So slots carry less than the fluid, the less the more often the channel changes within a round trip of 8 slots.
    lost = [
        1 - nr("slots", fading, 10.0) / nr("fluid", fading, 10.0)
        for fading in (Rayleigh(coherence_time_s=0.01), Rayleigh(coherence_time_s=0.2))
    ]
    assert 0.0 < lost[0] < 0.05
    assert abs(lost[1]) < 0.015


SLOT_S, SERVICE_SLOTS = 1e-3, 10
"""A slot, and how many of them a mean message takes alone."""
LOAD, REPLICATIONS, JOBS, WARM_UP, PLAYED = 0.5, 10, 800, 100, 300


def sojourn_s(mode: str, width: float, seed: int, exponential: bool, jobs: int) -> float:
    """Mean time of messages in a Poisson stream after a warm-up, s; ``width`` of them may share the band."""
    world = there(1, MEDIUM, CONSTANT)
    client, scenario = world.clients[0], tiny(1, medium=MEDIUM, channel=CONSTANT)
    both: Iterable[SharedAir] = airs(scenario, MEDIUM, [RADIO], RADIO)
    uplink, _ = both if mode == "fluid" else slotted_airs(scenario, MEDIUM, both, [client.name])
    band, rng = Band(world.env, uplink, width, 0.0), np.random.default_rng(seed)
    medium = Medium(world.env, lambda sender, receiver: band)
    mean_s, whole_bit_s = SERVICE_SLOTS * SLOT_S, BAND_HZ
    gaps = rng.exponential(mean_s / LOAD, jobs)
    sizes = (rng.exponential(1.0, jobs) if exponential else np.ones(jobs)) * mean_s * whole_bit_s / 8
    spent = np.zeros(jobs)

    def job(i: int) -> Generator[Any, Any, Any]:
        begun = world.env.now
        yield medium.transmit(client, world.server, max(1, int(sizes[i])))
        spent[i] = world.env.now - begun

    def arrivals() -> Generator[Any, Any, Any]:
        for i in range(jobs):
            yield world.env.timeout(float(gaps[i]))
            world.env.process(job(i))

    world.env.process(arrivals())
    play(world)
    return float(spent[WARM_UP:].mean())


MEDIUM, CONSTANT = Ofdma(bandwidth_hz=BAND_HZ), channel(phy=FixedEfficiency(bit_s_hz=1.0))
SHARED, IN_TURN = math.inf, 1.0
QUEUES = [
    pytest.param(SHARED, True, 1 / (1 - LOAD), id="M/M/1-PS"),
    pytest.param(SHARED, False, 1 / (1 - LOAD), id="M/D/1-PS"),
    pytest.param(IN_TURN, False, 1 + LOAD / (2 * (1 - LOAD)), id="M/D/1"),
]


@pytest.mark.parametrize(("width", "exponential", "services"), QUEUES)
def test_messages_stay_as_long_as_queueing_theory_says(width: float, exponential: bool, services: float) -> None:
    """Processor sharing: E[S] / (1 - rho), whatever the sizes; one at a time: E[S] + rho E[S] / (2 (1 - rho))."""
    whole = np.array([sojourn_s("fluid", width, seed, exponential, JOBS) for seed in range(REPLICATIONS)])
    error = whole.std(ddof=1) / math.sqrt(REPLICATIONS)
    assert error < 0.04 * whole.mean()
    assert whole.mean() == pytest.approx(services * SERVICE_SLOTS * SLOT_S, abs=4 * error)
    # On the same arrivals slots differ by the wait for a slot to begin and to end, and by nothing that is random.
    fluid, slots = (
        np.array([sojourn_s(mode, width, seed, exponential, PLAYED) for seed in range(3)])
        for mode in ("fluid", "slots")
    )
    assert (slots > fluid).all()
    assert (slots < fluid + 2 * SLOT_S).all()
