"""The loss around a model, measured: gradients of mini-batches, how they vary, and how they answer to a change.

The gradients are those that training takes, of the same traced passes in training mode: with BatchNorm the statistics
are the batch's own, and a model's own dropout has one draw for all that is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from wirelessfsl.lazy import torch
from wirelessfsl.learning.stage import Part, Stage
from wirelessfsl.learning.trace import halves, whole

if TYPE_CHECKING:
    from torch import Tensor

Vector = tuple["Tensor", ...]
"""One tensor for each parameter, the client's first."""
_SHARE = 1e-3
"""Of the weights' norm, how far away the gradient is looked at again; far above single precision's rounding."""


class View(NamedTuple):
    """Mini-batches of a client at one model; means are over the batches.

    loss: mean loss. gradient: mean gradient, double precision.
    moments: mean squared norm of the gradient, of each parameter tensor.
    variance: estimate of the expected squared distance of a batch's gradient from the mean; 0 of a single batch.
    activations: mean squared norm of a batch of smashed data.
    """

    loss: float
    gradient: Vector
    moments: tuple[float, ...]
    variance: float
    activations: float


def gradient_of(
    stages: Sequence[Stage], parts: Sequence[Part], x: Tensor, y: Tensor, scale: Tensor | None = None
) -> tuple[Tensor, Vector, Tensor]:
    """Loss of one batch, its gradient, and the smashed data.

    stages, parts: the client's and the server's.
    scale: what smashed data, and on its way back their gradient, are multiplied with element by element.
    """
    (client_stage, server_stage), (client, server) = stages, parts
    with torch.inference_mode():
        forward, backward = halves(client_stage, x.shape, x.dtype)
        smashed, *rest = forward(client.key, *client.params, *client.buffers, x)
        sent = smashed if scale is None else smashed * scale
        ends = whole(server_stage, sent.shape, sent.dtype)
        loss, *after = ends(server.key, *server.params, *server.buffers, sent, y)
        back, *of_server = after[len(server.buffers) :]
        of_client = backward(client.key, *rest[len(client.buffers) :], back if scale is None else back * scale)
    return loss, (*of_client, *of_server), smashed


def view(stages: Sequence[Stage], parts: Sequence[Part], batches: Iterable[tuple[Tensor, Tensor]]) -> View:
    """What a client's mini-batches, of equal size, say at one model."""
    seen = 0
    loss, activations = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    moments = torch.zeros(sum(len(part.params) for part in parts), dtype=torch.float64)
    total = tuple(torch.zeros_like(p, dtype=torch.float64) for part in parts for p in part.params)
    for x, y in batches:
        of_batch, gradient, smashed = gradient_of(stages, parts, x, y)
        seen += 1
        loss += of_batch
        activations += smashed.double().square().sum()
        moments += torch.stack([g.double().square().sum() for g in gradient])
        total = tuple(torch._foreach_add(total, gradient))
    mean = tuple(torch._foreach_div(total, seen))
    apart = max(float(moments.sum()) / seen - squared(mean), 0.0)
    return View(
        loss=float(loss) / seen,
        gradient=mean,
        moments=tuple((moments / seen).tolist()),
        variance=apart * seen / (seen - 1) if seen > 1 else 0.0,
        activations=float(activations) / seen,
    )


def steepness(
    gradient_at: Callable[[tuple[Part, ...]], Vector],
    parts: Sequence[Part],
    gradient: Vector,
    direction: Vector,
    steps: int = 1,
) -> tuple[float, Vector]:
    """Largest |grad f(w + h v) - grad f(w)| / |h v| found, and the direction to go on with.

    Power iteration: each change of the gradient is the next direction v, which turns to where f bends most. Whatever it
    finds, f's smoothness is no less. Weights of zero are left alone: pruned ones stay so, and where a filter is gone a
    ReLU is at its corner.

    gradient_at: gradient of f. parts: w. gradient: grad f(w). direction: first v, of any length.
    """
    weights = tuple(p.double() for part in parts for p in part.params)
    far = _SHARE * max(squared(weights) ** 0.5, 1.0)
    kept = tuple(p != 0 for p in weights)
    largest = 0.0
    for _ in range(steps):
        direction = tuple(torch._foreach_mul(direction, kept))
        length = squared(direction) ** 0.5
        if not length:
            break
        there = torch._foreach_add(weights, direction, alpha=far / length)
        change = tuple(torch._foreach_sub(gradient_at(loaded(parts, there)), gradient))
        largest = max(largest, squared(change) ** 0.5 / far)
        direction = change
    return largest, direction


def sensitivity(
    stages: Sequence[Stage], parts: Sequence[Part], x: Tensor, y: Tensor, dropout: float, key: int
) -> float:
    """Squared change of a batch's gradient over the squared change of its smashed data, when these meet dropout.

    dropout: share of the smashed data that is dropped, in (0, 1); the rest and its gradient are scaled by 1 / (1 - p).
    key: of the random numbers that say which.
    """
    _, gradient, smashed = gradient_of(stages, parts, x, y)
    kept = torch.rand(smashed.shape, generator=torch.Generator().manual_seed(key)) >= dropout
    scale = kept.to(smashed.dtype) / (1 - dropout)
    _, changed, _ = gradient_of(stages, parts, x, y, scale)
    moved = squared([smashed * (scale - 1)])
    return squared(torch._foreach_sub(changed, gradient)) / moved if moved else 0.0


def blend(views: Sequence[View], shares: Sequence[float]) -> tuple[float, Vector]:
    """Loss and gradient of f = sum_k p_k f_k. shares: p_k of each client, of sum 1."""
    gradients = (torch._foreach_mul(each.gradient, share) for each, share in zip(views, shares, strict=True))
    loss = sum(share * each.loss for each, share in zip(views, shares, strict=True))
    return loss, tuple(sum(tensors) for tensors in zip(*gradients, strict=True))


def loaded(parts: Sequence[Part], weights: Sequence[Tensor]) -> tuple[Part, ...]:
    """The parts with other parameters, in their own precision."""
    rest = iter(weights)
    return tuple(part._replace(params=tuple(next(rest).to(p.dtype) for p in part.params)) for part in parts)


def squared(vector: Iterable[Tensor]) -> float:
    """Squared norm of all tensors together."""
    return sum(float(each.double().square().sum()) for each in vector)
