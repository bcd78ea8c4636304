"""What is particular to each split scheme: who waits for whom, what travels, whose model is measured."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from tests.worlds import DEVICE, RADIO, ListLog, assert_tiled, dataset, run, tiny
from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedprox import FedProx
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.engine.access import Fdma
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Transport
from wirelessfsl.learning.kernels import serve_all
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Dirichlet
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario import Codecs, Data, Devices, Model, Scenario
from wirelessfsl.simulation import play

BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 2, "batch_size": 16, "optimizer": SGD(lr=0.1)}
SCHEMES = [SplitLearning, SplitFedV1, SplitFedV2, SplitFedV3, ParallelSL]
ACCOUNTED = [*SCHEMES, CPSL, FedLite, FedSL, MTSL, PFSL, EPSL, SFLGA, FedAvg, FedProx, FedEM, AsyncSL]
CODECS = {
    "plain": Codecs(),
    "8-bit": Codecs(activations=(Quantize(),), gradients=(Quantize(),)),
    "clustering": Codecs(activations=(Clustering(subvectors=32, correction=0.1),)),
}
TOGETHER = [("plain", False), ("8-bit", True), ("clustering", True)]
"""Every scheme has each of the codecs and each kind of network; one has each of both."""
every_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)


def test_in_split_learning_one_client_begins_when_the_one_before_is_done() -> None:
    log, _ = run(tiny(3, algorithm=SplitLearning(**BUDGET)))
    for t in 1, 2, 3:
        rows = [row for row in log.events if row.round == t and row.activity in ("compute", "transfer")]
        spans = []
        for k in range(3):
            own = [row for row in rows if f"client-{k}" in (row.node, row.peer)]
            spans.append((min(row.start_s for row in own), max(row.end_s for row in own)))
        assert spans == sorted(spans)
        assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_a_random_order_is_another_one_every_round_and_the_same_with_the_same_seed() -> None:
    def orders(seed: int) -> list[tuple[str, ...]]:
        log, _ = run(tiny(5, algorithm=SplitLearning(**BUDGET, order="random"), seed=seed))
        sent = log.rows(activity="transfer", phase=MODEL_UPLOAD)
        return [tuple(row.node for row in sent if row.round == t) for t in (1, 2, 3)]

    assert len(set(orders(1))) > 1
    assert orders(1) == orders(1) != orders(2)


@every_scheme
def test_model_parts_travel_where_the_scheme_says_so(scheme: Any) -> None:
    log, _ = run(tiny(3, algorithm=scheme(**BUDGET)))
    sent = {kind: len(log.rows(activity="transfer", phase=kind)) for kind in scheme.messages}
    assert set(sent) == {row.phase for row in log.rows(activity="transfer")}
    assert sent[ACTIVATIONS] == sent[LABELS] == sent[GRADIENTS] == 3 * 3 * 2
    if scheme is SplitFedV3:
        assert MODEL_UPLOAD not in sent
    else:
        assert sent[MODEL_UPLOAD] == sent[MODEL_DOWNLOAD] == 3 * 3


@pytest.mark.parametrize("scheme", [ParallelSL, SplitFedV2])
def test_in_step_the_server_waits_for_everybody_and_batches_are_numbered(scheme: Any) -> None:
    slow = Devices(count=1, profile="raspberry-pi-zero-2w")
    log, _ = run(tiny(3, algorithm=scheme(**BUDGET), devices=(Devices(count=2), slow)))
    for t in 1, 2, 3:
        for step in 0, 1:
            ready = [row.end_s for row in log.rows(round=t, step=step, phase=LABELS, activity="transfer")]
            serving = log.rows(round=t, phase="server_step", activity="compute")
            began = sorted(row.start_s for row in serving)[step * len(serving) // 2]
            assert len(ready) == 3
            assert began >= max(ready)
            assert len(log.rows(round=t, step=step, phase=GRADIENTS, activity="transfer")) == 3
        assert len(serving) == (2 if scheme is ParallelSL else 6)


def test_one_pass_over_all_costs_what_the_passes_of_each_cost() -> None:
    flops = []
    for scheme in ParallelSL, SplitFedV2:
        log, _ = run(tiny(3, algorithm=scheme(**BUDGET)))
        flops.append(sum(row.flops for row in log.rows(phase="server_step", activity="compute")))
    assert flops[0] == flops[1]


def test_the_gradient_of_a_client_is_that_of_its_own_mean_loss() -> None:
    from wirelessfsl.learning.models import ModelSpec
    from wirelessfsl.learning.stage import initial_parts, split

    stages = split(ModelSpec("mlp", (1, 8, 8), 10), ("fc1",))
    part = initial_parts(stages, 1)[1].begin(SGD(lr=0.1), 1)
    random = torch.Generator().manual_seed(0)
    xs = [torch.rand(n, 64, generator=random) for n in (16, 4)]
    ys = [torch.randint(10, (n,), generator=random) for n in (16, 4)]
    stepped, gradients, losses = serve_all(stages[1], SGD(lr=0.1), part, xs, ys)
    module = stages[1].module()
    names = [name for name, _ in module.named_parameters()]
    leaves = [p.clone().requires_grad_() for p in part.params]
    inputs = [x.clone().requires_grad_() for x in xs]
    each = [
        torch.nn.functional.cross_entropy(
            torch.func.functional_call(module, dict(zip(names, leaves, strict=True)), (x,)), y
        )
        for x, y in zip(inputs, ys, strict=True)
    ]
    assert [float(loss) for loss in losses] == pytest.approx([loss.item() for loss in each], rel=1e-5)
    for x, loss, gradient in zip(inputs, each, gradients, strict=True):
        (expected,) = torch.autograd.grad(loss, x, retain_graph=True)
        assert torch.allclose(gradient, expected, atol=1e-7)
    expected_step = torch.autograd.grad((16 * each[0] + 4 * each[1]) / 20, leaves)
    for before, after, g in zip(part.params, stepped.params, expected_step, strict=True):
        assert torch.allclose(after, before - 0.1 * g, atol=1e-6)


def test_with_parts_of_their_own_clients_are_measured_on_their_own_samples() -> None:
    scenario = tiny(
        4, rounds=1, algorithm=SplitFedV3(**BUDGET), data=Data(name="blobs", clients=4, partition=Dirichlet())
    )
    log, outcome = run(scenario)
    assert outcome.parts == ()
    assert set(outcome.models) == {f"client-{k}" for k in range(4)}
    first = [parts[0].params[0] for parts in outcome.models.values()]
    assert not any(torch.equal(a, b) for i, a in enumerate(first) for b in first[:i])
    assert len({id(parts[1].params[0]) for parts in outcome.models.values()}) == 1
    last = [m for m in log.metrics if m.split == "test" and m.round == 3]
    everyone, *own = last
    assert everyone.client is None
    assert everyone.accuracy == pytest.approx(sum(m.accuracy or 0.0 for m in own) / 4)
    assert dataset(scenario).classes == 10


@pytest.mark.parametrize(
    ("scheme", "codecs", "lossy"),
    [(scheme, *both) for scheme in ACCOUNTED for both in TOGETHER]
    + [(SplitFedV1, codecs, not lossy) for codecs, lossy in TOGETHER],
    ids=lambda value: getattr(value, "kind", value),
)
def test_every_scheme_accounts_for_every_byte_second_and_joule(scheme: Any, codecs: str, lossy: bool) -> None:
    failures = FailAt(times_s=(0.02, 0.2), repair_s=0.05)
    budget = {key: value for key, value in BUDGET.items() if scheme is not FedLite or key != "local_steps"}
    scenario = Scenario(
        data=Data(name="digits", clients=3),
        model=Model(name="small_cnn"),
        algorithm=scheme(**budget | ({"cluster_size": 2} if scheme is CPSL else {})),
        participation=Participation(deadline_s=2.0 if lossy else None),
        codecs=CODECS[codecs],
        devices=(Devices(count=2), Devices(count=1, failures=failures)) if lossy else (),
    )
    if lossy:
        scenario = replace(scenario, network=replace(scenario.network, transport=Transport(timeout_s=1.0)))
    log = ListLog()
    outcome = play(scenario, log)
    assert outcome.status == "completed"
    end = [m for m in log.metrics if m.client is None][-1]
    assert sum(row.energy_j for row in log.events) == pytest.approx(end.energy_j, rel=1e-9)
    for name, total in (("server", end.downlink_bytes), ("client", end.uplink_bytes)):
        rows = [row.bytes for row in log.rows(activity="transfer") if row.node.startswith(name)]
        assert sum(rows) == total
    for k in range(3):
        own = sorted(
            (row.start_s, row.end_s)
            for row in log.events
            if row.activity in ("compute", "transfer", "wait") and f"client-{k}" in (row.node, row.peer)
        )
        reached = 0.0
        for start_s, end_s in own:
            assert start_s == pytest.approx(reached, abs=1e-9)
            reached = max(reached, end_s)
    if lossy:
        assert log.rows(activity="drop")


@pytest.mark.parametrize("scheme", [ParallelSL, SplitFedV2, MTSL, FedLite, EPSL, SFLGA], ids=lambda scheme: scheme.kind)
@pytest.mark.parametrize("repair_s", [0.001, 1e6], ids=["back at once", "gone for good"])
def test_who_fails_between_two_phases_leaves_the_round_at_that_instant(scheme: Any, repair_s: float) -> None:
    # Two clients; the quick one has sent its labels and waits for the slow one when it fails.
    budget = {key: value for key, value in BUDGET.items() if scheme is not FedLite or key != "local_steps"}
    slow = Devices(count=1, profile="raspberry-pi-zero-2w", processor=None)
    plain = tiny(2, algorithm=scheme(**budget), devices=(DEVICE, replace(slow, radio=RADIO)))
    log, _ = run(plain)
    sent = [min(row.end_s for row in log.rows(node=name, phase=LABELS, round=1)) for name in ("client-0", "client-1")]
    quick, late = (0, 1) if sent[0] < sent[1] else (1, 0)
    at_s = (sent[quick] + sent[late]) / 2
    failures = FailAt(times_s=(at_s,), repair_s=repair_s)
    groups = [DEVICE, replace(slow, radio=RADIO)]
    groups[quick] = replace(groups[quick], failures=failures)
    log, _ = run(tiny(2, algorithm=scheme(**budget), devices=tuple(groups)))
    (row,) = log.rows(activity="drop", round=1)
    assert (row.node, row.phase, row.start_s) == (f"client-{quick}", "failure", pytest.approx(at_s))
    assert not [row for row in log.rows(phase=GRADIENTS, round=1, activity="transfer") if row.peer == f"client-{quick}"]


@pytest.mark.parametrize("scheme", [ParallelSL, SplitFedV2, MTSL, EPSL, SFLGA], ids=lambda scheme: scheme.kind)
def test_steps_of_the_server_are_logged_with_their_batch(scheme: Any) -> None:
    log, outcome = run(tiny(3, algorithm=scheme(**BUDGET)))
    rows = log.rows(phase="server_step", activity="compute", round=1)
    assert {row.step for row in rows} == {0, 1}
    assert {row.peer for row in rows} == {""}  # clients wait meanwhile, and their rows tile the round without these
    assert outcome.client_steps == 3 * 3 * 2


# From client to client


PEERS = SplitLearning(**BUDGET, hand_over="peer")


def test_peers_learn_what_they_learn_through_the_server() -> None:
    through = run(tiny(3, algorithm=SplitLearning(**BUDGET)))[1]
    direct = run(tiny(3, algorithm=PEERS))[1]
    for left, right in zip(through.parts, direct.parts, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(left.weights, right.weights, strict=True))


def test_a_part_goes_from_device_to_device_once_a_turn_and_never_through_the_server() -> None:
    log, _ = run(tiny(3, algorithm=PEERS))
    moved = [(row.round, row.node, row.peer) for row in log.rows(phase=MODEL_UPLOAD, activity="transfer")]
    ring = [("client-2", "client-0"), ("client-0", "client-1"), ("client-1", "client-2")]
    assert moved == [(t, *pair) for t in (1, 2, 3) for pair in ring][1:]
    assert not log.rows(phase=MODEL_DOWNLOAD)
    for k in range(3):
        assert_tiled(log, f"client-{k}", log.end_s)
    end = [m for m in log.metrics if m.client is None][-1]
    sent = log.rows(activity="transfer")
    assert end.uplink_bytes == sum(row.bytes for row in sent if row.node != "server")
    assert end.downlink_bytes == sum(row.bytes for row in sent if row.node == "server")
    assert sum(row.energy_j for row in log.events) == pytest.approx(end.energy_j, rel=1e-9)


def test_who_hands_its_part_on_is_free_when_it_is_delivered_whatever_the_next_has_to_decode() -> None:
    coded = Codecs(model_upload=(Quantize(bits=8),))
    log, _ = run(tiny(3, algorithm=PEERS, codecs=coded))
    decoded = [row for row in log.rows(phase="decode", activity="compute") if row.node != "server"]
    assert len(decoded) == len(log.rows(phase=MODEL_UPLOAD, activity="transfer")) == 8
    for row in decoded:
        (sent,) = (
            r for r in log.rows(phase=MODEL_UPLOAD, activity="transfer", peer=row.node) if r.end_s == row.start_s
        )
        assert [r for r in log.rows(node=sent.node, activity="wait", phase="idle") if r.start_s == row.start_s]
    for k in range(3):
        assert_tiled(log, f"client-{k}", log.end_s)


def test_who_hands_its_part_on_and_falls_after_delivery_does_not_end_the_turn_of_the_next() -> None:
    coded = Codecs(model_upload=(Quantize(bits=8),))
    calm, _ = run(tiny(3, algorithm=PEERS, codecs=coded))
    decode = calm.rows(phase="decode", activity="compute", node="client-1")[0]
    falling = replace(DEVICE, failures=FailAt(times_s=((decode.start_s + decode.end_s) / 2,), repair_s=0.01))
    log, _ = run(tiny(algorithm=PEERS, codecs=coded, devices=(falling, DEVICE, DEVICE)))
    assert not log.rows(activity="drop")


def test_who_waited_through_the_turn_of_one_that_failed_waited_for_nobody_in_particular() -> None:
    # The second fails in its turn, so that the third fetches the part from the first, which has waited since its own.
    calm, _ = run(tiny(3, algorithm=PEERS))
    begun = calm.rows(node="client-1", phase="client_forward")[0]
    failing = replace(DEVICE, failures=FailAt(times_s=((begun.start_s + begun.end_s) / 2,), repair_s=1e6))
    log, _ = run(tiny(algorithm=PEERS, devices=(DEVICE, failing, DEVICE)))
    moved = [(row.node, row.peer) for row in log.rows(phase=MODEL_UPLOAD, activity="transfer", round=1)]
    assert moved == [("client-0", "client-1"), ("client-0", "client-2")]
    assert {row.peer for row in log.rows(activity="wait", phase="idle")} == {""}
    for k in range(3):
        assert_tiled(log, f"client-{k}", log.end_s)


def test_the_way_between_two_devices_is_their_distance_on_a_band_as_wide_as_the_uplinks() -> None:
    # Two devices at 100 and 300 m on one ray are 200 m apart, as far as a third one from the server.
    scenario = tiny(
        3,
        algorithm=PEERS,
        medium=Fdma(bandwidth_hz=1e6, latency_s=0.0),
        channel=Channel(fading=NoFading()),
        layout=Fixed(distances_m=(100.0, 300.0, 200.0)),
    )
    log, _ = run(scenario)
    (first,) = [r for r in log.rows(phase=MODEL_UPLOAD, activity="transfer", round=1) if r.node == "client-0"]
    alone = next(row for row in log.rows(phase=ACTIVATIONS, activity="transfer", round=1) if row.node == "client-2")
    speed = [row.bytes / (row.end_s - row.start_s) for row in (first, alone)]
    assert speed[0] == pytest.approx(speed[1], rel=1e-6)  # equal noise figures: RADIO is everybody's


def test_without_the_last_one_the_one_before_hands_on_and_who_falls_while_handing_on_loses_the_turn() -> None:
    through = run(tiny(3, algorithm=PEERS))[0]
    (handing,) = [r for r in through.rows(phase=MODEL_UPLOAD, round=1, activity="transfer") if r.node == "client-1"]
    middle = (handing.start_s + handing.end_s) / 2
    falling = replace(DEVICE, failures=FailAt(times_s=(middle,), repair_s=1e6))
    log, outcome = run(tiny(devices=(DEVICE, falling, DEVICE), algorithm=PEERS))
    assert outcome.status == "completed"
    (drop,) = log.rows(activity="drop", round=1)
    assert (drop.node, drop.phase, drop.start_s) == ("client-2", "lost", pytest.approx(middle))
    moved = [(row.node, row.peer) for row in log.rows(phase=MODEL_UPLOAD, activity="transfer", delivered=True)]
    assert moved == [
        ("client-0", "client-1"),
        ("client-0", "client-2"),
        ("client-2", "client-0"),
        ("client-0", "client-2"),
    ]
