"""Cutting a model: any ``nn.Module`` that ``torch.fx`` can trace, after any module that a cut can follow.

A cut follows a module if what comes after it needs that module's output and no other value: there is one tensor to
send. So a chain can be cut everywhere, a residual network between its blocks and not inside of one. The graph is
``torch.fx``'s and so is the splitting; here is only the rule where.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from wirelessfsl.lazy import torch

if TYPE_CHECKING:
    from torch import fx, nn


def cut_points(graph: fx.Graph) -> dict[str, int]:
    """Names of the modules that a cut can follow, in the graph's order, each with the position of its last node.

    A module inside of another has a dotted name. The model's last module is left out: nothing comes after it.
    """
    nodes = list(graph.nodes)
    position = {node: at for at, node in enumerate(nodes)}
    last_use = {node: max(map(position.__getitem__, node.users)) for node in nodes if node.users}
    last_node = {name: at for at, node in enumerate(nodes) for name in _modules(node)}
    names: dict[int, list[str]] = {}
    for name, at in last_node.items():
        names.setdefault(at, []).append(name)
    points: dict[str, int] = {}
    alive: set[fx.Node] = set()
    for at, node in enumerate(nodes):
        alive = {earlier for earlier in alive if last_use[earlier] > at}
        if node in last_use and node.op != "get_attr":
            alive.add(node)
        if alive == {node} and node.op != "placeholder" and nodes[at + 1].op != "output":
            points |= dict.fromkeys(names.get(at, ()), at)
    return points


def trace(module: nn.Module) -> fx.GraphModule:
    """A module's graph. Raises ValueError if its forward pass cannot be written down without values."""
    try:
        return torch.fx.symbolic_trace(module)
    except Exception as error:  # a user's forward method may raise anything when given a proxy
        raise ValueError(f"cannot be cut, for torch.fx cannot trace it: {type(error).__name__}: {error}") from error


def cut(module: nn.Module, cuts: Sequence[str]) -> tuple[nn.Module, ...]:
    """A module as consecutive pieces, cut after the named modules; together they compute what it computes.

    cuts: names out of :func:`cut_points`, in the graph's order; none gives the module itself.

    Raises ValueError if a parameter is used on both sides of a cut.
    """
    if not cuts:
        return (module,)
    from torch.fx.passes.split_module import split_module

    traced = trace(module)
    points = cut_points(traced.graph)
    ends = [points[name] for name in cuts]
    piece = {node: sum(at > end for end in ends) for at, node in enumerate(traced.graph.nodes)}
    joined = split_module(traced, module, piece.__getitem__)
    calls = [node for node in joined.graph.nodes if node.op == "call_module"]
    pieces = tuple(_with_own_values(joined, call) for call in calls)
    owners = [{id(tensor) for tensor in (*each.parameters(), *each.buffers())} for each in pieces]
    if sum(map(len, owners)) > len(set().union(*owners)):
        raise ValueError(f"cannot be cut at {', '.join(cuts)}: both sides use the same parameter")
    return pieces


def _with_own_values(joined: fx.GraphModule, call: fx.Node) -> fx.GraphModule:
    """A piece that holds the parameters and buffers of no module which ``split_module`` hands to it as inputs."""
    piece: fx.GraphModule = joined.get_submodule(str(call.target))  # type: ignore[assignment]
    inputs = [node for node in piece.graph.nodes if node.op == "placeholder"]
    for source, entry in zip(call.all_input_nodes, inputs, strict=True):
        if source.op == "get_attr":
            name = str(source.target).replace(".", "_")
            value = attrgetter(str(source.target))(joined)
            if isinstance(value, torch.nn.Parameter):
                piece.register_parameter(name, value)
            else:
                piece.register_buffer(name, value)
            with piece.graph.inserting_before(entry):
                entry.replace_all_uses_with(piece.graph.get_attr(name))
            piece.graph.erase_node(entry)
    piece.recompile()
    return piece


def random_operations(graph: fx.Graph) -> list[fx.Node]:
    """The nodes of a traced pass that draw random numbers.

    Each fills a blank tensor. Raises ValueError if one of them does not, or cannot be given a generator.
    """
    found = [node for node in graph.nodes if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())]
    for node in found:
        if not any(argument.name == "generator" for argument in node.target._schema.arguments):
            raise ValueError(f"{node.target} draws random numbers that no seed can name; use torch.nn.Dropout")
        blank, *others = node.all_input_nodes or [node]
        if others or not node.target._schema.is_mutable or set(blank.users) != {node}:
            raise ValueError(f"{node.target} draws random numbers that depend on values; use torch.nn.Dropout")
    return found


def _modules(node: fx.Node) -> list[str]:
    """Names of the modules that a node is in, outermost first."""
    return [name for name, _ in node.meta.get("nn_module_stack", {}).values()]
