"""Who holds which tensor: a tensor that reaches another node without being transferred is a bug, and is caught.

A mark on the tensor itself says at which node it is. Kernels may only be given tensors of the node they run on; what
they return belongs to it. The receiver of a transfer holds the decoded copies. Tensors without a mark (constants) are
free.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_MARK = "_wirelessfsl_home"


class CustodyError(RuntimeError):
    """A node used a tensor that it was never sent."""


class Custody:
    """Marks and checks the tensors in nested tuples, lists and named tuples."""

    def claim(self, node: str, value: Any) -> None:
        for tensor in _tensors(value):
            tensor._wirelessfsl_home = node

    def check(self, node: str, what: str, value: Any) -> None:
        """Raises CustodyError if a tensor in ``value`` is at another node."""
        for tensor in _tensors(value):
            home = getattr(tensor, _MARK, node)
            if home != node:
                raise CustodyError(
                    f"{what} at {node} was given a tensor of shape {tuple(tensor.shape)} that is at {home}:"
                    " move it with world.transfer"
                )


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
    elif hasattr(value, "untyped_storage"):
        yield value
