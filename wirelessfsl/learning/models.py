"""The models that ship with the package: chains of named blocks, so that any boundary between blocks can be a cut.

A model is a function of the input shape (channels, height, width) and the number of classes that returns its blocks in
order. Nothing here knows where a model will be cut. A model of your own is such a function, named by import path
(``my_pkg.nets:resnet``) in a scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import prod
from typing import TYPE_CHECKING

from wirelessfsl.lazy import torch

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]
Blocks = dict[str, "nn.Module"]
Builder = Callable[[Shape, int], Blocks]


def mlp(shape: Shape, classes: int) -> Blocks:
    """Two hidden layers of 64 units: fc1, fc2, head."""
    nn = torch.nn
    return {
        "fc1": nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), 64), nn.ReLU()),
        "fc2": nn.Sequential(nn.Linear(64, 64), nn.ReLU()),
        "head": nn.Linear(64, classes),
    }


def small_cnn(shape: Shape, classes: int) -> Blocks:
    """Two 3x3 convolutions with ReLU and 2x2 max-pooling (16 and 32 channels), then one linear layer."""
    nn = torch.nn
    channels, height, width = shape
    return {
        "block1": nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        "block2": nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        "head": nn.Sequential(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), classes)),
    }


def small_cnn_bn(shape: Shape, classes: int) -> Blocks:
    """As small_cnn, with batch normalisation after each convolution (its running statistics travel with the model)."""
    nn = torch.nn
    channels, height, width = shape
    return {
        "block1": nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        "block2": nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        "head": nn.Sequential(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), classes)),
    }


def lenet(shape: Shape, classes: int) -> Blocks:
    """LeNet-5 with ReLU and max-pooling (after LeCun et al. 1998): 6 and 16 channels of 5x5, then 120-84-classes."""
    nn = torch.nn
    channels, height, width = shape
    side_h, side_w = ((height - 4) // 2 - 4) // 2, ((width - 4) // 2 - 4) // 2
    return {
        "block1": nn.Sequential(nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        "block2": nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        "fc1": nn.Sequential(nn.Linear(16 * side_h * side_w, 120), nn.ReLU()),
        "fc2": nn.Sequential(nn.Linear(120, 84), nn.ReLU()),
        "head": nn.Linear(84, classes),
    }


def resnet8(shape: Shape, classes: int) -> Blocks:
    """Residual network of 8 layers for small images (He et al. 2016, sec. 4.2 with n = 1): 16, 32, 64 channels."""
    from wirelessfsl.learning.blocks import Residual

    nn = torch.nn
    return {
        "stem": nn.Sequential(nn.Conv2d(shape[0], 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        "layer1": Residual(16, 16, stride=1),
        "layer2": Residual(16, 32, stride=2),
        "layer3": Residual(32, 64, stride=2),
        "head": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)),
    }


MODELS: dict[str, Builder] = {
    "lenet": lenet,
    "mlp": mlp,
    "resnet8": resnet8,
    "small_cnn": small_cnn,
    "small_cnn_bn": small_cnn_bn,
}


def builder(name: str) -> Builder:
    """The function behind a model's name or import path (``package.module:function``).

    Raises ValueError for a name that is neither. Importing runs code: a scenario may do so only if the user allows it.
    """
    if name in MODELS:
        return MODELS[name]
    module, _, function = name.partition(":")
    if not function:
        raise ValueError(
            f"model: got {name!r}, allowed: {', '.join(MODELS)} or an import path 'package.module:function'"
        )
    try:
        found: Builder = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"got {name!r}: {error}") from error
    return found
