"""Messages over wires and relays, by hand: store and forward, queues, and who pays."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from tests.worlds import (
    ACTIVATIONS,
    BATCH,
    CLIENT_MODEL,
    DEVICE,
    GRADIENTS,
    UPLOAD,
    assert_tiled,
    played,
    tell,
    tiny,
    world_of,
)
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.engine.access import ConstantLink, Fdma
from wirelessfsl.engine.flight import Delivery
from wirelessfsl.network.layout import Fixed
from wirelessfsl.network.topology import Direct, Graph, Relay, Wire
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.records import RECEIVE, SERVER, TRANSFER
from wirelessfsl.scenario import Network, Scenario

NEAR: dict[str, Any] = {"rel": 1e-9}
AIR = ConstantLink(uplink_bit_s=8e3, downlink_bit_s=16e3, latency_s=0.5)
EDGE, CLOUD = (
    Wire(ends=("site-0", "edge"), rate_bit_s=80e3, delay_s=0.25),
    Wire(ends=("edge", "cloud"), rate_bit_s=4e3, delay_s=2.0),
)


def wired(*wires: Wire, clients: int = 1, medium: Any = AIR, **changes: Any) -> Scenario:
    changes = {"server": "cloud"} | changes
    scenario = tiny(clients, medium=medium)
    return replace(scenario, network=replace(scenario.network, topology=Graph(wires=wires, **changes)))


def sent(scenario: Scenario, plan: list[tuple[float, int]], down: bool = False) -> list[Delivery]:
    """Deliveries of messages (instant, bytes), the i-th of or to client i."""
    world, _ = world_of(scenario)
    arrived: dict[int, Delivery] = {}

    def send(i: int, at: float, size: int) -> Generator[Any, Any, Any]:
        yield world.env.timeout(at)
        ends = (world.clients[i], world.server)
        journey = world.medium.transmit(*(reversed(ends) if down else ends), size)
        yield journey
        arrived[i] = journey.part(ends[not down])
        assert world.env.now == pytest.approx(arrived[i].end_s, **NEAR)

    for i, (at, size) in enumerate(plan):
        world.env.process(send(i, at, size))
    world.env.run()
    return [arrived[i] for i in range(len(plan))]


@pytest.mark.parametrize("down", [False, True])
def test_a_message_is_stored_whole_at_every_node_on_its_way(down: bool) -> None:
    # 1000 bytes = 8000 bit: air 1 s (down 0.5 s) + 0.5 s, wires 0.1 + 0.25 s and 2 + 2 s.
    (delivery,) = sent(wired(EDGE, CLOUD), [(0.0, 1000)], down)
    assert delivery.end_s == pytest.approx((0.5 if down else 1.0) + 0.5 + 0.35 + 4.0, **NEAR)
    assert (delivery.start_s, delivery.sent_bytes, delivery.arrived) == (0.0, 1000, True)


def test_only_the_air_costs_the_ends_energy() -> None:
    up, down = (sent(wired(EDGE, CLOUD), [(0.0, 1000)], down)[0] for down in (False, True))
    assert (up.transmit_j, up.receive_j) == pytest.approx((3.0 * 1.0, 1.5 * 1.0))
    assert (down.transmit_j, down.receive_j) == pytest.approx((3.0 * 0.5, 1.5 * 0.5))


def test_messages_queue_for_a_wire_in_order_of_arrival() -> None:
    # Both are through the air (links of their own) at 1.5 s and the edge at 1.85 s; the slow wire takes 2 s for each.
    a, b = sent(wired(EDGE, CLOUD, clients=2), [(0.0, 1000), (0.0, 1000)])
    first = 1.5 + 0.1 + 0.25
    assert a.end_s == pytest.approx(first + 4.0, **NEAR)
    assert b.end_s == pytest.approx(first + 2.0 + 4.0, **NEAR)


def test_a_queue_that_is_full_loses_what_comes() -> None:
    # On the slow wire a is under way, b waits, and c finds 1000 bytes there already.
    narrow = replace(CLOUD, queue_bytes=1500)
    a, b, c = sent(wired(EDGE, narrow, clients=3), [(0.0, 1000), (0.1, 1000), (0.2, 1000)])
    assert (a.arrived, b.arrived, c.arrived) == (True, True, False)
    assert c.end_s == pytest.approx(0.2 + 1.5 + 0.35, **NEAR)
    roomy = [d.arrived for d in sent(wired(EDGE, replace(CLOUD, queue_bytes=2000), clients=3), [(0.0, 1000)] * 3)]
    assert roomy == [True, True, True]


def test_messages_take_the_quickest_way_for_a_packet() -> None:
    detour = Wire(ends=("site-0", "b"), rate_bit_s=1e9, delay_s=0.1), Wire(ends=("b", "cloud"), delay_s=0.1)
    straight = Wire(ends=("site-0", "cloud"), rate_bit_s=1e9, delay_s=0.3)
    graph = Graph(wires=(straight, *detour))
    assert graph.path("site-0", "cloud") == [("site-0", "b"), ("b", "cloud")]
    (delivery,) = sent(wired(straight, *detour), [(0.0, 1000)])
    assert delivery.end_s == pytest.approx(1.5 + 0.2 + 2 * 8e-6, **NEAR)


def test_a_message_that_is_left_stops_where_it_is() -> None:
    world, _ = world_of(wired(EDGE, CLOUD))
    (client,) = world.clients

    def story() -> Generator[Any, Any, Any]:
        journey = world.medium.transmit(client, world.server, 1000)
        yield world.env.timeout(2.0)  # on the slow wire since 1.85 s
        return world.medium.leave(journey, world.server)

    delivery = tell(world, story())
    assert (delivery.start_s, delivery.end_s, delivery.sent_bytes, delivery.arrived) == (0.0, 2.0, 1000, False)
    assert delivery.transmit_j == pytest.approx(3.0)


@pytest.mark.parametrize("left_s", [0.5, 1.2, 1.55, 1.7, 3.0])
def test_a_message_that_is_left_goes_no_further(left_s: float) -> None:
    # Air until 1 s and latency until 1.5 s, then a wire until 1.6 s and its delay until 1.85 s.
    world, _ = world_of(wired(EDGE, CLOUD))
    (client,) = world.clients
    hops = world.medium._hops(client, world.server)

    def story() -> Generator[Any, Any, Any]:
        journey = world.medium.transmit(client, world.server, 1000)
        yield world.env.timeout(left_s)
        return journey, world.medium.leave(journey, world.server)

    journey, delivery = tell(world, story())
    assert (delivery.end_s, delivery.arrived) == (left_s, False)
    world.env.run()
    assert not journey.triggered
    begun = sum(at < left_s for at in (0.0, 1.5, 1.85))
    assert [hop.band._taken_off for hop in hops] == [1] * begun + [0] * (3 - begun)


def near_relay(topology: Graph | Direct) -> Scenario:
    """A client 150 m away, which a relay at 100 m may help; a second at 40 m needs none."""
    channel = Channel(fading=NoFading())
    scenario = tiny(
        2, medium=Fdma(bandwidth_hz=1e5, latency_s=0.0), channel=channel, layout=Fixed(distances_m=(150.0, 40.0))
    )
    scenario = replace(scenario, algorithm=SplitFedV1(rounds=2, local_steps=2, batch_size=BATCH))
    return replace(scenario, network=replace(scenario.network, topology=topology))


RELAYED = Graph(
    wires=(Wire(ends=("site-0", "cloud"), rate_bit_s=1e12, delay_s=0.0),), relays=(Relay(name="r", at_m=(100.0, 0.0)),)
)


def test_a_device_uses_the_relay_that_is_nearer_than_its_site() -> None:
    world, log, _ = played(near_relay(RELAYED))
    assert {e.node for e in log.rows(activity=TRANSFER)} == {"client-0", "client-1", "server", "r"}
    of_relay = log.rows(node="r", activity=TRANSFER)
    assert {e.phase for e in of_relay} == {"activations", "gradients", "model_upload", "model_download"}
    messages = [e for e in log.rows(activity=TRANSFER) if "client-0" in (e.node, e.peer) and e.phase != "labels"]
    assert len(of_relay) == len(messages)
    assert {e.energy_j > 0 for e in log.rows(node="r", activity=RECEIVE)} == {True}
    for client in world.clients:
        assert_tiled(log, client.name, world.now)


def test_bytes_are_counted_once_however_many_hops_there_are() -> None:
    for topology in (Direct(), RELAYED):
        world, _, _ = played(near_relay(topology))
        for client in world.clients:
            assert client.uplink_bytes == 2 * (2 * UPLOAD + CLIENT_MODEL)
            assert client.downlink_bytes == 2 * (2 * GRADIENTS + CLIENT_MODEL)
    assert ACTIVATIONS < UPLOAD


def test_the_accounts_of_all_add_up_to_their_power_over_time() -> None:
    world, log, _ = played(near_relay(RELAYED))
    for node in world.nodes:
        assert sum(e.energy_j for e in log.rows(node=node.name)) == pytest.approx(node.energy_j)
    assert world.server.name == SERVER


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Graph(wires=()), "wires: got none at 'site-0'"),
        (lambda: Graph(wires=(EDGE,)), "wires: got none at 'cloud'"),
        (lambda: Graph(wires=(EDGE, EDGE)), "got .* again, must be there once"),
        (lambda: Graph(wires=(Wire(ends=("a", "a")),)), "must be two different nodes"),
        (lambda: Graph(wires=(EDGE, CLOUD, Wire(ends=("x", "y")))), "got no way from 'site-0' to 'x'"),
        (lambda: Graph(relays=(Relay(name="cloud", at_m=(1.0, 1.0)),)), "relays.0.name: got 'cloud'"),
        (lambda: Graph(relays=(Relay(name="client-1", at_m=(1.0, 1.0)),)), "a name that no other node has"),
    ],
)
def test_a_network_that_does_not_hang_together_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_network_is_direct_unless_it_says_otherwise() -> None:
    assert isinstance(Network().topology, Direct)
    assert DEVICE.count == 1
