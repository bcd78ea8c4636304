"""Training passes of a stage as flat functions of tensors, traced once per input signature.

``make_fx`` runs a stage's forward and backward pass once and writes down the tensor operations. The joint graph is then
cut in two where the gradient of the output comes in: the forward half returns the output and what the backward half
needs (the tape), so nothing is computed twice and no autograd graph lives through simulated time. A traced pass changes
no module, is thread-safe, and on small models runs faster than the imperative loop (see benchmarks).

What random operations (dropout) draw comes in with the call: the number of the operation in the whole model and the
caller's key name its stream, wherever the model is cut.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.learning.compiling import Compiled, compiled, tell
from wirelessfsl.learning.graph import random_operations
from wirelessfsl.learning.stage import STAGES, Many, Stage, over_lanes
from wirelessfsl.streams import subkey

if TYPE_CHECKING:
    from torch import Tensor, fx

Keys: TypeAlias = NDArray[Any]
"""Keys of many, as objects: any Python integers."""


class Pass:
    """A traced pass: ``run(key, *tensors)``; the key names its random numbers and is of no account if it has none.

    These are drawn on the CPU, so that they are the same wherever the tensors are. For an array of keys it is as many
    passes at once, with tensors stacked along a first axis.
    """

    def __init__(self, graph: fx.Graph, stage: Stage, first_draw: int = 0) -> None:
        self._draws = tuple(enumerate(_drawn_outside(graph), first_draw))
        if stage.compiled and self._draws:
            tell(Compiled(left=1))
        self._graph, self._compiled = graph, stage.compiled and not self._draws
        self._on = cache(self._placed)

    def __call__(self, key: int | Keys, *tensors: Tensor) -> tuple[Tensor, ...]:
        device = tensors[-1].device
        results: tuple[Tensor, ...]
        if isinstance(key, int):
            run = self._on(device, self._compiled)
            results = run(*tensors, *(drawn.to(device) for drawn in self._drawn(key)))
        else:
            drawn = map(torch.stack, zip(*map(self._drawn, key), strict=True))
            results = over_lanes(self._on(device, False), *tensors, *(each.to(device) for each in drawn))
        return results

    def _drawn(self, key: int) -> list[Tensor]:
        return [draw(torch.Generator().manual_seed(subkey(key, number))) for number, draw in self._draws]

    def _placed(self, device: torch.device, quick: bool) -> Callable[..., tuple[Tensor, ...]]:
        """The pass for tensors on a device, compiled or not."""
        from torch.fx import GraphModule

        module = GraphModule({}, self._graph)  # with a copy of the graph
        for node in module.graph.nodes:
            if "device" in node.kwargs:
                node.update_kwarg("device", device)
        module.recompile()
        return compiled(module) if quick else module.forward


@lru_cache(STAGES)
def halves(stage: Stage | Many, shape: torch.Size, dtype: torch.dtype) -> tuple[Pass, Pass]:
    """Forward and backward half of a stage for inputs x of this shape (batch included) and dtype.

    forward(key, *params, *buffers, x) -> (output, *new buffers, *tape)
    backward(key, *tape, gradient of output) -> (gradient of x unless training begins here, *gradients of params)

    For many stages the shape is of as many inputs, stacked.
    """
    if isinstance(stage, Many):
        return halves(stage.stage, shape[1:], dtype)

    def joint(*tensors: Tensor) -> list[Tensor]:
        *inside, gradient = tensors
        output, buffers, leaves = _forward(stage, inside)
        return [output, *buffers, *(torch.autograd.grad(output, leaves, gradient) if leaves else ())]

    with torch.inference_mode(False), torch.enable_grad():
        example = _example(stage, shape, dtype)
        output, buffers, _ = _forward(stage, example)
        graph = _trace(joint, [*example, torch.ones_like(output)])
    first, second = _cut(graph, gradients=1, outputs=1 + len(buffers))
    return Pass(first, stage, stage.first_draw()), Pass(second, stage)


@lru_cache(STAGES)
def whole(stage: Stage | Many, shape: torch.Size, dtype: torch.dtype) -> Pass:
    """Forward, mean cross-entropy and backward of a stage that ends the model, in one pass.

    run(key, *params, *buffers, x, labels)
        -> (loss, *new buffers, gradient of x unless training begins here, *gradients of params)

    For many stages as :func:`halves`.
    """
    if isinstance(stage, Many):
        return whole(stage.stage, shape[1:], dtype)

    def joint(*tensors: Tensor) -> list[Tensor]:
        *inside, y = tensors
        output, buffers, leaves = _forward(stage, inside)
        loss = torch.nn.functional.cross_entropy(output, y)
        return [loss, *buffers, *torch.autograd.grad(loss, leaves)]

    with torch.inference_mode(False), torch.enable_grad():
        labels = torch.zeros(shape[0], dtype=torch.int64)
        graph = _trace(joint, [*_example(stage, shape, dtype), labels])
    return Pass(graph.graph, stage, stage.first_draw())


@lru_cache(STAGES)
def weighted(stage: Stage, shape: torch.Size, dtype: torch.dtype) -> Pass:
    """As :func:`whole`, of a weighted sum of the samples' losses.

    run(key, *params, *buffers, x, labels, weights) -> (losses of the samples, and what follows the loss there)
    """

    def joint(*tensors: Tensor) -> list[Tensor]:
        *inside, y, weights = tensors
        output, buffers, leaves = _forward(stage, inside)
        losses = torch.nn.functional.cross_entropy(output, y, reduction="none")
        return [losses, *buffers, *torch.autograd.grad((losses * weights).sum(), leaves)]

    with torch.inference_mode(False), torch.enable_grad():
        labels, weights = torch.zeros(shape[0], dtype=torch.int64), torch.zeros(shape[0], dtype=dtype)
        graph = _trace(joint, [*_example(stage, shape, dtype), labels, weights])
    return Pass(graph.graph, stage, stage.first_draw())


def _forward(stage: Stage, tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Output, updated buffers, and the leaves whose gradients are wanted (x first, unless training begins here)."""
    module = stage.module()
    names = [name for name, _ in module.named_parameters()]
    buffer_names = [name for name, _ in module.named_buffers()]
    params = [t.detach().requires_grad_(not stage.frozen) for t in tensors[: len(names)]]
    buffers = [t.clone() for t in tensors[len(names) : -1]]
    x = tensors[-1].detach().requires_grad_(not stage.begins)
    values = dict(zip(names, params, strict=True)) | dict(zip(buffer_names, buffers, strict=True))
    output = torch.func.functional_call(module, values, (x,))
    return output, buffers, ([] if stage.begins else [x]) + ([] if stage.frozen else params)


def _example(stage: Stage, shape: torch.Size, dtype: torch.dtype) -> list[Tensor]:
    """Parameters, buffers and x of the right shapes."""
    module = stage.module()
    values = [torch.zeros(t.shape, dtype=t.dtype) for t in (*module.parameters(), *module.buffers())]
    return [*values, torch.zeros(shape, dtype=dtype)]


def _trace(function: Callable[..., list[Tensor]], example: list[Tensor]) -> fx.GraphModule:
    from torch.fx.experimental.proxy_tensor import make_fx

    traced: fx.GraphModule = make_fx(function)(*example)
    _tidy(traced.graph)
    return traced


def _tidy(graph: fx.Graph) -> None:
    """Drop what only autograd needed: detach (values are never written into) and results that nobody uses."""
    for node in list(graph.nodes):
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    for node in reversed(list(graph.nodes)):
        pure = node.target is operator.getitem or (
            isinstance(node.target, torch._ops.OpOverload) and not node.target._schema.is_mutable
        )
        if not node.users and node.op == "call_function" and pure:
            graph.erase_node(node)


def _cut(traced: fx.GraphModule, gradients: int, outputs: int) -> tuple[fx.Graph, fx.Graph]:
    """Cut a joint graph where the last ``gradients`` inputs come in; the first ``outputs`` outputs are forward's."""
    nodes = list(traced.graph.nodes)
    inputs = [n for n in nodes if n.op == "placeholder"]
    results = list(nodes[-1].args[0])
    late = set(inputs[-gradients:])
    for node in nodes:
        if any(source in late for source in node.all_input_nodes):
            late.add(node)
    tape: dict[Any, None] = {}
    for node in nodes[:-1]:
        if node in late:
            tape.update((source, None) for source in node.all_input_nodes if source not in late)
    forward = _part(traced.graph, inputs[:-gradients], [*results[:outputs], *tape])
    backward = _part(traced.graph, [*tape, *inputs[-gradients:]], results[outputs:])
    return forward, backward


def _part(graph: fx.Graph, inputs: Sequence[fx.Node], outputs: Sequence[fx.Node]) -> fx.Graph:
    """The nodes between ``inputs`` and ``outputs`` as a graph of their own; in-place updates keep their order."""
    from torch.fx import Graph

    needed = set()
    pending = list(outputs)
    while pending:
        node = pending.pop()
        if node not in needed and node not in inputs:
            needed.add(node)
            pending.extend(node.all_input_nodes)
    part = Graph()
    copies = {node: part.placeholder(node.name) for node in inputs}
    for node in graph.nodes:
        if node in needed:
            copies[node] = part.node_copy(node, copies.__getitem__)
    part.output(tuple(copies[node] for node in outputs))
    return part


def _drawn_outside(graph: fx.Graph) -> list[Callable[[torch.Generator], Tensor]]:
    """Let what random operations draw come in as further inputs; returns how each is drawn, in order."""
    last_input = [node for node in graph.nodes if node.op == "placeholder"][-1]
    draws: list[Callable[[torch.Generator], Tensor]] = []
    for number, node in enumerate(random_operations(graph)):
        with graph.inserting_after(last_input):
            last_input = graph.placeholder(f"drawn_{number}")
        draws.append(partial(_draw, node.target, node.meta["val"], node.args[1:], dict(node.kwargs)))
        node.replace_all_uses_with(last_input)
        graph.erase_node(node)
    _tidy(graph)
    return draws


def _draw(operation: Any, like: Tensor, args: Any, kwargs: dict[str, Any], generator: torch.Generator) -> Tensor:
    blank = torch.empty_strided(like.shape, like.stride(), dtype=like.dtype)
    drawn: Tensor = operation(blank, *args, **kwargs | {"generator": generator})
    return drawn
