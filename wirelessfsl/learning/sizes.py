"""How much memory a stage takes that is trained: its weights, an optimiser's state, and what a pass leaves or needs.

Counted on modules without values, so that nothing is computed. Left out: what libraries below torch use for a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wirelessfsl.lazy import torch
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Stage, blank_input

if TYPE_CHECKING:
    from torch import Tensor


def weights_bytes(stage: Stage) -> int:
    """Parameters and buffers."""
    module = stage.module()
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def state_bytes(stage: Stage, optimizer: Optimizer) -> int:
    """State of an optimiser of the parameters."""
    return sum(tensor.nbytes for tensor in optimizer.init(tuple(stage.module().parameters())))


def tape_bytes(stage: Stage, batch: int) -> int:
    """What the forward pass of a batch leaves to the backward pass, without the weights."""
    module = stage.module()
    held: dict[int, torch.UntypedStorage] = {}
    own = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers())}

    def keep(tensor: Tensor) -> None:  # the storage alone: with a tensor the graph would hold itself for ever
        held[tensor.untyped_storage()._cdata] = tensor.untyped_storage()

    with torch.inference_mode(False), torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        leaves = {name: p.detach().requires_grad_(not stage.frozen) for name, p in module.named_parameters()}
        x = blank_input(stage, batch)
        torch.func.functional_call(module, leaves, (x if stage.begins else x.detach().requires_grad_(),))
    return sum(storage.nbytes() for at, storage in held.items() if at not in own)


def widest_bytes(stage: Stage, batch: int) -> int:
    """The most that one of its layers takes in and gives out."""
    most = 0

    def look(_layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal most
        most = max(most, sum(each.nbytes for each in (*inputs, output) if isinstance(each, torch.Tensor)))

    module = stage.module()
    hooks = [layer.register_forward_hook(look) for layer in module.modules()]
    with torch.inference_mode(False), torch.no_grad():
        module(blank_input(stage, batch))
    for hook in hooks:
        hook.remove()
    return most
