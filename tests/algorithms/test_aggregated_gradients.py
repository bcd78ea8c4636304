"""EPSL and SFL-GA: what is aggregated, by hand; what it saves; and their limits."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
import torch

from tests.algorithms.ideal import Calls, apart, ideal
from tests.worlds import BATCH, DIM, FLOAT, MESSAGE, OVERHEAD, SERVE, TENSOR, run, tell, tiny, world_of
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.sparse import TopK
from wirelessfsl.learning.kernels import backward, forward, serve_aggregated, serve_all
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.partition import Quantity
from wirelessfsl.learning.stage import initial_parts, split
from wirelessfsl.scenario import Codecs, Data

BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 4, "batch_size": BATCH}
STAGE = split(ModelSpec("mlp", (1, 8, 8), 10), ("fc1",))[1]
PART = initial_parts(split(ModelSpec("mlp", (1, 8, 8), 10), ("fc1",)), 1)[1].begin(SGD(), 1)
RANDOM = torch.Generator().manual_seed(0)
XS = [torch.rand(8, 64, generator=RANDOM) for _ in range(3)]
YS = [torch.randint(10, (8,), generator=RANDOM) for _ in range(3)]


@pytest.mark.parametrize("model", ["small_cnn", "small_cnn_bn"])
def test_epsl_without_aggregation_is_parallel_sl_before_it_averages(model: str) -> None:
    once = BUDGET | {"rounds": 1, "optimizer": SGD(lr=0.1, momentum=0.9)}
    left, right = (ideal(scheme, clients=3, model=model) for scheme in (EPSL(phi=0.0, **once), ParallelSL(**once)))
    assert left.losses == pytest.approx(right.losses, abs=1e-6)
    server, *others = (parts[1] for parts in left.outcome.models.values())
    assert all(ours is its for other in others for ours, its in zip(server.weights, other.weights, strict=True))
    assert apart(server.weights, right.outcome.parts[1].weights) <= 1e-6


def test_epsl_without_aggregation_is_mtsl_whose_clients_step_with_their_own_loss() -> None:
    rule = SGD(lr=0.1, momentum=0.9)
    left = ideal(EPSL(phi=0.0, optimizer=rule, **BUDGET), clients=3)
    right = ideal(MTSL(loss="mean", client_rates=(3.0,) * 3, optimizer=rule, **BUDGET), clients=3)
    assert left.losses == pytest.approx(right.losses, abs=1e-5)


@pytest.mark.parametrize("optimizer", [SGD(lr=0.05, momentum=0.9), Adam()], ids=["momentum", "adam"])
@pytest.mark.parametrize("scheme", [EPSL, SFLGA])
def test_with_one_client_there_is_nothing_to_aggregate(scheme: Any, optimizer: SGD | Adam) -> None:
    left, right = (ideal(kind(optimizer=optimizer, **BUDGET)) for kind in (scheme, ParallelSL))
    assert left.losses == pytest.approx(right.losses, abs=1e-5)
    assert left.accuracy == right.accuracy


@pytest.mark.parametrize("count", [0, 3, 8])
def test_equal_batches_lose_nothing_by_aggregation(count: int) -> None:
    xs, ys = XS[:1] * 3, YS[:1] * 3
    part, common, own, losses = serve_aggregated(STAGE, SGD(lr=0.1), PART, xs, ys, count)
    expected, gradients, means = serve_all(STAGE, SGD(lr=0.1), PART, xs, ys)
    assert apart(part.params, expected.params) <= 1e-6
    assert torch.allclose(torch.stack(losses), torch.stack(means))
    for rest, gradient in zip(own, gradients, strict=True):
        assert torch.allclose(torch.cat([common, rest]), gradient, atol=1e-7)


def test_last_layer_gradients_are_averaged_and_go_back_at_the_mean_of_the_smashed_data() -> None:
    module = STAGE.module()
    names = [name for name, _ in module.named_parameters()]
    leaves = [p.clone().requires_grad_() for p in PART.params]

    def top(x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(module, dict(zip(names, leaves, strict=True)), (x,))

    slopes = []
    for x, y in zip(XS, YS, strict=True):
        out = top(x)
        slopes.append(torch.autograd.grad(torch.nn.functional.cross_entropy(out, y, reduction="sum"), out)[0])
    mean = torch.stack(XS)[:, :5].mean(0).requires_grad_()
    joint = (top(mean) * torch.stack(slopes)[:, :5].mean(0)).sum() / 8
    (common,) = torch.autograd.grad(joint, mean, retain_graph=True)
    rest = sum((top(x[5:]) * slope[5:]).sum() for x, slope in zip(XS, slopes, strict=True)) / 24
    step = torch.autograd.grad(joint + rest, leaves)
    part, found, own, _ = serve_aggregated(STAGE, SGD(lr=0.1), PART, XS, YS, 5)
    assert torch.allclose(found, common, atol=1e-7)
    for before, after, gradient in zip(PART.params, part.params, step, strict=True):
        assert torch.allclose(after, before - 0.1 * gradient, atol=1e-6)
    _, alone, _ = serve_all(STAGE, SGD(lr=0.1), PART, XS, YS)
    assert all(torch.allclose(a, b[5:], atol=1e-7) for a, b in zip(own, alone, strict=True))


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.5, 1.0])
def test_epsl_saves_backward_flops_and_downlink_bytes_by_the_aggregated_share(phi: float) -> None:
    clients, m = 3, ceil(phi * BATCH)
    log, _ = run(tiny(clients, algorithm=EPSL(phi=phi, **BUDGET)))
    once = SERVE / 3 / BATCH  # forward, a sample; backward twice that
    (flops,) = {row.flops for row in log.rows(activity="compute", phase="server_step")}
    assert flops == pytest.approx((clients * BATCH + m) * once + (m + clients * (BATCH - m)) * 2 * once)
    frame = OVERHEAD + MESSAGE + TENSOR + 2 * DIM
    common = (frame + m * 64 * FLOAT) * (m > 0)
    own = (frame + (BATCH - m) * 64 * FLOAT) * (m < BATCH)
    sent = sum(row.bytes for row in log.rows(activity="transfer", phase="gradients"))
    assert sent == 3 * 4 * (common + clients * own)


def test_sfl_ga_sends_the_gradients_of_one_client_whatever_their_number() -> None:
    sent = {}
    for clients in 1, 2, 5:
        log, _ = run(tiny(clients, algorithm=SFLGA(**BUDGET)))
        sent[clients] = sum(row.bytes for row in log.rows(activity="transfer", phase="gradients"))
    assert sent[1] == sent[2] == sent[5]
    log, _ = run(tiny(5, algorithm=ParallelSL(**BUDGET)))
    assert sum(row.bytes for row in log.rows(activity="transfer", phase="gradients")) == 5 * sent[5]


def test_sfl_gas_clients_step_with_the_weighted_mean_gradient() -> None:
    # 1,600 samples of blobs for three clients by quantity: their shares differ.
    rule, data = SGD(lr=0.5), Data(name="blobs", clients=3, partition=Quantity(alpha=1.0))
    scenario = tiny(3, data=data, algorithm=SFLGA(rounds=1, local_steps=1, batch_size=BATCH, optimizer=rule))
    world, _ = world_of(scenario)
    (below, above), (first, second) = world.stages, world.initial
    batches = [world.data[k].batch(0, BATCH) for k in world.clients]
    samples = torch.tensor([float(n) for n in world.shares(world.clients, "samples")])
    assert samples.max() > 1.5 * samples.min()
    sent = [forward(below, first, x) for x, _ in batches]
    _, gradients, _ = serve_all(above, rule, second, [smashed for _, smashed, _ in sent], [y for _, y in batches])
    mean = sum(share * each for share, each in zip(samples / samples.sum(), gradients, strict=True))
    parts = [backward(below, rule, part, tape, x, mean) for (part, _, tape), (x, _) in zip(sent, batches, strict=True)]
    _, outcome = run(scenario)
    for at, weight in enumerate(outcome.parts[0].params):
        expected = sum(share * part.params[at] for share, part in zip(samples / samples.sum(), parts, strict=True))
        assert torch.allclose(weight, expected, atol=1e-6)


@pytest.mark.parametrize("codec", [TopK(fraction=0.25), Clustering(subvectors=8, centroids=2, correction=0.5)])
@pytest.mark.parametrize("scheme", [SFLGA, EPSL])
def test_gradients_return_through_each_clients_codec_and_that_is_paid_for(scheme: Any, codec: Any) -> None:
    more = {"phi": 0.25} if scheme is EPSL else {}
    once = scheme(rounds=1, local_steps=1, batch_size=BATCH, optimizer=SGD(lr=0.1), **more)
    world, log = world_of(tiny(2, algorithm=once, codecs=Codecs(activations=(codec,))))
    world.executor = calls = Calls()
    tell(world, once.train(world, once.begin(world)))
    coded = [smashed for _, (_, smashed, _) in calls.of("forward")]
    if scheme is SFLGA:
        ((args, (_, gradients, _)),) = calls.of("serve_all")
        samples = [len(world.data[k]) for k in world.clients]
        shares = [each / sum(samples) for each in samples]
        answers = [sum(share * each for share, each in zip(shares, gradients, strict=True))] * 2
    else:
        ((args, (_, common, own, _)),) = calls.of("serve_aggregated")
        answers = [torch.cat([common, each]) for each in own]
    used = [args[5] for args, _ in calls.of("backward")]
    for z, seen, answer, gradient in zip(coded, args[3], answers, used, strict=True):
        if isinstance(codec, TopK):
            expected = answer * (seen != 0)
            assert int((seen != 0).sum()) == BATCH * 64 // 4
        else:
            expected = answer + 0.5 * (z - seen) / BATCH
            assert not torch.allclose(expected, answer, atol=1e-4)
        assert torch.allclose(gradient, expected, atol=1e-7)
    paid = [row.flops for row in log.rows(phase="decode", activity="compute") if row.node != "server"]
    assert paid == ([] if isinstance(codec, TopK) else [3.0 * BATCH * 64] * 2)
