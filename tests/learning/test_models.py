"""The models that ship with the package."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.learning.plain import CLASSES, depthwise
from wirelessfsl.learning.models import MODELS, builder
from wirelessfsl.learning.stage import block_names

PARAMETERS: dict[tuple[str, tuple[int, ...]], int] = {
    # weights + biases, by hand
    ("lenet", (1, 28, 28)): (150 + 6) + (2400 + 16) + (256 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    ("lenet", (1, 32, 32)): (150 + 6) + (2400 + 16) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    ("mlp", (1, 8, 8)): 2 * (64 * 64 + 64) + (64 * 10 + 10),
    ("small_cnn", (1, 8, 8)): (144 + 16) + (16 * 32 * 9 + 32) + (32 * 4 * 10 + 10),
    ("small_cnn_bn", (1, 8, 8)): (144 + 16) + 2 * 16 + (16 * 32 * 9 + 32) + 2 * 32 + (32 * 4 * 10 + 10),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 17, 23)], ids=str)
def test_a_model_answers_with_one_number_per_class(model: str, shape: tuple[int, ...]) -> None:
    blocks = builder(model)(shape, 7)
    assert nn.Sequential(*blocks.values())(torch.zeros(3, *shape)).shape == (3, 7)


@pytest.mark.parametrize(("model", "shape"), PARAMETERS)
def test_the_number_of_parameters_is_the_closed_form(model: str, shape: tuple[int, ...]) -> None:
    blocks = builder(model)(shape, CLASSES)
    counted = sum(p.numel() for block in blocks.values() for p in block.parameters())
    assert counted == PARAMETERS[model, shape]


def test_block_names_are_the_builders_in_order() -> None:
    assert block_names("lenet", (1, 28, 28), CLASSES) == ("block1", "block2", "fc1", "fc2", "head")


def test_a_model_of_ones_own_is_named_by_import_path() -> None:
    assert builder("tests.learning.plain:depthwise") is depthwise


def test_an_unknown_model_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"got 'vgg', allowed: lenet, mlp, .* or an import path"):
        builder("vgg")


def test_a_model_that_cannot_take_the_images_says_which_shape() -> None:
    with pytest.raises(ValueError, match=r"model lenet cannot take inputs of shape \(1, 8, 8\)"):
        block_names("lenet", (1, 8, 8), CLASSES)
