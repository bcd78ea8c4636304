"""PFSL: labels stay at home, the front stands still, work is equal, and ends become personal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.algorithms.ideal import IDEAL, Calls, ideal
from tests.worlds import ListLog, one_round, tell, tiny, world_of
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import TopK
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.engine.custody import CustodyError
from wirelessfsl.learning.data import ClientData
from wirelessfsl.learning.kernels import finish, infer, infer_there
from wirelessfsl.learning.models import ModelSpec, make
from wirelessfsl.learning.optim import SGD, Adam, Optimizer
from wirelessfsl.learning.partition import Dirichlet, Iid, Quantity, Stratified
from wirelessfsl.learning.stage import initial_parts, split
from wirelessfsl.records import (
    ACTIVATIONS,
    ACTIVATIONS_DOWN,
    GRADIENTS_UP,
    MODEL_DOWNLOAD,
    MODEL_UPLOAD,
)
from wirelessfsl.scenario import Codecs, Data, Model, Scenario, dataset_of, deal
from wirelessfsl.simulation import Outcome, play
from wirelessfsl.streams import key

CUTS = ("block1", "block2")
BUDGET: dict[str, Any] = {"rounds": 4, "local_steps": 2, "batch_size": 16, "optimizer": SGD(lr=0.1)}


def scene(algorithm: PFSL, clients: int = 3, partition: Any = Iid(), **changes: Any) -> Scenario:  # noqa: B008
    data = Data(name="digits", clients=clients, partition=partition)
    model = changes.pop("model", Model(name="small_cnn", cuts=CUTS))
    return Scenario(data=data, model=model, algorithm=algorithm, network=IDEAL, **changes)


def run(algorithm: PFSL, clients: int = 3, **changes: Any) -> tuple[ListLog, Outcome]:
    log = ListLog()
    return log, play(scene(algorithm, clients, **changes), log)


def flat(parts: Any) -> torch.Tensor:
    return torch.cat([w.flatten() for w in parts.weights])


# Privacy (P1, P2)


def test_neither_labels_nor_inputs_nor_the_gradient_at_the_front_ever_fly() -> None:
    log, _ = run(PFSL(**BUDGET))
    sent = {(row.phase, row.node == "server") for row in log.rows(activity="transfer")}
    assert sent == {
        (ACTIVATIONS, False),
        (ACTIVATIONS_DOWN, True),
        (GRADIENTS_UP, False),
        (MODEL_UPLOAD, False),
        (MODEL_DOWNLOAD, True),
    }
    assert not [
        row for row in log.rows(node="server", activity="compute") if row.phase not in ("server_step", "aggregation")
    ]


@pytest.mark.parametrize("what", ["labels", "inputs"])
def test_the_server_cannot_reach_labels_or_inputs(what: str) -> None:
    world, _ = world_of(tiny(algorithm=PFSL(**BUDGET), model=Model(name="mlp", cuts=("fc1", "fc2"))))
    (client,), server = world.clients, world.server
    front, centre, back = world.initial

    def session() -> Any:
        for x, y in world.batches(client, 1, 16):
            smashed = yield from client.compute(infer, world.stages[0], front, x)
            smashed = yield from world.transfer(client, server, activations=smashed)
            if what == "inputs":
                yield from server.compute(infer_there, world.stages[0], front, x)
            output = yield from server.compute(infer_there, world.stages[1], centre, smashed)
            yield from server.compute(finish, world.stages[2], SGD(), back, output, y)

    with pytest.raises(CustodyError, match="that is at client-0"):
        one_round(world, {client: session()})


def test_no_message_of_the_scheme_carries_labels() -> None:
    world, _ = world_of(tiny(algorithm=PFSL(**BUDGET), model=Model(name="mlp", cuts=("fc1", "fc2"))))
    (client,) = world.clients

    def session() -> Any:
        for _, y in world.batches(client, 1, 16):
            yield from world.transfer(client, world.server, labels=y)

    with pytest.raises(KeyError, match="labels"):
        one_round(world, {client: session()})


def test_bytes_and_flops_are_the_closed_forms() -> None:
    log, _ = run(PFSL(**BUDGET))
    sizes = {
        kind: {row.bytes for row in log.rows(activity="transfer", phase=kind)}
        for kind in (ACTIVATIONS, ACTIVATIONS_DOWN, GRADIENTS_UP, MODEL_UPLOAD, MODEL_DOWNLOAD)
    }
    middle = {40 + frame_bytes([(16, 32, 2, 2)]) + 4 * 16 * 128}
    back = {40 + frame_bytes([(10, 128), (10,)]) + 4 * 1290}
    assert sizes == {
        ACTIVATIONS: {40 + frame_bytes([(16, 16, 4, 4)]) + 4 * 16 * 256},
        ACTIVATIONS_DOWN: middle,
        GRADIENTS_UP: middle,
        MODEL_UPLOAD: back,
        MODEL_DOWNLOAD: back,
    }
    conv1, conv2, head = (2.0 * 16 * macs for macs in (64 * 16 * 9, 16 * 32 * 16 * 9, 1280))
    steps = 4 * 2 * 3
    flops = {
        phase: sum(row.flops for row in log.rows(activity="compute", phase=phase))
        for phase in ("client_forward", "server_step", "client_step", "client_backward")
    }
    # The centre's backward pass has the gradient of its weights alone, the back's has that of its input, too.
    assert flops == {
        "client_forward": steps * conv1,
        "server_step": steps * 2 * conv2,
        "client_step": steps * 3 * head,
        "client_backward": 0.0,
    }


# Learning (G1, P3, P5)


@pytest.mark.parametrize("optimizer", [SGD(lr=0.05, momentum=0.9), Adam()], ids=["momentum", "adam"])
def test_one_client_is_training_of_the_whole_model_with_its_front_frozen(optimizer: Optimizer) -> None:
    spec = ModelSpec("mlp", (1, 8, 8), 10)
    rounds, steps = 3, 2
    scenario = scene(
        PFSL(rounds=rounds, local_steps=steps, batch_size=16, optimizer=optimizer),
        clients=1,
        model=Model(name="mlp", cuts=("fc1", "fc2")),
    )
    outcome = play(scenario, ListLog())
    net = make(spec)
    parts = initial_parts(split(spec, ()), key(scenario.seed, "initial-weights"))
    with torch.no_grad():
        for p, value in zip(net.parameters(), parts[0].params, strict=True):
            p.copy_(value)
    own = dataset_of(scenario)
    client = ClientData(own.inputs, own.labels, "client-0", 1, deal(scenario, own)[0])
    trained = [p for name, p in net.named_parameters() if not name.startswith("fc1")]
    rule: Any = (
        torch.optim.SGD(trained, 0.05, 0.9) if isinstance(optimizer, SGD) else torch.optim.Adam(trained, optimizer.lr)
    )
    for step in range(rounds * steps):
        x, y = client.batch(step, 16)
        rule.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        rule.step()
    found = [w for part in outcome.models["client-0"] for w in part.params]
    for expected, got in zip(net.parameters(), found, strict=True):
        assert torch.allclose(expected, got, atol=1e-6)


def history(algorithm: PFSL, **changes: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The initial parts, and the model of every client after every round."""
    world, _ = world_of(scene(algorithm, clients=4, **changes))
    models: list[dict[str, Any]] = []
    world.on_round = lambda world, model, losses, cut: models.append({k.name: v for k, v in model.items()})
    world.env.run(world.env.process(algorithm.train(world, algorithm.begin(world))))
    return world.initial, models


@pytest.mark.parametrize("model", ["small_cnn", "small_cnn_bn"])
def test_the_front_never_moves_the_centre_stops_and_ends_become_personal(model: str) -> None:
    initial, models = history(PFSL(**BUDGET | {"rounds": 6}, checkpoint=3), model=Model(name=model, cuts=CUTS))
    for t, after in enumerate(models, start=1):
        fronts, centres, backs = ([flat(parts[i]) for parts in after.values()] for i in range(3))
        assert all(torch.equal(front, flat(initial[0])) for front in fronts)
        assert all(torch.equal(centre, centres[0]) for centre in centres)
        together = t <= 4  # three rounds, and the first one of the frozen centre
        assert all(torch.equal(back, backs[0]) for back in backs) == together
        if not together:
            assert not any(torch.equal(a, b) for i, a in enumerate(backs) for b in backs[:i])
    centres = [flat(after["client-0"][1]) for after in models]
    moved = [not torch.equal(a, b) for a, b in zip(centres[1:], centres, strict=False)]
    assert moved == [True, True, False, False, False]


def test_after_the_checkpoint_no_gradient_and_then_no_back_flies() -> None:
    log, _ = run(PFSL(**BUDGET | {"rounds": 6}, checkpoint=3))
    rounds = {
        kind: sorted({row.round for row in log.rows(activity="transfer", phase=kind)})
        for kind in (ACTIVATIONS, GRADIENTS_UP, MODEL_UPLOAD, MODEL_DOWNLOAD)
    }
    assert rounds == {
        ACTIVATIONS: [1, 2, 3, 4, 5, 6],
        GRADIENTS_UP: [1, 2, 3],
        MODEL_UPLOAD: [1, 2, 3, 4],
        MODEL_DOWNLOAD: [2, 3, 4, 5],
    }


def test_averages_are_unweighted() -> None:
    # Two clients of very different size, one step: the average of both ends is right in the middle.
    one = PFSL(**BUDGET | {"rounds": 1, "local_steps": 1})
    _, (pair,) = history(one, partition=Quantity(alpha=0.3))
    sizes = [len(own) for own in deal(scene(one, 4, Quantity(alpha=0.3)), dataset_of(scene(one)))]
    assert max(sizes) > 2 * min(sizes)
    seen: list[Any] = []
    scenario = scene(one, 4, Quantity(alpha=0.3))
    world, _ = world_of(scenario)
    submit = world.executor.submit

    def watch(kernel: Any, *args: Any, **how: Any) -> Any:
        if kernel.name == "average":
            seen.append(args)
        return submit(kernel, *args, **how)

    world.executor.submit = watch  # type: ignore[method-assign]
    world.env.run(world.env.process(one.train(world, one.begin(world))))
    assert len(seen) == 2
    for index, (weights, _) in zip((1, 2), seen, strict=True):
        mean = [sum(tensors[1:], tensors[0]) / 4 for tensors in zip(*weights, strict=True)]
        for a, b in zip(mean, pair["client-0"][index].weights, strict=True):
            assert torch.allclose(a, b, atol=1e-7)


def test_who_vanishes_is_left_out_of_the_averages_and_gets_them() -> None:
    log, _ = run(PFSL(**BUDGET | {"rounds": 8}, drop_rate=0.5), clients=4)
    left_out = []
    for t in range(1, 9):
        uploads = {row.node for row in log.rows(activity="transfer", phase=MODEL_UPLOAD, round=t)}
        assert len(uploads) == 2
        left_out.append(frozenset(uploads))
        trained = {row.node for row in log.rows(phase="client_step", activity="compute", round=t)}
        assert len(trained) == 4
        if t > 1:
            assert len(log.rows(activity="transfer", phase=MODEL_DOWNLOAD, round=t)) == 4
    assert len(set(left_out)) > 2
    assert frozenset().union(*left_out) == {f"client-{k}" for k in range(4)}


def test_a_piece_of_the_centre_can_be_frozen() -> None:
    initial, models = history(PFSL(**BUDGET, frozen="layer1"), model=Model(name="resnet8", cuts=("stem", "layer2")))
    assert len(initial) == 4
    after = models[-1]["client-0"]
    assert torch.equal(flat(after[0]), flat(initial[0]))
    assert torch.equal(flat(after[1]), flat(initial[1]))
    assert not torch.equal(flat(after[2]), flat(initial[2]))
    assert not torch.equal(flat(after[3]), flat(initial[3]))


# Fairness (P4, P9)


def test_every_client_does_the_same_number_of_batches_and_walks_through_all_its_samples() -> None:
    log, _ = run(PFSL(**BUDGET), clients=4, partition=Quantity(alpha=0.5))
    counts = {k: len(log.rows(node=f"client-{k}", phase="client_step", activity="compute")) for k in range(4)}
    assert set(counts.values()) == {4 * 2}
    ids = torch.arange(64, dtype=torch.float32)[:, None]
    client = ClientData(ids, torch.zeros(64, dtype=torch.int64), "client-0", 1)
    seen = [int(i) for step in range(4) for i in client.batch(step, 16)[0]]
    assert sorted(seen) == list(range(64))  # two rounds of two batches: no sample twice


def test_a_large_and_a_small_client_do_the_same_and_walk_on_from_round_to_round() -> None:
    # 1,200 and 90 samples, as 2,000 and 150; 12 batches of 15: 180 of the one once, all 90 of the other twice.
    scenario = tiny(
        2,
        data=Data(name="blobs", clients=2, partition=Stratified(samples=(1200, 90))),
        algorithm=PFSL(rounds=4, local_steps=3, batch_size=15, optimizer=SGD(lr=0.1)),
        model=Model(name="mlp", cuts=("fc1", "fc2")),
    )
    world, log = world_of(scenario)
    world.executor = calls = Calls()
    tell(world, scenario.algorithm.train(world, scenario.algorithm.begin(world)))
    for client, times in zip(world.clients, (1, 2), strict=True):
        data = world.data[client]
        own = {tuple(x.flatten().tolist()) for x in data.batch(0, len(data))[0]}
        assert len(log.rows(node=client.name, phase="client_step", activity="compute")) == 12
        fed = [tuple(x.flatten().tolist()) for args, _ in calls.of("infer") for x in args[-1]]
        counts = Counter(x for x in fed if x in own)
        assert set(counts.values()) == {times}
        assert len(counts) == min(180, len(own))


def test_personal_ends_are_better_on_skewed_clients() -> None:
    budget: dict[str, Any] = {"rounds": 12, "local_steps": 5, "batch_size": 16, "optimizer": SGD(lr=0.2)}
    accuracy = []
    for checkpoint in None, 8:
        log, _ = run(PFSL(**budget, checkpoint=checkpoint), clients=6, partition=Dirichlet(alpha=0.2))
        accuracy.append([m.accuracy or 0.0 for m in log.metrics if m.split == "test" and m.client is None][-1])
    assert accuracy[1] > accuracy[0] + 0.02


# Codecs of both cuts


def test_gradients_at_the_second_cut_return_through_the_codec_of_its_activations() -> None:
    plain, _ = run(PFSL(**BUDGET))
    kept, _ = run(PFSL(**BUDGET), codecs=Codecs(activations_down=(TopK(fraction=0.25),)))
    quarter = 16 * 128 // 4
    assert {row.bytes for row in kept.rows(phase=GRADIENTS_UP, activity="transfer")} == {
        40 + frame_bytes([(quarter,)]) + 4 * quarter
    }
    assert {row.bytes for row in kept.rows(phase=ACTIVATIONS, activity="transfer")} == {
        row.bytes for row in plain.rows(phase=ACTIVATIONS, activity="transfer")
    }
    coarse, _ = run(PFSL(**BUDGET), codecs=Codecs(gradients_up=(Quantize(bits=2),)))
    last = [[m.loss for m in log.metrics if m.split == "train"][-1] for log in (plain, kept, coarse)]
    assert len(set(last)) == 3


def test_evaluation_through_codecs_passes_both_cuts() -> None:
    found = []
    for codecs in Codecs(), Codecs(activations=(Quantize(bits=1),)), Codecs(activations_down=(Quantize(bits=1),)):
        scenario = scene(PFSL(**BUDGET | {"optimizer": SGD(lr=1e-9)}), codecs=codecs)
        log = ListLog()
        play(replace(scenario, evaluation=replace(scenario.evaluation, through_codecs=True)), log)
        found.append([m.loss for m in log.metrics if m.split == "test" and m.client is None][-1])
    assert len(set(found)) == 3


def test_on_iid_data_it_learns() -> None:
    budget: dict[str, Any] = {"rounds": 20, "local_steps": 10, "batch_size": 16, "optimizer": SGD(lr=0.2)}
    assert ideal(PFSL(**budget), clients=4, cuts=CUTS).accuracy > 0.9


def test_shares_of_clients_are_not_off_by_one_for_their_binary_digits() -> None:
    assert [PFSL(drop_rate=rate).vanishing(n) for rate, n in ((0.29, 100), (0.58, 50), (0.3, 10), (0.3, 3))] == [
        29,
        29,
        3,
        0,
    ]
    assert [EPSL(phi=phi, batch_size=b).aggregated for phi, b in ((0.07, 100), (0.14, 50), (0.28, 25), (0.5, 5))] == [
        7,
        7,
        7,
        3,
    ]
