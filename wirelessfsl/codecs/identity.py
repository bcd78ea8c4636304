"""The codec that changes nothing: raw values, every bit of them, NaN payloads and signed zeros included.

The yardstick of the others, and what a message kind gets that no codec is named for.
"""

from __future__ import annotations

from typing import Literal

from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings


@settings
class Identity:
    """Values as they are: size = frame + sum over tensors of n itemsize bytes, error 0, cost 0 FLOPs per element.

    >>> Identity().layout(torch.float32, (2, 3)).head_bytes
    0
    """

    kind: Literal["identity"] = "identity"

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        return Coded(b"", x)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        return Opened(dtype, shape, lambda values: values, lost=lambda lost: lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(0, dtype, shape)

    def encode_flops(self, shape: Shape) -> float:
        return 0.0

    def decode_flops(self, shape: Shape) -> float:
        return 0.0
