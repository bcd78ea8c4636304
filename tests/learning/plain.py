"""The same training as anybody would write it in torch, which the kernels must equal, and a few odd models."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from wirelessfsl.learning.chain import Shape
from wirelessfsl.learning.models import MODELS, OF_TEXT, ModelSpec, make
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.stage import Part, Stage, cut_points_of, outermost, tensor_names

CLASSES = 10
SMALL = [name for name in MODELS if not name.startswith(("resnet18", "vgg"))]
"""Models that are trained and cut everywhere in tests; the deep ones have no layer that these lack."""


def shape_of(model: str) -> Shape:
    """An input shape that the model takes."""
    return (12,) if model in OF_TEXT else (1, 28, 28) if model == "lenet" else (1, 8, 8)


def spec(model: str) -> ModelSpec:
    """The model for such inputs."""
    return ModelSpec(model, shape_of(model), CLASSES, tokens=model in OF_TEXT)


def inputs(model: str, samples: int, rng: torch.Generator | None = None) -> Tensor:
    """Random inputs that the model takes."""
    if model in OF_TEXT:
        return torch.randint(CLASSES, (samples, *shape_of(model)), generator=rng)
    return torch.randn(samples, *shape_of(model), generator=rng)


def places(model: str) -> tuple[str, ...]:
    """Where the model can be cut, from one block to the next."""
    return outermost(cut_points_of(spec(model)))


def network(model: str, seed: int) -> nn.Sequential:
    """The whole model as one module, initialised by torch under this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = make(spec(model))
    assert isinstance(made, nn.Sequential)
    return made


def torch_optimizer(settings: SGD | Adam, params: list[nn.Parameter]) -> torch.optim.Optimizer:
    if isinstance(settings, SGD):
        return torch.optim.SGD(params, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay)
    betas = (settings.beta1, settings.beta2)
    return torch.optim.Adam(params, settings.lr, betas, settings.eps, settings.weight_decay)


def train_step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """One imperative step in training mode; the loss."""
    net.train()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def batches(model: str, count: int, batch_size: int = 8, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Random inputs and labels."""
    rng = torch.Generator().manual_seed(seed)
    return [
        (inputs(model, batch_size, rng), torch.randint(CLASSES, (batch_size,), generator=rng)) for _ in range(count)
    ]


def values(part: Part) -> tuple[Tensor, ...]:
    """Every tensor of a part."""
    return (*part.params, *part.buffers, *part.optimizer)


def is_trained_to(net: nn.Module, stages: tuple[Stage, ...], parts: tuple[Part, ...]) -> bool:
    """Whether the parts of a split model hold what the whole one does, bit for bit."""
    names = tensor_names(stages[0].model, stages[0].cuts)
    held = {n: w for own, part in zip(names, parts, strict=True) for n, w in zip(own, part.weights, strict=True)}
    values = net.state_dict()
    return held.keys() == values.keys() and all(same(held[name], values[name]) for name in values)


def same(left: object, right: object, tolerance: float = 0.0) -> bool:
    """Whether two nests of tuples hold the same tensors, bit for bit or nearly (relative, or absolute)."""
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        close = torch.allclose(left, right, tolerance, tolerance) if tolerance else torch.equal(left, right)
        return left.dtype == right.dtype and left.shape == right.shape and close
    if left is None or isinstance(left, int | float):
        return left == right
    assert isinstance(left, tuple | list)
    assert isinstance(right, tuple | list)
    return len(left) == len(right) and all(same(a, b, tolerance) for a, b in zip(left, right, strict=True))


def strided(shape: Shape, classes: int) -> nn.Module:
    """A convolution with stride and bias, then a linear layer."""
    channels, height, width = shape
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(channels, 6, 3, stride=2, padding=1),
            head=nn.Sequential(nn.Flatten(), nn.Linear(6 * (height // 2) * (width // 2), classes)),
        )
    )


def depthwise(shape: Shape, classes: int) -> nn.Module:
    """A pointwise, a depthwise and a transposed convolution, each a block, then a linear layer."""
    channels, height, width = shape
    return nn.Sequential(
        OrderedDict(
            pointwise=nn.Conv2d(channels, 8, 1),
            depthwise=nn.Conv2d(8, 8, 3, padding=1, groups=8),
            transposed=nn.ConvTranspose2d(8, 4, 3, padding=1),
            head=nn.Sequential(nn.Flatten(), nn.Linear(4 * height * width, classes)),
        )
    )


def shy(shape: Shape, classes: int) -> nn.Module:
    """A first block without parameters, then a linear layer."""
    return nn.Sequential(OrderedDict(flatten=nn.Flatten(), head=nn.Linear(shape[0] * shape[1] * shape[2], classes)))


class Woven(nn.Module):
    """No chain: a branch around two convolutions, an operation of no module, dropout as module and as function."""

    def __init__(self, shape: Shape, classes: int, width: int = 4, p: float = 0.0) -> None:
        super().__init__()
        channels, height, width_px = shape
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.left = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))
        self.drop = nn.Dropout(p)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(width * (height // 2) * (width_px // 2), classes)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.pool(self.drop(self.left(x) + x).relu())
        x = nn.functional.dropout(x, self.p, self.training)
        logits: Tensor = self.head(x.flatten(1))
        return logits


class Noisy(nn.Module):
    """Adds noise that no generator can be given to."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class Undecided(nn.Module):
    """Drops values in evaluation too."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.5, training=True)
