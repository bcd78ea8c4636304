"""A model split at named blocks: stages (what is computed) and parts (with which numbers).

A :class:`Stage` is a stretch of a model's blocks. It holds no weights, is hashable and picklable, and can say what it
costs. A :class:`Part` is the values of one stage at one place: parameters, buffers (BatchNorm statistics) and the
optimiser's state. Tensors are values: nobody writes into them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from wirelessfsl.lazy import torch
from wirelessfsl.learning.models import Shape, builder
from wirelessfsl.learning.optim import Optimizer

if TYPE_CHECKING:
    from torch import Tensor, nn

Weights = tuple["Tensor", ...]


class Part(NamedTuple):
    """Values of one stage: parameters and buffers in the module's order, and the optimiser's state."""

    params: tuple[Tensor, ...]
    buffers: tuple[Tensor, ...] = ()
    optimizer: tuple[Tensor, ...] = ()

    @property
    def weights(self) -> Weights:
        """What travels and is averaged: parameters and buffers."""
        return self.params + self.buffers

    def with_state(self, optimizer: Optimizer) -> Part:
        """This part with a fresh state of the optimiser."""
        return self._replace(optimizer=optimizer.init(self.params))

    def load(self, weights: Weights) -> Part:
        """This part with other parameters and buffers and its own optimiser state."""
        count = len(self.params)
        return Part(tuple(weights[:count]), tuple(weights[count:]), self.optimizer)


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one pass over one batch; a multiply-accumulate counts as 2."""

    forward: float
    backward: float


@dataclass(frozen=True)
class Stage:
    """Blocks ``start`` to ``stop`` (exclusive) of a model for inputs of ``shape`` (without the batch dimension)."""

    model: str
    shape: Shape
    classes: int
    start: int
    stop: int

    @property
    def takes_data(self) -> bool:
        """Whether this stage begins at the model's input, where no gradient goes further back."""
        return self.start == 0

    def module(self, training: bool = True) -> nn.Module:
        """The stage as a module without values (on the meta device)."""
        return _module(self, training)

    def flops(self, batch: int) -> Flops:
        """FLOPs of the convolutions and matrix products for ``batch`` samples, counted from the real module.

        The backward pass counts the gradient of the weights and, unless the stage begins at the data, of its input.
        Element-wise operations are not counted, as in the literature.
        """
        return _flops(self, batch)

    def output_shape(self) -> Shape:
        """Shape of one sample's output."""
        return _output_shape(self)


def split(model: str, shape: Shape, classes: int, cuts: tuple[str, ...]) -> tuple[Stage, ...]:
    """Stages of a model cut after the named blocks, in order; one more stage than cuts.

    Raises ValueError if a cut does not exist or the cuts are not in order; the message lists the cuts that do.
    """
    names = block_names(model, shape, classes)
    for cut in cuts:
        if cut not in names[:-1]:
            raise ValueError(f"got {cut!r}, allowed cuts of {model}: {', '.join(names[:-1])}")
    ends = [names.index(cut) + 1 for cut in cuts]
    if sorted(set(ends)) != ends:
        raise ValueError(f"got {list(cuts)}, must be different and in the model's order: {', '.join(names[:-1])}")
    bounds = [0, *ends, len(names)]
    return tuple(Stage(model, shape, classes, a, b) for a, b in pairwise(bounds))


@cache
def block_names(model: str, shape: Shape, classes: int) -> tuple[str, ...]:
    """Names of a model's blocks, in order. Raises ValueError if the model cannot take inputs of this shape."""
    try:
        with torch.device("meta"):
            blocks = builder(model)(shape, classes)
            torch.nn.Sequential(*blocks.values())(torch.empty(2, *shape))
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"model {model} cannot take inputs of shape {shape}: {error}") from error
    return tuple(blocks)


def initial_parts(stages: tuple[Stage, ...], seed: int) -> tuple[Part, ...]:
    """Freshly initialised values of consecutive stages, as torch initialises the whole model under this seed."""
    first, last = stages[0], stages[-1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed & (2**63 - 1))
        blocks = list(builder(first.model)(first.shape, first.classes).values())
    assert last.stop == len(blocks)
    parts = []
    for stage in stages:
        chain = torch.nn.Sequential(*blocks[stage.start : stage.stop])
        parts.append(Part(tuple(p.detach() for p in chain.parameters()), tuple(b.detach() for b in chain.buffers())))
    return tuple(parts)


@cache
def _module(stage: Stage, training: bool) -> nn.Module:
    with torch.device("meta"):
        blocks = list(builder(stage.model)(stage.shape, stage.classes).values())
    return torch.nn.Sequential(*blocks[stage.start : stage.stop]).train(training)


@cache
def _input_shape(stage: Stage) -> Shape:
    if stage.start == 0:
        return stage.shape
    return _output_shape(Stage(stage.model, stage.shape, stage.classes, 0, stage.start))


@cache
def _output_shape(stage: Stage) -> Shape:
    out = stage.module()(torch.empty(2, *_input_shape(stage), device="meta"))
    return tuple(out.shape[1:])


@cache
def _flops(stage: Stage, batch: int) -> Flops:
    from torch.utils.flop_counter import FlopCounterMode

    module = stage.module()
    x = torch.empty(batch, *_input_shape(stage), device="meta", requires_grad=not stage.takes_data)
    costs = {torch.ops.aten.convolution_backward: _convolution_backward}
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        FlopCounterMode(display=False, custom_mapping=costs) as counter,
    ):
        leaves = {name: p.detach().requires_grad_() for name, p in module.named_parameters()}
        output = torch.func.functional_call(module, leaves, (x,))
        forward = counter.get_total_flops()
        if output.requires_grad:
            output.sum().backward()
    return Flops(float(forward), float(counter.get_total_flops() - forward))


def _convolution_backward(out: Shape, x: Shape, weight: Shape, *rest: Any, **_: Any) -> int:
    """Each of the two gradients costs what the forward pass costs; torch's own count is wrong for groups."""
    from torch.utils.flop_counter import conv_flop_count

    transposed, (of_input, of_weight, _of_bias) = rest[4], rest[7]
    forward: int = conv_flop_count(list(x), list(weight), list(out), transposed=transposed)
    return forward * (int(of_input) + int(of_weight))
