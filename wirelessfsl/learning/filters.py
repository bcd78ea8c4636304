"""A module without some of its filters: really smaller, with a record of what is left of its tensors and output.

Which tensors lose what when a filter goes is found by Torch-Pruning (Fang et al., DepGraph: Towards Any Structural
Pruning, CVPR 2023). It is run once on a copy whose every number is its own position, so that what is left says where it
came from; a linear probe behind the output does the same for the smashed data.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from wirelessfsl.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


class Left(NamedTuple):
    """What is left of a tensor: flat positions in it, shape (kept,), and the shape that they make."""

    at: Tensor
    shape: tuple[int, ...]


class Group(NamedTuple):
    """Filters that go together, such as those around a residual connection.

    size: how many. weights: positions, among the module's parameters, of the convolutions' weights.
    """

    size: int
    weights: tuple[int, ...]


class Shrunk(NamedTuple):
    """A smaller module (without values), what is left of every parameter and buffer, and of one sample's output."""

    module: nn.Module
    tensors: tuple[Left, ...]
    output: Left


def filter_groups(module: nn.Module, shape: tuple[int, ...]) -> tuple[Group, ...]:
    """The groups of filters of a module's convolutions, in the module's order.

    shape: of one sample that comes in.
    """
    _, graph, convolutions = _traced(module, shape)
    position = {id(tensor): at for at, tensor in enumerate(graph.parameters)}
    groups = []
    for lead in convolutions:
        members = _members(graph.of(lead, range(lead.out_channels)))
        if members:
            groups.append(Group(lead.out_channels, tuple(sorted(position[id(each.weight)] for each in members))))
    return tuple(dict.fromkeys(groups))


def shrink(module: nn.Module, shape: tuple[int, ...], keep: tuple[tuple[bool, ...], ...]) -> Shrunk:
    """A module without the filters that are not kept.

    shape: of one sample that comes in. keep: of every group which filters, in the order of :func:`filter_groups`.
    """
    small, graph, convolutions = _traced(module, shape)
    groups = filter_groups(module, shape)
    weights = {id(each.weight): each for each in convolutions}
    leads = [weights[id(graph.parameters[group.weights[0]])] for group in groups]
    for lead, kept in zip(leads, keep, strict=True):
        gone = [i for i, keeps in enumerate(kept) if not keeps]
        if gone:
            graph.of(lead, gone).prune()
    tensors = tuple(
        Left(tensor.detach().flatten().long(), tuple(tensor.shape))
        for tensor in (*small.parameters(), *small.buffers())
    )
    with torch.no_grad():
        output = small(torch.zeros(1, *shape, dtype=torch.float64))
    left = Left(graph.probe.weight.detach().flatten().long(), tuple(output.shape[1:]))
    for tensor, original in zip(
        (*small.parameters(), *small.buffers()), (*module.parameters(), *module.buffers()), strict=True
    ):
        tensor.data = tensor.data.to(original.dtype)
    return Shrunk(small.to("meta").train(module.training), tensors, left)


class _Graph:
    """What depends on what in a module and the probe behind it."""

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        import torch_pruning

        x = torch.zeros(1, *shape, dtype=torch.float64)
        with torch.no_grad():
            outputs = module(x).numel()
        self.probe = torch.nn.Linear(outputs, 1, bias=False, dtype=torch.float64)
        self.probe.weight.data = torch.arange(float(outputs), dtype=torch.float64)[None]
        self.parameters = [*module.parameters()]
        whole = torch.nn.Sequential(module, torch.nn.Flatten(), self.probe)
        self._graph = torch_pruning.DependencyGraph().build_dependency(whole, example_inputs=x)
        self._out = torch_pruning.prune_conv_out_channels

    def of(self, convolution: nn.Module, filters: Any) -> Any:
        """What goes with these filters of a convolution."""
        return self._graph.get_pruning_group(convolution, self._out, idxs=[*filters])


def _traced(module: nn.Module, shape: tuple[int, ...]) -> tuple[nn.Module, _Graph, list[Any]]:
    with torch.inference_mode(False), torch.enable_grad():
        numbered = copy.deepcopy(module).to_empty(device="cpu").double().eval()
        for tensor in (*numbered.parameters(), *numbered.buffers()):
            if tensor.is_floating_point():
                tensor.data = torch.arange(float(tensor.numel()), dtype=torch.float64).view(tensor.shape)
            elif tensor.numel() > 1:
                raise ValueError("it has a buffer of whole numbers, of which nobody knows what goes with which filter")
            else:
                tensor.zero_()
        convolutions = [
            each
            for each in numbered.modules()
            if isinstance(each, torch.nn.Conv1d | torch.nn.Conv2d) and each.groups == 1
        ]
        return numbered, _Graph(numbered, shape), convolutions


def _members(group: Any) -> list[Any]:
    """The convolutions that lose filters in a group; none if they do not all lose the same ones, or others do."""
    import torch_pruning

    lead = {*group[0].idxs}
    members = []
    for dependency, filters in group:
        if dependency.handler == torch_pruning.prune_conv_out_channels:
            if {*filters} != lead:
                return []
            members.append(dependency.target.module)
    return members
