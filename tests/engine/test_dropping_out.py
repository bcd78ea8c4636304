"""Failures, deadlines and lost messages: who is dropped, and that no slot and no band is lost with it.

Sessions of the tests' own make times round: a message of ``MESSAGE_BYTES`` takes 1 s, so does a job at the server.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.worlds import (
    BATCH,
    CLIENT_MODEL,
    CLIENT_PARAMETERS,
    DEVICE,
    FORWARD,
    GRADIENTS,
    PROCESSOR,
    RADIO,
    SERVE,
    SERVER_PARAMETERS,
    UPLOAD,
    ListLog,
    assert_tiled,
    dataset,
    one_round,
    run,
    tiles,
    tiny,
    world_of,
)
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.devices.battery import Battery
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Transport
from wirelessfsl.engine.world import SimulationError, World
from wirelessfsl.learning.executors.contract import Failed
from wirelessfsl.learning.kernels import Kernel
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.records import DROP, SERVER
from wirelessfsl.scenario import Codecs, Devices
from wirelessfsl.simulation import play

NEAR = {"abs": 1e-9, "rel": 0}
MODEL_HZ = CLIENT_MODEL * 8.0
"""Band in which the client's model takes 1 s at 1 bit/s/Hz."""
LINK = ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6, latency_s=0.0)
DOWNLOAD, SMASHED, GRADIENT, MODEL_UP = (n * 8 / 1e6 for n in (CLIENT_MODEL, UPLOAD, GRADIENTS, CLIENT_MODEL))


def average_s(clients: int) -> float:
    return 2 * clients * (CLIENT_PARAMETERS + SERVER_PARAMETERS) / SERVE


def failing(at_s: float, repair_s: float | None = None) -> Devices:
    return replace(DEVICE, failures=FailAt(times_s=(at_s,), repair_s=repair_s))


def drops(log: ListLog) -> list[tuple[str, str, float]]:
    return [(row.node, row.phase, row.end_s) for row in log.rows(activity=DROP)]


def ends_of(
    devices: tuple[Devices, ...], session: Callable[[World, Node], Generator[Any, Any, Any]], **changes: Any
) -> tuple[Mapping[str, float], World, ListLog]:
    """When each client's session ended, for those that were not dropped."""
    world, log = world_of(tiny(devices=devices, **changes))
    ends: dict[str, float] = {}

    def timed(client: Node) -> Generator[Any, Any, Any]:
        yield from session(world, client)
        ends[client.name] = world.env.now

    one_round(world, {client: timed(client) for client in world.clients})
    return ends, world, log


def at_server(world: World, client: Node) -> Generator[Any, Any, Any]:
    yield from world.server.spend("server_step", SERVE)


def upload(world: World, client: Node) -> Generator[Any, Any, Any]:
    yield from world.transfer(client, world.server, model_upload=world.initial[0].weights)


def free(world: World) -> bool:
    """Whether the server takes a job at once."""
    begin = world.env.now
    world.env.run(world.env.process(world.server.spend("server_step", SERVE)))
    return world.env.now == pytest.approx(begin + 1.0)


# No slot is lost


@pytest.mark.parametrize(
    ("who", "at_s", "expected"),
    [
        (1, 0.5, {"client-0": 1.0, "client-2": 2.0}),  # in the queue: the one behind moves up
        (0, 0.5, {"client-1": 1.5, "client-2": 2.5}),  # being served: the next begins at once
        (1, 1.0, {"client-0": 1.0, "client-2": 2.0}),  # at the instant of its turn
        (2, 1.5, {"client-0": 1.0, "client-1": 2.0}),  # last in line
    ],
)
def test_a_client_that_fails_at_the_server_takes_no_slot_with_it(
    who: int, at_s: float, expected: dict[str, float]
) -> None:
    devices = tuple(failing(at_s) if i == who else DEVICE for i in range(3))
    ends, world, log = ends_of(devices, at_server)
    assert ends == pytest.approx(expected, **NEAR)
    assert drops(log) == [(f"client-{who}", "failure", pytest.approx(at_s))]
    assert free(world)


def test_a_client_that_falls_just_after_its_turn_was_called_passes_it_on() -> None:
    # The alarm of the battery is set anew at 0.5 s, when the radio falls asleep, so at 1 s it rings after the server
    # has called client-1 and before client-1 has answered: 0.5 s at 2.5 W and 0.5 s at 2 W are 2.25 J.
    radio = replace(RADIO, sleep_w=0.0, sleep_after_s=0.5)
    mortal = replace(DEVICE, radio=radio, battery=Battery(capacity_j=2.25))
    ends, world, log = ends_of((DEVICE, mortal, DEVICE), at_server)
    assert drops(log) == [("client-1", "battery", 1.0)]
    assert ends == pytest.approx({"client-0": 1.0, "client-2": 2.0}, **NEAR)
    assert free(world)


def test_a_client_that_fails_while_encoding_frees_its_processor() -> None:
    # 3-bit encoding of the activations, 6 FLOPs an element, takes 6 * 1024 / 131072 s = 47 ms; it fails in the midst.
    encode = 6 * BATCH * 64 / FORWARD
    world, log = world_of(
        tiny(devices=(failing(encode / 2, 1.0), DEVICE), codecs=Codecs(activations=(Quantize(bits=3),)))
    )
    first, second = world.clients

    def session(client: Node) -> Generator[Any, Any, Any]:
        yield from world.transfer(client, world.server, activations=torch.zeros(BATCH, 64))

    done = one_round(world, {first: session(first), second: session(second)})
    assert list(done) == [second]
    (cut,) = [row for row in log.rows(phase="encode") if row.node == "client-0"]
    assert cut.end_s == pytest.approx(encode / 2, **NEAR)
    assert cut.flops == pytest.approx(6 * BATCH * 64 / 2)
    assert not log.rows(activity="transfer", node="client-0")
    world.env.run(until=2.0)
    begin = world.env.now
    world.env.run(world.env.process(first.spend("client_forward", FORWARD)))
    assert world.env.now == pytest.approx(begin + 1.0, **NEAR)


def test_a_client_that_fails_while_the_server_decodes_for_it_frees_the_slot() -> None:
    # Decoding 12-bit weights takes the server 3 FLOPs an element; 1 MB/s makes the air quick.
    decode = 3 * CLIENT_PARAMETERS / SERVE
    encode = 6 * CLIENT_PARAMETERS / FORWARD
    air = (40 + 8 + 10 + 6 + 2 * 8 + -(-64 * 64 * 12 // 8) + 64 * 12 // 8) * 8 / 1e6
    devices = (failing(encode + air + decode / 2), DEVICE)
    ends, world, _ = ends_of(devices, upload, medium=LINK, codecs=Codecs(model_upload=(Quantize(bits=12),)))
    assert ends == pytest.approx({"client-1": encode + air + decode / 2 + decode}, **NEAR)
    assert free(world)


# No band is lost


@pytest.mark.parametrize(
    ("who", "at_s", "expected"),
    [
        (1, 0.5, {"client-0": 1.0, "client-2": 2.0}),  # in line: the one behind moves up
        (0, 0.5, {"client-1": 1.5, "client-2": 2.5}),  # on the air: the next begins at once
        (1, 1.0, {"client-0": 1.0, "client-2": 2.0}),  # at the instant of its turn
        (2, 1.5, {"client-0": 1.0, "client-1": 2.0}),
    ],
)
def test_a_client_that_fails_under_tdma_takes_no_band_with_it(
    who: int, at_s: float, expected: dict[str, float]
) -> None:
    devices = tuple(failing(at_s) if i == who else DEVICE for i in range(3))
    ends, world, log = ends_of(devices, upload, medium=Tdma(bandwidth_hz=MODEL_HZ, latency_s=0.0))
    assert ends == pytest.approx(expected, **NEAR)
    flown = sum(row.bytes for row in log.rows(activity="transfer", node=f"client-{who}"))
    assert flown == world.clients[who].uplink_bytes
    assert flown == {0: CLIENT_MODEL // 2, 1: 0, 2: 0}[who]


def test_a_client_that_fails_under_fdma_leaves_its_share_to_the_others() -> None:
    # Three share until 1.5 s (half a message each), then two: 1 s more.
    devices = (DEVICE, failing(1.5), DEVICE)
    ends, world, _ = ends_of(devices, upload, medium=Fdma(bandwidth_hz=MODEL_HZ, latency_s=0.0))
    assert ends == pytest.approx({"client-0": 2.5, "client-2": 2.5}, **NEAR)
    assert world.clients[1].uplink_bytes == pytest.approx(CLIENT_MODEL // 2, abs=1)  # only whole bytes have flown


@pytest.mark.parametrize("kind", [Fdma, Tdma])
def test_a_message_whose_client_fails_in_its_latency_has_flown_and_is_not_delivered(
    kind: type[Fdma] | type[Tdma],
) -> None:
    ends, world, log = ends_of((failing(2.5), DEVICE), upload, medium=kind(bandwidth_hz=MODEL_HZ, latency_s=2.0))
    assert ends == pytest.approx({"client-1": 4.0}, **NEAR)
    (row,) = log.rows(activity="transfer", node="client-0")
    assert (row.bytes, row.delivered, row.end_s) == (CLIENT_MODEL, False, pytest.approx(2.5))
    assert world.clients[0].uplink_bytes == CLIENT_MODEL


def test_a_download_to_a_client_that_fails_is_cut_off() -> None:
    world, log = world_of(tiny(devices=(failing(0.25),), medium=Fdma(bandwidth_hz=MODEL_HZ, latency_s=0.0)))
    (client,) = world.clients

    def session() -> Generator[Any, Any, Any]:
        yield from world.transfer(world.server, client, model_download=world.initial[0].weights)

    assert one_round(world, {client: session()}) == {}
    (row,) = log.rows(activity="transfer")
    assert (row.node, row.bytes, row.delivered) == (SERVER, CLIENT_MODEL // 4, False)
    assert client.downlink_bytes == CLIENT_MODEL // 4
    assert row.energy_j == pytest.approx(0.25 * 3.0)  # the server's energy is spent all the same


# Failures and repair


def test_a_client_fails_and_is_back_in_the_round_after_its_repair() -> None:
    # It fails in its forward pass of round 1, and is up again before that round ends.
    log, outcome = run(tiny(devices=(DEVICE, failing(0.5, 1.0)), medium=LINK, rounds=2))
    assert outcome.status == "completed"
    assert drops(log) == [("client-1", "failure", pytest.approx(0.5))]
    alone = DOWNLOAD + 1.0 + SMASHED + 1.0 + GRADIENT + 1.0 + MODEL_UP + average_s(1)
    both = DOWNLOAD + 1.0 + SMASHED + 2.0 + GRADIENT + 1.0 + MODEL_UP + average_s(2)
    times = [m.time_s for m in log.metrics if m.client is None and m.split == "test"]
    assert times == pytest.approx([alone, alone + both], **NEAR)
    assert {row.node for row in log.rows(round=2, phase="client_forward")} == {"client-0", "client-1"}


def test_a_client_that_is_down_when_a_round_begins_sits_it_out() -> None:
    # One round takes 3.3 s; client-1 is down from 0.5 s to 4.5 s, so it comes back in the midst of round 2.
    log, _ = run(tiny(devices=(DEVICE, failing(0.5, 4.0)), medium=LINK, rounds=3))
    seen = [{row.node for row in log.rows(round=r, phase="client_forward")} for r in (1, 2, 3)]
    assert seen == [{"client-0", "client-1"}, {"client-0"}, {"client-0", "client-1"}]
    (waiting,) = [row for row in tiles(log, "client-1") if row.round == 2]
    assert (waiting.activity, waiting.phase) == ("wait", "idle")


def test_when_everybody_is_down_the_round_waits_for_the_first_to_come_back() -> None:
    log, outcome = run(tiny(devices=(failing(0.5, 10.0), failing(0.25, 20.0)), medium=LINK, rounds=2))
    assert outcome.status == "completed"
    assert [m.time_s for m in log.metrics if m.client is None and m.split == "test"] == pytest.approx(
        [0.5, 10.5 + DOWNLOAD + 1.0 + SMASHED + 1.0 + GRADIENT + 1.0 + MODEL_UP + average_s(1)], **NEAR
    )
    assert min(row.start_s for row in log.rows(round=2, activity="transfer")) == pytest.approx(10.5, **NEAR)
    for client in ("client-0", "client-1"):
        assert_tiled(log, client, log.end_s)


def test_when_everybody_has_failed_for_good_the_run_is_exhausted() -> None:
    log, outcome = run(tiny(devices=(failing(0.5), failing(0.75)), rounds=9))
    assert outcome.status == "exhausted"
    assert [name for name, _, _ in drops(log)] == ["client-0", "client-1"]
    assert log.end_s == pytest.approx(0.75, **NEAR)


# Deadlines


def test_a_late_client_is_dropped_at_the_deadline_and_its_part_so_far_counts() -> None:
    slow = replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=FORWARD / 5))
    late = Participation(deadline_s=4.0)
    log, outcome = run(tiny(devices=(DEVICE, slow), medium=LINK, rounds=2, participation=late))
    assert outcome.status == "completed"
    one = 4.0 + average_s(1)
    assert drops(log) == [
        ("client-1", "deadline", pytest.approx(4.0)),
        ("client-1", "deadline", pytest.approx(one + 4.0)),
    ]
    (first, _) = [row for row in log.rows(phase="client_forward") if row.node == "client-1"]
    assert (first.start_s, first.end_s) == pytest.approx((DOWNLOAD, 4.0), **NEAR)
    assert first.flops == pytest.approx(FORWARD * (4.0 - DOWNLOAD) / 5)
    last = {m.client: m for m in log.metrics if m.round == 2 and m.split == "test"}
    assert last["client-1"].downlink_bytes == 2 * CLIENT_MODEL
    assert last["client-1"].uplink_bytes == 0
    assert last["client-0"].uplink_bytes == 2 * (UPLOAD + CLIENT_MODEL)
    assert last[None].time_s == pytest.approx(2 * one, **NEAR)


def test_a_deadline_that_everybody_meets_changes_nothing() -> None:
    free_of, bound = (
        run(tiny(3, rounds=2, participation=Participation(deadline_s=limit)))[0] for limit in (None, 1000.0)
    )
    assert free_of.events == bound.events
    assert free_of.metrics == bound.metrics


@pytest.mark.parametrize("kind", [SplitFedV1, FedAvg])
def test_a_round_in_which_everybody_is_late_leaves_the_model_as_it_was(
    kind: type[SplitFedV1] | type[FedAvg],
) -> None:
    scenario = tiny(
        2, algorithm=kind(rounds=3, local_steps=1, batch_size=BATCH), participation=Participation(deadline_s=0.5)
    )
    log, outcome = run(scenario)
    world, _ = world_of(scenario)
    assert outcome.status == "completed"
    assert log.end_s == pytest.approx(1.5, **NEAR)
    assert len(drops(log)) == 6
    for before, after in zip(world.initial, outcome.parts, strict=True):
        for a, b in zip(before.weights, after.weights, strict=True):
            assert torch.equal(a, b)


def test_a_late_clients_upload_is_counted_as_far_as_it_flew() -> None:
    # Everything takes 3 s and then the model 16.704 s; the deadline cuts it after a quarter.
    link = ConstantLink(uplink_bit_s=8e3, downlink_bit_s=1e9, latency_s=0.0)
    before = CLIENT_MODEL * 8 / 1e9 + 3.0 + UPLOAD * 8 / 8e3 + GRADIENTS * 8 / 1e9
    log, _ = run(tiny(medium=link, participation=Participation(deadline_s=before + 4.1765)))
    (row,) = log.rows(phase="model_upload", activity="transfer")
    assert (row.bytes, row.delivered) == (4176, False)
    assert row.energy_j == pytest.approx(4.1765 * 3.0)


# Lost messages


def test_a_message_that_has_not_arrived_in_time_is_lost_and_drops_its_client() -> None:
    ends, world, log = ends_of(
        (DEVICE, DEVICE, DEVICE),
        upload,
        medium=Tdma(bandwidth_hz=MODEL_HZ, latency_s=0.0),
        transport=Transport(timeout_s=1.75),
    )
    # In line the second is on the air from 1 s and is cut off at 1.75 s, when the third's time is up as well.
    assert ends == pytest.approx({"client-0": 1.0}, **NEAR)
    assert drops(log) == [("client-1", "lost", 1.75), ("client-2", "lost", 1.75)]
    assert [client.uplink_bytes for client in world.clients] == [CLIENT_MODEL, CLIENT_MODEL * 3 // 4, 0]


def test_a_message_that_times_out_in_its_latency_is_lost_too() -> None:
    ends, world, log = ends_of(
        (DEVICE,), upload, medium=Fdma(bandwidth_hz=MODEL_HZ, latency_s=1.0), transport=Transport(timeout_s=1.5)
    )
    assert (ends, drops(log)) == ({}, [("client-0", "lost", 1.5)])
    assert world.clients[0].uplink_bytes == CLIENT_MODEL


def test_a_message_that_is_in_time_is_not_lost() -> None:
    ends, _, _ = ends_of(
        (DEVICE,), upload, medium=Fdma(bandwidth_hz=MODEL_HZ, latency_s=1.0), transport=Transport(timeout_s=2.001)
    )
    assert ends == pytest.approx({"client-0": 2.0}, **NEAR)


def test_the_round_goes_on_without_a_client_that_is_too_far_away() -> None:
    # No fading, log-distance: the second client is at 1,000 km, where the rate is next to nothing.
    log, outcome = run(
        tiny(
            2,
            medium=Fdma(bandwidth_hz=1e6, latency_s=0.0),
            channel=Channel(fading=NoFading()),
            layout=Fixed(distances_m=(10.0, 1e6)),
            transport=Transport(timeout_s=2.0),
            rounds=2,
        )
    )
    assert outcome.status == "completed"
    assert {(name, reason) for name, reason, _ in drops(log)} == {("client-1", "lost")}
    assert len(drops(log)) == 2


# Errors


def test_a_kernel_that_fails_says_where_and_when() -> None:
    world, _ = world_of(tiny(1))
    (client,) = world.clients

    def burst(x: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError("overflow")

    broken = Kernel("burst", "client_forward", burst, lambda x: float(FORWARD))

    def session() -> Generator[Any, Any, Any]:
        for x, _ in world.batches(client, 1, BATCH):
            yield from client.compute(broken, x)

    with pytest.raises(
        Failed, match=r"burst at client-0, session of client-0, step 0, round 1, simulated time 0 s: overflow"
    ):
        one_round(world, {client: session()})


def test_a_value_that_a_codec_cannot_carry_says_where_and_when() -> None:
    world, _ = world_of(tiny(1, codecs=Codecs(activations=(Quantize(bits=3),))))
    (client,) = world.clients

    def session() -> Generator[Any, Any, Any]:
        yield from world.transfer(client, world.server, activations=torch.full((BATCH, 64), float("nan")))

    with pytest.raises(Failed, match=r"encoding activations at client-0.*simulated time 0 s"):
        one_round(world, {client: session()})


def test_a_run_that_fails_says_in_which_scheme_where_and_when() -> None:
    scenario = tiny(1, codecs=Codecs(activations=(Quantize(bits=3),)))
    data = dataset(scenario)
    told = r"^splitfed_v1: encoding activations.* at client-0, .*, step 0, round 1, simulated time 1\.03\d+ s: quantize"
    with pytest.raises(SimulationError, match=told):
        play(scenario, ListLog(), dataset=replace(data, inputs=data.inputs * torch.nan))
