"""The same training as anybody would write it in torch, which the kernels must equal, and a few odd models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wirelessfsl.learning.models import Blocks, Shape, builder
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.stage import Part

CLASSES = 10


def shape_of(model: str) -> Shape:
    """An input shape that the model takes."""
    return (1, 28, 28) if model == "lenet" else (1, 8, 8)


def network(model: str, seed: int) -> nn.Sequential:
    """The whole model as one module, initialised by torch under this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(*builder(model)(shape_of(model), CLASSES).values())


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
        (
            torch.randn(batch_size, *shape_of(model), generator=rng),
            torch.randint(CLASSES, (batch_size,), generator=rng),
        )
        for _ in range(count)
    ]


def values(part: Part) -> tuple[Tensor, ...]:
    """Every tensor of a part."""
    return (*part.params, *part.buffers, *part.optimizer)


def same(left: object, right: object) -> bool:
    """Whether two nests of tuples hold the same tensors bit for bit."""
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    assert isinstance(left, tuple | list)
    assert isinstance(right, tuple | list)
    return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))


def strided(shape: Shape, classes: int) -> Blocks:
    """A convolution with stride and bias, then a linear layer."""
    channels, height, width = shape
    return {
        "conv": nn.Conv2d(channels, 6, 3, stride=2, padding=1),
        "head": nn.Sequential(nn.Flatten(), nn.Linear(6 * (height // 2) * (width // 2), classes)),
    }


def depthwise(shape: Shape, classes: int) -> Blocks:
    """A pointwise, a depthwise and a transposed convolution, each a block, then a linear layer."""
    channels, height, width = shape
    return {
        "pointwise": nn.Conv2d(channels, 8, 1),
        "depthwise": nn.Conv2d(8, 8, 3, padding=1, groups=8),
        "transposed": nn.ConvTranspose2d(8, 4, 3, padding=1),
        "head": nn.Sequential(nn.Flatten(), nn.Linear(4 * height * width, classes)),
    }


def shy(shape: Shape, classes: int) -> Blocks:
    """A first block without parameters, then a linear layer."""
    return {"flatten": nn.Flatten(), "head": nn.Linear(shape[0] * shape[1] * shape[2], classes)}
