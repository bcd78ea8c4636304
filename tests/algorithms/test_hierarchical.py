"""Edge servers below a cloud: equal to the scheme alone where they change nothing, and by hand where they do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch

from tests.worlds import (
    BATCH,
    DEVICE,
    FORWARD,
    PROCESSOR,
    SERVER_PROCESSOR,
    WHOLE_MODEL,
    WHOLE_STEP,
    ListLog,
    assert_tiled,
    dataset,
    run,
    tell,
    tiny,
)
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedprox import FedProx
from wirelessfsl.algorithms.hierarchical import Hierarchical
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.build import build
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.participation import Participation, RandomChoice
from wirelessfsl.engine.transport import Transport
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.kernels import train
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.layout import InCells
from wirelessfsl.network.topology import Graph, Wire
from wirelessfsl.prediction import predict
from wirelessfsl.radio.fading import NoFading
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import DROP, MODEL_DOWNLOAD, MODEL_UPLOAD, TRANSFER
from wirelessfsl.scenario import Algorithm, Codecs, EdgeCloud, EdgeServer, Scenario, clients_of_edges
from wirelessfsl.simulation import Outcome
from wirelessfsl.survey import Survey

BACKHAUL = Wire(ends=("site-0", "cloud"), rate_bit_s=8e3, delay_s=3.0)
"""Between an edge server at the site and the cloud; a message of L bytes takes L / 1000 + 3 s."""
FREE = replace(BACKHAUL, rate_bit_s=1e13, delay_s=0.0)
AIR = ConstantLink(uplink_bit_s=8e4, downlink_bit_s=16e4, latency_s=0.0)
BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 2, "batch_size": BATCH}
BOUNDLESS = MeasuredProcessor(flops_per_s=1e18)


def one_edge(scenario: Scenario, wire: Wire = BACKHAUL, edge_rounds: int = 1) -> Scenario:
    """The scenario with its server at the site, below a cloud that computes in no time."""
    edge = EdgeServer(at="site-0", processor=scenario.server.processor)
    return replace(
        scenario,
        hierarchy=EdgeCloud(servers=(edge,), edge_rounds=edge_rounds),
        server=replace(scenario.server, processor=BOUNDLESS),
        network=replace(scenario.network, topology=Graph(wires=(wire,))),
    )


def two_edges(scenario: Scenario, edge_rounds: int = 1, **changes: Any) -> Scenario:
    """Edge servers at two wires' ends behind the site, too far apart for one to use the other's wire to the cloud.

    Clients are theirs in turn, unless said otherwise.
    """
    wires = (
        Wire(ends=("site-0", "left"), rate_bit_s=1e9, delay_s=0.25),
        Wire(ends=("site-0", "right"), rate_bit_s=1e9, delay_s=0.25),
        Wire(ends=("left", "cloud"), rate_bit_s=8e3, delay_s=1.0),
        Wire(ends=("right", "cloud"), rate_bit_s=16e3, delay_s=1.5),
    )
    servers = tuple(EdgeServer(at=at, processor=scenario.server.processor) for at in ("left", "right"))
    changes = {"servers": servers, "assignment": "in_turn", "edge_rounds": edge_rounds} | changes
    return replace(
        scenario,
        hierarchy=EdgeCloud(**changes),
        network=replace(scenario.network, topology=Graph(wires=wires)),
    )


def weights(outcome: Outcome) -> list[torch.Tensor]:
    return [tensor for part in outcome.parts for tensor in part.weights]


def training(log: ListLog) -> list[float]:
    return [m.loss for m in log.metrics if m.split == "train"]


SCHEMES = [
    FedAvg(**BUDGET),
    FedAvg(optimizer=Adam(), upload="update", **BUDGET),
    FedProx(optimizer=SGD(lr=0.05, momentum=0.9), **BUDGET),
    SplitFedV1(optimizer=Adam(), **BUDGET),
    SplitFedV2(**BUDGET),
    ParallelSL(optimizer=SGD(lr=0.05, momentum=0.9), **BUDGET),
    CPSL(cluster_size=2, **BUDGET),
    FedLite(rounds=3, batch_size=BATCH),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: f"{scheme.kind}-{scheme.optimizer.kind}")
def test_one_edge_and_one_round_of_it_is_the_scheme_itself_and_the_wires(scheme: Any) -> None:
    alone = tiny(3, medium=AIR, algorithm=scheme, participation=Participation(choice=RandomChoice(fraction=0.7)))
    (plain, flat), (log, outcome) = run(alone), run(one_edge(alone))
    if getattr(scheme, "upload", "weights") == "weights":
        assert all(torch.equal(a, b) for a, b in zip(weights(outcome), weights(flat), strict=True))
    else:  # an average of one change, added to what it was taken from
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(weights(outcome), weights(flat), strict=True))
    assert training(log) == pytest.approx(training(plain), rel=1e-6)
    wires_s = scheme.rounds * 2 * (WHOLE_MODEL / 1000 + 3.0)
    adding_s = scheme.rounds * WHOLE_NUMBERS / SERVE_FLOPS if getattr(scheme, "upload", "") == "update" else 0.0
    assert log.end_s == pytest.approx(plain.end_s + wires_s + adding_s, rel=1e-9)
    clients = [event for event in log.events if event.node.startswith("client-") and event.activity == TRANSFER]
    assert [(e.node, e.bytes) for e in clients] == [
        (e.node, e.bytes) for e in plain.events if e.node.startswith("client-") and e.activity == TRANSFER
    ]


WHOLE_NUMBERS = 4160 + 4810
SERVE_FLOPS = SERVER_PROCESSOR.flops_per_s


def test_two_edges_that_merge_every_round_are_the_scheme_with_one_server() -> None:
    # sum_l N_l/N sum_k n_k/N_l w_k = sum_k n_k/N w_k
    plain = tiny(3, medium=AIR, algorithm=FedAvg(**BUDGET))
    flat, outcome = run(plain)[1], run(two_edges(plain))[1]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(weights(outcome), weights(flat), strict=True))


def loop(scenario: Scenario, edges: list[list[int]], edge_rounds: int) -> tuple[torch.Tensor, ...]:
    """HierFAVG with plain SGD as the paper has it: kappa_1 local steps, kappa_2 rounds at the edges, then the cloud."""
    scheme = scenario.algorithm
    assert isinstance(scheme, FedAvg)
    world = build(scenario, dataset(scenario), Sequential(), ListLog())
    (stage,), (start,) = world.stages, world.initial
    sizes = [len(world.data[client]) for client in world.clients]

    def mean(models: list[Any], of: list[int]) -> Any:
        return [sum(n * w for n, w in zip(of, each, strict=True)) / sum(of) for each in zip(*models, strict=True)]

    cloud = list(start.weights)
    for t in range(scheme.rounds):
        below = []
        for own in edges:
            edge = cloud
            for r in range(edge_rounds):
                models = []
                for k in own:
                    part = start.load(tuple(edge)).begin(scheme.optimizer, world.key(world.clients[k]))
                    for step in range(scheme.local_steps):
                        number = (t * edge_rounds + r) * scheme.local_steps + step
                        x, y = world.data[world.clients[k]].batch(number, scheme.batch_size)
                        part, _ = train.run(stage, scheme.optimizer, part, x, y)
                    models.append(part.weights)
                edge = mean(models, [sizes[k] for k in own])
            below.append(edge)
        cloud = mean(below, [sum(sizes[k] for k in own) for own in edges])
    return tuple(cloud)


@pytest.mark.parametrize("assignment", ["in_turn", "listed"])
def test_fedavg_at_two_edges_is_the_papers_loop(assignment: Any) -> None:
    scenario = tiny(5, medium=AIR, algorithm=FedAvg(optimizer=SGD(lr=0.3), **BUDGET))
    edges = {"in_turn": [[0, 2, 4], [1, 3]], "listed": [[1], [0, 2, 3, 4]]}[assignment]
    made = two_edges(scenario, edge_rounds=2, assignment=assignment)
    if assignment == "listed":
        servers = (replace(edge, clients=tuple(own)) for edge, own in zip(made.hierarchy.servers, edges, strict=True))
        made = replace(made, hierarchy=replace(made.hierarchy, servers=tuple(servers)))
    found, reference = weights(run(made)[1]), loop(scenario, edges, 2)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, reference, strict=True))
    once = weights(run(two_edges(scenario, edge_rounds=1, assignment="in_turn"))[1])
    assert not all(torch.allclose(a, b, atol=1e-4) for a, b in zip(found, once, strict=True))


def test_the_time_of_a_round_is_that_of_the_slowest_edge_by_hand() -> None:
    # A round of an edge: model down, a step of the whole model, model up, the average of its clients.
    slow = replace(PROCESSOR, flops_per_s=FORWARD / 10)
    devices = (DEVICE, replace(DEVICE, processor=slow), DEVICE)
    scheme = FedAvg(rounds=2, local_steps=1, batch_size=BATCH)
    log, _ = run(two_edges(tiny(devices=devices, medium=AIR, algorithm=scheme), edge_rounds=2))
    step_s = WHOLE_STEP / FORWARD
    bits = 8 * WHOLE_MODEL

    def edge_s(clients: int, step_s: float) -> float:
        wire = bits / 1e9 + 0.25  # from the edge to the site or back
        average_s = 2 * clients * WHOLE_NUMBERS / SERVE_FLOPS
        return bits / 16e4 + step_s + bits / 8e4 + 2 * wire + average_s

    left_s = 2 * edge_s(2, step_s) + 2 * (bits / 8e3 + 1.0)
    right_s = 2 * edge_s(1, 10 * step_s) + 2 * (bits / 16e3 + 1.5)
    cloud_s = 2 * 2 * WHOLE_NUMBERS / SERVE_FLOPS
    assert log.end_s == pytest.approx(2 * (max(left_s, right_s) + cloud_s), rel=1e-9)


def test_every_clients_rows_follow_one_another_and_the_accounts_add_up() -> None:
    medium = Fdma(bandwidth_hz=1e6, latency_s=0.01)
    scenario = two_edges(tiny(4, medium=medium, algorithm=SplitFedV1(**BUDGET)), edge_rounds=3)
    world = build(scenario, dataset(scenario), Sequential(), log := ListLog())
    scheme = Hierarchical(SplitFedV1(**BUDGET))
    tell(world, scheme.train(world, scheme.begin(world)))
    for client in world.clients:
        assert_tiled(log, client.name, world.now)
    assert [node.name for node in world.nodes][4:] == ["server-0", "server-1", "server"]
    for node in world.nodes:
        assert sum(e.energy_j for e in log.rows(node=node.name)) == pytest.approx(node.energy_j)
    assert {e.round for e in log.events} == {1, 2, 3}
    assert world.server.radio.meter.energy_j == pytest.approx(dict.fromkeys(world.server.radio.meter.energy_j, 0.0))


def test_edges_share_the_air_of_their_site() -> None:
    # Four models stand in one line for the air: 1 bit/s/Hz of 100 kHz, behind two wires that are alike.
    scheme = FedAvg(rounds=1, local_steps=1, batch_size=BATCH)
    scenario = two_edges(tiny(4, medium=Tdma(bandwidth_hz=1e5, latency_s=0.0), algorithm=scheme))
    ends = [wire.ends for wire in scenario.network.topology.wires]  # type: ignore[union-attr]
    network = replace(scenario.network, topology=Graph(wires=tuple(Wire(ends=pair) for pair in ends)))
    log, _ = run(replace(scenario, network=network))
    arrived = sorted(e.end_s for e in log.rows(activity=TRANSFER, phase=MODEL_DOWNLOAD))
    wire_s, air_s = WHOLE_MODEL * 8 / 1e9 + 0.001, WHOLE_MODEL * 8 / 1e5
    below = [end_s for end_s in arrived if end_s > 1.5 * wire_s]
    assert below == pytest.approx([2 * wire_s + k * air_s for k in (1, 2, 3, 4)], rel=1e-9)


def test_on_wifi_every_client_is_busy_or_waits_all_the_time() -> None:
    scheme = ParallelSL(rounds=1, local_steps=1, batch_size=BATCH)
    scenario = tiny(4, medium=Wifi(), channel=Channel(fading=NoFading()), algorithm=scheme)
    log, outcome = run(two_edges(scenario))
    assert outcome.status == "completed"
    for k in range(4):
        assert_tiled(log, f"client-{k}", log.end_s)


def test_a_client_belongs_to_the_edge_server_nearest_to_its_site() -> None:
    # Seven sites; those of the left server are 0 to 2, and 6 is two wires from the right one but three from the left.
    ends = [*((f"site-{k}", "left") for k in range(3)), *((f"site-{k}", "right") for k in range(3, 6))]
    wires = [*ends, ("site-6", "site-5"), ("left", "cloud"), ("right", "cloud")]
    scenario = two_edges(tiny(14, medium=Fdma(), channel=Channel(), layout=InCells()), assignment="nearest")
    network = replace(scenario.network, cells=Hexagonal(), topology=Graph(wires=tuple(Wire(ends=e) for e in wires)))
    left, right = clients_of_edges(replace(scenario, network=network))
    assert left == (0, 1, 2, 7, 8, 9)  # a client is dropped in each cell in turn
    assert right == (3, 4, 5, 6, 10, 11, 12, 13)


def test_the_description_names_all_schemes_that_merge() -> None:
    schemes = get_args(get_args(Algorithm)[0])
    merging = {scheme.kind for scheme in schemes if getattr(scheme, "merges", False)}
    named = re.findall(r"\w+", (EdgeCloud.__doc__ or "").partition("averages what it holds:")[2].partition(".")[0])
    assert set(named) == merging == {scheme.kind for scheme in SCHEMES}


def test_what_is_of_one_server_alone_is_refused() -> None:
    scenario = two_edges(tiny(4, medium=AIR, algorithm=SplitFedV1(**BUDGET)))
    with pytest.raises(ValueError, match="its rounds are not predicted"):
        predict(scenario, dataset(scenario))
    with pytest.raises(ValueError, match="the bound is of one server"):
        Survey(scenario)


def test_models_fly_over_the_wires_once_a_round_of_the_cloud_with_their_codecs() -> None:
    scheme = FedAvg(rounds=2, local_steps=1, batch_size=BATCH)
    plain = two_edges(tiny(4, medium=AIR, algorithm=scheme), edge_rounds=3)
    coded = replace(plain, codecs=Codecs(model_upload=(Cast(dtype="float16"),)))
    for scenario, shorter in (plain, False), (coded, True):
        log, _ = run(scenario)
        sent = {
            way: [e.bytes for e in log.rows(activity=TRANSFER, phase=way) if {"server"} & {e.node, e.peer}]
            for way in (MODEL_UPLOAD, MODEL_DOWNLOAD)
        }
        assert {way: len(sizes) for way, sizes in sent.items()} == {MODEL_UPLOAD: 4, MODEL_DOWNLOAD: 4}
        assert set(sent[MODEL_DOWNLOAD]) == {WHOLE_MODEL}
        assert (max(sent[MODEL_UPLOAD]) < 0.6 * WHOLE_MODEL) is shorter
        below = [e for e in log.rows(activity=TRANSFER, phase=MODEL_DOWNLOAD) if e.peer.startswith("client-")]
        assert len(below) == 4 * 2 * 3


def test_an_edge_whose_messages_are_lost_is_left_out() -> None:
    # What takes 12 s is lost, as all between the right edge and the cloud is: only the left edge's client counts.
    scheme = FedAvg(rounds=2, local_steps=2, batch_size=BATCH)
    scenario = tiny(2, medium=AIR, algorithm=scheme, transport=Transport(timeout_s=12.0))
    far = {("site-0", "left"): 7.0, ("site-0", "right"): 7.0, ("left", "cloud"): 1.0, ("right", "cloud"): 13.0}
    wires = tuple(Wire(ends=ends, delay_s=delay_s) for ends, delay_s in far.items())
    made = two_edges(scenario)
    log, outcome = run(replace(made, network=replace(made.network, topology=Graph(wires=wires))))
    assert [(e.node, e.phase) for e in log.rows(activity=DROP)] == [("server-1", "lost")] * 2
    assert log.rows(node="client-1", activity=TRANSFER) == []
    found = zip(weights(outcome), loop(scenario, [[0]], 1), strict=True)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in found)


def test_an_edge_without_clients_left_is_left_out_and_the_run_ends_with_the_last() -> None:
    dying = replace(DEVICE, failures=FailAt(times_s=(60.0,)))
    scheme = FedAvg(rounds=3, local_steps=1, batch_size=BATCH)
    log, outcome = run(two_edges(tiny(devices=(DEVICE, dying), medium=AIR, algorithm=scheme)))
    assert (outcome.status, outcome.rounds) == ("completed", 3)
    assert {e.round for e in log.rows(node="server-1", activity=TRANSFER)} == {1}
    _, outcome = run(two_edges(tiny(devices=(dying, dying), medium=AIR, algorithm=scheme)))
    assert outcome.status == "exhausted"


def test_a_client_that_comes_back_is_waited_for_at_its_edge() -> None:
    away = replace(DEVICE, failures=FailAt(times_s=(60.0,), repair_s=500.0))
    scheme = FedAvg(rounds=2, local_steps=1, batch_size=BATCH)
    log, outcome = run(two_edges(tiny(devices=(DEVICE, away), medium=AIR, algorithm=scheme)))
    assert (outcome.status, outcome.rounds) == ("completed", 2)
    assert log.end_s > 560.0
