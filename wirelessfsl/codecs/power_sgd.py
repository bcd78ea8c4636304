"""Low rank (PowerSGD): a matrix flies as two thin ones, found by one step of the power iteration from the last time."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Literal

from wirelessfsl.codecs.bits import as_key, numbers
from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take, doubt
from wirelessfsl.codecs.kept import finite, power_of_two
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import Count


@settings
class PowerSGD:
    """Rank r by one power iteration: P = orthogonal(M Q), Q <- M^T P, M' = P Q^T, starting with the Q of the last time.

    M is the tensor as a matrix of its first dimension by the others. Made for changes of a model (gradients) with
    error_feedback before it; what an upload of weights has beside a low rank is lost. |M - M'|_F <= |M|_F; a matrix of
    rank r or less comes back whole. Size = itemsize r (m + n) bytes for m x n; vectors, and matrices that would not be
    shorter, fly as they are. Cost 4 m n r + 2 m r^2 FLOPs to encode, 2 m n r to decode. Source: Vogels, Karimireddy,
    Jaggi, PowerSGD: Practical Low-Rank Gradient Compression for Distributed Optimization, NeurIPS 2019, algorithm 1.

    rank: r.

    >>> PowerSGD(rank=2).layout(torch.float32, (64, 32, 3, 3)).shape
    (704,)
    """

    kind: Literal["power_sgd"] = "power_sgd"
    rank: Count = 2

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flat, doubts = finite("power_sgd", x)
        if not self._shrinks(tuple(x.shape)):
            return Coded(b"", x, memory, doubts=doubts)
        scale = power_of_two(flat)
        matrix = (flat.double() / scale).view(x.shape[0], -1)
        key, start = self._start(memory, matrix.shape[1], x.device)
        left, _ = torch.linalg.qr(matrix @ start)
        right = matrix.mT @ left
        values = torch.cat((left.flatten(), (right * scale).flatten())).to(x.dtype)
        doubts += doubt(values.isfinite().all(), tuple, partial(_too_large, x.dtype))
        # Where nothing was sent there is no direction to start from.
        return Coded(b"", values, (key, torch.where(right.any(), right, start)), doubts=doubts)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        if not self._shrinks(shape):
            return Opened(dtype, shape, lambda values: values)

        def restore(values: torch.Tensor) -> torch.Tensor:
            edge = self.rank * shape[0]
            left, right = values[:edge].double(), values[edge:].double()
            matrix: torch.Tensor = left.view(-1, self.rank) @ right.view(-1, self.rank).mT
            return matrix.to(dtype).view(shape)

        return Opened(dtype, self.layout(dtype, shape).shape, restore)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(0, dtype, (self.rank * self._sides(shape),) if self._shrinks(shape) else shape)

    def encode_flops(self, shape: Shape) -> float:
        if not self._shrinks(shape):
            return 0.0
        return 4.0 * prod(shape) * self.rank + 2.0 * shape[0] * self.rank**2

    def decode_flops(self, shape: Shape) -> float:
        return 2.0 * prod(shape) * self.rank if self._shrinks(shape) else 0.0

    def _sides(self, shape: Shape) -> int:
        return shape[0] + prod(shape[1:])

    def _shrinks(self, shape: Shape) -> bool:
        return len(shape) > 1 and self.rank * self._sides(shape) < prod(shape)

    def _start(self, memory: Memory, columns: int, device: torch.device) -> tuple[int, torch.Tensor]:
        """The link's key, and Q of the last message, or a random one if there is none of this shape."""
        if isinstance(memory, tuple):
            key, last = memory
            if isinstance(last, torch.Tensor) and last.shape[0] == columns:
                return as_key(key), last.to(device)
            memory = key
        key = as_key(memory)
        return key, torch.from_numpy(numbers(key).standard_normal((columns, self.rank))).to(device)


def _too_large(dtype: torch.dtype) -> ValueError:
    return ValueError(f"power_sgd: a factor is too large for {dtype}")
