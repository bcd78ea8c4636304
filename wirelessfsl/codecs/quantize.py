"""Uniform quantisation: values on an even grid between the least and the greatest of their tensor, channel or sample.

The grid of 2^bits values travels with the codes. Left out: clipping of outliers; stochastic rounding is QSGD's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import array, lost_codes
from wirelessfsl.codecs.codec import Coded, Doubt, Layout, Memory, Opened, Shape, Take, doubt, first, head_of
from wirelessfsl.codecs.packing import packed, unpacked
from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import BITS_PER_BYTE, Ge, Le


@settings
class Quantize:
    """Min-max quantisation, q = round((x - lo) / (hi - lo) L), x' = lo + q / L (hi - lo), with L = 2^bits - 1.

    lo and hi are the least and the greatest value of a group; a tie rounds to the even code; a constant group comes
    back exactly. |x - x'| <= (hi - lo) / (2 L) + 8 eps max(|lo|, |hi|) + s, where eps is the spacing of the tensor's
    dtype at 1 and s its smallest subnormal: the grid is computed in float64, the result rounded to the dtype. Size =
    frame + sum over tensors of 8 G + ceil(n bits / 8) bytes for G groups: lo and hi of each as float32 (as float64,
    16 bytes, for a float64 tensor), then the codes, bit-packed. Cost 6 FLOPs per element to encode (two comparisons,
    subtract, divide, scale, round), 3 to decode; packing has no floating-point operations. Source: Jacob et al.,
    Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018, sec. 2.1
    and 3, without the nudge that makes zero representable.

    bits: bits per element, 1-16.
    per: what has a grid of its own: the tensor, every channel (second dimension) or every sample (first dimension);
        a tensor without that dimension has one grid.

    ``encode`` raises ValueError for NaN and infinities, and where hi - lo overflows float64.

    >>> head, values, *_ = Quantize(bits=2).encode(torch.tensor([0.0, 0.4, 3.0]), None)
    >>> len(head), values.tolist()
    (8, [48])
    """

    kind: Literal["quantize"] = "quantize"
    bits: Annotated[int, Ge(1), Le(16)] = 8
    per: Literal["tensor", "channel", "sample"] = "tensor"

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        rows = self._grouped(x.detach())
        codes, limits, doubts = (_laid_here if rows.is_cpu else _laid)(rows, 2**self.bits - 1)
        head = head_of(limits.to(_limit_type(x.dtype)))
        return Coded(head, packed(codes.reshape(-1), self.bits), doubts=doubts)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        layout, wide = self.layout(dtype, shape), dtype.itemsize == 8
        with np.errstate(over="ignore", invalid="ignore"):
            limits = np.frombuffer(take(layout.head_bytes), "<f8" if wide else "<f4").astype(np.float64).reshape(-1, 2)
            grids = np.hstack((limits[:, :1], limits[:, 1:] - limits[:, :1]))  # lo and hi - lo
        if not np.isfinite(grids).all():
            raise CorruptPayload(f"quantize: a grid from {limits[:, 0].min():g} to {limits[:, 1].max():g}")

        def restored(body: torch.Tensor) -> torch.Tensor:
            values = unpacked(body, math.prod(shape), self.bits).double()
            values = values.view(len(limits), -1 if len(limits) else 1)
            values /= 2**self.bits - 1
            there = torch.from_numpy(grids).to(values.device)
            values *= there[:, 1:]
            values += there[:, :1]
            return self._ungrouped(values.to(dtype), shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            codes = lost_codes(of_bytes, math.prod(shape), self.bits)
            return self._ungrouped(codes.view(len(limits), -1 if len(limits) else 1), shape)

        return Opened(torch.uint8, layout.shape, restored, lost=lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        size = -(-math.prod(shape) * self.bits // BITS_PER_BYTE)
        return Layout(2 * _limit_type(dtype).itemsize * self._groups(shape), torch.uint8, (size,))

    def encode_flops(self, shape: Shape) -> float:
        return 6.0 * math.prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 3.0 * math.prod(shape)

    def _axis(self, shape: Shape) -> int | None:
        """The dimension whose every index has a grid of its own."""
        axis = {"tensor": None, "channel": 1, "sample": 0}[self.per]
        return axis if axis is not None and axis < len(shape) else None

    def _groups(self, shape: Shape) -> int:
        axis = self._axis(shape)
        return 1 if axis is None else shape[axis]

    def _grouped(self, x: torch.Tensor) -> torch.Tensor:
        """Values as rows, one a group."""
        axis = self._axis(tuple(x.shape))
        if axis is None:
            return x.reshape(1, -1)
        return x.movedim(axis, 0).reshape(x.shape[axis], -1 if x.numel() else 0)

    def _ungrouped(self, rows: torch.Tensor, shape: Shape) -> torch.Tensor:
        axis = self._axis(shape)
        if axis is None:
            return rows.view(shape)
        moved = (shape[axis], *shape[:axis], *shape[axis + 1 :])
        return rows.view(moved).movedim(0, axis).contiguous()


def _laid(rows: torch.Tensor, levels: int) -> tuple[torch.Tensor, torch.Tensor, tuple[Doubt, ...]]:
    """Codes of the values on the grids of their rows, the grids' limits, shape (rows, 2), float64, and doubts."""
    if rows.shape[1]:
        zero = rows.gather(1, (rows == 0).byte().argmax(1, keepdim=True))
        low, high = (torch.where(end == 0, zero, end).double() for end in torch.aminmax(rows, dim=1, keepdim=True))
    else:
        low = high = rows.new_zeros(len(rows), 1, dtype=torch.float64)
    span = high - low
    bad = ~span.isfinite()
    doubts = doubt(~bad.any(), lambda: (first(low, bad), first(high, bad)), _no_grid)
    # Divided before it is scaled: levels / span would overflow for subnormal values.
    grid = (rows.double() - low) / torch.where(span == 0, 1.0, span) * levels
    return grid.round().int(), torch.cat((low, high), 1), doubts


def _laid_here(tensor: torch.Tensor, levels: int) -> tuple[torch.Tensor, torch.Tensor, tuple[Doubt, ...]]:
    """As :func:`_laid`, on a CPU, where NumPy takes two thirds of the time of torch."""
    rows = array(tensor)
    low, high = _limit(rows, np.min), _limit(rows, np.max)
    with np.errstate(over="ignore", invalid="ignore"):
        span = high - low
    if not np.isfinite(span).all():
        at = int(np.argmin(np.isfinite(span)))
        raise _no_grid(low[at], high[at])
    grid = rows.astype(np.float64)
    grid -= low[:, None]
    grid /= np.where(span, span, 1.0)[:, None]
    grid *= levels
    codes = np.rint(grid, out=grid).astype(np.uint8 if levels < 2**BITS_PER_BYTE else np.int32)
    return torch.from_numpy(codes), torch.from_numpy(np.stack((low, high), axis=1)), ()


def _limit(rows: NDArray[Any], of: Callable[..., NDArray[Any]]) -> NDArray[np.float64]:
    """Least or greatest value of every row, 0 for an empty one.

    Of equal zeros the first one's sign flies: which zero a minimum is depends on the machine. (Two passes of NumPy over
    one row of 184,320 numbers take 19 us, torch's aminmax along a dimension 400 us.)
    """
    if not rows.shape[1]:
        return np.zeros(len(rows))
    found = of(rows, axis=1)
    if not found.all():
        zero = rows[np.arange(len(rows)), (rows == 0).argmax(axis=1)]
        found = np.where(found == 0, zero, found)
    return found.astype(np.float64)


def _limit_type(dtype: torch.dtype) -> torch.dtype:
    """How lo and hi fly: float32 holds every value of the narrower dtypes."""
    return torch.float64 if dtype.itemsize == 8 else torch.float32


def _no_grid(low: float, high: float) -> ValueError:
    return ValueError(
        f"quantize: values from {low:g} to {high:g} cannot be laid on a grid: they and their range must be finite"
    )
