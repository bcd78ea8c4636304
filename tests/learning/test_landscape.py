"""What is measured of the loss around a model, against closed forms of a linear one and torch's own derivatives."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.learning.plain import batches, network, spec
from wirelessfsl.learning.landscape import blend, gradient_of, loaded, sensitivity, squared, steepness, view
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.stage import initial_parts, split

INPUTS, WIDTH, CLASSES, SAMPLES = 6, 4, 3, 8


def linear(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Two matrices, one at each side of the cut."""
    layers = OrderedDict(first=nn.Linear(shape[0], WIDTH, bias=False), second=nn.Linear(WIDTH, classes, bias=False))
    return nn.Sequential(layers)


STAGES = split(ModelSpec(f"{__name__}:linear", (INPUTS,), CLASSES), ("first",))
PARTS = initial_parts(STAGES, seed=3)
DATA = [
    (torch.randn(SAMPLES, INPUTS, generator=rng), torch.randint(CLASSES, (SAMPLES,), generator=rng))
    for rng in [torch.Generator().manual_seed(5)]
    for _ in range(6)
]


def by_hand(x: Tensor, y: Tensor, scale: Any = 1.0) -> tuple[float, list[Any], Any]:
    """Loss, dL/dW1 = W2^T E^T X / B and dL/dW2 = E^T A / B with E = softmax(A W2^T) - onehot(y) and A = X W1^T."""
    first, second = (part.params[0].double().numpy() for part in PARTS)
    inputs, target = x.double().numpy(), np.eye(CLASSES)[y.numpy()]
    smashed = inputs @ first.T
    odds = np.exp(smashed * scale @ second.T)
    chance = odds / odds.sum(1, keepdims=True)
    error = (chance - target) / len(inputs)
    back = error @ second * scale
    return float(-np.log((chance * target).sum(1)).mean()), [back.T @ inputs, error.T @ (smashed * scale)], smashed


def test_a_batch_has_the_loss_the_gradient_and_the_smashed_data_of_a_linear_model() -> None:
    loss, gradient, smashed = gradient_of(STAGES, PARTS, *DATA[0])
    expected = by_hand(*DATA[0])
    assert float(loss) == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(smashed.numpy(), expected[2], rtol=1e-4, atol=1e-6)
    for got, wanted in zip(gradient, expected[1], strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_moments_and_variance_are_those_of_the_batches() -> None:
    seen = view(STAGES, PARTS, DATA)
    losses, gradients, smashed = zip(*(by_hand(*batch) for batch in DATA), strict=True)
    flat = np.array([np.concatenate([tensor.ravel() for tensor in each]) for each in gradients])
    assert seen.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert seen.variance == pytest.approx(flat.var(axis=0, ddof=1).sum(), rel=1e-4)
    assert seen.moments == pytest.approx([np.mean([(g[i] ** 2).sum() for g in gradients]) for i in (0, 1)], rel=1e-4)
    assert seen.activations == pytest.approx(np.mean([(a**2).sum() for a in smashed]), rel=1e-5)
    assert squared(seen.gradient) == pytest.approx((flat.mean(0) ** 2).sum(), rel=1e-4)


def test_a_single_batch_has_no_variance() -> None:
    assert view(STAGES, PARTS, DATA[:1]).variance == 0.0


def test_f_is_the_mean_of_the_clients_with_their_shares() -> None:
    own = [view(STAGES, PARTS, DATA[:2]), view(STAGES, PARTS, DATA[2:])]
    both = view(STAGES, PARTS, DATA)
    loss, gradient = blend(own, [1 / 3, 2 / 3])
    assert loss == pytest.approx(both.loss)
    for got, wanted in zip(gradient, both.gradient, strict=True):
        torch.testing.assert_close(got, wanted)


def hessian() -> Tensor:
    """Of f over all the data, in both matrices."""
    x, y = (torch.cat(column) for column in zip(*DATA, strict=True))
    sizes = [INPUTS * WIDTH, WIDTH * CLASSES]

    def loss(flat: Tensor) -> Tensor:
        first, second = flat.split(sizes)
        out = x.double() @ first.view(WIDTH, INPUTS).T @ second.view(CLASSES, WIDTH).T
        return nn.functional.cross_entropy(out, y)

    at = torch.cat([part.params[0].double().flatten() for part in PARTS])
    found: Tensor = torch.autograd.functional.hessian(loss, at)  # type: ignore[no-untyped-call]
    return found


def test_steepness_is_the_largest_eigenvalue_of_the_hessian() -> None:
    largest = float(torch.linalg.eigvalsh(hessian()).abs().max())
    here = view(STAGES, PARTS, DATA).gradient
    quick, direction = steepness(lambda there: view(STAGES, there, DATA).gradient, PARTS, here, here, steps=1)
    bend, _ = steepness(lambda there: view(STAGES, there, DATA).gradient, PARTS, here, direction, steps=60)
    assert quick < 1.01 * largest
    assert bend == pytest.approx(largest, rel=0.01)


def test_where_nothing_bends_steepness_is_zero() -> None:
    flat = tuple(torch.zeros_like(p, dtype=torch.float64) for part in PARTS for p in part.params)
    assert steepness(lambda _: flat, PARTS, flat, flat)[0] == 0.0
    ones = tuple(torch.ones_like(p) for p in flat)
    assert steepness(lambda _: flat, PARTS, flat, ones, steps=3)[0] == 0.0


def test_weights_of_zero_are_left_alone() -> None:
    pruned = loaded(PARTS, [PARTS[0].params[0] * torch.tensor([[1.0], [0.0], [1.0], [1.0]]), PARTS[1].params[0]])
    here = view(STAGES, pruned, DATA).gradient
    looked_at: list[Tensor] = []

    def gradient_at(there: Any) -> Any:
        looked_at.append(there[0].params[0])
        return view(STAGES, there, DATA).gradient

    assert steepness(gradient_at, pruned, here, here, steps=3)[0] > 0
    assert len(looked_at) == 3
    assert not any(weights[1].any() for weights in looked_at)
    assert all((weights[0] != pruned[0].params[0][0]).all() for weights in looked_at)


def test_sensitivity_is_what_dropout_does_to_the_gradient_over_what_it_does_to_activations() -> None:
    x, y = DATA[0]
    kept = torch.rand(SAMPLES, WIDTH, generator=torch.Generator().manual_seed(7)) >= 0.4
    scale = kept.double().numpy() / 0.6
    _, plain, smashed = by_hand(x, y)
    _, changed, _ = by_hand(x, y, scale)
    moved = ((smashed * scale - smashed) ** 2).sum()
    expected = sum(((a - b) ** 2).sum() for a, b in zip(plain, changed, strict=True)) / moved
    assert sensitivity(STAGES, PARTS, x, y, 0.4, key=7) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("model", "cut"), [("small_cnn", "block1"), ("char_lstm", "lstm1")])
def test_the_gradient_is_torchs_for_models_of_the_package(model: str, cut: str) -> None:
    stages = split(spec(model), (cut,))
    parts, net = initial_parts(stages, seed=2), network(model, seed=2)
    ((x, y),) = batches(model, 1)
    loss, gradient, _ = gradient_of(stages, parts, x, y)
    expected = nn.functional.cross_entropy(net(x), y)
    expected.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, expected.detach())
    norms = sorted(float(p.grad.norm()) for p in net.parameters() if p.grad is not None)
    assert sorted(float(g.norm()) for g in gradient) == pytest.approx(norms, rel=1e-4)


def test_loaded_parts_keep_their_shapes_and_precision() -> None:
    new = loaded(PARTS, [torch.zeros_like(part.params[0], dtype=torch.float64) for part in PARTS])
    assert [(p.params[0].shape, p.params[0].dtype) for p in new] == [(p.params[0].shape, torch.float32) for p in PARTS]
    assert not any(part.params[0].any() for part in new)
