"""FLOPs that nodes pay for, against hand arithmetic. A multiply-accumulate counts as 2."""

from __future__ import annotations

import pytest
import torch

from tests.learning.plain import CLASSES, SMALL, places, spec
from wirelessfsl.learning.kernels import average, backward, forward, serve, train
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.stage import Flops, Part, Stage, split

# One sample of 28x28: 2 x output positions x output channels x weights per output channel; 2 x in x out.
LENET = {
    "block1": 2 * 24 * 24 * 6 * 25,
    "block2": 2 * 8 * 8 * 16 * (6 * 25),
    "fc1": 2 * 256 * 120,
    "fc2": 2 * 120 * 84,
    "head": 2 * 84 * 10,
}
MLP = {"fc1": 2 * 64 * 64, "fc2": 2 * 64 * 64, "head": 2 * 64 * 10}
DEPTHWISE = {
    "pointwise": 2 * 8 * 8 * 8 * 1,
    "depthwise": 2 * 8 * 8 * 8 * 9,
    "transposed": 2 * 8 * 8 * 8 * (4 * 9),  # every input position is multiplied with the whole kernel
    "head": 2 * (4 * 8 * 8) * 10,
}
BY_HAND = {"lenet": LENET, "mlp": MLP, "tests.learning.plain:depthwise": DEPTHWISE}
BLOCKS = [(model, block) for model, blocks in BY_HAND.items() for block in blocks]
every_block = pytest.mark.parametrize(("model", "block"), BLOCKS)


def stage_of(model: str, block: str) -> Stage:
    return parts_of(model)[[*places(model), "head"].index(block)]


def parts_of(model: str) -> tuple[Stage, ...]:
    """The model cut everywhere."""
    return split(spec(model), places(model))


def test_lenet_client_forward_on_a_batch_of_32_is_5_529_600() -> None:
    client, _ = split(ModelSpec("lenet", (1, 28, 28), CLASSES), ("block1",))
    assert client.flops(32) == Flops(forward=5_529_600, backward=5_529_600)


@every_block
def test_forward_flops_are_twice_the_multiply_accumulates(model: str, block: str) -> None:
    assert stage_of(model, block).flops(1).forward == BY_HAND[model][block]


@every_block
def test_backward_costs_two_forwards_and_at_the_data_one(model: str, block: str) -> None:
    stage = stage_of(model, block)
    passes = 1 if stage.takes_data else 2  # gradient of the weights, and of the input unless that is data
    assert stage.flops(1).backward == passes * BY_HAND[model][block]


def test_only_the_first_layer_of_a_client_saves_the_gradient_of_its_input() -> None:
    client, _ = split(ModelSpec("lenet", (1, 28, 28), CLASSES), ("fc1",))
    first, *rest = (LENET[block] for block in ("block1", "block2", "fc1"))
    assert client.flops(1) == Flops(forward=first + sum(rest), backward=first + 2 * sum(rest))


def test_stride_divides_the_positions() -> None:
    conv, _ = split(ModelSpec("tests.learning.plain:strided", (3, 8, 8), CLASSES), ("conv",))
    assert conv.flops(1).forward == 2 * 4 * 4 * 6 * 27


@pytest.mark.parametrize("model", SMALL)
def test_flops_are_linear_in_the_batch(model: str) -> None:
    for stage in parts_of(model):
        one = stage.flops(1)
        assert stage.flops(37) == Flops(37 * one.forward, 37 * one.backward)


@pytest.mark.parametrize("model", SMALL)
def test_flops_of_the_stages_add_up_to_the_whole_model(model: str) -> None:
    (whole,) = split(spec(model), ())
    pieces = [stage.flops(4) for stage in parts_of(model)]
    assert sum(piece.forward for piece in pieces) == whole.flops(4).forward
    assert sum(piece.backward for piece in pieces) == whole.flops(4).backward


def test_resnet8_on_cifar_has_the_published_12_5_million_multiply_accumulates() -> None:
    # The ResNet-8 of MLPerf Tiny (Banbury et al. 2021) has the same convolutions.
    (whole,) = split(ModelSpec("resnet8", (3, 32, 32), CLASSES), ())
    assert whole.flops(1).forward == 2 * 12_501_632


def test_kernels_charge_what_their_pass_costs() -> None:
    client, server = split(ModelSpec("lenet", (1, 28, 28), CLASSES), ("block1",))
    (whole,) = split(ModelSpec("lenet", (1, 28, 28), CLASSES), ())
    part, optimizer = Part(()), SGD()
    x, smashed, y = torch.zeros(32, 1, 28, 28), torch.zeros(32, 6, 12, 12), torch.zeros(32, dtype=torch.int64)
    behind = 32 * (sum(LENET.values()) - LENET["block1"])
    assert forward.flops(client, part, x) == 32 * LENET["block1"]
    assert backward.flops(client, optimizer, part, (), x, smashed) == 32 * LENET["block1"]
    assert serve.flops(server, optimizer, part, smashed, y) == 3 * behind
    assert train.flops(whole, optimizer, part, x, y) == 2 * 32 * LENET["block1"] + 3 * behind


def test_averaging_charges_a_multiply_add_per_weight_and_model() -> None:
    model = (torch.zeros(6, 25), torch.zeros(6))
    assert average.flops([model] * 4, [1, 1, 1, 1]) == 2 * 4 * (150 + 6)
