"""Who holds which tensor: a tensor that reaches another node without being transferred is a bug, and is caught.

A mark on the tensor itself says at which node it is. Kernels may only be given tensors of the node they run on; what
they return belongs to it. The receiver of a transfer holds the decoded copies. Tensors without a mark (constants) are
free.
"""

from __future__ import annotations

from typing import Any

_HELD = frozenset({"Tensor", "Promise"})


class CustodyError(RuntimeError):
    """A node used a tensor that it was never sent."""


def claim(node: str, value: Any) -> None:
    """Mark every tensor in nested tuples and lists as being at ``node``."""
    if isinstance(value, tuple | list):
        for item in value:
            claim(node, item)
    elif type(value).__name__ in _HELD:
        value._wirelessfsl_home = node


def check(node: str, what: str, value: Any) -> None:
    """Raises CustodyError if a tensor in nested tuples and lists is at another node than ``node``."""
    if isinstance(value, tuple | list):
        for item in value:
            check(node, what, item)
    elif type(value).__name__ in _HELD and (home := getattr(value, "_wirelessfsl_home", node)) != node:
        raise CustodyError(
            f"{what} at {node} was given a tensor of shape {tuple(value.shape)} that is at {home}:"
            " move it with world.transfer"
        )
