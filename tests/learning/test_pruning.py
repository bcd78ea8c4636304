"""Pruning: schedules of the paper, what goes and stays, and that the smaller part computes what the masked one does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.learning.executors.elsewhere import Elsewhere
from wirelessfsl.learning.evaluate import activations
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.pruning import Cubic, FilterPruning, NoPruning, OneShot, Plan, WeightPruning, check
from wirelessfsl.learning.rounding import rounded
from wirelessfsl.learning.stage import Part, Stage, filter_groups_of, initial_parts, split

RESNET = ModelSpec("resnet8", (3, 8, 8), 10)
LENET = ModelSpec("lenet", (1, 28, 28), 10)
CNN = ModelSpec("small_cnn", (1, 8, 8), 10)
CUTS = [(CNN, "block1"), (CNN, "block2"), (LENET, "block1"), (LENET, "block2"), (LENET, "fc1")]
CUTS += [(RESNET, "stem"), (RESNET, "layer1"), (RESNET, "layer2"), (RESNET, "layer3")]
each_cut = pytest.mark.parametrize(("spec", "cut"), CUTS, ids=lambda x: getattr(x, "name", x))


def client(spec: ModelSpec, cut: str) -> tuple[Stage, Part]:
    stages = split(spec, (cut,))
    return stages[0], initial_parts(stages, seed=1)[0]


def random_weights(part: Part) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    return tuple(
        torch.rand(t.shape, generator=generator) if t.is_floating_point() else torch.tensor(7) for t in part.weights
    )


def test_the_cubic_schedule_of_the_paper() -> None:
    schedule = Cubic(steps=10)
    values = [0, 0.1355, 0.244, 0.3285, 0.392, 0.4375, 0.468, 0.4865, 0.496, 0.4995, 0.5]
    assert [0.5 * schedule.share(t) for t in range(1, 12)] == pytest.approx(values, abs=1e-12)
    assert schedule.share(100) == 1.0
    slow = Cubic(start=4, steps=2, every_rounds=3)
    assert [slow.share(t) for t in range(1, 12)] == [0.0] * 6 + [0.875] * 3 + [1.0] * 2


def test_taylor_cannot_prune_before_anything_was_trained() -> None:
    with pytest.raises(ValueError, match="needs a round of training"):
        WeightPruning(importance="taylor", schedule=OneShot(round=1))
    assert FilterPruning(importance="taylor", schedule=OneShot(round=2)).sparsity_at(2) == 0.5


@each_cut
def test_the_share_of_weights_that_is_zero_is_the_sparsity_to_one_weight(spec: ModelSpec, cut: str) -> None:
    stage, part = client(spec, cut)
    plan = Plan(stage, WeightPruning())
    prunable = sum(p.numel() for p in part.params if p.ndim > 1)
    before: list[torch.Tensor] = []
    for sparsity in 0.0, 0.1355, 0.5, 0.9:
        plan = plan.raised(sparsity, tuple(p.abs() for p in part.params))
        whole = plan.unpack(plan.pack(part.weights))
        gone = [(w == 0) & (p != 0) for w, p in zip(whole, part.weights, strict=True)]
        assert abs(sum(int(each.sum()) for each in gone) - sparsity * prunable) <= 1
        assert all(bool((late | ~early).all()) for early, late in zip(before, gone, strict=bool(before)))
        assert plan.sparsity == pytest.approx(sparsity, abs=1 / prunable)
        before = gone


def test_the_weights_of_least_importance_go_and_none_comes_back() -> None:
    stage, part = client(CNN, "block1")
    count = part.params[0].numel()
    importance = (torch.arange(float(count)).view(part.params[0].shape), part.params[1])
    plan = Plan(stage, WeightPruning()).raised(0.25, importance)
    kept = plan.pack(part.weights)
    assert torch.equal(kept[0], part.params[0].flatten()[count // 4 :])
    assert kept[1] is part.params[1]
    other = tuple(-each for each in importance)
    again = plan.raised(0.5, other).unpack(plan.raised(0.5, other).pack(part.weights))
    assert not again[0].flatten()[: count // 4].any()
    assert not again[0].flatten()[-(count // 4) :].any()


@each_cut
def test_without_filters_a_part_computes_what_it_does_with_zeros_in_them(spec: ModelSpec, cut: str) -> None:
    stage, part = client(spec, cut)
    weights = random_weights(part)
    n = len(part.params)
    plan = Plan(stage, FilterPruning()).raised(0.4, tuple(w.abs() for w in weights[:n]))
    kept = plan.pack(weights)
    x = torch.randn(3, *spec.shape, generator=torch.Generator().manual_seed(3))
    slim = activations(plan.slim, Part(kept[:n], kept[n:]), x)
    whole = plan.unpack(kept)
    full = activations(stage, Part(whole[:n], whole[n:]), x)
    assert torch.allclose(plan.widen(slim), full, rtol=1e-4, atol=1e-4 * float(full.abs().max()))
    assert torch.equal(plan.narrow(plan.widen(slim)), slim)
    with Elsewhere():
        there = plan.widen(slim.to("lazy"))
        assert torch.equal(there.cpu(), plan.widen(slim))
        assert torch.equal(plan.narrow(there).cpu(), slim)
    if cut != "fc1":
        assert slim.numel() < full.numel()


@each_cut
def test_flops_fall_as_counted_from_the_smaller_module(spec: ModelSpec, cut: str) -> None:
    stage, part = client(spec, cut)
    plan = Plan(stage, FilterPruning()).raised(0.5, tuple(p.abs() for p in part.params))
    kept = plan.pack(part.weights)
    x = torch.zeros(2, *spec.shape)
    counted = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(module, nn.Conv2d):
            counted += 2 * output.numel() * module.in_channels * module.kernel_size[0] * module.kernel_size[1]
        elif isinstance(module, nn.Linear):
            counted += 2 * output.numel() * module.in_features

    module = plan.slim.module()
    hooks = [each.register_forward_hook(count) for each in module.modules()]
    module(x.to("meta"))
    for hook in hooks:
        hook.remove()
    assert plan.slim.flops(2).forward == counted < stage.flops(2).forward
    assert [tuple(p.shape) for p in module.parameters()] == [tuple(t.shape) for t in kept[: len(part.params)]]
    assert sum(t.numel() for t in kept) < sum(t.numel() for t in part.weights)


def test_half_of_the_filters_of_two_layers_by_hand() -> None:
    # LeNet's first block: 1 -> 6 filters of 5x5 on 28x28 (24x24 after it); the second: 6 -> 16 on 12x12 (8x8).
    stage, part = client(LENET, "block2")
    plan = Plan(stage, FilterPruning()).raised(0.5, tuple(p.abs() for p in part.params))
    sizes = [int(side) for side in stage.output_shape()]
    assert plan.slim.output_shape() == (sizes[0] // 2, *sizes[1:])
    assert len(plan.flags) == 3  # 6 + 16 flags
    convolutions = [p for p in part.params if p.ndim == 4]
    assert [p.shape[0] for p in plan.pack(part.params) if p.ndim == 4] == [p.shape[0] // 2 for p in convolutions]


def test_filters_around_a_residual_connection_go_together() -> None:
    stage, part = client(RESNET, "layer2")
    plan = Plan(stage, FilterPruning()).raised(0.5, tuple(p.abs() for p in part.params))
    named = dict(zip([n for n, _ in stage.module().named_parameters()], plan.pack(part.params), strict=True))
    lost = {name: tensor.shape[0] for name, tensor in named.items() if tensor.ndim == 4}
    assert set(lost.values()) == {8, 16}
    assert [group.size for group in filter_groups_of(stage)] == [
        16,
        16,
        32,
        32,
    ]  # stem with the first block's end, its inside, and the same of the second


def test_a_filter_is_always_left() -> None:
    stage, part = client(CNN, "block1")
    plan = Plan(stage, FilterPruning()).raised(0.999, tuple(p.abs() for p in part.params))
    assert plan.slim.output_shape()[0] == 1


@pytest.mark.parametrize("by", [NoPruning(), WeightPruning(), FilterPruning()], ids=lambda by: by.kind)
def test_a_message_is_flags_and_what_is_kept(by: NoPruning | WeightPruning | FilterPruning) -> None:
    stage, part = client(RESNET, "layer1")
    plan = Plan(stage, by)
    if by.kind != "none":
        plan = plan.raised(0.3, tuple(p.abs() for p in part.params))
    message = (*plan.pack(part.weights), *plan.message)
    received, weights = Plan(stage, by).received(message)
    assert received == plan
    loaded = received.load(part.begin(SGD(momentum=0.9), 5), weights, SGD(momentum=0.9))
    assert [s.shape for s in loaded.optimizer] == [p.shape for p in loaded.params]
    flown = received.flown(loaded.weights)
    assert all(torch.equal(a, b) for a, b in zip(flown, plan.pack(part.weights), strict=True))
    prunable = sum(p.numel() for p in part.params if p.ndim > 1)
    flags = {"none": 0, "weights": -(-prunable // 8), "filters": 4}[by.kind]
    assert sum(f.numel() for f in plan.message) == flags


def test_pruned_weights_stay_zero_through_updates_with_momentum_and_adam() -> None:
    from wirelessfsl.learning.kernels import backward, forward

    stage, part = client(CNN, "block2")
    plan = Plan(stage, WeightPruning(sparse_speedup=0.5)).raised(0.6, tuple(p.abs() for p in part.params))
    for rule in SGD(momentum=0.9, weight_decay=0.01), Adam():
        held = plan.load(part.begin(rule, 1), plan.pack(part.weights), rule)
        zero = [(p == 0) & (p.ndim > 1) for p in held.params]
        uses = [64, 0, 16, 0]  # positions of 8x8 and of 4x4
        dense = sum(use * p.numel() for use, p in zip(uses, held.params, strict=True))
        left = sum(use * int((p != 0).sum()) for use, p in zip(uses, held.params, strict=True))
        assert held.work == pytest.approx(1 - 0.5 * (1 - left / dense), rel=1e-6)
        x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        for _ in range(3):
            held, out, tape = forward(stage, held, x)
            held = backward(stage, rule, held, tape, x, torch.ones_like(out))
        for p, gone, start in zip(held.params, zero, part.params, strict=True):
            assert not p[gone].any()
            assert bool((p[~gone] != start[~gone]).any())


def test_importance_is_the_sum_of_squared_gradient_times_weight() -> None:
    from wirelessfsl.learning.kernels import backward, forward

    stage, part = client(CNN, "block1")
    rule = SGD(lr=0.1)
    by = WeightPruning(importance="taylor")
    held = Plan(stage, by).load(part.begin(rule, 1), part.weights, rule, counting=True)
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = [torch.zeros_like(p) for p in held.params]
    for _ in range(3):
        before = held.params
        held, out, tape = forward(stage, held, x)
        held = backward(stage, rule, held, tape, x, torch.ones_like(out))
        for total, old, new in zip(expected, before, held.params, strict=True):
            total += ((old - new) / 0.1 * old).square()
    for counted, total in zip(held.importance, expected, strict=True):
        assert torch.allclose(counted, total, rtol=1e-3, atol=1e-6)


class Squashed(nn.Sequential):
    """Zeros do not stay zeros behind its convolution."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__(nn.Conv2d(1, 4, 3), nn.Sigmoid(), nn.Flatten(), nn.Linear(4 * 36, classes))


class Deep(nn.Sequential):
    """Sixteen convolutions without normalisation."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        layers: list[nn.Module] = []
        for i in range(16):
            layers += [nn.Conv2d(shape[0] if i == 0 else 48, 48, 3, padding=1), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(48 * 64, classes))


class Grouped(nn.Sequential):
    """What the search for dependencies does not know what to do with."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__(nn.Conv2d(1, 8, 3), nn.GroupNorm(8, 8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, classes))


class Depthwise(nn.Sequential):
    """A convolution of each channel by itself, which goes with the one before it."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__(
            nn.Conv2d(1, 8, 3),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, groups=8),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 4, 1),
            nn.Flatten(),
            nn.Linear(4 * 16, classes),
        )


@pytest.mark.parametrize(("name", "cut"), [("Deep", "31"), ("Depthwise", "4"), ("Depthwise", "5")])
def test_models_of_a_users_own_can_be_pruned(name: str, cut: str) -> None:
    stage, part = client(ModelSpec(f"{__name__}:{name}", (1, 8, 8), 10), cut)
    check(FilterPruning(), stage)
    plan = Plan(stage, FilterPruning()).raised(0.5, tuple(p.abs() for p in part.params))
    assert plan.slim.flops(2).forward < stage.flops(2).forward


def test_weights_count_as_often_as_they_are_used() -> None:
    stage, part = client(LENET, "fc1")
    plan = Plan(stage, WeightPruning(sparse_speedup=1.0)).raised(0.8, tuple(p.abs() for p in part.params))
    held = plan.load(part.begin(SGD(), 1), plan.pack(part.weights), SGD())
    flops = 0.0
    uses = {4: iter([24 * 24, 8 * 8]), 2: iter([1])}
    for p in held.params:
        if p.ndim > 1:
            flops += 2 * 2 * next(uses[p.ndim]) * int((p != 0).sum())
    assert held.work * stage.flops(2).forward == pytest.approx(flops, rel=1e-6)
    assert held.work > 0.3  # the filters, which are few and used often, are kept


@pytest.mark.parametrize(
    ("by", "model", "cut", "message"),
    [
        (FilterPruning(), ModelSpec("mlp", (1, 8, 8), 10), "fc1", "no convolution whose filters could be pruned"),
        (FilterPruning(), ModelSpec(f"{__name__}:Squashed", (1, 8, 8), 10), "1", "makes something of zeros"),
        (
            FilterPruning(),
            ModelSpec(f"{__name__}:Grouped", (1, 8, 8), 10),
            "2",
            "filters of this part cannot be pruned",
        ),
    ],
)
def test_what_cannot_be_pruned_is_said(by: FilterPruning, model: ModelSpec, cut: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(by, split(model, (cut,))[0])
    check(NoPruning(), split(model, (cut,))[0])
    check(WeightPruning(), split(model, (cut,))[0])


@each_cut
def test_the_packages_models_can_be_pruned(spec: ModelSpec, cut: str) -> None:
    check(FilterPruning(), split(spec, (cut,))[0])
    check(WeightPruning(), split(spec, (cut,))[0])


def test_rounding_and_the_next_dropout_draw_different_numbers() -> None:
    from wirelessfsl.learning.kernels import _ROUNDING
    from wirelessfsl.streams import subkey

    rounding = {subkey(subkey(key, _ROUNDING), tensor) for key in range(20) for tensor in range(20)}
    forward_passes = {subkey(key, draw) for key in range(20) for draw in range(20)}
    assert not rounding & forward_passes


def test_rounded_gradients_are_right_in_the_mean_and_within_the_bound_of_qsgd() -> None:
    gradient = torch.randn(50, generator=torch.Generator().manual_seed(0))
    draws = torch.stack([rounded([gradient], bits=3, key=k)[0] for k in range(20_000)])
    levels = 3
    assert torch.allclose(draws.mean(0), gradient, atol=5 * float(draws.std(0).max()) / 20_000**0.5)
    error = float((draws - gradient).square().sum(1).mean() / gradient.square().sum())
    assert error < min(50 / levels**2, 50**0.5 / levels)
    assert torch.equal(rounded([torch.zeros(3)], bits=8, key=1)[0], torch.zeros(3))
    fine = rounded([gradient], bits=16, key=1)[0]
    assert torch.allclose(fine, gradient, atol=float(gradient.norm()) / 32767 * 1.001)
