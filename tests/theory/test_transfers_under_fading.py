"""What a transfer sees of fading: the ergodic mean if it is long, one draw of the distribution if it is short.

One client sends over a band of 100 kHz at a mean SNR of 10 dB, message after message. Closed forms as in
``test_channel_closed_forms``; the standard error is taken from the spread of the samples themselves.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from tests.worlds import DEVICE, STATION, tell, tiny, world_of
from wirelessfsl.engine.access import Fdma
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.ar1 import AR1
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.fading import Rayleigh, coherence_time_s
from wirelessfsl.radio.link import Channel, noise_density_w_hz
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.propagation import LogDistance
from wirelessfsl.streams import Floats
from wirelessfsl.units import linear_to_db

BANDWIDTH_HZ, DISTANCE_M = 1e5, 100.0
CAPACITY, OUTAGE = 2.90651, 0.2591817793
"""Mean of the spectral efficiency, bit/s/Hz, and the probability that it is below 2."""
SPEED_M_S = 0.423 / 0.02 * 299_792_458 / 3.5e9
"""At which the coherence time is 20 ms."""
Fading = Rayleigh | AR1 | Clarke


def efficiencies(fading: Fading, size_bytes: int, pause_s: float, messages: int) -> Floats:
    """Bit/s/Hz of messages in a row, with pauses between them."""
    noise_w_hz = noise_density_w_hz(-174.0, STATION.radio.noise_figure_db)
    loss_db = DEVICE.radio.tx_power_dbm - 30.0 - float(linear_to_db(10.0 * noise_w_hz * BANDWIDTH_HZ))
    channel = Channel(
        path_loss=LogDistance(reference_loss_db=loss_db, reference_distance_m=DISTANCE_M),
        fading=fading,
        phy=Shannon(cap_bit_s_hz=100.0),
    )
    medium = Fdma(bandwidth_hz=BANDWIDTH_HZ, latency_s=0.0)
    world, _ = world_of(tiny(medium=medium, channel=channel, layout=Fixed(distances_m=(DISTANCE_M,))))
    spent = []

    def story() -> Generator[Any, Any, Any]:
        for _ in range(messages):
            begin = world.env.now
            yield world.medium.transmit(world.clients[0], world.server, size_bytes)
            spent.append(world.env.now - begin)
            yield world.env.timeout(pause_s)

    tell(world, story())
    return 8 * size_bytes / (np.array(spent) * BANDWIDTH_HZ)


KINDS = [Rayleigh(coherence_time_s=0.02), AR1(speed_m_s=SPEED_M_S), Clarke(speed_m_s=SPEED_M_S)]
every_kind = pytest.mark.parametrize("fading", KINDS, ids=lambda fading: fading.kind)


def test_the_coherence_time_is_20_ms() -> None:
    assert coherence_time_s(SPEED_M_S, 3.5e9) == pytest.approx(0.02)


@every_kind
def test_a_transfer_over_many_coherence_times_sees_the_ergodic_mean(fading: Fading) -> None:
    # 4 s, 200 coherence times: each is within a few per cent of the mean, and their mean is the ergodic capacity.
    seen = efficiencies(fading, size_bytes=145_000, pause_s=0.0, messages=12)
    assert seen.std() < 0.08 * CAPACITY
    assert seen.mean() == pytest.approx(CAPACITY, abs=4 * seen.std(ddof=1) / math.sqrt(len(seen)))


@every_kind
def test_a_transfer_within_a_coherence_time_sees_the_distribution(fading: Fading) -> None:
    # 25 bytes take 0.7 ms at the mean rate; then the channel is left alone for ten coherence times.
    seen = efficiencies(fading, size_bytes=25, pause_s=0.2, messages=2000)
    error = math.sqrt(OUTAGE * (1 - OUTAGE) / len(seen))
    # Where the rate is below 2, the message may fly into a better block: some of the outages end at most as late.
    assert np.mean(seen < 2.0) == pytest.approx(OUTAGE, abs=4 * error + 0.01)
    assert seen.std() > 0.4 * CAPACITY
