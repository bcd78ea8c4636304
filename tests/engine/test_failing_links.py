"""Messages over links that are down wait, and go on; nobody else is held up but where a band takes one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.worlds import BATCH, UPLOAD, ListLog, assert_tiled, one_round, played, run, tiny, world_of
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.engine.world import World
from wirelessfsl.network.failures import LinkFailure, RandomBlockage
from wirelessfsl.network.layout import Fixed
from wirelessfsl.network.topology import Graph, Relay, Wire
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import ACTIVATIONS, DROP, TRANSFER
from wirelessfsl.scenario import Network, Scenario

SIZE = 125_054
"""Bytes of a message of 31,250 floats: 1.000432 s at 1 Mbit/s."""
AIR_S = SIZE * 8 / 1e6
NET: dict[str, Any] = {"layout": Fixed(), "channel": tiny().network.channel}


def scenario(clients: int, medium: Any, *failures: LinkFailure, **more: Any) -> Scenario:
    return tiny(clients, network=Network(**NET, medium=medium, failures=failures, **more))


def sent(s: Scenario, down: bool = False) -> tuple[World, ListLog]:
    """A world in which every client has sent (or received) one message, all at once."""
    world, log = world_of(s)
    floats = torch.zeros(31_250)
    kind = "model_download" if down else "model_upload"
    ways = {k: (world.server, k) if down else (k, world.server) for k in world.clients}
    one_round(world, {k: world.transfer(*way, **{kind: floats.clone()}) for k, way in ways.items()})
    return world, log


def ends(log: ListLog) -> list[float]:
    rows = sorted(log.rows(activity=TRANSFER), key=lambda row: (row.node, row.peer))
    return [row.end_s for row in rows]


def off(*of: str, begin: float = 0.5, end: float = 2.0) -> LinkFailure:
    return LinkFailure(of=of, from_s=begin, to_s=end)


@pytest.fixture(autouse=True)
def dead_links() -> Iterator[None]:
    """As in a run: a link of rate 0 takes infinitely long."""
    with np.errstate(divide="ignore"):
        yield


WIDE, ONE = Fdma(bandwidth_hz=1e6, latency_s=0.0), Tdma(bandwidth_hz=1e6, latency_s=0.0)
PIPE = ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6, latency_s=0.0)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("of", ["client-0", "server"])
@pytest.mark.parametrize("medium", [WIDE, ONE, PIPE], ids=lambda medium: medium.kind)
def test_a_message_goes_on_where_it_was_when_its_link_is_up_again(medium: Any, of: str, down: bool) -> None:
    _, log = sent(scenario(1, medium, off(of)), down)
    assert ends(log) == [pytest.approx(AIR_S + 1.5)]
    (row,) = log.rows(activity=TRANSFER)
    assert (row.bytes, row.attempts, row.delivered) == (SIZE, 1, True)
    # 3 W all the while: the sender goes on trying.
    assert row.energy_j == pytest.approx(3.0 * (AIR_S + 1.5))


def test_the_others_have_the_band_meanwhile() -> None:
    # Half of the band each until 0.5 s, then all of it for client-1, and from 2 s on for client-0.
    _, log = sent(scenario(2, WIDE, off("client-0")))
    assert ends(log) == [pytest.approx(2.0 + AIR_S - 0.25), pytest.approx(0.5 + AIR_S - 0.25)]


def test_on_a_band_of_one_at_a_time_the_others_wait_behind_it() -> None:
    _, log = sent(scenario(2, ONE, off("client-0")))
    assert ends(log) == [pytest.approx(AIR_S + 1.5), pytest.approx(2 * AIR_S + 1.5)]


def test_an_outage_of_the_server_halts_all_messages_and_no_computation() -> None:
    whole, _ = run(scenario(1, PIPE))
    (served,) = whole.rows(activity="compute", phase="server_step")
    # It begins half way through the server's second of computing, and the answer waits for a second.
    begin = served.start_s + 0.5
    log, _ = run(scenario(1, PIPE, off("server", begin=begin, end=begin + 1.5)))
    assert log.rows(activity="compute", phase="server_step") == [served]
    assert log.end_s == pytest.approx(whole.end_s + 1.0)


def test_a_wire_that_is_down_holds_up_what_goes_over_it() -> None:
    wires = (Wire(ends=("site-0", "edge"), rate_bit_s=1e6, delay_s=0.0), Wire(ends=("edge", "cloud"), delay_s=0.0))
    fast = Fdma(bandwidth_hz=1e12, latency_s=0.0)
    _, plain = sent(scenario(1, fast, topology=Graph(wires=wires)))
    _, log = sent(scenario(1, fast, off("edge", "site-0"), topology=Graph(wires=wires)))
    assert ends(log)[0] == pytest.approx(ends(plain)[0] + 1.5)
    _, other = sent(scenario(1, fast, off("cloud", "edge"), topology=Graph(wires=wires)))
    assert ends(other)[0] == pytest.approx(max(ends(plain)[0], 2.0), abs=2e-3)
    _, server = sent(scenario(1, fast, off("server"), topology=Graph(wires=wires)))
    assert ends(server) == ends(other)  # where the server is


def test_a_relay_that_is_down_holds_up_whom_it_serves() -> None:
    wire = Wire(ends=("site-0", "cloud"), delay_s=0.0, rate_bit_s=1e12)
    topology = Graph(wires=(wire,), relays=(Relay(name="r", at_m=(90.0, 0.0)),))
    _, plain = sent(scenario(1, WIDE, topology=topology))
    _, log = sent(scenario(1, WIDE, off("r"), topology=topology))
    assert ends(plain)[0] == pytest.approx(2 * AIR_S)
    assert ends(log)[0] == pytest.approx(2 * AIR_S + 1.5)


@pytest.mark.parametrize("mode", ["fluid", "slots"])
@pytest.mark.parametrize("medium", [Wifi, SlottedAloha])
def test_who_is_down_does_not_contend(medium: Any, mode: Any) -> None:
    channel = NET["channel"] if medium is SlottedAloha else Channel(fading=NoFading())
    network: dict[str, Any] = {"layout": Fixed(), "channel": channel, "medium": medium(mode=mode, latency_s=0.0)}
    first = ends(sent(tiny(1, network=Network(**network)))[1])[0]
    window = off("client-0", begin=0.0, end=first * 3)
    _, log = sent(tiny(2, network=Network(**network, failures=(window,))))
    late, free = ends(log)
    assert free == pytest.approx(first, rel=0.2)  # as if it were alone
    assert late >= 3 * first
    assert late == pytest.approx(4 * first, rel=0.2)


def test_a_message_times_out_behind_an_outage_and_the_scenario_says_what_then() -> None:
    whole, _ = run(scenario(1, PIPE))
    (row,) = whole.rows(activity=TRANSFER, phase=ACTIVATIONS)
    window = off("client-0", begin=row.start_s, end=row.start_s + 0.6)
    skip = Transport(timeout_s=0.5, outage=Outage(activations="skip"))
    log, _ = run(scenario(1, PIPE, window, transport=skip))
    assert not log.rows(activity=DROP)
    assert not log.rows(activity="compute", phase="server_step")
    drop, _ = run(scenario(1, PIPE, window, transport=Transport(timeout_s=0.5)))
    assert [row.phase for row in drop.rows(activity=DROP)] == ["lost"]


def test_what_is_blocked_at_random_adds_up() -> None:
    blockage = RandomBlockage(mean_clear_s=0.3, mean_blocked_s=0.2)
    scheme = SplitFedV1(rounds=2, local_steps=2, batch_size=BATCH)
    ends_s = []
    for more in ({}, {"blockage": blockage}):
        network = Network(**NET, medium=Fdma(bandwidth_hz=1e5, latency_s=0.01), **more)
        world, log, ending = played(tiny(3, network=network, algorithm=scheme))
        assert ending == "completed"
        assert (
            sum(row.bytes for row in log.rows(activity=TRANSFER) if row.phase in (ACTIVATIONS, "labels")) == 12 * UPLOAD
        )
        for client in world.clients:
            assert_tiled(log, client.name, log.end_s)
        for node in world.nodes:
            node.settle()
            assert sum(r.energy_j for r in log.events if r.node == node.name) == pytest.approx(node.energy_j)
        ends_s.append(log.end_s)
    assert ends_s[1] > ends_s[0] * 1.05  # blocked for 40 % of the time, in which the others are quicker


def test_a_long_outage_is_no_stalled_link() -> None:
    _, log = sent(scenario(1, ONE, off("server", end=3e6)))
    assert ends(log)[0] == pytest.approx(3e6 + AIR_S - 0.5)
