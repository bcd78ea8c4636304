"""Optimisers against torch.optim."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from tests.learning.plain import same, torch_optimizer
from wirelessfsl.learning.optim import SGD, Adam, Constant, Cosine, Schedule, StepDecay

RULES = [
    SGD(lr=0.1),
    SGD(lr=0.05, weight_decay=0.01),
    SGD(lr=0.05, momentum=0.9),
    SGD(lr=0.05, momentum=0.9, weight_decay=0.01),
    Adam(),
    Adam(lr=0.01, weight_decay=0.1),
    Adam(lr=0.01, beta1=0.5, beta2=0.9, eps=1e-4),
    Adam(lr=0.01, beta1=0.0, beta2=0.0),
]
every_rule = pytest.mark.parametrize("rule", RULES, ids=str)


def problem() -> tuple[tuple[torch.Tensor, ...], list[list[torch.Tensor]]]:
    """Parameters of three shapes, and their gradients for 20 steps of very different sizes."""
    rng = torch.Generator().manual_seed(0)
    params = tuple(torch.randn(shape, generator=rng) for shape in [(3, 4), (5,), ()])
    sizes = torch.logspace(-4, 2, 20)
    return params, [[size * torch.randn(p.shape, generator=rng) for p in params] for size in sizes]


@every_rule
def test_twenty_steps_equal_torch_within_1e_7(rule: SGD | Adam) -> None:
    params, steps = problem()
    leaves = [nn.Parameter(p.clone()) for p in params]
    plain = torch_optimizer(rule, leaves)
    state = rule.init(params)
    for gradients in steps:
        params, state = rule.step(params, gradients, state)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient.clone()
        plain.step()
        for param, leaf in zip(params, leaves, strict=True):
            torch.testing.assert_close(param, leaf.detach(), rtol=1e-7, atol=1e-7)


@every_rule
def test_a_step_leaves_parameters_gradients_and_state_as_they_were(rule: SGD | Adam) -> None:
    params, steps = problem()
    state = rule.init(params)
    for gradients in steps[:2]:
        before = tuple(tensor.clone() for tensor in (*params, *gradients, *state))
        new_params, new_state = rule.step(params, gradients, state)
        assert same((*params, *gradients, *state), before)
        params, state = new_params, new_state


@every_rule
def test_a_part_without_parameters_is_no_trouble(rule: SGD | Adam) -> None:
    assert rule.step((), (), rule.init(())) == ((), ())


def test_plain_sgd_keeps_no_state() -> None:
    params, _ = problem()
    assert SGD(lr=0.1).init(params) == ()


def test_first_adam_step_moves_every_weight_by_the_learning_rate() -> None:
    rule = Adam(lr=0.01)
    start = (torch.zeros(3),)
    (moved,), _ = rule.step(start, (torch.tensor([5.0, -0.3, 100.0]),), rule.init(start))
    torch.testing.assert_close(moved, torch.tensor([-0.01, 0.01, -0.01]))


SCHEDULES: list[tuple[Schedule, Callable[[torch.optim.Optimizer], LRScheduler]]] = [
    (Constant(), lambda sgd: torch.optim.lr_scheduler.ConstantLR(sgd, factor=1.0)),
    (StepDecay(every_rounds=3, factor_per_step=0.5), lambda sgd: torch.optim.lr_scheduler.StepLR(sgd, 3, 0.5)),
    (Cosine(), lambda sgd: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 10)),
    (Cosine(final_fraction=0.1), lambda sgd: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 10, eta_min=0.02)),
]


@pytest.mark.parametrize(("schedule", "torchs"), SCHEDULES, ids=[str(schedule) for schedule, _ in SCHEDULES])
def test_the_rates_of_ten_rounds_are_torchs(
    schedule: Schedule, torchs: Callable[[torch.optim.Optimizer], LRScheduler]
) -> None:
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.2)
    plain = torchs(sgd)
    for t in range(1, 11):
        assert SGD(lr=0.2, schedule=schedule).at(t, 10).lr == pytest.approx(plain.get_last_lr()[0], rel=1e-9)
        assert Adam(lr=0.2, schedule=schedule).at(t, 10).lr == pytest.approx(plain.get_last_lr()[0], rel=1e-9)
        sgd.step()
        plain.step()
