"""MTSL: no parameter on the air, one joint loss, rates of one's own."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from math import prod
from typing import Any

import pytest
import torch

from tests.algorithms.ideal import Calls, Played, ideal
from tests.worlds import DEVICE, ListLog, tell, tiny, world_of
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.codecs.wire import frame_bytes
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.learning.kernels import serve_all
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Classes, Iid, Partition
from wirelessfsl.learning.stage import initial_parts, split
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario import Algorithm, Data, Devices, Model, Scenario
from wirelessfsl.simulation import Outcome, play

BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 2, "batch_size": 16, "optimizer": SGD(lr=0.1)}


def flat(played: Played | Outcome) -> list[torch.Tensor]:
    outcome = played.outcome if isinstance(played, Played) else played
    return [p for parts in outcome.models.values() for part in parts for p in part.params]


def test_only_activations_labels_and_gradients_fly_in_closed_form() -> None:
    played = ideal(MTSL(**BUDGET), clients=3)
    times = 3 * 3 * 2
    smashed = frame_bytes([(16, 16, 4, 4)]) + 4 * 16 * 256
    assert played.bytes_by_kind() == {
        ACTIVATIONS: times * (smashed + 40),
        LABELS: times * (frame_bytes([(16,)]) + 8 * 16),
        GRADIENTS: times * (smashed + 40),
    }


def test_parts_are_private_and_the_top_is_one() -> None:
    models = ideal(MTSL(**BUDGET), clients=3).outcome.models
    firsts = [parts[0].params[0] for parts in models.values()]
    assert not any(torch.equal(a, b) for i, a in enumerate(firsts) for b in firsts[:i])
    tops = [parts[1].weights for parts in models.values()]
    assert all(first is second is third for first, second, third in zip(*tops, strict=True))


@pytest.mark.parametrize("loss", ["sum", "mean"])
def test_the_step_is_that_of_the_joint_loss(loss: Any) -> None:
    stages = split(ModelSpec("mlp", (1, 8, 8), 10), ("fc1",))
    bottom, top = initial_parts(stages, 1)
    random = torch.Generator().manual_seed(0)
    xs = [torch.rand(8, 64, generator=random) for _ in range(3)]
    ys = [torch.randint(10, (8,), generator=random) for _ in range(3)]
    stepped, gradients, _ = serve_all(stages[1], SGD(lr=0.1), top.begin(SGD(lr=0.1), 1), xs, ys, loss)
    names = [name for name, _ in stages[1].module().named_parameters()]
    leaves, inputs = [p.clone().requires_grad_() for p in top.params], [x.clone().requires_grad_() for x in xs]
    values = dict(zip(names, leaves, strict=True))
    each = [
        torch.nn.functional.cross_entropy(torch.func.functional_call(stages[1].module(), values, (x,)), y)
        for x, y in zip(inputs, ys, strict=True)
    ]
    joint = sum(each[1:], each[0]) / (1 if loss == "sum" else 3)
    expected = torch.autograd.grad(joint, [*leaves, *inputs])
    for before, after, g in zip(top.params, stepped.params, expected, strict=False):
        assert torch.allclose(after, before - 0.1 * g, atol=1e-6)
    for got, g in zip(gradients, expected[len(leaves) :], strict=True):
        assert torch.allclose(got, g, atol=1e-7)
    assert len(bottom.params) == 2


def test_the_sum_with_a_rate_over_m_is_the_mean() -> None:
    mean = ideal(MTSL(**BUDGET, loss="mean"), clients=4)
    total = ideal(MTSL(**BUDGET | {"optimizer": SGD(lr=0.1 / 4)}, loss="sum"), clients=4)
    assert total.losses == pytest.approx(mean.losses, abs=1e-5)
    for a, b in zip(flat(total), flat(mean), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_every_block_has_its_own_rate() -> None:
    still = SGD(lr=1e-12)
    start = flat(ideal(MTSL(**BUDGET | {"optimizer": still}), clients=2))
    server_only = flat(ideal(MTSL(**BUDGET | {"optimizer": still}, server_optimizer=SGD(lr=0.1)), clients=2))
    one_only = flat(ideal(MTSL(**BUDGET, server_optimizer=still, client_rates=(1.0, 1e-11)), clients=2))
    moved = [
        [not torch.allclose(a, b, atol=1e-7) for a, b in zip(now, start, strict=True)]
        for now in (server_only, one_only)
    ]
    # Each client: convolution and bias of its part, then four tensors of the top, which are the same for both.
    assert moved[0] == [False, False, True, True, True, True] * 2
    assert moved[1] == [True, True, False, False, False, False, False, False, False, False, False, False]


def test_a_client_that_is_away_keeps_its_part() -> None:
    data = Data(name="digits", clients=3, partition=Iid())
    away = (Devices(count=2), Devices(count=1, failures=FailAt(times_s=(0.0,))))
    scenario = Scenario(data=data, model=Model(name="small_cnn"), algorithm=MTSL(**BUDGET), devices=away)
    models = play(scenario, ListLog()).models
    untrained = play(replace(scenario, algorithm=MTSL(**BUDGET | {"optimizer": SGD(lr=1e-12)})), ListLog()).models
    for part, start, same in (("client-2", "client-2", True), ("client-0", "client-0", False)):
        pairs = zip(models[part][0].params, untrained[start][0].params, strict=True)
        assert all(torch.allclose(a, b, atol=1e-9) for a, b in pairs) == same


# Bytes


def test_a_round_costs_what_the_closed_forms_say() -> None:
    clients, steps = 3, 2
    once = BUDGET | {"rounds": 1}
    mtsl, splitfed, fedavg, fedem = (
        ideal(scheme, clients=clients).bytes_by_kind()
        for scheme in (MTSL(**once), SplitFedV1(**once), FedAvg(**once), FedEM(**once, learners=3))
    )
    below, whole = [(16, 1, 3, 3), (16,)], [(16, 1, 3, 3), (16,), (32, 16, 3, 3), (32,), (10, 128), (10,)]
    sizes = [4 * sum(prod(shape) for shape in each) for each in (below, whole)]
    assert sizes == [4 * 160, 4 * 6090]
    smashed = 40 + frame_bytes([(16, 16, 4, 4)]) + 4 * 16 * 256
    training = dict.fromkeys((ACTIVATIONS, GRADIENTS), clients * steps * smashed)
    training[LABELS] = clients * steps * (frame_bytes([(16,)]) + 8 * 16)
    assert mtsl == training
    for found, learners, frames, size in (
        ({k: n for k, n in splitfed.items() if k not in training}, 1, below, sizes[0]),
        (fedavg, 1, whole, sizes[1]),
        (fedem, 3, whole, sizes[1]),
    ):
        model = clients * (40 + frame_bytes(frames * learners) + learners * size)
        assert found == {MODEL_UPLOAD: model, MODEL_DOWNLOAD: model}
    assert {kind: splitfed[kind] for kind in training} == mtsl


def test_it_sends_less_than_fedavg_up_to_the_break_even_of_local_steps() -> None:
    # tau 2 B d_s < 2 |W|, without labels and headers: 256 numbers a sample, 6,090 weights.
    for samples in 4, 16:
        cheaper = []
        for steps in range(1, 8):
            once = BUDGET | {"rounds": 1, "local_steps": steps, "batch_size": samples}
            mtsl, fedavg = (ideal(scheme).bytes_by_kind() for scheme in (MTSL(**once), FedAvg(**once)))
            cheaper.append(mtsl[ACTIVATIONS] + mtsl[GRADIENTS] < sum(fedavg.values()))
        assert cheaper == [steps * 2 * samples * 256 < 2 * 6090 for steps in range(1, 8)]
        assert cheaper[0]
        assert not cheaper[-1]


# Accuracy


def own_accuracy(algorithm: Algorithm, partition: Partition) -> float:
    data = Data(name="digits", clients=6, partition=partition)
    log = ListLog()
    play(Scenario(data=data, model=Model(name="small_cnn"), algorithm=algorithm), log)
    last = max(m.round for m in log.metrics)
    own = [m.accuracy for m in log.metrics if m.split == "test" and m.client is not None and m.round == last]
    return sum(a or 0.0 for a in own) / len(own)


@pytest.mark.slow
def test_on_skewed_clients_private_parts_win_and_on_equal_ones_they_do_not_lose_much() -> None:
    budget: dict[str, Any] = {"rounds": 10, "local_steps": 10, "batch_size": 16, "optimizer": SGD(lr=0.1)}
    skewed, equal = Classes(classes_per_client=2), Iid()
    mtsl = MTSL(**budget, loss="sum", server_optimizer=SGD(lr=0.05))
    gaps = [
        own_accuracy(mtsl, partition) - max(own_accuracy(kind(**budget), partition) for kind in (SplitFedV1, FedAvg))
        for partition in (skewed, equal)
    ]
    assert gaps[0] > 0.03
    assert gaps[0] > gaps[1] > -0.02


# Without one of the clients


def test_a_client_that_is_not_there_changes_nothing_of_the_others_but_through_the_server() -> None:
    algorithm = MTSL(**BUDGET | {"rounds": 1}, loss="sum")
    calls = []
    for at_s in 1e6, 0.0:
        groups = (replace(DEVICE, count=2), replace(DEVICE, count=1, failures=FailAt(times_s=(at_s,))))
        world, _ = world_of(tiny(devices=groups, algorithm=algorithm))
        world.executor = each = Calls()
        tell(world, algorithm.train(world, algorithm.begin(world)))
        backward = [args for args, _ in each.of("backward")]
        calls.append([args for n, args in enumerate(backward) if len(backward) == 4 or n % 3 < 2])
    assert [len(each) for each in calls] == [4, 4]
    same = [
        (torch.equal(now[4], then[4]), torch.allclose(now[5], then[5], atol=1e-7))  # inputs, gradient
        for now, then in zip(*calls, strict=True)
    ]
    assert same == [(True, True), (True, True), (True, False), (True, False)]


# Newcomers


def test_who_comes_late_learns_alone_and_nothing_of_the_others_moves() -> None:
    scenario = Scenario(
        data=Data(name="digits", clients=4, partition=Iid()),
        model=Model(name="small_cnn_bn"),
        algorithm=MTSL(**BUDGET | {"rounds": 5}, newcomers=1, newcomers_round=4),
    )
    log = ListLog()
    models = play(scenario, log).models
    shorter = MTSL(**BUDGET | {"rounds": 4}, newcomers=1, newcomers_round=4)
    before = play(replace(scenario, algorithm=shorter), ListLog())
    for name in ("client-0", "client-1", "client-2"):
        for now, then in zip(models[name], before.models[name], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(now.weights, then.weights, strict=True))
    assert not torch.equal(models["client-3"][0].params[0], before.models["client-3"][0].params[0])
    begun = log.rows(phase="client_forward", activity="compute")
    steps = {t: {row.node for row in begun if row.round == t} for t in range(1, 6)}
    assert steps[3] == {"client-0", "client-1", "client-2"}
    assert steps[4] == steps[5] == {"client-3"}
    measured = {m.round: m.client for m in log.metrics if m.client == "client-3"}
    assert min(measured) == 4


def test_a_frozen_server_answers_with_the_same_gradient_and_for_fewer_flops() -> None:
    stages = split(ModelSpec("mlp", (1, 8, 8), 10), ("fc1",))
    _, top = initial_parts(stages, 1)
    top = top.begin(SGD(lr=0.1), 1)
    x, y = torch.rand(8, 64, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    frozen = replace(stages[1], frozen=True)
    moved, (expected,), (loss,) = serve_all(stages[1], SGD(lr=0.1), top, [x], [y])
    still, (gradient,), (same,) = serve_all(frozen, SGD(lr=0.1), top, [x], [y])
    assert torch.allclose(gradient, expected, atol=1e-8)
    assert float(loss) == pytest.approx(float(same))
    assert all(torch.equal(a, b) for a, b in zip(still.params, top.params, strict=True))
    assert not torch.equal(moved.params[0], top.params[0])
    macs = 8 * (64 * 64 + 64 * 10)
    assert stages[1].flops(8).backward == 2 * 2 * macs
    assert frozen.flops(8).backward == 2 * macs


# Parts of different models


def wide_cnn(shape: tuple[int, ...], classes: int) -> torch.nn.Module:
    """Another way to 16 channels of 4 x 4: two convolutions."""
    nn = torch.nn
    block = nn.Sequential(
        nn.Conv2d(shape[0], 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 16, 3, padding=1), nn.MaxPool2d(2)
    )
    return nn.Sequential(OrderedDict(first=block, head=nn.Sequential(nn.Flatten(), nn.Linear(256, classes))))


@pytest.mark.parametrize("scheme", [MTSL, SplitFedV3, EPSL], ids=lambda scheme: scheme.kind)
def test_clients_may_have_parts_of_different_models(scheme: Any) -> None:
    other = Model(name="tests.algorithms.test_mtsl:wide_cnn", cuts=("first",))
    log = ListLog()
    scenario = Scenario(
        data=Data(name="digits", clients=4, partition=Iid()),
        model=Model(name="small_cnn"),
        algorithm=scheme(rounds=8, local_steps=10, batch_size=16, optimizer=SGD(lr=0.4)),
        devices=(Devices(count=2), Devices(count=2, model=other)),
    )
    models = play(scenario, log).models
    sizes = [sum(p.numel() for p in models[f"client-{k}"][0].params) for k in range(4)]
    assert sizes == [160, 160, 240 + 24 * 16 * 9 + 16, 240 + 24 * 16 * 9 + 16]
    forward = {k: {row.flops for row in log.rows(node=f"client-{k}", phase="client_forward")} for k in (0, 2)}
    assert forward[0] == {2.0 * 16 * 64 * 16 * 9}
    assert forward[2] == {2.0 * 16 * 64 * (24 * 9 + 24 * 16 * 9)}
    own = [m.accuracy or 0.0 for m in log.metrics if m.split == "test" and m.client and m.round == 8]
    assert min(own) > 0.6  # chance is 0.1
