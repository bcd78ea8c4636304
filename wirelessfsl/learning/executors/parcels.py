"""Values on their way through Ray: their tensors as buffers beside the pickle, which the receiver reads where they lie.

A tensor comes out with the strides and the alignment that it had (:mod:`wirelessfsl.learning.executors.segments`); Ray
aligns large buffers as torch does, so that only others are moved.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

from wirelessfsl.lazy import torch
from wirelessfsl.learning.executors.segments import ALIGNMENT, Block, own, packed, span_of, unpacked

if TYPE_CHECKING:
    from torch import Tensor


class Parcel:
    """Something to be sent; what comes out at the other end is the value itself, its tensors not to be written to."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        buffers: list[PickleBuffer] = []
        return _opened, (packed(self.value, lambda tensor: _put(tensor, buffers)), buffers)


def _put(tensor: Tensor, buffers: list[PickleBuffer]) -> Block:
    span = span_of(tensor)
    flat = tensor.detach().as_strided((span,), (1,))
    buffers.append(PickleBuffer(flat.view(torch.uint8).numpy().data))
    aside = tensor.data_ptr() % ALIGNMENT if span else 0
    return Block(len(buffers) - 1, (0, 0), aside, tensor.dtype, span, tuple(tensor.shape), tuple(tensor.stride()))


def _opened(content: bytes, buffers: Sequence[Any]) -> Any:
    _read_only_is_fine()
    return unpacked(content, [_Buffer(each) for each in buffers], lasting=True)


class _Buffer:
    """The memory of one tensor."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    def view(self, block: Block) -> Tensor:
        if not block.span:
            return torch.empty_strided(block.shape, block.stride, dtype=block.dtype)
        flat = torch.frombuffer(self.buffer, dtype=block.dtype, count=block.span)
        there = flat.as_strided(block.shape, block.stride)
        return there if flat.data_ptr() % ALIGNMENT == block.first else own(there, block.first)


@cache
def _read_only_is_fine() -> None:
    """torch warns once of memory that must not be written to, which nobody here does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.frombuffer(b"0", dtype=torch.uint8)
