"""Who holds which tensor: a tensor that reaches another node without being transferred is a bug, and is caught.

A mark on the tensor itself says at which node it is. Kernels may only be given tensors of the node they run on; what
they return belongs to it. The receiver of a transfer holds the decoded copies. Tensors without a mark (constants) are
free. In runs that are about time alone there is nothing to be held.
"""

from __future__ import annotations

from typing import Any

_HELD = frozenset({"Tensor", "Promise"})
_NESTED = tuple, list


class CustodyError(RuntimeError):
    """A node used a tensor that it was never sent."""


class Custody:
    """Knows who holds what."""

    def claim(self, node: str, value: Any) -> None:
        """Mark every tensor in nested tuples and lists as being at ``node``."""
        for item in value if isinstance(value, _NESTED) else (value,):
            if type(item).__name__ in _HELD:
                item._wirelessfsl_home = node
            elif isinstance(item, _NESTED) and item:
                self.claim(node, item)

    def check(self, node: str, what: str, value: Any) -> None:
        """Raises CustodyError if a tensor in nested tuples and lists is at another node than ``node``."""
        for item in value if isinstance(value, _NESTED) else (value,):
            if type(item).__name__ in _HELD:
                if (home := getattr(item, "_wirelessfsl_home", node)) != node:
                    raise CustodyError(
                        f"{what} at {node} was given a tensor of shape {tuple(item.shape)} that is at {home}:"
                        " move it with world.transfer"
                    )
            elif isinstance(item, _NESTED) and item:
                self.check(node, what, item)


class NoCustody:
    """Of tensors without values, from which nobody can learn anything; they may then be shared."""

    def claim(self, node: str, value: Any) -> None: ...
    def check(self, node: str, what: str, value: Any) -> None: ...
