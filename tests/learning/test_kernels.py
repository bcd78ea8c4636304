"""Split training by kernels against plain autograd of the unsplit model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.learning.plain import (
    CLASSES,
    SMALL,
    batches,
    is_trained_to,
    network,
    places,
    same,
    spec,
    torch_optimizer,
    train_step,
    values,
)
from wirelessfsl.learning.kernels import Kernel, backward, forward, serve, train
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.stage import Part, Stage, initial_parts, split
from wirelessfsl.learning.trace import halves

SEED = 3
MOMENTUM = SGD(lr=0.05, momentum=0.9, weight_decay=1e-3)
SURE = [model for model in SMALL if model != "femnist_cnn"]
"""Models without dropout, which torch would draw from its own generator."""
CUTS = [(model, cut) for model in [*SURE, "tests.learning.plain:depthwise"] for cut in places(model)]
every_cut = pytest.mark.parametrize(("model", "cut"), CUTS)
every_model = pytest.mark.parametrize("model", SURE)
every_cut_and_optimizer = pytest.mark.parametrize(
    ("model", "cut", "optimizer"),
    [(*at, MOMENTUM) for at in CUTS] + [(model, places(model)[0], Adam()) for model in SURE],
    ids=lambda value: getattr(value, "kind", value),
)
every_optimizer = pytest.mark.parametrize("optimizer", [MOMENTUM, Adam()], ids=["momentum", "adam"])


def cut_at(model: str, cut: str, optimizer: SGD | Adam) -> tuple[tuple[Stage, ...], tuple[Part, ...]]:
    stages = split(spec(model), (cut,))
    return stages, tuple(part.begin(optimizer, 1) for part in initial_parts(stages, SEED))


def split_step(
    stages: tuple[Stage, ...], optimizer: SGD | Adam, parts: tuple[Part, ...], x: Tensor, y: Tensor
) -> tuple[tuple[Part, ...], Tensor]:
    client, server = parts
    client, smashed, tape = forward(stages[0], client, x)
    server, gradient, loss = serve(stages[1], optimizer, server, smashed, y)
    return (backward(stages[0], optimizer, client, tape, x, gradient), server), loss


@every_cut_and_optimizer
def test_split_training_equals_autograd_of_the_unsplit_model_bit_for_bit(
    model: str, cut: str, optimizer: SGD | Adam
) -> None:
    stages, parts = cut_at(model, cut, optimizer)
    net = network(model, SEED)
    plain = torch_optimizer(optimizer, list(net.parameters()))
    for x, y in batches(model, 4):
        parts, loss = split_step(stages, optimizer, parts, x, y)
        assert same(loss, train_step(net, plain, x, y))
    assert is_trained_to(net, stages, parts)


@every_model
@every_optimizer
def test_training_the_whole_model_in_one_kernel_equals_autograd_bit_for_bit(model: str, optimizer: SGD | Adam) -> None:
    (stage,) = split(spec(model), ())
    (part,) = (part.begin(optimizer, 1) for part in initial_parts((stage,), SEED))
    net = network(model, SEED)
    plain = torch_optimizer(optimizer, list(net.parameters()))
    for x, y in batches(model, 4):
        part, loss = train(stage, optimizer, part, x, y)
        assert same(loss, train_step(net, plain, x, y))
    assert same(part.weights, [w.detach() for w in (*net.parameters(), *net.buffers())])


@every_cut
def test_every_parameter_and_running_statistic_moves_in_one_step(model: str, cut: str) -> None:
    stages, before = cut_at(model, cut, MOMENTUM)
    ((x, y),) = batches(model, 1, batch_size=32)
    after, _ = split_step(stages, MOMENTUM, before, x, y)
    for old, new in zip(before, after, strict=True):
        assert all(not torch.equal(a, b) for a, b in zip(old.weights, new.weights, strict=True))


def test_batch_norm_buffers_follow_the_update_rule() -> None:
    stages, (client, _) = cut_at("small_cnn_bn", "block1", MOMENTUM)
    ((x, _),) = batches("small_cnn_bn", 1)
    after, _, _ = forward(stages[0], client, x)
    convolved = torch.nn.functional.conv2d(x, client.params[0], client.params[1], padding=1)
    mean, var, count = after.buffers
    torch.testing.assert_close(mean, 0.1 * convolved.mean((0, 2, 3)))
    torch.testing.assert_close(var, 0.9 + 0.1 * convolved.var((0, 2, 3)))
    assert count == 1


def test_batch_norm_buffers_change_in_the_forward_pass_alone() -> None:
    stages, (client, server) = cut_at("small_cnn_bn", "block1", MOMENTUM)
    ((x, y),) = batches("small_cnn_bn", 1)
    moved, smashed, tape = forward(stages[0], client, x)
    assert same(moved.params, client.params)
    _, gradient, _ = serve(stages[1], MOMENTUM, server, smashed, y)
    assert same(backward(stages[0], MOMENTUM, moved, tape, x, gradient).buffers, moved.buffers)


@every_model
@every_optimizer
def test_kernels_write_into_none_of_their_inputs(model: str, optimizer: SGD | Adam) -> None:
    def untouched(kernel: Kernel, *args: Any) -> Any:
        before = [copy(arg) for arg in args]
        result = kernel(*args)
        assert all(same_or_equal(a, b) for a, b in zip(args, before, strict=True)), kernel.name
        return result

    stages, (client, server) = cut_at(model, places(model)[0], optimizer)
    (whole,) = split(spec(model), ())
    (part,) = (part.begin(optimizer, 1) for part in initial_parts((whole,), SEED))
    for x, y in batches(model, 2):  # twice, so that the optimiser's state is not all zeros
        client, smashed, tape = untouched(forward, stages[0], client, x)
        server, gradient, _ = untouched(serve, stages[1], optimizer, server, smashed, y)
        client = untouched(backward, stages[0], optimizer, client, tape, x, gradient)
        part, _ = untouched(train, whole, optimizer, part, x, y)


@every_model
def test_the_same_arguments_give_the_same_result_again(model: str) -> None:
    stages, parts = cut_at(model, places(model)[0], MOMENTUM)
    ((x, y),) = batches(model, 1)
    once, loss = split_step(stages, MOMENTUM, parts, x, y)
    torch.rand(7)  # another state of torch's own generator
    again, loss_again = split_step(stages, MOMENTUM, parts, x, y)
    assert same(loss, loss_again)
    assert all(same(values(a), values(b)) for a, b in zip(once, again, strict=True))


def test_two_threads_at_once_get_the_results_of_one() -> None:
    model, steps = "small_cnn_bn", 30
    stages, start = cut_at(model, "block1", MOMENTUM)
    barrier = Barrier(2)

    def run(seed: int, together: bool) -> list[Tensor]:
        parts = start
        if together:
            barrier.wait()
        for x, y in batches(model, steps, seed=seed):
            parts, _ = split_step(stages, MOMENTUM, parts, x, y)
        return [tensor for part in parts for tensor in values(part)]

    alone = [run(seed, together=False) for seed in (1, 2)]  # also traces: tracing is not for several threads
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda seed: run(seed, together=True), (1, 2)))
    assert same(alone, both)
    assert not same(both[0], both[1])


@pytest.mark.parametrize("model", ["lenet", "small_cnn_bn", "resnet8"])
def test_an_inner_stage_passes_the_gradient_of_its_input_on(model: str) -> None:
    names = places(model)
    stages = split(spec(model), (names[0], names[1]))
    stage, part = stages[1], initial_parts(stages, SEED)[1]
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(8, *stages[0].output_shape(), generator=rng)
    gradient = torch.randn(8, *stage.output_shape(), generator=rng)

    inputs = (*part.params, *part.buffers, x)
    ahead, back = halves(stage, x.shape, x.dtype)
    output, *rest = ahead(0, *inputs)
    gradients = back(0, *rest[len(part.buffers) :], gradient)

    block = network(model, SEED)[1]
    block.train()
    leaves = [x.clone().requires_grad_(), *block.parameters()]
    expected = block(leaves[0])
    assert same(output, expected.detach())
    assert same(gradients, torch.autograd.grad(expected, leaves, gradient))
    assert same(rest[: len(part.buffers)], list(block.buffers()))


@every_optimizer
def test_a_client_part_without_parameters_sends_and_has_nothing_to_learn(optimizer: SGD | Adam) -> None:
    model = "tests.learning.plain:shy"
    stages, parts = cut_at(model, "flatten", optimizer)
    net = network(model, SEED)
    plain = torch_optimizer(optimizer, list(net.parameters()))
    for x, y in batches(model, 2):
        parts, loss = split_step(stages, optimizer, parts, x, y)
        assert same(loss, train_step(net, plain, x, y))
    assert parts[0] == Part((), (), (), key=3)  # from 1, two passes on


def copy(value: Any) -> Any:
    """A deep copy of the tensors in nested tuples; everything else as it is."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, tuple):
        items = [copy(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


def same_or_equal(left: Any, right: Any) -> bool:
    return same(left, right) if isinstance(left, Tensor | tuple) else bool(left == right)


# Dropout: random numbers that are named, and so are those of torch with the same generator.

WOVEN = ModelSpec("tests.learning.plain:Woven", (1, 8, 8), CLASSES, (("p", 0.5),))


def woven_step(cuts: tuple[str, ...], key: int, steps: int = 2) -> tuple[list[Tensor], list[Tensor]]:
    """Losses and final parameters of two steps, on one side or on both sides of a cut."""
    stages = split(WOVEN, cuts)
    parts = tuple(part.begin(MOMENTUM, key) for part in initial_parts(stages, SEED))
    losses = []
    for x, y in batches("mlp", steps):
        if cuts:
            parts, loss = split_step(stages, MOMENTUM, parts, x, y)
        else:
            part, loss = train(stages[0], MOMENTUM, parts[0], x, y)
            parts = (part,)
        losses.append(loss)
    return losses, [p for part in parts for p in part.params]


def test_dropout_is_the_same_wherever_the_model_is_cut() -> None:
    losses, params = woven_step((), key=5)
    for cut in ("stem", "drop", "pool"):
        cut_losses, cut_params = woven_step((cut,), key=5)
        assert torch.allclose(torch.stack(losses), torch.stack(cut_losses), atol=1e-6)
        assert max(float((a - b).abs().max()) for a, b in zip(params, cut_params, strict=True)) < 1e-6


def test_dropout_follows_its_key_and_nothing_else() -> None:
    first, _ = woven_step(("drop",), key=5)
    torch.manual_seed(99)
    again, _ = woven_step(("drop",), key=5)
    other, _ = woven_step(("drop",), key=6)
    assert same(first, again)
    assert not same(first, other)


def test_dropout_leaves_torchs_own_generator_alone() -> None:
    woven_step(("drop",), key=5)
    before = torch.get_rng_state()
    woven_step(("drop",), key=5)
    assert same(torch.get_rng_state(), before)


def test_dropout_draws_anew_in_every_pass_and_keeps_values_with_its_probability() -> None:
    (stage,) = split(ModelSpec("torch.nn:Dropout", (1000,), 1000, (("p", 0.25),)), ())
    part, x = Part((), key=1), torch.ones(10, 1000)
    part, first, _ = forward(stage, part, x)
    _, second, _ = forward(stage, part, x)
    assert set(first.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.75)}
    kept = float((first > 0).double().mean())
    assert kept == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / 10_000) ** 0.5)  # four standard deviations
    agree = float(((first > 0) == (second > 0)).double().mean())
    assert agree == pytest.approx(0.75**2 + 0.25**2, abs=0.02)
