"""Simulated times of whole rounds against arithmetic on paper, to 1e-9 s; see ``tests.worlds`` for the round numbers.

A client's pass and the server's step take 1 s each. Rates are chosen so that messages take round times as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.worlds import (
    BATCH,
    CLIENT_MODEL,
    CLIENT_PARAMETERS,
    DEVICE,
    FORWARD,
    GRADIENTS,
    PROCESSOR,
    SERVE,
    SERVER_PARAMETERS,
    SERVER_PROCESSOR,
    STATION,
    UPLOAD,
    WHOLE_MODEL,
    WHOLE_STEP,
    ListLog,
    run,
    tiny,
    world_of,
)
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.devices.compute import LogNormalJitter
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.scenario import Server

NEAR = {"abs": 1e-9, "rel": 0}


def ends(log: ListLog, phase: str, activity: str = "transfer") -> list[float]:
    """When each client's message of a kind arrived, or its computation was done, in the order of the clients."""
    rows = log.rows(phase=phase, activity=activity)
    return [row.end_s for row in sorted(rows, key=lambda row: row.node + row.peer)]


def in_turn(ready: Sequence[float], each_s: float) -> list[float]:
    """Ends of jobs that are ready at the given instants and are done one after another."""
    done: list[float] = []
    for at in ready:
        done.append(max(at, done[-1] if done else 0.0) + each_s)
    return done


def average_s(clients: int, parameters: int) -> float:
    """A multiplication and an addition per parameter and client, at the server's pace."""
    return 2 * clients * parameters / SERVE


def aggregation_s(clients: int) -> float:
    return average_s(clients, CLIENT_PARAMETERS) + average_s(clients, SERVER_PARAMETERS)


def test_the_tiny_model_costs_what_its_docstring_says() -> None:
    world, _ = world_of(tiny())
    client, server = (stage.flops(BATCH) for stage in world.stages)
    assert (client.forward, client.backward) == (FORWARD, FORWARD) == (131_072, 131_072)
    assert server.forward + server.backward == SERVE == 454_656
    counts = [sum(t.numel() for t in part.params) for part in world.initial]
    assert counts == [CLIENT_PARAMETERS, SERVER_PARAMETERS] == [4160, 4810]
    assert (CLIENT_MODEL, UPLOAD, GRADIENTS) == (16_704, 4296, 4154)


def test_splitfed_round_of_one_client_on_a_constant_link() -> None:
    log, _ = run(tiny(medium=ConstantLink(uplink_bit_s=1e5, downlink_bit_s=2e5, latency_s=0.25)))
    download = 16_704 * 8 / 2e5 + 0.25
    smashed = (4154 + 142) * 8 / 1e5 + 0.25
    gradient = 4154 * 8 / 2e5 + 0.25
    upload = 16_704 * 8 / 1e5 + 0.25
    forward = step = backward = 1.0
    average = (2 * 4160 + 2 * 4810) / 454_656
    assert log.end_s == pytest.approx(
        download + forward + smashed + step + gradient + backward + upload + average, **NEAR
    )


def test_every_step_and_every_round_of_one_client_takes_the_same_time() -> None:
    scheme = SplitFedV1(rounds=3, local_steps=4, batch_size=BATCH)
    log, _ = run(tiny(medium=ConstantLink(uplink_bit_s=1e5, downlink_bit_s=1e5, latency_s=0.1), algorithm=scheme))
    step = 3.0 + (UPLOAD + GRADIENTS) * 8 / 1e5 + 2 * 0.1
    one = 2 * (CLIENT_MODEL * 8 / 1e5 + 0.1) + 4 * step + aggregation_s(1)
    assert [m.time_s for m in log.metrics if m.split == "test" and m.client is None] == pytest.approx(
        [one, 2 * one, 3 * one], **NEAR
    )


@pytest.mark.parametrize("medium", [Fdma(bandwidth_hz=1e5, latency_s=0.1), Tdma(bandwidth_hz=1e5, latency_s=0.1)])
def test_alone_fdma_and_tdma_are_the_same(medium: Fdma | Tdma) -> None:
    log, _ = run(tiny(medium=medium))  # 1 bit/s/Hz
    bits = (2 * CLIENT_MODEL + UPLOAD + GRADIENTS) * 8
    assert log.end_s == pytest.approx(bits / 1e5 + 4 * 0.1 + 3.0 + aggregation_s(1), **NEAR)


def test_splitfed_round_of_three_clients_that_queue_for_the_server_only() -> None:
    log, _ = run(tiny(3, medium=ConstantLink(uplink_bit_s=1e5, downlink_bit_s=1e5, latency_s=0.25)))
    ready = CLIENT_MODEL * 8 / 1e5 + 0.25 + 1.0 + UPLOAD * 8 / 1e5 + 0.25
    served = [ready + 1, ready + 2, ready + 3]
    rest = GRADIENTS * 8 / 1e5 + 0.25 + 1.0 + CLIENT_MODEL * 8 / 1e5 + 0.25
    assert ends(log, "server_step", "compute") == pytest.approx(served, **NEAR)
    assert ends(log, "model_upload") == pytest.approx([at + rest for at in served], **NEAR)
    assert log.end_s == pytest.approx(served[2] + rest + aggregation_s(3), **NEAR)
    waits = [row.end_s - row.start_s for row in log.rows(activity="wait", phase="server_step")]
    assert waits == pytest.approx([1.0, 2.0], **NEAR)


def test_a_server_with_a_slot_for_everybody_has_no_queue() -> None:
    wide = Server(processor=replace(SERVER_PROCESSOR, slots=3), radio=STATION.radio)
    log, _ = run(tiny(3, medium=ConstantLink(uplink_bit_s=1e5, downlink_bit_s=1e5, latency_s=0.0), server=wide))
    bits = (2 * CLIENT_MODEL + UPLOAD + GRADIENTS) * 8
    assert log.end_s == pytest.approx(bits / 1e5 + 3.0 + aggregation_s(3), **NEAR)
    assert not log.rows(activity="wait", phase="server_step")


def test_splitfed_round_of_three_clients_in_line_under_tdma() -> None:
    up, down, latency = 1e5, 1e6, 0.125
    log, _ = run(tiny(3, medium=Tdma(bandwidth_hz=up, downlink_bandwidth_hz=down, latency_s=latency)))
    model_down = CLIENT_MODEL * 8 / down  # 0.134 s, so uploads of 0.344 s queue behind each other,
    smashed = UPLOAD * 8 / up  # steps of 1 s queue at the server,
    gradient = GRADIENTS * 8 / down  # gradients of 0.033 s never meet,
    model_up = CLIENT_MODEL * 8 / up  # and uploads of 1.336 s, begun a second apart, queue again.
    downloaded = [latency + (k + 1) * model_down for k in range(3)]
    assert ends(log, "model_download") == pytest.approx(downloaded, **NEAR)
    uploaded = [latency + at for at in in_turn([at + 1.0 for at in downloaded], smashed)]
    assert ends(log, "labels") == pytest.approx(uploaded, **NEAR)
    first = uploaded[0]
    served = in_turn(uploaded, 1.0)
    assert served == pytest.approx([first + 1, first + 2, first + 3])
    finished = [at + gradient + latency + 1.0 for at in served]
    returned = [latency + at for at in in_turn(finished, model_up)]
    assert returned == pytest.approx([finished[0] + (k + 1) * model_up + latency for k in range(3)])
    assert ends(log, "model_upload") == pytest.approx(returned, **NEAR)
    assert log.end_s == pytest.approx(returned[2] + aggregation_s(3), **NEAR)


def test_splitfed_round_of_three_clients_that_share_the_band_under_fdma() -> None:
    # Uplink such that the model alone takes 1.5 s, downlink such that it takes 2 s.
    up, down, latency = CLIENT_MODEL * 8 / 1.5, CLIENT_MODEL * 8 / 2.0, 0.25
    log, _ = run(tiny(3, medium=Fdma(bandwidth_hz=up, downlink_bandwidth_hz=down, latency_s=latency)))
    # All three download at once, at a third of the rate each; so do they upload.
    downloaded = 3 * 2.0 + latency
    assert ends(log, "model_download") == pytest.approx([downloaded] * 3, **NEAR)
    uploaded = downloaded + 1.0 + 3 * UPLOAD * 8 / up + latency
    assert ends(log, "labels") == pytest.approx([uploaded] * 3, **NEAR)
    # The server takes one after another; a gradient (0.497 s alone) is through before the next one comes.
    gradient = GRADIENTS * 8 / down
    begun = [uploaded + k + gradient + latency + 1.0 for k in (1, 2, 3)]
    assert ends(log, "client_backward", "compute") == pytest.approx(begun, **NEAR)
    # Models of 1.5 s begin at t, t+1, t+2: the first is alone for 1 s and has 0.5 s left, which takes 1 s at half rate:
    # done at t+2. The second has had 0.5 s then, and shares its last 1 s with the third: done at t+4. The third has
    # had 1 s of its 1.5 s then, and the band for itself: done at t+4.5, when 3 * 1.5 s of work are done.
    t = begun[0]
    assert ends(log, "model_upload") == pytest.approx([t + 2 + latency, t + 4 + latency, t + 4.5 + latency], **NEAR)
    assert log.end_s == pytest.approx(t + 4.5 + latency + aggregation_s(3), **NEAR)


def test_fedavg_round_of_one_client_on_a_constant_link() -> None:
    scheme = FedAvg(rounds=1, local_steps=2, batch_size=BATCH)
    log, _ = run(tiny(algorithm=scheme, medium=ConstantLink(uplink_bit_s=1e5, downlink_bit_s=2e5, latency_s=0.25)))
    # 8970 parameters in six tensors, three matrices and three vectors.
    assert WHOLE_MODEL == 40 + 8 + 3 * 10 + 3 * 6 + 4 * 8970
    travel = WHOLE_MODEL * 8 / 2e5 + 0.25 + WHOLE_MODEL * 8 / 1e5 + 0.25
    # Forward 16 * 2 * (64*64 + 64*64 + 640), backward twice that less the first layer's gradient of the input.
    assert WHOLE_STEP == 3 * 16 * 2 * (64 * 64 + 64 * 64 + 640) - 16 * 2 * 64 * 64
    assert log.end_s == pytest.approx(travel + 2 * WHOLE_STEP / FORWARD + average_s(1, 8970), **NEAR)


@pytest.mark.parametrize(("kind", "arrivals"), [(Tdma, (1.0, 2.0, 3.0)), (Fdma, (3.0, 3.0, 3.0))])
def test_fedavg_round_of_three_clients_that_contend(
    kind: type[Fdma] | type[Tdma], arrivals: tuple[float, float, float]
) -> None:
    # Downlink such that the model takes 1 s, uplink such that it takes 2 s, no latency.
    medium = kind(bandwidth_hz=WHOLE_MODEL * 8 / 2.0, downlink_bandwidth_hz=WHOLE_MODEL * 8 / 1.0, latency_s=0.0)
    log, _ = run(tiny(3, algorithm=FedAvg(rounds=1, local_steps=1, batch_size=BATCH), medium=medium))
    assert ends(log, "model_download") == pytest.approx(arrivals, **NEAR)
    trained = [at + WHOLE_STEP / FORWARD for at in arrivals]
    uploaded = in_turn(trained, 2.0) if kind is Tdma else [at + 3 * 2.0 for at in trained]
    assert ends(log, "model_upload") == pytest.approx(uploaded, **NEAR)
    assert log.end_s == pytest.approx(uploaded[2] + average_s(3, 8970), **NEAR)


def test_devices_of_different_speed_replan_the_band_as_they_come_and_go() -> None:
    # Three devices need 1, 2 and 4 s for a pass; downloads cost nothing to speak of.
    paces = (1.0, 2.0, 4.0)
    devices = tuple(replace(DEVICE, processor=replace(PROCESSOR, flops_per_s=FORWARD / pace)) for pace in paces)
    up, down = UPLOAD * 8 / 1.5, 1e12  # smashed data take 1.5 s alone
    log, _ = run(tiny(devices=devices, medium=Fdma(bandwidth_hz=up, downlink_bandwidth_hz=down, latency_s=0.0)))
    d, g = 3 * CLIENT_MODEL * 8 / down, GRADIENTS * 8 / down
    # First from 1 s: alone for 1 s, then with the second at half rate for its last 0.5 s, until 3 s. The second has had
    # 0.5 s and needs 1 s more, alone, until 4 s. The third comes at that instant and is alone until the first, served
    # until 4 s and through its backward pass at 5 s, begins to send its model; its last 0.5 s take 1 s, until 6 s.
    assert ends(log, "labels") == pytest.approx([3.0 + d, 4.0 + d, (5.0 + d + g) + 2 * (0.5 - g)], **NEAR)


def test_compute_jitter_stretches_a_rounds_computations_by_its_factor() -> None:
    jitter = LogNormalJitter(sigma=0.5)
    log, _ = run(tiny(devices=(replace(DEVICE, compute_jitter=jitter),), rounds=3))
    for round in (1, 2, 3):
        factor = jitter.factor(1, "client-0", round)
        rows = [e for e in log.rows(node="client-0", activity="compute") if e.round == round]
        assert [e.end_s - e.start_s for e in rows] == pytest.approx([factor] * 2, **NEAR)
        assert [e.energy_j for e in rows] == pytest.approx([3.0 * factor] * 2)  # the same power for longer
