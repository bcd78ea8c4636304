"""Time, energy and bytes add up, on runs in which everything happens at once.

Seven clients: two whose speed varies, one with a small battery and a radio that sleeps, one that fails and is repaired,
one that fails at random, one too slow for the deadline, and one so far away that its messages time out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest

from tests.worlds import BATCH, DEVICE, FORWARD, PROCESSOR, RADIO, SERVER_PROCESSOR, ListLog, assert_tiled, played, tiny
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.devices.battery import Battery
from wirelessfsl.devices.compute import LogNormalJitter
from wirelessfsl.devices.failures import FailAt, RandomFailures
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.power import BUSY, DUPLEX, IDLE, OFF, RECEIVE, SLEEP, TRANSMIT
from wirelessfsl.engine.transport import Transport
from wirelessfsl.engine.world import World
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.records import DROP, SERVER
from wirelessfsl.scenario import Codecs, Scenario, Server

SLEEPER = replace(RADIO, sleep_after_s=0.3)
DEVICES = (
    replace(DEVICE, count=2, compute_jitter=LogNormalJitter(sigma=0.3)),
    replace(DEVICE, radio=SLEEPER, battery=Battery(capacity_j=60.0)),
    replace(DEVICE, failures=FailAt(times_s=(2.2, 14.0), repair_s=1.5)),
    replace(DEVICE, failures=RandomFailures(mean_time_to_failure_s=9.0, mean_repair_s=2.0)),
    replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=FORWARD / 6)),
    replace(DEVICE, radio=SLEEPER),
)
SPLITFED = SplitFedV1(rounds=5, local_steps=2, batch_size=BATCH)
FEDAVG = FedAvg(rounds=5, local_steps=2, batch_size=BATCH)
MEDIA = {
    "fdma": Fdma(bandwidth_hz=6e4, latency_s=0.05),
    "tdma": Tdma(bandwidth_hz=6e4, latency_s=0.05),
    "constant": ConstantLink(uplink_bit_s=5e4, downlink_bit_s=8e4, latency_s=0.2),
}


def stormy(medium: str, algorithm: Any = SPLITFED) -> Scenario:
    return tiny(
        devices=DEVICES,
        algorithm=algorithm,
        medium=MEDIA[medium],
        channel=Channel(fading=Rayleigh(coherence_time_s=0.1)),
        layout=Fixed(distances_m=(100.0, 200.0, 300.0, 100.0, 200.0, 300.0, 20e3)),
        transport=Transport(timeout_s=3.0 if algorithm is SPLITFED else 20.0),
        participation=Participation(deadline_s=10.0 if algorithm is SPLITFED else 30.0),
        server=Server(processor=replace(SERVER_PROCESSOR, slots=2), radio=RADIO),
        codecs=Codecs(activations=(Quantize(bits=8),), model_upload=(Quantize(bits=12),)),
    )


@pytest.fixture(
    scope="module",
    params=[(medium, scheme) for medium in MEDIA for scheme in (SPLITFED, FEDAVG)],
    ids=lambda param: f"{param[0]}-{param[1].kind}",
)
def storm(request: pytest.FixtureRequest) -> tuple[World, ListLog]:
    world, log, _ = played(stormy(*request.param))
    return world, log


def nodes(world: World) -> tuple[Node, ...]:
    return (*world.clients, world.server)


def test_everything_happens_somewhere() -> None:
    storms = [played(stormy(medium)) for medium in MEDIA]
    assert {row.phase for _, log, _ in storms for row in log.rows(activity=DROP)} == {
        "battery",
        "failure",
        "deadline",
        "lost",
    }
    assert {state for world, _, _ in storms for node in nodes(world) for state in node.radio.meter.time_s} == {
        IDLE,
        TRANSMIT,
        RECEIVE,
        DUPLEX,
        SLEEP,
        OFF,
    }
    waited_for = {row.phase for _, log, _ in storms for row in log.rows(activity="wait")}
    assert waited_for >= {"idle", "server_step", "activations", "model_download"}


def test_times_in_power_states_add_up_to_the_clock(storm: tuple[World, ListLog]) -> None:
    world, _ = storm
    for node in nodes(world):
        assert sum(node.meter.time_s.values()) == pytest.approx(world.env.now, rel=1e-9)
        assert sum(node.radio.meter.time_s.values()) == pytest.approx(world.env.now, rel=1e-9)


def test_energies_of_a_nodes_rows_add_up_to_the_integral_of_its_power(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    rows: dict[str, float] = defaultdict(float)
    for row in log.events:
        assert row.energy_j >= -1e-12
        rows[row.node] += row.energy_j
    for node in nodes(world):
        assert rows[node.name] == pytest.approx(node.energy_j, rel=1e-9)
    assert sum(rows.values()) == pytest.approx(sum(node.energy_j for node in nodes(world)), rel=1e-9)


def test_phases_add_up_to_the_whole(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    phases: dict[str, float] = defaultdict(float)
    for row in log.events:
        phases[row.phase] += row.energy_j
    assert sum(phases.values()) == pytest.approx(sum(node.energy_j for node in nodes(world)), rel=1e-9)


def test_the_integral_is_power_times_time_of_every_state(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    for node in nodes(world):
        power = node.radio.power
        watts = {
            IDLE: power.idle_w,
            TRANSMIT: power.transmit_w,
            RECEIVE: power.receive_w,
            DUPLEX: power.transmit_w + power.receive_w,
            SLEEP: power.sleep_w,
            OFF: 0.0,
        }
        for state, seconds in node.radio.meter.time_s.items():
            assert node.radio.meter.energy_j[state] == pytest.approx(watts[state] * seconds, rel=1e-9, abs=1e-12)
        computed_j = sum(row.energy_j for row in log.rows(node=node.name, activity="compute"))
        busy_j = node.processor.idle_w * node.meter.time_s[BUSY] + computed_j
        assert node.meter.energy_j[BUSY] == pytest.approx(busy_j, rel=1e-9)
        assert node.meter.energy_j[IDLE] == pytest.approx(node.processor.idle_w * node.meter.time_s[IDLE], rel=1e-9)
        assert node.meter.energy_j[OFF] == 0.0


def test_energy_of_transfers_is_the_time_on_the_air_times_the_power(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    for node in nodes(world):
        times, power = node.radio.meter.time_s, node.radio.power
        sent_j = sum(row.energy_j for row in log.rows(node=node.name, activity="transfer"))
        heard_j = sum(row.energy_j for row in log.rows(node=node.name, activity="receive"))
        assert sent_j == pytest.approx(power.transmit_w * (times[TRANSMIT] + times[DUPLEX]), rel=1e-9, abs=1e-12)
        assert heard_j == pytest.approx(power.receive_w * (times[RECEIVE] + times[DUPLEX]), rel=1e-9, abs=1e-12)


def test_every_clients_rows_tile_its_time(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    for client in world.clients:
        assert_tiled(log, client.name, world.env.now)


def test_rows_of_a_round_lie_between_its_ends(storm: tuple[World, ListLog]) -> None:
    _, log = storm
    bounds = {row.round: (row.start_s, row.end_s) for row in log.rows(activity="idle", node=SERVER)}
    assert [bounds[r][0] for r in sorted(bounds)][1:] == [bounds[r][1] for r in sorted(bounds)][:-1]
    for row in log.events:
        begin, end = bounds[row.round]
        assert begin <= row.start_s <= row.end_s <= end


def test_the_server_is_never_busier_than_its_slots(storm: tuple[World, ListLog]) -> None:
    _, log = storm
    rows = log.rows(node=SERVER, activity="compute")
    changes = sorted([(r.end_s, -1) for r in rows] + [(r.start_s, 1) for r in rows])
    busy = most = 0
    for _, change in changes:
        busy += change
        most = max(most, busy)
    assert most <= 2


def test_delivered_messages_are_whole_and_lost_ones_are_counted_as_far_as_they_flew(
    storm: tuple[World, ListLog],
) -> None:
    world, log = storm
    sizes: dict[str, set[int]] = defaultdict(set)
    for row in log.rows(activity="transfer", delivered=True):
        sizes[row.phase].add(row.bytes)
    assert all(len(size) == 1 for size in sizes.values())  # fixed sizes: one a kind
    for row in log.rows(activity="transfer", delivered=False):
        assert 0 <= row.bytes <= max(sizes[row.phase], default=row.bytes)
    assert all(row.bytes == 0 for row in log.events if row.activity != "transfer")
    up, down = Counter[str](), Counter[str]()
    for row in log.rows(activity="transfer"):
        up[row.node] += row.bytes
        down[row.peer] += row.bytes
    for client in world.clients:
        assert (client.uplink_bytes, client.downlink_bytes) == (up[client.name], down[client.name])


def test_on_constant_links_bits_are_rate_times_time_also_of_what_was_cut_off() -> None:
    _, log, _ = played(stormy("constant"))
    medium = MEDIA["constant"]
    assert isinstance(medium, ConstantLink)
    for row in log.rows(activity="transfer", phase="model_upload"):
        seconds = row.end_s - row.start_s
        if row.delivered:
            assert 8 * row.bytes == pytest.approx(medium.uplink_bit_s * (seconds - medium.latency_s), rel=1e-9)
        else:  # whole bytes; perhaps cut off during the latency
            assert 8 * row.bytes <= medium.uplink_bit_s * seconds + 1e-6


def test_a_node_that_is_off_draws_nothing(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    # client-3 is down from 2.2 s to 3.7 s and from 14 s to 15.5 s.
    failed = world.clients[3]
    down = min(1.5, world.env.now - 2.2) + max(0.0, min(1.5, world.env.now - 14.0))
    assert failed.meter.time_s[OFF] == pytest.approx(down, abs=1e-9)
    assert failed.radio.meter.time_s[OFF] == pytest.approx(down, abs=1e-9)
    for row in log.events:
        if row.node == failed.name and row.activity in ("compute", "transfer", "receive") and row.end_s > row.start_s:
            assert row.end_s <= 2.2 + 1e-9 or row.start_s >= 3.7 - 1e-9
            assert row.end_s <= 14.0 + 1e-9 or row.start_s >= 15.5 - 1e-9
