"""What is conserved on every network: bytes, the clock, joules, and the bounds that no round can be quicker than.

One scheme on each rung of the ladder, from constant links to cells of moving devices: what is requested is delivered,
nothing is on the air for longer than the clock runs, no band carries more than its width and the best modulation allow,
every account adds up, and a round takes at least what computing alone takes, and what the air alone takes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache
from math import inf
from typing import Any

import numpy as np
import pytest

from tests.worlds import (
    BATCH,
    CLIENT_MODEL,
    DEVICE,
    FORWARD,
    GRADIENTS,
    SERVE,
    UPLOAD,
    ListLog,
    assert_tiled,
    played,
    tiny,
)
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.world import World
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.layout import Disc, InCells
from wirelessfsl.network.regions import RectangleRegion
from wirelessfsl.network.topology import Graph, Relay, Wire
from wirelessfsl.network.waypoint import RandomWaypoint
from wirelessfsl.radio.allocation import MaxMin, MinMakespan, ProportionalFair
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.fading import Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import TruncatedShannon
from wirelessfsl.radio.shadowing import ByScenario
from wirelessfsl.radio.taps import Taps
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import ACTIVATIONS, COMPUTE, LABELS, RECEIVE, TRANSFER
from wirelessfsl.scenario import Network, Scenario

CLIENTS, ROUNDS, STEPS, BAND_HZ = 5, 2, 2, 5e6
FADED = Channel(fading=Rayleigh(coherence_time_s=0.02))
STREET = Channel(path_loss=UMi(), shadowing=ByScenario(), fading=Clarke(speed_m_s=1.0), phy=Nr())
NEAR = Disc(radius_m=60.0)
NETWORKS: dict[str, Network] = {
    "constant": Network(medium=ConstantLink()),
    "fdma": Network(layout=NEAR, channel=FADED, medium=Fdma(bandwidth_hz=BAND_HZ)),
    "tdma": Network(layout=NEAR, channel=FADED, medium=Tdma(bandwidth_hz=BAND_HZ)),
    "min_makespan": Network(layout=NEAR, channel=FADED, medium=Fdma(bandwidth_hz=BAND_HZ, allocation=MinMakespan())),
    "max_min": Network(layout=NEAR, channel=FADED, medium=Fdma(bandwidth_hz=BAND_HZ, allocation=MaxMin())),
    "fair": Network(layout=NEAR, channel=FADED, medium=Fdma(bandwidth_hz=BAND_HZ, allocation=ProportionalFair())),
    "taps": Network(layout=NEAR, channel=replace(FADED, fading=Taps(speed_m_s=1.0)), medium=Fdma(bandwidth_hz=BAND_HZ)),
    "truncated": Network(
        layout=NEAR, channel=replace(FADED, phy=TruncatedShannon()), medium=Fdma(bandwidth_hz=BAND_HZ)
    ),
    "street": Network(layout=NEAR, channel=STREET, medium=Fdma(bandwidth_hz=BAND_HZ)),
    "time division": Network(
        layout=NEAR,
        channel=replace(STREET, phy=Nr(uplink_share=0.25, downlink_share=0.75)),
        medium=Fdma(bandwidth_hz=BAND_HZ),
    ),
    "wifi": Network(layout=NEAR, channel=FADED, medium=Wifi()),
    "wifi slots": Network(layout=NEAR, channel=FADED, medium=Wifi(mode="slots")),
    "aloha": Network(layout=NEAR, channel=FADED, medium=SlottedAloha()),
    "cells": Network(
        layout=InCells(),
        mobility=RandomWaypoint(region=RectangleRegion(width_m=900.0, height_m=900.0), max_speed_m_s=9.0),
        cells=Hexagonal(inter_site_distance_m=250.0, load=0.2),
        channel=replace(STREET, fading=Rayleigh(coherence_time_s=0.02)),
        medium=Fdma(bandwidth_hz=BAND_HZ),
    ),
    "relayed": Network(
        layout=NEAR,
        channel=FADED,
        medium=Fdma(bandwidth_hz=BAND_HZ),
        topology=Graph(
            wires=(Wire(ends=("site-0", "edge")), Wire(ends=("edge", "cloud"), rate_bit_s=1e7)),
            relays=(Relay(name="relay", at_m=(30.0, 0.0)),),
        ),
    ),
}
BANDED = [name for name, network in NETWORKS.items() if isinstance(network.medium, Fdma | Tdma)]
BEST_BIT_S_HZ = 7.5
"""Above the caps of all physical layers: 7.4 bit/s/Hz, and 256QAM at rate 948/1024."""
UP = ROUNDS * (STEPS * UPLOAD + CLIENT_MODEL)
DOWN = ROUNDS * (STEPS * GRADIENTS + CLIENT_MODEL)


def scenario(name: str) -> Scenario:
    scheme = SplitFedV1(rounds=ROUNDS, local_steps=STEPS, batch_size=BATCH)
    radios = replace(DEVICE, count=3), replace(DEVICE, count=CLIENTS - 3, radio=NrUe(tx_power_dbm=20.0))
    return tiny(devices=radios, algorithm=scheme, network=NETWORKS[name])


@cache
def run(name: str) -> tuple[World, ListLog]:
    with np.errstate(divide="ignore"):  # as in a run: at rate 0 a message takes infinitely long
        world, log, how = played(scenario(name))
    assert how == "completed"
    return world, log


def air(log: ListLog, **wanted: Any) -> Any:
    return [row for row in log.rows(activity=TRANSFER, **wanted) if row.node != "relay"]


@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_delivered_are_the_bytes_requested(name: str) -> None:
    world, log = run(name)
    for client in world.clients:
        assert sum(row.bytes for row in air(log, node=client.name)) == client.uplink_bytes == UP
        assert sum(row.bytes for row in air(log, peer=client.name)) == client.downlink_bytes == DOWN
    assert all(row.delivered for row in air(log))


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_tile_the_clock(name: str) -> None:
    world, log = run(name)
    for client in world.clients:
        assert_tiled(log, client.name, world.now)


@pytest.mark.parametrize("name", NETWORKS)
def test_energy_of_rows_is_that_of_the_states_and_time_in_states_is_the_clock(name: str) -> None:
    world, log = run(name)
    for node in world.nodes:
        node.settle()
        assert sum(row.energy_j for row in log.rows(node=node.name)) == pytest.approx(node.energy_j, rel=1e-9)
        for meter in node.meter, node.radio.meter:
            assert sum(meter.time_s.values()) == pytest.approx(world.now, rel=1e-9)


@pytest.mark.parametrize("name", BANDED)
def test_no_band_carries_more_than_its_width_allows_in_any_stretch_of_time(name: str) -> None:
    # The bits of all messages that lie within a stretch of time fit into it: a band each way, cell and relay.
    _, log = run(name)
    network = NETWORKS[name]
    bands = len(network.cells.site_of) if isinstance(network.cells, Hexagonal) else 1 + len(network.topology.relays)
    latency_s = network.medium.latency_s
    for up in True, False:
        messages: dict[tuple[str, str, int, int, str], list[float]] = defaultdict(lambda: [inf, 0.0, 0.0])
        for row in air(log):
            if (row.node != "server") is up:
                kind = ACTIVATIONS if row.phase == LABELS else row.phase  # in one message
                message = messages[row.node, row.peer, row.round, row.step, kind]
                message[:] = min(message[0], row.start_s), max(message[1], row.end_s), message[2] + 8 * row.bytes
        spans = [(start, end - latency_s, bits) for start, end, bits in messages.values()]
        for begin in {start for start, _, _ in spans}:
            for until in {end for _, end, _ in spans}:
                within = sum(bits for start, end, bits in spans if start >= begin - 1e-9 and end <= until + 1e-9)
                assert within <= bands * BEST_BIT_S_HZ * BAND_HZ * max(0.0, until - begin) * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_a_round_takes_at_least_what_computing_alone_and_what_the_air_alone_take(name: str) -> None:
    world, log = run(name)
    computing_s = 2 * STEPS * FORWARD / FORWARD + STEPS * SERVE / SERVE
    for number in range(1, ROUNDS + 1):
        rows = log.rows(round=number)
        seconds = max(row.end_s for row in rows) - min(row.start_s for row in rows)
        assert seconds >= computing_s
        for client in world.clients:
            own = [row for row in air(log, round=number) if client.name in (row.node, row.peer)]
            assert seconds >= sum(row.end_s - row.start_s for row in own)
            if isinstance(medium := NETWORKS[name].medium, Fdma | Tdma):
                bits = 8 * (STEPS * (UPLOAD + GRADIENTS) + 2 * CLIENT_MODEL)
                assert seconds >= computing_s + bits / (BEST_BIT_S_HZ * BAND_HZ) + (2 * STEPS + 2) * medium.latency_s


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_sent_is_heard_at_the_same_time_and_by_the_other_end(name: str) -> None:
    _, log = run(name)
    sent = sorted((row.start_s, row.end_s, row.node, row.peer, row.phase) for row in air(log))
    heard = [row for row in log.rows(activity=RECEIVE) if row.node != "relay"]
    assert sent == sorted((row.start_s, row.end_s, row.peer, row.node, row.phase) for row in heard)
    assert len(log.rows(activity=COMPUTE)) > 0
