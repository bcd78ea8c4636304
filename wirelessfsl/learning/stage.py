"""A model split at named modules: stages (what is computed) and parts (with which numbers).

A :class:`Stage` is one piece of a model. It holds no weights, is hashable and picklable, and can say what it costs. A
:class:`Part` is the values of one stage at one place: parameters, buffers (BatchNorm statistics), the optimiser's state
and the key of its random numbers (dropout). Tensors are values: nobody writes into them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from wirelessfsl.lazy import torch
from wirelessfsl.learning.chain import Shape
from wirelessfsl.learning.filters import Group, Shrunk, filter_groups, shrink
from wirelessfsl.learning.graph import cut, cut_points, random_operations, trace
from wirelessfsl.learning.models import MODELS, OF_TEXT, ModelSpec, make
from wirelessfsl.learning.optim import Optimizer

if TYPE_CHECKING:
    from torch import Tensor, nn

Weights = tuple["Tensor", ...]
STAGES = 1024
"""Of which what was worked out is kept; where clients prune filters there is a new stage for each, again and again."""


class Part(NamedTuple):
    """Values of one stage: parameters and buffers in the module's order, the optimiser's state, and a key.

    The key names the random numbers of the next forward pass, which returns a part with another key.

    masks: 0 where a parameter is pruned and must stay zero, else 1; None for a parameter without. Empty for no masks.
    work: share of the stage's FLOPs that pruning leaves.
    importance: first-order Taylor importance of every parameter, summed over batches; empty if nobody asks for it.
    """

    params: tuple[Tensor, ...]
    buffers: tuple[Tensor, ...] = ()
    optimizer: tuple[Tensor, ...] = ()
    key: int = 0
    masks: tuple[Tensor | None, ...] = ()
    work: float = 1.0
    importance: tuple[Tensor, ...] = ()

    @property
    def weights(self) -> Weights:
        """What travels and is averaged: parameters and buffers."""
        return self.params + self.buffers

    def begin(self, optimizer: Optimizer, key: int) -> Part:
        """This part at the beginning of a training: with a fresh state of the optimiser, and a key."""
        return self._replace(optimizer=optimizer.init(self.params), key=key)

    def copy(self) -> Part:
        """This part in tensors of its own, on the same memory, for who has the same values and was not sent them."""
        return self.load(tuple(tensor.detach() for tensor in self.weights))

    def load(self, weights: Weights) -> Part:
        """This part with other parameters and buffers."""
        count = len(self.params)
        return self._replace(params=tuple(weights[:count]), buffers=tuple(weights[count:]))

    def bare(self) -> Part:
        """What is left of this part if it gets other weights before it goes on: of its own there are but the shapes."""
        shapes = tuple(_blank(tuple(tensor.shape), tensor.dtype) for tensor in self.weights)
        return self.load(shapes)._replace(masks=(), importance=())


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one pass over one batch; a multiply-accumulate counts as 2."""

    forward: float
    backward: float


@dataclass(frozen=True)
class Stage:
    """Piece ``index`` (from 0) of a model that is cut after the modules named ``cuts``.

    filters: flags of the filters that are left, group by group (:mod:`wirelessfsl.learning.pruning`); empty for all.
    detached: whether nothing before this stage is trained. frozen: whether this stage is not.
    compiled: whether its passes are compiled (:mod:`wirelessfsl.learning.compiling`).
    """

    model: ModelSpec
    cuts: tuple[str, ...] = ()
    index: int = 0
    filters: bytes = b""
    detached: bool = False
    frozen: bool = False
    compiled: bool = False

    @property
    def takes_data(self) -> bool:
        """Whether this stage begins at the model's input."""
        return self.index == 0

    @property
    def begins(self) -> bool:
        """Whether training begins here, so that no gradient goes further back."""
        return self.takes_data or self.detached

    def module(self, training: bool = True) -> nn.Module:
        """The stage as a module without values (on the meta device)."""
        return shrunk(self, training).module if self.filters else _pieces(self.model, self.cuts, training)[self.index]

    def flops(self, batch: int) -> Flops:
        """FLOPs of the convolutions and matrix products for ``batch`` samples, counted from the real module.

        The backward pass counts the gradient of the weights and, unless training begins here, of the input.
        Element-wise operations are not counted, as in the literature.
        """
        return _flops(self, batch)

    def output_shape(self) -> Shape:
        """Shape of one sample's output."""
        return tuple(_output(self).shape[1:])

    def first_draw(self) -> int:
        """Number of random operations in the stages before this one, so that each has a number in the whole model."""
        return 0 if self.takes_data else _random_operations(replace(self, index=self.index - 1))


@dataclass(frozen=True)
class Many:
    """A stage in place of as many as lie along the first axis of all its tensors."""

    stage: Stage


def over_lanes(function: Callable[..., Any], *tensors: Tensor) -> Any:
    """A function of tensors at once along their first axis; those without dimensions are the same for all."""
    # What cannot be batched is done one by one, and nobody needs to know.
    torch._C._functorch._set_vmap_fallback_warning_enabled(False)  # type: ignore[attr-defined]
    return torch.func.vmap(function, in_dims=tuple(0 if tensor.ndim else None for tensor in tensors))(*tensors)


def split(model: ModelSpec, cuts: tuple[str, ...], compiled: bool = False) -> tuple[Stage, ...]:
    """Stages of a model cut after the named modules, in order; one more stage than cuts.

    compiled: whether their passes are.

    Raises ValueError if a cut does not exist (the message lists those that do), if the cuts are not in order, or if
    both sides of a cut would share a parameter.
    """
    if cuts:
        points = cut_points_of(model)
        for name in cuts:
            if name not in points:
                raise ValueError(f"got {name!r}, allowed cuts of {model.name}: {', '.join(outermost(points))}")
        ends = [points[name] for name in cuts]
        if sorted(set(ends)) != ends:
            raise ValueError(
                f"got {list(cuts)}, must be different and in the model's order: {', '.join(outermost(points))}"
            )
        _pieces(model, cuts, True)
    return tuple(Stage(model, cuts, index, compiled=compiled) for index in range(len(cuts) + 1))


@lru_cache(STAGES)
def cut_points_of(model: ModelSpec) -> dict[str, int]:
    """Names of the modules that a cut can follow, in the model's order, each with its position.

    Raises ValueError if the model cannot be cut at all.
    """
    points = cut_points(trace(_on_meta(model)).graph)
    if not points:
        raise ValueError("cannot be cut: no module's output is all that the modules after it need")
    return points


def outermost(points: dict[str, int]) -> tuple[str, ...]:
    """Of the modules that a cut can follow those that stand for themselves: one a place, not inside of another.

    >>> outermost({"block1.0": 1, "block1": 2, "block1.1": 2, "head": 3})
    ('block1', 'head')
    """
    ends = {end: name for name, end in reversed(points.items()) if "." not in name}
    return tuple(reversed(ends.values())) or tuple(points)


def check_fits(model: ModelSpec) -> None:
    """Raises ValueError if the model cannot be trained here.

    That is: if it reads text and the inputs are images, or the other way round, does not take inputs of its shape,
    does not answer with one number per class, or draws random numbers where none should be (in evaluation) or that no
    seed could name.
    """
    if model.name in MODELS and model.tokens != (model.name in OF_TEXT):
        fit = ", ".join(name for name in MODELS if model.tokens == (name in OF_TEXT))
        reads, got = ("images", "text") if model.tokens else ("text", "images")
        raise ValueError(f"model {model.name} reads {reads}, the data are {got}; allowed: {fit}")
    try:
        out = _output(Stage(model))
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"model {model.name} cannot take inputs of shape {model.shape}: {error}") from error
    if out.shape != (2, model.classes):
        raise ValueError(
            f"model {model.name} answers two samples with shape {tuple(out.shape)}: must be {(2, model.classes)}"
        )
    _random_operations(Stage(model))
    if _random_operations(Stage(model), training=False):
        raise ValueError(f"model {model.name} draws random numbers in evaluation")


def initial_parts(stages: tuple[Stage, ...], seed: int) -> tuple[Part, ...]:
    """Freshly initialised values of a model's stages, as torch initialises the whole model under this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed & (2**63 - 1))
        module = make(stages[0].model)
    values = {name: tensor.detach() for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    names = tensor_names(stages[0].model, stages[0].cuts)
    return tuple(
        part.load(tuple(values[name] for name in own)) for part, own in zip(blank_parts(stages), names, strict=True)
    )


def blank_parts(stages: tuple[Stage, ...]) -> tuple[Part, ...]:
    """Parts of a model's stages that have shapes and no values (on the meta device)."""
    modules = [stage.module() for stage in stages]
    return tuple(Part(tuple(p.detach() for p in each.parameters()), tuple(each.buffers())) for each in modules)


@lru_cache(STAGES)
def tensor_names(model: ModelSpec, cuts: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """What the uncut model calls the weights of each stage's part: parameters, then buffers."""
    module = _on_meta(model)
    names = {id(tensor): name for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    with _lasting():
        pieces = cut(module, cuts)
    return tuple(tuple(names[id(each)] for each in (*p.parameters(), *p.buffers())) for p in pieces)


def recut(weights: Sequence[Weights], was: tuple[Stage, ...], will: tuple[Stage, ...]) -> tuple[Weights, ...]:
    """Weights of one model's stages as those of its stages at other cuts: the same tensors in other tuples."""
    if was == will:
        return tuple(weights)
    names = [name for own in tensor_names(was[0].model, was[0].cuts) for name in own]
    held = dict(zip(names, (tensor for own in weights for tensor in own), strict=True))
    return tuple(tuple(held[name] for name in own) for own in tensor_names(will[0].model, will[0].cuts))


def whole(parts: Sequence[Part]) -> Weights:
    """Parameters and buffers of all stages of a model, as :func:`loaded` takes them."""
    return tuple(chain.from_iterable(part.weights for part in parts))


def loaded(parts: Sequence[Part], weights: Weights) -> tuple[Part, ...]:
    """Stages with these parameters and buffers of the whole model."""
    held = iter(weights)
    return tuple(part.load(tuple(islice(held, len(part.weights)))) for part in parts)


@lru_cache(STAGES)
def _blank(shape: Shape, dtype: torch.dtype) -> Tensor:
    with _lasting():
        return torch.empty(shape, dtype=dtype, device="meta")


def _lasting() -> torch.inference_mode:
    """For what outlives the kernel that happened to ask first: tensors of inference mode could not be trained."""
    return torch.inference_mode(False)


def _on_meta(model: ModelSpec) -> nn.Module:
    with _lasting(), torch.device("meta"):
        return make(model)


@lru_cache(STAGES)
def _pieces(model: ModelSpec, cuts: tuple[str, ...], training: bool) -> tuple[nn.Module, ...]:
    with _lasting():
        return tuple(piece.train(training) for piece in cut(_on_meta(model).train(training), cuts))


@lru_cache(STAGES)
def uses_of_weights(stage: Stage) -> tuple[int, ...]:
    """How often each parameter's numbers are multiplied with one sample: a filter at each position of its output.

    0 for what is no matrix or filter.
    """
    module = stage.module()
    position = {id(p): at for at, p in enumerate(module.parameters())}
    uses = [0] * len(position)

    def count(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        weight = getattr(layer, "weight", None)
        looked_up = isinstance(layer, torch.nn.Embedding)
        if weight is not None and weight.ndim > 1 and not looked_up and isinstance(output, torch.Tensor):
            uses[position[id(weight)]] += output[0].numel() // weight.shape[0]

    hooks = [layer.register_forward_hook(count) for layer in module.modules()]
    with _lasting(), torch.no_grad():
        module(blank_input(stage, 2))
    for hook in hooks:
        hook.remove()
    return tuple(uses)


@lru_cache(STAGES)
def filter_groups_of(stage: Stage) -> tuple[Group, ...]:
    """Groups of filters of a whole stage."""
    return filter_groups(_pieces(stage.model, stage.cuts, True)[stage.index], tuple(blank_input(stage, 1).shape[1:]))


@lru_cache(STAGES)
def shrunk(stage: Stage, training: bool = True) -> Shrunk:
    """A stage without the filters that its flags say are gone."""
    counts = [group.size for group in filter_groups_of(stage)]
    flags = iter(f"{int.from_bytes(stage.filters, 'little'):0{sum(counts)}b}"[::-1])
    keep = tuple(tuple(next(flags) == "1" for _ in range(count)) for count in counts)
    with _lasting():
        whole = _pieces(stage.model, stage.cuts, training)[stage.index]
        return shrink(whole, tuple(blank_input(stage, 1).shape[1:]), keep)


@lru_cache(STAGES)
def _output(stage: Stage, batch: int = 2) -> Tensor:
    """Output for a batch, on the meta device."""
    with _lasting(), torch.no_grad():
        out: Tensor = stage.module()(blank_input(stage, batch))
    return out


def blank_input(stage: Stage, batch: int) -> Tensor:
    if stage.takes_data:
        dtype = torch.int64 if stage.model.tokens else torch.float32
        return torch.empty(batch, *stage.model.shape, dtype=dtype, device="meta")
    return _output(replace(stage, index=stage.index - 1), batch)


@lru_cache(STAGES)
def _random_operations(stage: Stage, training: bool = True) -> int:
    """Number of random operations from the model's beginning to the end of a stage."""
    from torch.fx.experimental.proxy_tensor import make_fx

    with _lasting():
        graph = make_fx(stage.module(training))(blank_input(stage, 2)).graph
    return stage.first_draw() + len(random_operations(graph))


@lru_cache(STAGES)
def _flops(stage: Stage, batch: int) -> Flops:
    from torch.utils.flop_counter import FlopCounterMode

    module = stage.module()
    x = blank_input(stage, batch).detach().requires_grad_(not stage.begins)
    costs = {torch.ops.aten.convolution_backward: _convolution_backward}
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        FlopCounterMode(display=False, custom_mapping=costs) as counter,
    ):
        leaves = {name: p.detach().requires_grad_(not stage.frozen) for name, p in module.named_parameters()}
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
