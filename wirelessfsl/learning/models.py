"""The models that ship with the package, and how one of the user's own is made.

A model is an ``nn.Module`` that takes a batch of inputs and returns one number per class. Nothing here knows where it
will be cut. A model of your own is anything that returns such a module when called, a class or a function, named by
import path (``my_pkg.nets:ResNet``) in a scenario; if it has parameters named ``shape`` (of one sample) and ``classes``
it is given those, and the others come from ``model.arguments``.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from wirelessfsl.lazy import torch

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]
Scalar = bool | int | float | str


class ModelSpec(NamedTuple):
    """Which model, for which task.

    name: a name out of :data:`MODELS`, or an import path ``package.module:name``.
    shape: shape of one sample.
    classes: number of classes.
    arguments: further keyword arguments of the user's own model, as pairs.
    """

    name: str
    shape: Shape
    classes: int
    arguments: tuple[tuple[str, Scalar], ...] = ()


def mlp(shape: Shape, classes: int) -> nn.Module:
    """Two hidden layers of 64 units: fc1, fc2, head."""
    nn = torch.nn
    return _chain(
        fc1=nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), 64), nn.ReLU()),
        fc2=nn.Sequential(nn.Linear(64, 64), nn.ReLU()),
        head=nn.Linear(64, classes),
    )


def small_cnn(shape: Shape, classes: int) -> nn.Module:
    """Two 3x3 convolutions with ReLU and 2x2 max-pooling (16 and 32 channels), then one linear layer."""
    nn = torch.nn
    channels, height, width = shape
    return _chain(
        block1=nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        block2=nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        head=nn.Sequential(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), classes)),
    )


def small_cnn_bn(shape: Shape, classes: int) -> nn.Module:
    """As small_cnn, with batch normalisation after each convolution (its running statistics travel with the model)."""
    nn = torch.nn
    channels, height, width = shape
    return _chain(
        block1=nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        block2=nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        head=nn.Sequential(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), classes)),
    )


def lenet(shape: Shape, classes: int) -> nn.Module:
    """LeNet-5 with ReLU and max-pooling (after LeCun et al. 1998): 6 and 16 channels of 5x5, then 120-84-classes."""
    nn = torch.nn
    channels, height, width = shape
    side_h, side_w = ((height - 4) // 2 - 4) // 2, ((width - 4) // 2 - 4) // 2
    return _chain(
        block1=nn.Sequential(nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        block2=nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        fc1=nn.Sequential(nn.Linear(16 * side_h * side_w, 120), nn.ReLU()),
        fc2=nn.Sequential(nn.Linear(120, 84), nn.ReLU()),
        head=nn.Linear(84, classes),
    )


def femnist_cnn(shape: Shape, classes: int) -> nn.Module:
    """The FEMNIST network of adaptive federated optimisation (Reddi et al., ICLR 2021): 3x3 convolutions of 32 and 64.

    Max-pooling and dropout of 0.25, 128 units and dropout of 0.5, classes. For 28x28 images and 62 classes 1,206,590
    parameters, of which 18,816 are before the cut at conv2; there a sample has 12 x 12 x 64 = 9,216 numbers.
    """
    nn = torch.nn
    channels, height, width = shape
    numbers = 64 * ((height - 4) // 2) * ((width - 4) // 2)
    return _chain(
        conv1=nn.Sequential(nn.Conv2d(channels, 32, 3), nn.ReLU()),
        conv2=nn.Sequential(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        dense=nn.Sequential(nn.Dropout(0.25), nn.Flatten(), nn.Linear(numbers, 128), nn.ReLU()),
        head=nn.Sequential(nn.Dropout(0.5), nn.Linear(128, classes)),
    )


def resnet8(shape: Shape, classes: int) -> nn.Module:
    """Residual network of 8 layers for small images (He et al. 2016, sec. 4.2 with n = 1): 16, 32, 64 channels."""
    from wirelessfsl.learning.blocks import Residual

    nn = torch.nn
    return _chain(
        stem=nn.Sequential(nn.Conv2d(shape[0], 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        layer1=Residual(16, 16, stride=1),
        layer2=Residual(16, 32, stride=2),
        layer3=Residual(32, 64, stride=2),
        head=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)),
    )


MODELS: dict[str, Callable[[Shape, int], nn.Module]] = {
    "femnist_cnn": femnist_cnn,
    "lenet": lenet,
    "mlp": mlp,
    "resnet8": resnet8,
    "small_cnn": small_cnn,
    "small_cnn_bn": small_cnn_bn,
}


def make(spec: ModelSpec) -> nn.Module:
    """The model, initialised as torch does.

    Raises ValueError for a name that is neither a model's nor an import path, and for arguments that do not fit.
    Importing runs code: a scenario may do so only if the user allows it.
    """
    if spec.name in MODELS:
        return MODELS[spec.name](spec.shape, spec.classes)
    module, _, name = spec.name.partition(":")
    if not name:
        raise ValueError(f"got {spec.name!r}, allowed: {', '.join(MODELS)} or an import path 'package.module:name'")
    try:
        maker = getattr(import_module(module), name)
        takes = inspect.signature(maker).parameters
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"got {spec.name!r}: {error}") from error
    task = {key: value for key, value in (("shape", spec.shape), ("classes", spec.classes)) if key in takes}
    made = maker(**(task | dict(spec.arguments)))
    if not isinstance(made, torch.nn.Module):
        raise ValueError(f"got {spec.name!r}, which makes a {type(made).__name__}: must be a torch.nn.Module")
    return made


def _chain(**blocks: nn.Module) -> nn.Module:
    """Named blocks, one after the other."""
    return torch.nn.Sequential(OrderedDict(blocks))
