"""Weights that a training begins with or leaves behind, as safetensors under the names of the uncut model.

A run can begin with the weights in a file, or with those that the server learns from samples of its own before the run.
That is outside of simulated time, is done once, and is kept in $XDG_CACHE_HOME/wirelessfsl, without that variable in
~/.cache/wirelessfsl, under a digest of all that it depends on. How the server came by its samples is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from hashlib import file_digest, sha256
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from wirelessfsl.files import write
from wirelessfsl.lazy import torch
from wirelessfsl.learning.chain import Shape
from wirelessfsl.learning.data import ClientData
from wirelessfsl.learning.kernels import train
from wirelessfsl.learning.models import MODELS, ModelSpec
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Stage, initial_parts, tensor_names
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.streams import key
from wirelessfsl.units import Count, Ge, Le

if TYPE_CHECKING:
    from torch import Tensor

Held = dict[str, "Tensor"]


@settings
class WeightsFile:
    """Weights from a safetensors file, such as the model.safetensors of a run or a checkpoint of your own.

    Tensors are matched by name; those of another shape (a head for other classes) stay as initialised.

    path: the file; a relative path is from the folder where the tool runs.
    sha256: digest that the file must have, hexadecimal; a run writes down that of the file that it was given, so that
        running its scenario again begins with the same weights or is refused.
    """

    kind: Literal["file"] = "file"
    path: str
    sha256: str | None = None

    def pinned(self) -> WeightsFile:
        """This file as it is now."""
        return replace(self, sha256=_digest(Path(self.path)))


@settings
class OtherData:
    """Another data set than the scenario's, of which the server has the training samples.

    name: data set, as in data.name; text is left out, since its characters are numbered by each text anew.
    root: folder of the data set's files, as data.root.
    image_size: side in pixels to which images are resized, as data.image_size.
    """

    name: Literal["blobs", "cifar10", "digits", "fashion_mnist", "images", "mnist"]
    root: str | None = None
    image_size: Annotated[int, Ge(1), Le(4096)] | None = None


@settings
class Pretrain:
    """Weights that the server learns before the run, from public samples, outside of simulated time.

    The whole model is trained from the run's own initial values. Tensors are matched as those of a file.

    data: another data set that the server has; by default the scenario's samples that data.public_fraction sets apart.
    epochs: passes over the samples.
    batch_size: samples per batch.
    optimizer: update rule; its schedule counts epochs as rounds.
    """

    kind: Literal["pretrain"] = "pretrain"
    data: OtherData | None = None
    epochs: Count = 5
    batch_size: Count = 32
    optimizer: Optimizer = SGD()


Pretrained = Annotated[WeightsFile | Pretrain, Kinds()]


def read_weights(path: Path, sha256: str | None = None) -> Held:
    """Tensors of a safetensors file by name.

    Raises ValueError if it cannot be read, has not the given digest, or has numbers that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        held = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: not a safetensors file that can be read: {error}") from error
    if sha256 not in (None, _digest(path)):
        raise ValueError(f"{path}: its sha256 is {_digest(path)}, must be {sha256}: it is another file than before")
    if wrong := [name for name, tensor in held.items() if not bool(torch.isfinite(tensor).all())]:
        raise ValueError(f"{path}: {', '.join(wrong[:3])} has numbers that are not finite")
    return held


def save_weights(path: Path, stages: tuple[Stage, ...], parts: tuple[Part, ...]) -> None:
    """Write the parts of a split model as one file, which appears complete or not at all.

    Where a client has the first piece of a model of its own, names of the pieces above it begin with ``server.``.
    """
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, save({name: tensor.clone() for name, tensor in _named(stages, parts).items()}))


def fitting(model: ModelSpec, shapes: Mapping[str, Shape]) -> tuple[int, list[str]]:
    """How many of a model's parameters a set of tensors has by name and shape, and the names of those that it lacks.

    Raises ValueError if it has none.
    """
    stage = Stage(model)
    parameters = [tuple(each.shape) for each in stage.module().parameters()]
    names = tensor_names(model, ())[0][: len(parameters)]
    lacking = [name for name, shape in zip(names, parameters, strict=True) if shapes.get(name) != shape]
    if len(lacking) == len(names):
        raise ValueError(
            f"no parameter of {model.name} is in it by name and shape; the first are {', '.join(names[:3])}"
        )
    return len(names) - len(lacking), lacking


def shapes_of(model: ModelSpec) -> dict[str, Shape]:
    """Shape of every tensor of a model by name."""
    module = Stage(model).module()
    return {name: tuple(each.shape) for name, each in (*module.named_parameters(), *module.named_buffers())}


def load_weights(stages: tuple[Stage, ...], parts: tuple[Part, ...], held: Held) -> tuple[Part, ...]:
    """Parts with the tensors of the same name and shape; the others stay as they are."""
    return tuple(
        part.load(
            tuple(
                held[name].to(own.dtype) if name in held and held[name].shape == own.shape else own
                for name, own in zip(tensor_names(stage.model, stage.cuts)[stage.index], part.weights, strict=True)
            )
        )
        for stage, part in zip(stages, parts, strict=True)
    )


def weights_of_file(setting: WeightsFile) -> tuple[Held, dict[str, Any]]:
    """Tensors of the file, and what a manifest says of it."""
    path = Path(setting.path)
    held = read_weights(path, setting.sha256)
    return held, {"kind": setting.kind, "path": str(path), "sha256": _digest(path)}


def pretrain(
    setting: Pretrain, model: ModelSpec, inputs: Tensor, labels: Tensor, seed: int, notice: Callable[[str], None]
) -> tuple[Held, dict[str, Any]]:
    """Tensors of the model after training on the samples, and what a manifest says of it; from the cache if there.

    seed: of the initial values and of the order of the samples. notice: told in a line what is done.

    Raises ValueError if the cache cannot be written. A model of the user's own, whose code may change, is not kept.
    """
    stage = Stage(model)
    (part,) = initial_parts((stage,), key(seed, "initial-weights"))
    recipe = asdict(replace(setting, data=None)) | {"model": model, "seed": seed, "torch": torch.__version__}
    made = sha256(json.dumps(recipe).encode())
    for tensor in (inputs, labels, *part.weights):
        made.update(tensor.contiguous().numpy().tobytes())
    digest = made.hexdigest()
    path = _cache() / f"{digest[:16]}.safetensors"
    what = f"{len(labels)} public samples, epochs: {setting.epochs}, outside of simulated time"
    told = {"kind": setting.kind, "samples": len(labels), "epochs": setting.epochs, "digest": digest}
    if model.name in MODELS and path.exists():
        notice(f"pretrained {model.name} on {what}: already done, read from {path}")
        return read_weights(path), told | {"path": str(path), "cached": True}
    notice(f"pretraining {model.name} on {what}")
    part = _trained(setting, stage, part, ClientData(inputs, labels, "pretraining", seed))
    if not all(bool(torch.isfinite(tensor).all()) for tensor in part.weights):
        raise ValueError("model.pretrained: the weights that were learnt are not finite; give a smaller learning rate")
    if model.name not in MODELS:
        return {name: each.clone() for name, each in _named((stage,), (part,)).items()}, told | {"cached": False}
    try:
        save_weights(path, (stage,), (part,))
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror}; set XDG_CACHE_HOME") from error
    return read_weights(path), told | {"path": str(path), "cached": False}


def _trained(setting: Pretrain, stage: Stage, part: Part, data: ClientData) -> Part:
    steps = ceil(len(data) / setting.batch_size)
    part = part.begin(setting.optimizer, data.key)
    with torch.inference_mode():
        for epoch in range(setting.epochs):
            rule = setting.optimizer.at(epoch + 1, setting.epochs)
            for step in range(epoch * steps, (epoch + 1) * steps):
                part, _ = train(stage, rule, part, *data.batch(step, setting.batch_size))
    return part


def _named(stages: tuple[Stage, ...], parts: tuple[Part, ...]) -> Held:
    held: Held = {}
    for stage, part in zip(stages, parts, strict=True):
        of = "" if stage.model == stages[0].model else "server."
        names = tensor_names(stage.model, stage.cuts)[stage.index]
        held |= {of + name: weight for name, weight in zip(names, part.weights, strict=True)}
    return held


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wirelessfsl"
