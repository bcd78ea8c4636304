"""Moving devices: their rates follow their places exactly, and nobody's way depends on what is sent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from tests.worlds import BATCH, DEVICE, STATION, ListLog, run, tiny, world_of
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.engine.access import Fdma
from wirelessfsl.engine.airs import RadioAir
from wirelessfsl.network.layout import Fixed
from wirelessfsl.network.mobility import Mobility, Static, StraightLine
from wirelessfsl.network.regions import RectangleRegion
from wirelessfsl.network.waypoint import RandomWaypoint
from wirelessfsl.networking import airs, ways_of
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel, noise_density_w_hz
from wirelessfsl.radio.phy import Shannon
from wirelessfsl.radio.propagation import LogDistance
from wirelessfsl.scenario import Codecs, Network, Scenario
from wirelessfsl.streams import Floats
from wirelessfsl.units import dbm_to_watt

WIDTH_HZ, SPEED_M_S, START_M, SIZE = 1e5, 20.0, 50.0, 500_000
CHANNEL = Channel(
    path_loss=LogDistance(exponent=3.0, reference_loss_db=40.0),
    fading=NoFading(),
    phy=Shannon(cap_bit_s_hz=100.0),
)


def moving(mobility: Mobility, clients: int = 1, channel: Channel = CHANNEL, **changes: Any) -> Scenario:
    medium, layout = Fdma(bandwidth_hz=WIDTH_HZ, latency_s=0.0), Fixed(distances_m=(START_M, 150.0))
    network = Network(layout=layout, mobility=mobility, channel=channel, medium=medium)
    return tiny(clients, **({"network": network} | changes))


def leaving(resolution_m: float) -> StraightLine:
    wide = RectangleRegion(width_m=1e6, height_m=1e6)
    return StraightLine(region=wide, speed_m_s=SPEED_M_S, heading_deg=0.0, resolution_m=resolution_m)


def rate_bit_s(distance_m: float) -> float:
    """By hand: 40 + 30 lg d dB of loss, Shannon."""
    noise = noise_density_w_hz(CHANNEL.noise_density_dbm_hz, STATION.radio.noise_figure_db) * WIDTH_HZ
    received = dbm_to_watt(DEVICE.radio.tx_power_dbm - 40.0 - 30.0 * math.log10(distance_m))
    return WIDTH_HZ * math.log2(1.0 + received / noise)


@pytest.mark.parametrize("resolution_m", [0.25, 1.0, 7.0])
def test_the_rate_of_a_device_that_leaves_follows_its_place_step_by_step(resolution_m: float) -> None:
    left, step_s, k = 8.0 * SIZE, resolution_m / SPEED_M_S, 0
    while (now := rate_bit_s(START_M + k * resolution_m)) * step_s < left:
        left -= now * step_s
        k += 1
    assert k > 3
    world, _ = world_of(moving(leaving(resolution_m)))
    flight = world.medium.transmit(world.clients[0], world.server, SIZE)
    world.env.run(flight)
    assert world.env.now == pytest.approx(k * step_s + left / now, rel=1e-12)


def test_small_steps_come_to_the_integral_over_the_way() -> None:
    ends = []
    for resolution_m in (1.0, 0.5, 0.25):
        world, _ = world_of(moving(leaving(resolution_m)))
        world.env.run(world.medium.transmit(world.clients[0], world.server, SIZE))
        bits = quad(lambda t: rate_bit_s(START_M + SPEED_M_S * t), 0.0, world.env.now)[0]
        ends.append(bits / (8 * SIZE) - 1.0)
    assert np.abs(ends).max() < 3e-3
    assert ends[0] / ends[1] == pytest.approx(2.0, rel=0.05)  # the error is that of a step
    assert ends[1] / ends[2] == pytest.approx(2.0, rel=0.05)


def test_a_message_to_a_device_that_leaves_takes_longer() -> None:
    stands, leaves = (run(moving(mobility))[0].end_s for mobility in (Static(), leaving(1.0)))
    assert leaves > stands


SCHEMES = [
    {"algorithm": SplitFedV1(rounds=2, local_steps=1, batch_size=BATCH)},
    {"algorithm": SplitFedV1(rounds=2, local_steps=1, batch_size=BATCH), "codecs": Codecs(activations=(Quantize(),))},
    {"algorithm": FedAvg(rounds=3, local_steps=2, batch_size=BATCH)},
    {"algorithm": SplitLearning(rounds=1, local_steps=3, batch_size=BATCH)},
]


@pytest.mark.parametrize("fading", [NoFading(), Rayleigh(coherence_time_s=0.3)])
@pytest.mark.parametrize("changes", SCHEMES, ids=str)
def test_the_channel_of_who_moves_is_the_same_whatever_scheme_and_codec(
    changes: dict[str, Any], fading: NoFading | Rayleigh, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[bool, float, Floats]] = []
    ask = RadioAir.snr

    def noted(self: RadioAir, time_s: float) -> Floats:
        snr = ask(self, time_s)
        asked.append((self._spread, time_s, snr))
        return snr

    channel = Channel(fading=fading, phy=Shannon())
    mobility = RandomWaypoint(min_speed_m_s=5.0, max_speed_m_s=10.0)
    scenario = moving(mobility, 2, channel, **changes)
    monkeypatch.setattr(RadioAir, "snr", noted)
    run(scenario)
    monkeypatch.undo()
    assert len(asked) > 20
    assert len({snr.tobytes() for _, _, snr in asked}) > 10
    radios = [DEVICE.radio] * 2
    for spread, time_s, snr in asked[::-5]:
        up, down = airs(scenario, scenario.network.medium, radios, STATION.radio)  # type: ignore[arg-type]
        np.testing.assert_array_equal((down if spread else up).snr(time_s), snr)


def test_messages_between_two_devices_go_over_the_distance_of_the_moment() -> None:
    scenario = moving(StraightLine(speed_m_s=2.0, heading_deg=None), 2)
    world, _ = world_of(scenario)
    (first, second), paths = world.clients, ways_of(scenario)
    found = []
    for time_s in (1.0, 30.0):
        world.env.run(time_s)
        here, there = paths.positions_m(time_s)
        loss_db = 40.0 + 30.0 * math.log10(np.hypot(*(here - there)))
        noise = noise_density_w_hz(CHANNEL.noise_density_dbm_hz, DEVICE.radio.noise_figure_db) * WIDTH_HZ
        found.append(world.medium.quality(first, second))
        assert found[-1] == pytest.approx(dbm_to_watt(DEVICE.radio.tx_power_dbm - loss_db) / noise)
    assert found[0] != pytest.approx(found[1], rel=1e-3)


def test_a_run_with_movement_repeats_itself_to_the_last_bit() -> None:
    logs: list[ListLog] = [run(moving(RandomWaypoint(start="stationary"), 2))[0] for _ in range(2)]
    assert logs[0].events == logs[1].events
