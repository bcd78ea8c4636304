"""One transmission to several receivers: its time, bytes and energy by hand, who leaves it, and whole runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.engine.test_accounts import (  # noqa: F401 (they run here with broadcasts)
    nodes,
    stormy,
    test_a_node_that_is_off_draws_nothing,
    test_energies_of_a_nodes_rows_add_up_to_the_integral_of_its_power,
    test_energy_of_transfers_is_the_time_on_the_air_times_the_power,
    test_every_clients_rows_tile_its_time,
    test_phases_add_up_to_the_whole,
    test_rows_of_a_round_lie_between_its_ends,
    test_times_in_power_states_add_up_to_the_clock,
)
from tests.worlds import (
    BATCH,
    DEVICE,
    DIM,
    MESSAGE,
    OVERHEAD,
    TENSOR,
    ListLog,
    assert_tiled,
    played,
    tell,
    tiny,
    world_of,
)
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import TopK
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.custody import CustodyError
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.engine.world import World
from wirelessfsl.learning.kernels import forward
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.records import DROP, SERVER
from wirelessfsl.scenario import Codecs

SIZE = OVERHEAD + MESSAGE + TENSOR + DIM + 4 * 238
"""Bytes of the message below: 238 numbers make it 1006, which three cannot share equally."""
PIPE = ConstantLink(downlink_bit_s=8.0 * SIZE / 4, latency_s=0.5)
"""It takes 4 s to fly, and half a second more to arrive."""
STILL = Channel(fading=NoFading())
NUMBERS = torch.arange(238.0)


def heard(world: World) -> dict[str, Any]:
    """Broadcast to everybody in one round; who received what."""

    def story() -> Generator[Any, Any, Any]:
        for _ in world.rounds(1, None):
            message = yield from world.broadcast(world.server, gradients=NUMBERS)
            done = yield from world.together({k: world.hear(k, message) for k in world.clients})
            world.close_round((), {})
        return {k.name: tensor for k, tensor in done.items()}

    found: dict[str, Any] = tell(world, story())
    return found


def test_one_message_flies_once_and_each_receiver_has_it() -> None:
    world, log = world_of(tiny(3, algorithm=SFLGA(), medium=PIPE))
    assert all(torch.equal(tensor, NUMBERS) for tensor in heard(world).values())
    rows = log.rows(activity="transfer", node=SERVER)
    assert [(row.start_s, row.end_s) for row in rows] == [(0.0, pytest.approx(4.5))] * 3
    assert sorted(row.bytes for row in rows) == [335, 335, 336]
    assert [client.downlink_bytes for client in world.clients] == [row.bytes for row in rows]
    assert sum(row.energy_j for row in rows) == pytest.approx(4 * 3.0)
    assert [row.energy_j for row in log.rows(activity="receive")] == pytest.approx([4 * 1.5] * 3)
    for client in world.clients:
        assert_tiled(log, client.name, 4.5)


@pytest.mark.parametrize("medium", [Fdma(bandwidth_hz=1e4), Tdma(bandwidth_hz=1e4)], ids=lambda medium: medium.kind)
def test_the_slowest_receiver_sets_the_rate_and_the_others_are_as_late(medium: Any) -> None:
    ends = {}
    for distances in (500.0,), (2000.0,), (500.0, 2000.0, 700.0):
        world, log = world_of(tiny(len(distances), algorithm=SFLGA(), medium=medium, channel=STILL,
                                   layout=Fixed(distances_m=distances)))  # fmt: skip
        heard(world)
        ends[distances] = {row.end_s for row in log.rows(activity="transfer")}
    assert ends[500.0, 2000.0, 700.0] == ends[2000.0,] != ends[500.0,]


def test_who_falls_leaves_with_nothing_and_the_others_share_all() -> None:
    dying = replace(DEVICE, failures=FailAt(times_s=(1.0,), repair_s=1e6))
    world, log = world_of(tiny(algorithm=SFLGA(), medium=PIPE, devices=(DEVICE, dying, DEVICE)))
    assert heard(world).keys() == {"client-0", "client-2"}
    rows = {row.peer: row for row in log.rows(activity="transfer")}
    assert {name: (row.bytes, row.end_s, row.delivered) for name, row in rows.items()} == {
        "client-0": (503, pytest.approx(4.5), True),
        "client-1": (0, 1.0, False),
        "client-2": (503, pytest.approx(4.5), True),
    }
    assert [row.energy_j for row in log.rows(activity="receive", node="client-1")] == [pytest.approx(1.0 * 1.5)]
    assert [(row.node, row.phase) for row in log.rows(activity=DROP)] == [("client-1", "failure")]


def test_without_the_worst_receiver_it_flies_faster() -> None:
    dying = replace(DEVICE, failures=FailAt(times_s=(0.1,), repair_s=1e6))
    ends = {}
    for name, devices in {"both": (DEVICE, DEVICE), "one dies": (DEVICE, dying), "alone": (DEVICE,)}.items():
        layout = Fixed(distances_m=(500.0, 5000.0)[: len(devices)])
        medium = Fdma(bandwidth_hz=1e4, latency_s=0.0)
        world, log = world_of(tiny(algorithm=SFLGA(), medium=medium, channel=STILL, devices=devices, layout=layout))
        heard(world)
        (ends[name],) = (row.end_s for row in log.rows(activity="transfer", peer="client-0"))
    # In the first 0.1 s as slowly as the far one, then at the rate of the near one.
    assert ends["one dies"] == pytest.approx(0.1 + ends["alone"] * (1 - 0.1 / ends["both"]))
    assert ends["alone"] < ends["one dies"] < ends["both"]


@pytest.mark.parametrize("timeout_s", [1.0, 4.25])
def test_what_all_give_up_is_counted_as_far_as_it_flew(timeout_s: float) -> None:
    transport = Transport(timeout_s=timeout_s)
    world, log = world_of(tiny(3, algorithm=SFLGA(), medium=PIPE, transport=transport))
    assert heard(world) == {}
    rows = log.rows(activity="transfer")
    assert sum(row.bytes for row in rows) == int(SIZE * min(timeout_s / 4, 1.0))
    assert sum(row.energy_j for row in rows) == pytest.approx(3.0 * min(timeout_s, 4.0))
    assert not any(row.delivered for row in rows)
    assert [row.phase for row in log.rows(activity=DROP)] == ["lost"] * 3


def test_a_broadcast_waits_for_its_turn() -> None:
    world, log = world_of(tiny(2, algorithm=SFLGA(), medium=Tdma(bandwidth_hz=8.0 * SIZE / 4, latency_s=0.0)))

    def both(client: Any, message: Any) -> Generator[Any, Any, Any]:
        yield from world.hear(client, message)
        yield from world.transfer(world.server, client, gradients=NUMBERS)

    def story() -> Generator[Any, Any, Any]:
        for _ in world.rounds(1, None):
            message = yield from world.broadcast(world.server, gradients=NUMBERS)
            yield from world.together({k: both(k, message) for k in world.clients})
            world.close_round((), {})

    tell(world, story())
    assert [(round(r.start_s, 9), round(r.end_s, 9), r.peer) for r in log.rows(activity="transfer")] == [
        (0.0, 4.0, "client-0"), (0.0, 4.0, "client-1"), (4.0, 8.0, "client-0"), (8.0, 12.0, "client-1"),
    ]  # fmt: skip
    assert_tiled(log, "client-1", 12.0)


def test_a_client_cannot_broadcast_what_is_the_servers() -> None:
    world, _ = world_of(tiny(2, algorithm=SFLGA()))

    def story() -> Generator[Any, Any, Any]:
        part = world.initial[0]
        _, smashed, _ = yield from world.clients[0].compute(forward, world.stages[0], part, torch.zeros(BATCH, 1, 8, 8))
        yield from world.broadcast(world.server, gradients=smashed)

    with pytest.raises(CustodyError, match="gradients sent at server"):
        tell(world, story())


def test_on_its_way_back_a_common_gradient_loses_what_each_client_had_dropped() -> None:
    codecs = Codecs(activations=(TopK(fraction=0.25),))
    world, _ = world_of(tiny(2, algorithm=SFLGA(), codecs=codecs))

    def session(client: Any, values: torch.Tensor) -> Generator[Any, Any, Any]:
        yield from world.transfer(client, world.server, activations=values)
        back = world.way_back(client)
        return (yield from back(torch.ones(2, 8)))

    def story() -> Generator[Any, Any, Any]:
        for _ in world.rounds(1, None):
            rising = torch.arange(16.0).view(2, 8)
            sessions = {k: session(k, sign * rising) for k, sign in zip(world.clients, (1, -1), strict=True)}
            done = yield from world.together(sessions)
        return done

    for gradient in tell(world, story()).values():
        assert gradient.flatten().tolist() == [0.0] * 12 + [1.0] * 4


SCHEMES = {
    "sfl_ga": SFLGA(rounds=5, local_steps=2, batch_size=BATCH),
    "epsl": EPSL(rounds=5, local_steps=2, batch_size=BATCH, phi=0.4),
}


@pytest.fixture(scope="module", params=["fdma-sfl_ga", "tdma-epsl", "constant-epsl", "constant-sfl_ga"])
def storm(request: pytest.FixtureRequest) -> tuple[World, ListLog]:
    medium, scheme = request.param.split("-")
    codecs = Codecs(activations=(Quantize(bits=8),), gradients=(Quantize(bits=12),))
    transport = Transport(timeout_s=3.0, outage=Outage(gradients="skip" if scheme == "epsl" else "reuse"))
    network = replace(stormy(medium).network, transport=transport)
    world, log, _ = played(replace(stormy(medium), algorithm=SCHEMES[scheme], codecs=codecs, network=network,
                                   participation=Participation(deadline_s=10.0)))  # fmt: skip
    return world, log


def test_every_byte_on_the_air_is_somebodys(storm: tuple[World, ListLog]) -> None:
    world, log = storm
    down = Counter[str]()
    for row in log.rows(activity="transfer", node=SERVER):
        down[row.peer] += row.bytes
    assert {client.name: client.downlink_bytes for client in world.clients} == {
        k.name: down[k.name] for k in world.clients
    }
    assert log.rows(activity="transfer", phase="gradients", delivered=False)
    assert log.rows(activity=DROP)
