"""What nodes compute: pure, named functions of tensors, each with its phase in the log and its cost in FLOPs.

A kernel's result depends on its arguments alone, so it may run anywhere and at any time between the start and the end
of the simulated computation. Optimiser state goes in and comes out with the :class:`Part`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from math import nan
from typing import TYPE_CHECKING, Any, Literal

from wirelessfsl.lazy import torch
from wirelessfsl.learning.evaluate import activations, apply
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.pruning import Plan
from wirelessfsl.learning.rounding import FLOPS_PER_ELEMENT, rounded
from wirelessfsl.learning.stage import Part, Stage, Weights
from wirelessfsl.learning.trace import halves, weighted, whole
from wirelessfsl.streams import subkey

if TYPE_CHECKING:
    from torch import Tensor

    from wirelessfsl.learning.data import BlankData, ClientData, Clients


_ROUNDING = 2**32
"""Number of the rounding's random stream below a part's key; a model has fewer random operations."""


@dataclass(frozen=True)
class Kernel:
    """A computation: what it does (``run``), its phase in the log, and its cost in FLOPs for the same arguments.

    ``outline`` returns for them what ``run`` does, but for the numbers: tensors of the same shapes, most without values
    (on the meta device), losses that are not a number, and :class:`Hidden` for what only kernels look into. Runs that
    are about time alone take it instead, others as the form of a result that is computed later.

    settles: whether the outline is a guess, as what comes out is decided by the numbers.
    steps: for a kernel that goes over many values: kernels with arguments, of which each takes in front of these what
        the one before returned, the first None. What they make is what ``run`` does.
    alone: whether everybody waits for it, so that it may have all of the host (:mod:`wirelessfsl.learning.threads`).
    trains: whether it is part of training, and not of what goes on around it (batches, codecs).
    stacks: whether ``run`` takes the arguments of many equal calls at once and returns what they do: tensors stacked
        along a first axis, for a stage :class:`Many` of it, for a client's data :class:`Clients`, for keys an array of
        them, and in place of tensors without dimensions, which count steps, one for all. It does so if all that it does
        with tensors beside a traced pass is element by element.
    host: whether it deals in bytes and NumPy's arrays, and so is for tensors in the host's memory.
    halves: as ``steps``, of a kernel that deals in tensors and in bytes: what of it is for a device's memory, and what
        for the host's. Where both are one, it runs whole.
    """

    name: str
    phase: str
    run: Callable[..., Any]
    flops: Callable[..., float]
    outline: Callable[..., Any] | None = None
    settles: bool = False
    steps: Callable[..., list[tuple[Kernel, tuple[Any, ...]]]] | None = None
    alone: bool = False
    trains: bool = True
    stacks: bool = False
    host: bool = False
    halves: Callable[..., list[tuple[Kernel, tuple[Any, ...]]]] | None = None

    def __call__(self, *args: Any) -> Any:
        return self.run(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        """A kernel that a module has travels by its name there; of others what runs does."""
        home = self.run.__module__
        for name, value in vars(sys.modules[home]).items():
            if value is self:
                return _found, (home, name)
        return Kernel, (self.name, self.phase, self.run, _unknown)


def _found(module: str, name: str) -> Kernel:
    kernel: Kernel = getattr(import_module(module), name)
    return kernel


def _unknown(*_: Any) -> float:
    return nan


class Hidden:
    """In an outline: something that only kernels look into."""


def kernel(
    phase: str, flops: Callable[..., float], outline: Callable[..., Any], **more: Any
) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a module-level function a :class:`Kernel` of the given phase, cost and outline."""
    return lambda run: Kernel(run.__name__, phase, run, flops, outline, **more)


def _next(part: Part) -> Part:
    """The part after a forward pass."""
    return part._replace(key=part.key + 1)


@lru_cache(4096)
def blank(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """The tensor without numbers of a shape and dtype."""
    return torch.empty(shape, dtype=dtype, device="meta")


def _blank(*shape: int) -> Tensor:
    return blank(shape, torch.float32)


@lru_cache(4096)
def _loss(*shape: int) -> Tensor:
    return torch.full(shape, torch.nan)


def _some(x: Tensor, count: int) -> Tensor:
    """Another number of samples."""
    return blank((count, *x.shape[1:]), x.dtype)


def _after(stage: Stage, x: Tensor) -> Tensor:
    """Output of a stage."""
    return _blank(len(x), *stage.output_shape())


@kernel(
    "data",
    flops=lambda data, step, size: 0.0,
    outline=lambda data, step, size: (blank((size, *data.sample), data.dtype), blank((size,), torch.int64)),
    trains=False,
    stacks=True,
)
def batch(data: ClientData | Clients | BlankData, step: int, size: int) -> tuple[Tensor, Tensor]:
    """Inputs and labels of a client's batch."""
    return data.batch(step, size)


@kernel(
    "client_forward",
    flops=lambda stage, part, x: part.work * stage.flops(len(x)).forward,
    outline=lambda stage, part, x: (_next(part), _after(stage, x), Hidden()),
    stacks=True,
)
def forward(stage: Stage, part: Part, x: Tensor) -> tuple[Part, Tensor, tuple[Tensor, ...]]:
    """Client's forward pass in training mode: part (with new buffers), smashed data, and the tape for ``backward``."""
    output, *rest = halves(stage, x.shape, x.dtype)[0](part.key, *part.params, *part.buffers, x)
    count = len(part.buffers)
    return part._replace(buffers=tuple(rest[:count]), key=part.key + 1), output, tuple(rest[count:])


def _backward_flops(
    stage: Stage, optimizer: Optimizer, part: Part, tape: Any, x: Tensor, gradient: Tensor, bits: int | None = None
) -> float:
    per_parameter = (3.0 if part.importance else 0.0) + (FLOPS_PER_ELEMENT if bits is not None else 0.0)
    return part.work * stage.flops(len(x)).backward + per_parameter * sum(p.numel() for p in part.params)


@kernel(
    "client_backward",
    flops=_backward_flops,
    outline=lambda stage, optimizer, part, tape, x, gradient, bits=None: part,
    stacks=True,
)
def backward(
    stage: Stage,
    optimizer: Optimizer,
    part: Part,
    tape: tuple[Tensor, ...],
    x: Tensor,
    gradient: Tensor,
    bits: int | None = None,
) -> Part:
    """Client's backward pass from the cut gradient, and the optimiser's step.

    bits: of the gradients that the optimiser gets, rounded at random; None rounds nothing.
    """
    gradients = halves(stage, x.shape, x.dtype)[1](part.key, *tape, gradient)
    if part.importance:
        more = (total + (g * w).square() for total, g, w in zip(part.importance, gradients, part.params, strict=True))
        part = part._replace(importance=tuple(more))
    return _step(optimizer, part, gradients if bits is None else rounded(gradients, bits, subkey(part.key, _ROUNDING)))


@kernel(
    "server_step",
    flops=lambda stage, optimizer, part, x, y: sum(vars(stage.flops(len(x))).values()),
    outline=lambda stage, optimizer, part, x, y: (_next(part), x, _loss()),
    stacks=True,
)
def serve(stage: Stage, optimizer: Optimizer, part: Part, x: Tensor, y: Tensor) -> tuple[Part, Tensor, Tensor]:
    """Server's forward, loss, backward and optimiser step: part, gradient of the smashed data, mean loss."""
    loss, part, (gradient, *gradients) = _whole(stage, part, x, y)
    return _step(optimizer, part, gradients), gradient, loss


def _all_flops(
    stage: Stage, optimizer: Optimizer, part: Part, xs: Sequence[Tensor], ys: Sequence[Tensor], loss: str = "pooled"
) -> float:
    flops = stage.flops(sum(map(len, xs)))
    return flops.forward + flops.backward


@kernel(
    "server_step",
    flops=_all_flops,
    outline=lambda stage, optimizer, part, xs, ys, loss="pooled": (_next(part), tuple(xs), tuple(_loss() for _ in xs)),
    alone=True,
)
def serve_all(
    stage: Stage,
    optimizer: Optimizer,
    part: Part,
    xs: Sequence[Tensor],
    ys: Sequence[Tensor],
    loss: Literal["pooled", "sum", "mean"] = "pooled",
) -> tuple[Part, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Server's pass over the batches of several clients as one, and one step.

    A frozen stage stays as it is.

    loss: what is minimised, of the mean losses L_k of the clients' batches: their sum; their mean; or, pooled, by the
        server the mean over all samples and by each client its own L_k.

    Returns the part, and of each client the gradient of its smashed data and its mean loss.
    """
    sizes, y, count = [len(x) for x in xs], torch.cat(tuple(ys)), len(xs)
    # Samples of a client count 1 / size in its mean loss; in the mean over all samples 1 / total.
    of_client = [1.0 / count if loss == "mean" else 1.0 for _ in sizes]
    weight = torch.cat([torch.full((size,), own / size) for size, own in zip(sizes, of_client, strict=True)]).to(
        y.device
    )
    if loss == "pooled":
        weight = torch.full((len(y),), 1.0 / len(y), device=y.device)
    before = part
    losses, part, (gradient, *gradients) = _whole_each(stage, part, torch.cat(tuple(xs)), y, weight)
    back = torch.split(gradient, sizes)
    if loss == "pooled":
        back = tuple(g * (len(y) / size) for g, size in zip(back, sizes, strict=True))
    stepped = before._replace(key=part.key) if stage.frozen else _step(optimizer, part, gradients)
    return stepped, back, tuple(each.mean() for each in torch.split(losses, sizes))


def _aggregated_flops(
    stage: Stage, optimizer: Optimizer, part: Part, xs: Sequence[Tensor], ys: Sequence[Tensor], count: int
) -> float:
    samples = sum(map(len, xs))
    virtual, own = stage.flops(count), stage.flops(samples - len(xs) * count)
    return stage.flops(samples).forward + virtual.forward + virtual.backward + own.backward


@kernel(
    "server_step",
    flops=_aggregated_flops,
    outline=lambda stage, optimizer, part, xs, ys, count: (
        _next(part),
        _some(xs[0], count),
        tuple(_some(x, len(x) - count) for x in xs),
        tuple(_loss() for _ in xs),
    ),
    alone=True,
)
def serve_aggregated(
    stage: Stage, optimizer: Optimizer, part: Part, xs: Sequence[Tensor], ys: Sequence[Tensor], count: int
) -> tuple[Part, Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Server's pass over equal batches of several clients, and one step; some samples go back as one client's.

    The gradients of the last layer's output are averaged over the clients for each of the first ``count`` samples, and
    go back once, at the mean of these samples' smashed data; those of the other samples go back one by one. The step is
    with the mean over all samples, a client's gradients are those of its own mean loss.

    Returns the part, the gradient of the averaged samples, and of each client that of its other samples and its mean
    loss. The buffers are those after the pass over the real samples.
    """
    clients, size = len(xs), len(xs[0])
    y = torch.cat(tuple(ys))
    stepped, output, _ = forward.run(stage, part, torch.cat(tuple(xs)))
    losses = torch.nn.functional.cross_entropy(output, y, reduction="none")
    slope = torch.softmax(output, 1) - torch.nn.functional.one_hot(y, output.shape[1])
    x = _some_as_one(torch.stack(tuple(xs)), count)
    weight = torch.cat([torch.full((count,), 1.0 / size), torch.full((len(x) - count,), 1.0 / (clients * size))])
    _, _, tape = forward.run(stage, part, x)
    slope = _some_as_one(slope.view(clients, size, -1), count) * weight.to(y.device)[:, None]
    gradient, *gradients = halves(stage, x.shape, x.dtype)[1](part.key, *tape, slope)
    own = (gradient[count:] * clients).view(clients, size - count, *gradient.shape[1:])
    return (
        _step(optimizer, stepped, gradients),
        gradient[:count],
        own.unbind(),
        losses.view(clients, size).mean(1).unbind(),
    )


def _some_as_one(values: Tensor, count: int) -> Tensor:
    """Of shape (clients, samples, ...): the mean over the clients of the first samples, and all the others."""
    return torch.cat([values[:, :count].mean(0), values[:, count:].flatten(0, 1)])


@kernel("client_backward", flops=lambda *pieces: 0.0, outline=lambda *pieces: _some(pieces[0], sum(map(len, pieces))))
def joined(*pieces: Tensor) -> Tensor:
    """Gradients of consecutive samples as one tensor."""
    return torch.cat(pieces)


@kernel(
    "client_step",
    flops=lambda stage, optimizer, part, x, y: sum(vars(stage.flops(len(x))).values()),
    outline=lambda stage, optimizer, part, x, y: (_next(part), _loss()),
    stacks=True,
)
def train(stage: Stage, optimizer: Optimizer, part: Part, x: Tensor, y: Tensor) -> tuple[Part, Tensor]:
    """One step of training a whole model on one batch: part, mean loss."""
    loss, part, gradients = _whole(stage, part, x, y)
    return _step(optimizer, part, gradients), loss


train_there = replace(train, name="train_there", phase="server_step", alone=True)
"""One step of training a whole model, at the server."""


@kernel(
    "client_step",
    flops=lambda stage, optimizer, part, anchor, mu, x, y: (
        sum(vars(stage.flops(len(x))).values()) + (3.0 * sum(p.numel() for p in part.params) if mu else 0.0)
    ),
    outline=lambda stage, optimizer, part, anchor, mu, x, y: (_next(part), _loss()),
    stacks=True,
)
def train_near(
    stage: Stage, optimizer: Optimizer, part: Part, anchor: tuple[Tensor, ...], mu: float, x: Tensor, y: Tensor
) -> tuple[Part, Tensor]:
    """As ``train``, with mu (w - anchor) added to the gradient; the loss is without that term."""
    loss, part, gradients = _whole(stage, part, x, y)
    if mu:
        gradients = [g + mu * (w - a) for g, w, a in zip(gradients, part.params, anchor, strict=False)]
    return _step(optimizer, part, gradients), loss


@kernel(
    "client_forward",
    flops=lambda stage, parts, shares, x, y: len(parts) * stage.flops(len(x)).forward,
    outline=lambda stage, parts, shares, x, y: (_blank(len(x), len(parts)), torch.tensor(shares)),
)
def responsibilities(
    stage: Stage, parts: Sequence[Part], shares: Sequence[float], x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """How probable each of several whole models is for each sample, q_m ~ shares_m exp(-loss_m).

    The models are in evaluation mode. Returns q, shape (samples, models), and its mean over the samples.
    """
    with torch.no_grad():
        losses = [torch.nn.functional.cross_entropy(apply(stage, part, x), y, reduction="none") for part in parts]
        q = torch.softmax(torch.tensor(shares).to(x.device).log() - torch.stack(losses, 1), 1)
    return q, q.mean(0)


@kernel(
    "client_step",
    flops=lambda stage, optimizer, parts, x, y, q: len(parts) * sum(vars(stage.flops(len(x))).values()),
    outline=lambda stage, optimizer, parts, x, y, q: (tuple(map(_next, parts)), _loss()),
)
def train_mixture(
    stage: Stage, optimizer: Optimizer, parts: Sequence[Part], x: Tensor, y: Tensor, q: Tensor
) -> tuple[tuple[Part, ...], Tensor]:
    """One step of each of several whole models on one batch: parts, and sum_m of the mean of q_m times the loss.

    q: weight of a sample in the mean loss of a model, shape (samples, models).
    """
    stepped, total = [], torch.zeros(())
    for part, weight in zip(parts, (q / len(y)).unbind(1), strict=True):
        losses, part, gradients = _whole_each(stage, part, x, y, weight)
        stepped.append(_step(optimizer, part, gradients))
        total = total + losses @ weight
    return tuple(stepped), total


@kernel(
    "client_backward",
    flops=lambda stage, part, tape, x, gradient: part.work * stage.flops(len(x)).backward,
    outline=lambda stage, part, tape, x, gradient: part.weights,
    stacks=True,
)
def gradient_of(stage: Stage, part: Part, tape: tuple[Tensor, ...], x: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
    """Client's backward pass from the cut gradient: gradients of the parameters, and the new buffers behind them."""
    return (*halves(stage, x.shape, x.dtype)[1](part.key, *tape, gradient), *part.buffers)


relay = replace(forward, name="relay", phase="server_step")
"""The forward pass of a stage in the middle, at the server."""
retrace = replace(backward, name="retrace", phase="server_step")
"""The backward pass of a stage in the middle, at the server."""
finish = replace(serve, name="finish", phase="client_step")
"""A client's pass of the model's end, where the labels are: its part, gradient of the smashed data, mean loss."""


@kernel(
    "client_forward",
    flops=lambda stage, part, x: stage.flops(len(x)).forward,
    outline=lambda stage, part, x: _after(stage, x),
    stacks=True,
)
def infer(stage: Stage, part: Part, x: Tensor) -> Tensor:
    """Output of a stage that is not trained, in evaluation mode: the same for the same input, whenever."""
    return activations(stage, part, x)


infer_there = replace(infer, name="infer_there", phase="server_step")
"""Output of a stage in the middle that is not trained, at the server."""


@kernel(
    "aggregation",
    flops=lambda optimizer, part, update: 2.0 * sum(p.numel() for p in part.params),
    outline=lambda optimizer, part, update: part,
    stacks=True,
)
def step(optimizer: Optimizer, part: Part, update: tuple[Tensor, ...]) -> Part:
    """The optimiser's step with what ``gradient_of`` returned, here or as an average."""
    count = len(part.params)
    return _step(optimizer, part._replace(buffers=tuple(update[count:])), update[:count])


def _take(so_far: Weights | None, weights: Weights, share: float) -> Weights:
    """One more term of a weighted sum of models; integers (batch counts) are added as float64."""
    wide = [w if w.is_floating_point() else w.double() for w in weights]
    if so_far is not None and [w.shape for w in so_far] != [w.shape for w in wide]:
        raise ValueError("models of different shapes have no average")
    made = torch._foreach_mul(wide, share) if so_far is None else torch._foreach_add(so_far, wide, alpha=share)
    return tuple(made)


def _round(so_far: Weights, dtypes: tuple[torch.dtype, ...]) -> Weights:
    return tuple(w if dtype.is_floating_point else w.round().to(dtype) for w, dtype in zip(so_far, dtypes, strict=True))


_TAKE, _ROUND = (Kernel("average", "aggregation", run, lambda *_: 0.0) for run in (_take, _round))


def _one_by_one(weights: Sequence[Weights], shares: Sequence[float]) -> list[tuple[Kernel, tuple[Any, ...]]]:
    total = sum(shares)
    terms = [(_TAKE, (own, share / total)) for own, share in zip(weights, shares, strict=True)]
    return [*terms, (_ROUND, (tuple(w.dtype for w in weights[0]),))]


@kernel(
    "aggregation",
    flops=lambda weights, shares: 2.0 * len(weights) * sum(t.numel() for t in weights[0]),
    outline=lambda weights, shares: weights[0],
    steps=_one_by_one,
)
def average(weights: Sequence[Weights], shares: Sequence[float]) -> Weights:
    """Weighted mean of models, sum_k shares_k w_k / sum_k shares_k, term by term; integers are rounded."""
    mean: Any = None
    for step, own in _one_by_one(weights, shares):
        mean = step.run(mean, *own)
    return tuple(mean)


@kernel(
    "aggregation",
    flops=lambda after, before: float(sum(t.numel() for t in after)),
    outline=lambda after, before: after,
    stacks=True,
)
def difference(after: tuple[Tensor, ...], before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Change of a model, tensor by tensor."""
    return tuple(a - b for a, b in zip(after, before, strict=True))


@kernel(
    "aggregation",
    flops=lambda weights, change: float(sum(t.numel() for t in weights)),
    outline=lambda weights, change: weights,
    stacks=True,
)
def changed(weights: tuple[Tensor, ...], change: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """A model after a change."""
    return tuple(w + c for w, c in zip(weights, change, strict=True))


def _pruned_evenly(plan: Plan, sparsity: float, weights: tuple[Tensor, ...], importance: tuple[Tensor, ...]) -> Plan:
    """As many weights or filters as are to go, drawn at random."""
    random = torch.Generator().manual_seed(0)
    return plan.raised(sparsity, tuple(torch.rand(w.shape, generator=random) for w in weights[: plan.parameters]))


@kernel(
    "aggregation",
    flops=lambda plan, sparsity, weights, importance: 2.0 * sum(t.numel() for t in weights),
    outline=_pruned_evenly,
    settles=True,
    host=True,
)
def prune(plan: Plan, sparsity: float, weights: tuple[Tensor, ...], importance: tuple[Tensor, ...]) -> Plan:
    """The plan of a higher sparsity.

    weights: parameters and buffers of the whole stage. importance: of its parameters; without, their magnitude counts.
    """
    return plan.raised(sparsity, importance or tuple(w.abs() for w in weights[: plan.parameters]))


def _whole(stage: Stage, part: Part, x: Tensor, y: Tensor) -> tuple[Tensor, Part, list[Tensor]]:
    loss, *rest = whole(stage, x.shape, x.dtype)(part.key, *part.params, *part.buffers, x, y)
    count = len(part.buffers)
    return loss, part._replace(buffers=tuple(rest[:count]), key=part.key + 1), rest[count:]


def _whole_each(stage: Stage, part: Part, x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Part, list[Tensor]]:
    losses, *rest = weighted(stage, x.shape, x.dtype)(part.key, *part.params, *part.buffers, x, y, weight)
    count = len(part.buffers)
    return losses, part._replace(buffers=tuple(rest[:count]), key=part.key + 1), rest[count:]


def _step(optimizer: Optimizer, part: Part, gradients: Sequence[Tensor]) -> Part:
    params, state = optimizer.step(part.params, gradients, part.optimizer)
    if part.masks:
        params = tuple(p if mask is None else p * mask for p, mask in zip(params, part.masks, strict=True))
    return part._replace(params=params, optimizer=state)
