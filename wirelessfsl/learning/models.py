"""The models that ship with the package, and how one of the user's own is made.

A model is an ``nn.Module`` that takes a batch of inputs and returns one number per class. Nothing here knows where it
will be cut. A model of your own is anything that returns such a module when called, a class or a function, named by
import path (``my_pkg.nets:ResNet``) in a scenario; if it has parameters named ``shape`` (of one sample) and ``classes``
it is given those, and the others come from ``model.arguments``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from wirelessfsl.lazy import torch
from wirelessfsl.learning import language, vision
from wirelessfsl.learning.chain import Shape

if TYPE_CHECKING:
    from torch import nn

Scalar = bool | int | float | str


class ModelSpec(NamedTuple):
    """Which model, for which task.

    name: a name out of :data:`MODELS`, or an import path ``package.module:name``.
    shape: shape of one sample.
    classes: number of classes.
    arguments: further keyword arguments of the user's own model, as pairs.
    tokens: whether inputs are whole numbers below ``classes``, the characters of a text.
    """

    name: str
    shape: Shape
    classes: int
    arguments: tuple[tuple[str, Scalar], ...] = ()
    tokens: bool = False


MODELS: dict[str, Callable[[Shape, int], nn.Module]] = {
    "char_lstm": language.char_lstm,
    "char_transformer": language.char_transformer,
    "femnist_cnn": vision.femnist_cnn,
    "lenet": vision.lenet,
    "mlp": vision.mlp,
    "resnet18": vision.resnet18,
    "resnet18_cifar": vision.resnet18_cifar,
    "resnet8": vision.resnet8,
    "small_cnn": vision.small_cnn,
    "small_cnn_bn": vision.small_cnn_bn,
    "vgg16": vision.vgg16,
    "vgg19": vision.vgg19,
}
OF_TEXT = ("char_lstm", "char_transformer")
"""Models that read whole numbers, the characters of a text; the others read images."""


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
