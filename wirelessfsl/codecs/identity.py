"""The codec that changes nothing: raw values, every bit of them, NaN payloads and signed zeros included.

The yardstick of the others, and what a message kind gets that no codec is named for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

from wirelessfsl.codecs.codec import Memory
from wirelessfsl.codecs.wire import IDENTITY_ID, Frame, Payload, frame_bytes, raw, restore, write
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings


@settings
class Identity:
    """Values as they are: size = frame + sum over tensors of n itemsize bytes, error 0, cost 0 FLOPs per element.

    >>> payload, _ = Identity().encode((torch.zeros(2, 3),), None)
    >>> len(payload) == 8 + (2 + 2 * 4) + 2 * 3 * 4
    True
    """

    kind: Literal["identity"] = "identity"

    def encode(self, tensors: tuple[torch.Tensor, ...], memory: Memory) -> tuple[Payload, Memory]:
        return write(IDENTITY_ID, tensors, map(raw, tensors)), memory

    def decode(self, payload: Payload) -> tuple[torch.Tensor, ...]:
        frame = Frame(payload, IDENTITY_ID)
        return tuple(
            restore(frame.take(prod(shape) * dtype.itemsize), dtype, shape) for dtype, shape in frame.headers()
        )

    def encode_flops(self, elements: int) -> float:
        return 0.0

    def decode_flops(self, elements: int) -> float:
        return 0.0

    def size_bytes(self, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[torch.dtype]) -> int:
        return frame_bytes(shapes) + sum(
            prod(shape) * dtype.itemsize for shape, dtype in zip(shapes, dtypes, strict=True)
        )
