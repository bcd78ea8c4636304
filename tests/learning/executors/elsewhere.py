"""A device beside the CPU that needs no GPU: tensors that say they are on ``lazy``, and are computed with on the CPU.

As on a GPU, tensors of two devices do not mix, but for those without dimensions; nothing draws random numbers there;
NumPy has no access; and what is copied to or from there, or looked at by the host, is counted.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

LAZY = torch.device("lazy", 0)


class There(torch.Tensor):
    """A tensor on the other device; ``inside`` has its numbers."""

    inside: torch.Tensor

    @staticmethod
    def __new__(cls, inside: torch.Tensor) -> There:
        made: There = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inside.shape,
            strides=inside.stride(),
            storage_offset=inside.storage_offset(),
            dtype=inside.dtype,
            device=LAZY,
        )
        made.inside = inside
        return made

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(operation, args, kwargs or {}, None)


class Elsewhere(TorchDispatchMode):
    """While it holds there is a device ``lazy``.

    copies: how many tensors were copied, by the device that they went to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.copies: Counter[str] = Counter()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(operation, args, kwargs or {}, self.copies)


def _run(operation: Any, args: Any, kwargs: dict[str, Any], copies: Counter[str] | None) -> Any:
    tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    there = any(isinstance(each, There) for each in tensors)
    name = operation.overloadpacket.__name__
    goes = kwargs.get("device")
    if goes is not None:
        if name in ("_to_copy", "to") and copies is not None and (goes.type == "lazy") != there:
            copies[goes.type] += 1
        there = goes.type == "lazy"
        kwargs = kwargs | {"device": torch.device("cpu") if there else goes}
    elif there and (mixed := [each for each in tensors if not isinstance(each, There) and each.ndim]):
        raise RuntimeError(f"{operation}: tensors on two devices, of shape {tuple(mixed[0].shape)} on the CPU")
    if there and torch.Tag.nondeterministic_seeded in operation.tags:
        raise RuntimeError(f"{operation}: draws there")
    if there and copies is not None and _is_looked_at(operation, name, args):
        copies["cpu"] += 1
    out = operation(*tree_map(_inside, args), **tree_map(_inside, kwargs))
    if operation._schema.is_mutable and tensors and isinstance(tensors[0], There):
        return args[0]
    return tree_map(_wrapped, out) if there else out


def _is_looked_at(operation: Any, name: str, args: Any) -> bool:
    """Whether the host waits for numbers: for one, or for how many there are."""
    if name == "index":  # by flags, which is by how many are set
        return any(each is not None and each.dtype is torch.bool for each in args[1])
    return name in ("_local_scalar_dense", "equal") or torch.Tag.dynamic_output_shape in operation.tags


def _inside(value: Any) -> Any:
    return value.inside if isinstance(value, There) else value


def _wrapped(value: Any) -> Any:
    return There(value) if isinstance(value, torch.Tensor) else value
