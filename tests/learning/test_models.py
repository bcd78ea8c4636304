"""The models that ship with the package."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.learning.plain import CLASSES, Woven, spec
from wirelessfsl.learning.models import MODELS, OF_TEXT, ModelSpec, make
from wirelessfsl.learning.stage import check_fits

PARAMETERS: dict[tuple[str, tuple[int, ...]], int] = {
    # weights + biases, by hand
    ("lenet", (1, 28, 28)): (150 + 6) + (2400 + 16) + (256 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    ("lenet", (1, 32, 32)): (150 + 6) + (2400 + 16) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    ("mlp", (1, 8, 8)): 2 * (64 * 64 + 64) + (64 * 10 + 10),
    ("small_cnn", (1, 8, 8)): (144 + 16) + (16 * 32 * 9 + 32) + (32 * 4 * 10 + 10),
    ("small_cnn_bn", (1, 8, 8)): (144 + 16) + 2 * 16 + (16 * 32 * 9 + 32) + 2 * 32 + (32 * 4 * 10 + 10),
    # as published
    ("resnet18", (3, 224, 224)): 11_181_642,
    ("resnet18_cifar", (3, 32, 32)): 11_181_642 - 3 * 64 * (49 - 9),
    ("vgg16", (3, 32, 32)): 14_714_688 + 5130,
    ("vgg19", (3, 32, 32)): 20_029_514,
    # embedding, an LSTM layer of 4 gates with one bias each, its like, head; a block of attention and its like
    ("char_lstm", (80,)): 10 * 8 + 1024 * (8 + 256 + 1) + 1024 * (256 + 256 + 1) + (256 * 10 + 10),
    ("char_transformer", (80,)): (10 + 80) * 64
    + 2 * ((64 * 192 + 192) + (64 * 64 + 64) + (64 * 256 + 256) + (256 * 64 + 64) + 4 * 64)
    + (2 * 64 + 64 * 10 + 10),
}


@pytest.mark.parametrize("model", [name for name in MODELS if name not in OF_TEXT])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 17, 23)], ids=str)
def test_a_model_answers_with_one_number_per_class(model: str, shape: tuple[int, ...]) -> None:
    assert make(ModelSpec(model, shape, 7))(torch.zeros(3, *shape)).shape == (3, 7)


@pytest.mark.parametrize("model", OF_TEXT)
@pytest.mark.parametrize("length", [1, 80])
def test_a_model_of_text_answers_with_one_number_per_character(model: str, length: int) -> None:
    text = torch.zeros(3, length, dtype=torch.int64)
    assert make(ModelSpec(model, (length,), 7, tokens=True))(text).shape == (3, 7)


@pytest.mark.parametrize(("model", "shape"), PARAMETERS)
def test_the_number_of_parameters_is_the_closed_form(model: str, shape: tuple[int, ...]) -> None:
    counted = sum(p.numel() for p in make(ModelSpec(model, shape, CLASSES)).parameters())
    assert counted == PARAMETERS[model, shape]


def test_a_model_of_ones_own_is_a_class_or_a_function_named_by_import_path() -> None:
    assert isinstance(make(ModelSpec("tests.learning.plain:depthwise", (1, 8, 8), CLASSES)), nn.Sequential)
    assert isinstance(make(ModelSpec("tests.learning.plain:Woven", (1, 8, 8), CLASSES)), Woven)


def test_arguments_reach_the_model_beside_shape_and_classes() -> None:
    model = make(ModelSpec("tests.learning.plain:Woven", (3, 8, 8), 5, (("width", 6),)))
    assert isinstance(model, Woven)
    assert model.stem.weight.shape == (6, 3, 3, 3)
    assert model.head.out_features == 5


def test_a_class_without_shape_and_classes_gets_neither() -> None:
    model = make(ModelSpec("torch.nn:Linear", (4,), 3, (("in_features", 4), ("out_features", 3))))
    assert isinstance(model, nn.Linear)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg", r"got 'vgg', allowed: char_lstm, .*, lenet, mlp, .* or an import path"),
        ("tests.learning.plain:nothing", "got 'tests.learning.plain:nothing': .*no attribute 'nothing'"),
        ("tests.learning.nowhere:net", "got 'tests.learning.nowhere:net': No module named"),
        ("tests.learning.plain:CLASSES", "got 'tests.learning.plain:CLASSES': 10 is not a callable object"),
        ("tests.learning.plain:shape_of", "which makes a tuple: must be a torch.nn.Module"),
    ],
)
def test_what_makes_no_model_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(ModelSpec(name, (1, 8, 8), CLASSES, (("model", "mlp"),) if name.endswith("shape_of") else ()))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_trained_here(model: str) -> None:
    check_fits(spec(model))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            ModelSpec("char_lstm", (1, 8, 8), CLASSES),
            "model char_lstm reads text, the data are images; allowed: femnist_cnn, .*, vgg19$",
        ),
        (
            ModelSpec("mlp", (12,), CLASSES, tokens=True),
            "model mlp reads images, the data are text; allowed: char_lstm, char_transformer$",
        ),
        (ModelSpec("lenet", (1, 8, 8), CLASSES), r"model lenet cannot take inputs of shape \(1, 8, 8\)"),
        (
            ModelSpec("torch.nn:Flatten", (1, 4, 4), CLASSES),
            r"model torch.nn:Flatten answers two samples with shape \(2, 16\): must be \(2, 10\)",
        ),
        (ModelSpec("tests.learning.plain:Noisy", (4,), 4), "aten.rand_like.default draws random numbers that no seed"),
        (ModelSpec("tests.learning.plain:Undecided", (4,), 4), "draws random numbers in evaluation"),
    ],
    ids=["images", "text", "shape", "classes", "noise", "evaluation"],
)
def test_a_model_that_cannot_be_trained_here_says_why(model: ModelSpec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_fits(model)
