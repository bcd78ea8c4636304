"""Lost packets cost their airtime again, or leave holes in what is trained with."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from tests.worlds import (
    BATCH,
    CLIENT_MODEL,
    MESSAGE,
    OVERHEAD,
    TENSOR,
    UPLOAD,
    ListLog,
    assert_tiled,
    one_round,
    played,
    run,
    tell,
    tiny,
    world_of,
)
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.engine.access import ConstantLink, Tdma
from wirelessfsl.engine.airs import Flying, RadioAir
from wirelessfsl.engine.flight import Flight
from wirelessfsl.engine.journey import Journey
from wirelessfsl.engine.packets import Packets
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.engine.world import World
from wirelessfsl.learning.executors.promises import settled
from wirelessfsl.learning.optim import SGD
from wirelessfsl.network.layout import Fixed
from wirelessfsl.network.mobility import Standing
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel, Links
from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.records import ACTIVATIONS, DROP, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD, RECEIVE, TRANSFER
from wirelessfsl.streams import stream

SKIP = Outage(activations="skip", gradients="skip")
LINK = ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6, latency_s=0.25)
HOLES = Transport(reliability="lossy", packet_loss=0.3, packet_bytes=100)


def drawn(world: World, sender: str, receiver: str, number: int, packets: int, attempt: int = 0) -> NDArray[np.bool_]:
    """Which packets of a link's message are lost, at the probability of its world."""
    uniform = stream(world.seed, "packets", sender, receiver, number, attempt).random(packets)
    lost: NDArray[np.bool_] = uniform >= 1.0 - world.messages.transport.packet_loss
    return lost


def sent(scenario: Any, size: int) -> tuple[World, ListLog]:
    """A world in which the client has uploaded so many bytes as weights, with their frame."""
    world, log = world_of(scenario)
    (client,) = world.clients
    floats = torch.zeros((size - OVERHEAD - MESSAGE - TENSOR - 4) // 4)
    one_round(world, {client: world.transfer(client, world.server, model_upload=floats)})
    return world, log


def test_lost_packets_are_sent_again_after_the_feedback_until_none_is_missing() -> None:
    transport = Transport(packet_loss=0.4, packet_bytes=1000, feedback_s=0.1)
    world, log = sent(tiny(medium=LINK, transport=transport), 10_502)
    sizes = np.array([1000] * 10 + [502])
    missing, at, flown = np.ones(11, bool), 0.0, []
    while missing.any():
        flown.append(sizes[missing].sum())
        at += flown[-1] * 8 / 1e6 + 0.25 + 0.1
        missing = missing & drawn(world, "client-0", "server", 1, 11, len(flown) - 1)
    assert len(flown) > 2  # or nothing has been tested
    rows = log.rows(activity=TRANSFER)
    assert rows[-1].end_s == pytest.approx(at - 0.1)
    assert [(row.bytes, row.delivered) for row in rows] == [(10_502, True), (sum(flown) - 10_502, False)]
    assert [row.attempts for row in rows] == [len(flown), 0]
    (client,) = world.clients
    assert client.uplink_bytes == sum(flown)
    # 3 W while something is on the air, and nothing while the sender waits for news.
    assert sum(row.energy_j for row in rows) == pytest.approx(3.0 * sum(flown) * 8 / 1e6)
    assert sum(row.energy_j for row in log.rows(activity=RECEIVE)) == pytest.approx(1.5 * sum(flown) * 8 / 1e6)


def test_a_message_takes_1_over_1_minus_p_times_its_bytes() -> None:
    packets, p = 20_000, 0.2
    transport = Transport(packet_loss=p, packet_bytes=64, retransmissions=1000)
    world, _ = sent(tiny(medium=LINK, transport=transport), packets * 64)
    (client,) = world.clients
    deviation = sqrt(p / packets) / (1.0 - p)  # of the mean of geometric numbers of transmissions
    assert client.uplink_bytes / (packets * 64) == pytest.approx(1.0 / (1.0 - p), abs=4 * deviation)


def test_a_packet_has_its_number_however_long_the_message_is_and_whatever_flies_besides() -> None:
    class Sure(Flight):
        def __init__(self) -> None:
            self.stretches = []

    short, long = (Packets(7, ("a", "b", 3), {ACTIVATIONS: size}, HOLES).lost(Sure()) for size in (5_000, 9_000))
    assert 0 < short.sum() < 50
    assert (long[:50] == short).all()
    more = Packets(7, ("a", "b", 3), {ACTIVATIONS: 9_000}, replace(HOLES, packet_loss=0.5)).lost(Sure())
    assert (more >= long).all()
    assert more.sum() > long.sum()


def test_a_message_that_the_limit_gives_up_is_lost() -> None:
    transport = Transport(packet_loss=0.9, retransmissions=1, packet_bytes=1000)
    world, log = sent(tiny(medium=LINK, transport=transport), 10_502)
    assert [row.phase for row in log.rows(activity=DROP)] == ["lost"]
    rows = log.rows(activity=TRANSFER)
    assert not any(row.delivered for row in rows)
    (client,) = world.clients
    assert sum(row.bytes for row in rows) == client.uplink_bytes > 10_502


def test_a_batch_whose_activations_are_given_up_is_skipped_where_the_scenario_says_so() -> None:
    transport = Transport(packet_loss=0.3, retransmissions=1, packet_bytes=65_000, outage=SKIP)
    log, _ = run(tiny(medium=LINK, transport=transport, algorithm=SplitFedV1(rounds=1, local_steps=20)))
    rows = [row for row in log.rows(activity=TRANSFER, phase=ACTIVATIONS) if row.attempts]
    attempts = {(row.start_s, row.attempts, row.delivered) for row in rows}
    assert {number for _, number, _ in attempts} == {1, 2}
    came, gone = (sum(row[2] is done for row in attempts) for done in (True, False))
    assert 0 < gone < came
    assert len(log.rows(activity="compute", phase="server_step")) == came


def test_a_timeout_ends_a_message_between_two_attempts() -> None:
    transport = Transport(packet_loss=0.9, packet_bytes=1000, feedback_s=100.0, timeout_s=5.0)
    world, log = sent(tiny(medium=LINK, transport=transport), 10_502)
    assert log.rows(activity=DROP)[0].end_s == 5.0
    assert sum(row.bytes for row in log.rows(activity=TRANSFER)) == 10_502
    world.env.run(until=200.0)
    assert world.clients[0].uplink_bytes == 10_502


@pytest.mark.parametrize("reliability", ["retransmit", "lossy"])
@pytest.mark.parametrize("medium", [LINK, Tdma(bandwidth_hz=1e6), Tdma(bandwidth_hz=1e5, latency_s=0.0)], ids=str)
def test_bytes_time_and_energy_add_up(medium: Any, reliability: Any) -> None:
    transport = Transport(packet_loss=0.2, packet_bytes=300, reliability=reliability)
    scheme = SplitFedV1(rounds=3, local_steps=2, batch_size=BATCH)
    world, log, _ = played(tiny(3, medium=medium, transport=transport, algorithm=scheme))
    messages = {MODEL_DOWNLOAD: 3, ACTIVATIONS: 6, LABELS: 6, GRADIENTS: 6, MODEL_UPLOAD: 3}
    for kind, count in messages.items():
        rows = log.rows(activity=TRANSFER, phase=kind)
        came, failed = (sum(row.bytes for row in rows if row.delivered is done) for done in (True, False))
        whole = {ACTIVATIONS: UPLOAD, GRADIENTS: UPLOAD, MODEL_DOWNLOAD: CLIENT_MODEL, MODEL_UPLOAD: CLIENT_MODEL}
        if kind in (MODEL_DOWNLOAD, MODEL_UPLOAD):
            assert came == 3 * count * whole[kind]
            assert failed > 0
        elif kind == LABELS:
            assert failed == 0 or reliability == "retransmit"
        elif reliability == "lossy":  # what was erased is missing
            assert came + failed == 3 * count * (BATCH * 64 * 4 + OVERHEAD + MESSAGE + TENSOR + 8)
            assert failed > 0
    for node in world.nodes:
        node.settle()
        own = sum(row.energy_j for row in log.events if row.node == node.name)
        assert own == pytest.approx(node.energy_j)
    for client in world.clients:
        assert_tiled(log, client.name, log.end_s)
    flown = sum(row.bytes for row in log.rows(activity=TRANSFER))
    assert flown == sum(client.uplink_bytes + client.downlink_bytes for client in world.clients)


def test_a_hole_costs_no_time() -> None:
    whole, holes = (
        run(tiny(medium=LINK, algorithm=EPSL(rounds=2, batch_size=BATCH), transport=transport))[0]
        for transport in (Transport(), HOLES)
    )
    assert holes.end_s == whole.end_s


# Training with holes


def kept(world: World, sender: str, receiver: str, number: int) -> torch.Tensor:
    """By hand: the elements of smashed data (or their gradients) no byte of which was in a lost packet."""
    begin = OVERHEAD + MESSAGE + TENSOR + 8  # the frame's headers; of them the first packet has most
    first = begin + 4 * np.arange(BATCH * 64)
    lost = drawn(world, sender, receiver, number, 200)
    gone = lost[first // 100] | lost[(first + 3) // 100]
    assert 0 < gone.sum() < gone.size
    return torch.from_numpy(~gone).view(BATCH, 64)


def by_hand(world: World, batches: list[Any], keep: list[Any], lr: float) -> tuple[list[Any], list[torch.Tensor]]:
    """One step of plain torch for all clients at once: the clients' parameters and the server's."""
    stages, (near, far) = world.stages, world.initial

    def leaves(part: Any) -> list[torch.Tensor]:
        return [p.clone().requires_grad_() for p in part.params]

    def through(stage: Any, params: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        module = stage.module()
        named = dict(zip([name for name, _ in module.named_parameters()], params, strict=True))
        out: torch.Tensor = torch.func.functional_call(module, named, (x,))
        return out

    clients, server, losses = [leaves(near) for _ in batches], leaves(far), []
    for params, (x, y), (forth, back) in zip(clients, batches, keep, strict=True):
        smashed = through(stages[0], params, x) * forth
        smashed.register_hook(lambda gradient, back=back: gradient * back)
        losses.append(cross_entropy(through(stages[1], server, smashed), y))
    torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
    count = len(batches)
    with torch.no_grad():
        return (
            [[p - lr * p.grad for p in params] for params in clients],  # type: ignore[operator]
            [p - lr / count * p.grad for p in server],  # type: ignore[operator]
        )


@pytest.mark.parametrize(("scheme", "clients"), [(SplitFedV1, 1), (ParallelSL, 1), (ParallelSL, 2)])
def test_a_step_with_holes_is_the_step_with_these_activations_and_gradients_zeroed(scheme: Any, clients: int) -> None:
    scenario = tiny(
        clients,
        medium=LINK,
        transport=HOLES,
        algorithm=scheme(rounds=1, local_steps=1, batch_size=BATCH, optimizer=SGD(lr=0.1)),
    )
    world, _ = world_of(scenario)
    ended: list[Any] = []
    world.on_round = lambda world, parts, losses, cut: ended.append(settled(parts))
    names = [client.name for client in world.clients]
    batches = [world.data[client].batch(0, BATCH) for client in world.clients]
    tell(world, scenario.algorithm.train(world, scenario.algorithm.begin(world)))
    # Of every link the first message down is the model; the first up are the activations.
    keep = [(kept(world, name, "server", 1), kept(world, "server", name, 2)) for name in names]
    near, far = by_hand(world, batches, keep, lr=0.1)
    ((client_part, server_part),) = ended
    for got, *own in zip(client_part.params, *near, strict=True):
        torch.testing.assert_close(got, sum(own) / clients, rtol=1e-5, atol=1e-7)
    for got, stepped in zip(server_part.params, far, strict=True):
        torch.testing.assert_close(got, stepped, rtol=1e-5, atol=1e-7)
    plain_near, _ = by_hand(world, batches, [(1.0, 1.0)] * clients, lr=0.1)
    assert not torch.allclose(client_part.params[0], sum(p[0] for p in plain_near) / clients, atol=1e-5)


def test_labels_and_models_arrive_whole() -> None:
    scenario = tiny(medium=LINK, transport=replace(HOLES, packet_loss=0.6), algorithm=SplitFedV1(rounds=2))
    log, _ = run(scenario)
    assert not log.rows(activity=DROP)
    assert not log.rows(activity=TRANSFER, phase=LABELS, delivered=False)
    exact, _ = run(tiny(medium=LINK, algorithm=FedAvg(rounds=2)))
    holes, _ = run(tiny(medium=LINK, transport=Transport(packet_loss=0.5), algorithm=FedAvg(rounds=2)))
    assert [m.loss for m in exact.metrics] == [m.loss for m in holes.metrics]


@pytest.mark.parametrize("scheme", [SFLGA, EPSL])
def test_receivers_of_a_broadcast_have_holes_of_their_own(scheme: Any) -> None:
    algorithm = scheme(rounds=2, batch_size=BATCH, **({"phi": 1.0} if scheme is EPSL else {}))
    world, log, ending = played(tiny(2, medium=Tdma(), transport=HOLES, algorithm=algorithm))
    assert ending == "completed"
    erased = {
        client.name: sum(row.bytes for row in log.rows(phase=GRADIENTS, peer=client.name, delivered=False))
        for client in world.clients
    }
    assert len(set(erased.values())) == 2
    flown = sum(row.bytes for row in log.rows(activity=TRANSFER))
    assert flown == sum(client.uplink_bytes + client.downlink_bytes for client in world.clients)


# What the radio loses

ONE_SHOT = Nr(harq=Harq(transmissions=1), target_bler=0.5)


def over_nr(reliability: Any, size: int, **more: Any) -> tuple[World, ListLog]:
    transport = Transport(reliability=reliability, packet_bytes=100, feedback_s=0.0, **more)
    channel = Channel(fading=NoFading(), phy=ONE_SHOT)
    layout = Fixed(distances_m=(676.0,))
    scenario = tiny(channel=channel, layout=layout, medium=Tdma(bandwidth_hz=5e6, latency_s=0.0), transport=transport)
    return sent(scenario, size)


def test_what_harq_leaves_is_sent_again_underneath_or_end_to_end_at_the_same_cost() -> None:
    size = 2_000_002
    below, _ = over_nr("retransmit", size)
    above, _ = over_nr("lossy", size)  # a model is always sent again
    (client,) = above.clients
    air = above.medium._band(client, above.server).air
    snr = air.snr(0.0)  # type: ignore[attr-defined]
    residual = float(ONE_SHOT.one_way("uplink").residual(snr)[0])
    assert 0.1 < residual < 0.4
    packets = size // 100
    flown = client.uplink_bytes / size
    assert flown == pytest.approx(1.0 / (1.0 - residual), abs=4 * sqrt(residual / packets) / (1.0 - residual))
    # The share of failed blocks is in the goodput already.
    assert below.clients[0].uplink_bytes == size
    assert above.now == pytest.approx(below.now, rel=4 * sqrt(residual / packets) + 1e-4)


@pytest.mark.parametrize(("spread", "times"), [(False, 2.0), (True, 1.0)])
def test_blocks_fail_at_the_sinr_of_their_share(spread: bool, times: float) -> None:
    phy, snr = ONE_SHOT.one_way("uplink", acknowledged=False), 1.2
    links = Links(Channel(fading=NoFading()), ["a", "b"], Standing(np.full((2, 2), 50.0)), 1, "uplink", 20e6)
    power_w = snr * 1e-20 * phy.occupied_hz(20e6) / links.gain(0.0)
    air = RadioAir(links, phy, power_w, np.full(2, 1e-20), 20e6, spread, loses=True)
    both = Flying(np.arange(2), air.quality(0.0), np.full(2, 1e6), np.full(2, not spread))
    air.rates_bit_s(both)
    residual, whole = phy.residual(np.array([snr * times])).item(), phy.residual(np.array([snr])).item()
    assert air.residual(both) == pytest.approx([residual, residual])
    assert spread or residual < whole - 0.1


def test_a_journey_loses_what_any_of_its_hops_loses() -> None:
    world, _ = world_of(tiny())
    ends, flights = np.array([1_000.0]), []
    for lost in (0.5, 0.2):
        flight = Flight(world.env, None, world.clients[0], [world.server], 1_000)  # type: ignore[arg-type]
        flight.stretches = [(1_000.0, lost)]
        flights.append(flight)
    journey = Journey.__new__(Journey)
    journey._flights = flights
    assert journey.residual(ends)[0] == pytest.approx(1.0 - 0.5 * 0.8)


def test_a_packet_is_lost_as_often_as_blocks_were_in_the_stretch_that_it_flew_in() -> None:
    world, _ = world_of(tiny())
    flight = Flight(world.env, None, world.clients[0], [world.server], 3_000)  # type: ignore[arg-type]
    flight.stretches = [(1_000.0, 0.0), (2_500.0, 1.0), (3_000.0, 0.25)]
    ends = np.array([500.0, 1_000.0, 1_500.0, 2_500.0, 3_000.0])
    assert flight.residual(ends).tolist() == [0.0, 0.0, 1.0, 1.0, 0.25]
