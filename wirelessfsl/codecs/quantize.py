"""Uniform quantisation: values on an even grid between the least and the greatest of their tensor, channel or sample.

The grid of 2^bits values travels with the codes. Left out: clipping of outliers; stochastic rounding is QSGD's. Packing
follows the little-endian order of bits that Arrow and NumPy (``packbits(bitorder="little")``) use.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import lost_codes
from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take
from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import BITS_PER_BYTE, Ge, Le

Codes = NDArray[np.uint8] | NDArray[np.uint16]

_GROUP = 8
"""Codes packed at a time: 8 codes of b bits fill exactly b bytes."""


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
        values = self._grouped(x.detach().cpu())
        # NumPy has no bfloat16; float32 holds every value of the narrower dtypes.
        rows = (values if values.dtype.itemsize > 2 else values.to(torch.float32)).numpy()
        low, high = _limit(rows, np.min), _limit(rows, np.max)
        with np.errstate(over="ignore", invalid="ignore"):
            span = high - low
        if not np.isfinite(span).all():
            at = int(np.argmin(np.isfinite(span)))
            raise ValueError(
                f"quantize: values from {low[at]:g} to {high[at]:g} cannot be laid on a grid: they and their range must"
                " be finite"
            )
        grid = rows.astype(np.float64)
        grid -= low[:, None]
        # Divided before it is scaled: levels / span would overflow for subnormal values.
        grid /= np.where(span, span, 1.0)[:, None]
        grid *= 2**self.bits - 1
        rounded = np.rint(grid, out=grid).reshape(-1)
        codes = rounded.astype(np.uint8) if self.bits <= BITS_PER_BYTE else rounded.astype(np.uint16)
        limits = np.stack((low, high), axis=1).astype(_limit_type(x.dtype)).tobytes()
        return Coded(limits, torch.from_numpy(np.frombuffer(bytearray(pack(codes, self.bits)), np.uint8)))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        limit, layout = _limit_type(dtype), self.layout(dtype, shape)
        with np.errstate(over="ignore", invalid="ignore"):
            limits = np.frombuffer(take(layout.head_bytes), limit).astype(np.float64).reshape(-1, 2)
            lo = limits[:, :1]
            span = limits[:, 1:] - lo
        if not np.isfinite(span).all():
            raise CorruptPayload(f"quantize: a grid from {lo.min():g} to {limits[:, 1].max():g}")

        def restore(packed: torch.Tensor) -> torch.Tensor:
            values = unpack(packed.numpy().data, math.prod(shape), self.bits).astype(np.float64)
            values = values.reshape(len(limits), -1) if len(limits) else values.reshape(0, 1)
            values /= 2**self.bits - 1
            values *= span
            values += lo
            return self._ungrouped(torch.from_numpy(values).to(dtype, copy=True), shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            codes = lost_codes(of_bytes, math.prod(shape), self.bits)
            return self._ungrouped(codes.view(len(limits), -1) if len(limits) else codes.view(0, 1), shape)

        return Opened(torch.uint8, layout.shape, restore, lost=lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        packed = -(-math.prod(shape) * self.bits // BITS_PER_BYTE)
        return Layout(2 * _limit_type(dtype).itemsize * self._groups(shape), torch.uint8, (packed,))

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


def pack(codes: Codes, bits: int) -> bytes:
    """Codes as a stream of bits, code i in bits i b to (i + 1) b - 1, the least significant first.

    Codes of 1, 2 or 4 bits are joined in pairs until they fill a byte (6-11 us for 27,500 codes). Of other widths eight
    codes at a time are moved together in halves: 16-bit words into 32-bit ones, into 64-bit ones, into b bytes. (50 us,
    where unpackbits and packbits take 100-230 us to pack and 260-890 us to unpack.)

    codes: shape (n,), each < 2^bits.
    bits: b, 0-16; of 0 bits nothing flies.

    Returns ceil(n b / 8) bytes, the bits behind the last code 0.

    >>> pack(np.array([1, 2, 3], np.uint16), bits=4).hex()
    '2103'
    """
    if bits and bits % BITS_PER_BYTE == 0:
        return codes.astype(f"<u{bits // BITS_PER_BYTE}", copy=False).tobytes()
    groups = -(-len(codes) // _GROUP)
    if bits and BITS_PER_BYTE % bits == 0:
        joined = np.zeros(groups * _GROUP, np.uint8)
        joined[: len(codes)] = codes
        for width in _widths(bits):
            two = joined.view("<u2")
            joined = (two | two >> BITS_PER_BYTE - width).astype(np.uint8)
        return joined.tobytes()[: -(-len(codes) * bits // BITS_PER_BYTE)]
    words = np.zeros(groups * _GROUP, "<u2")
    words[: len(codes)] = codes
    pairs = words.view("<u4")
    pairs = pairs & 0xFFFF | pairs >> 16 << bits
    fours = pairs.view("<u8")
    fours = fours & 0xFFFFFFFF | fours >> 32 << 2 * bits
    first, second = fours[0::2], fours[1::2]
    eights = np.stack((first | second << 4 * bits, second >> 64 - 4 * bits), axis=1)
    packed: NDArray[Any] = eights.view(np.uint8)[:, :bits]
    return packed.tobytes()[: -(-len(codes) * bits // BITS_PER_BYTE)]


def unpack(packed: memoryview, count: int, bits: int) -> NDArray[Any]:
    """The codes that :func:`pack` made, shape (count,), unsigned integers.

    packed: ceil(count b / 8) bytes.
    count: n >= 0.
    bits: b, 0-16; of 0 bits nothing flies.

    >>> unpack(memoryview(bytes([0x21, 0x03])), count=3, bits=4).tolist()
    [1, 2, 3]
    """
    if bits and bits % BITS_PER_BYTE == 0:
        return np.frombuffer(packed, f"<u{bits // BITS_PER_BYTE}", count)
    if bits and BITS_PER_BYTE % bits == 0:
        parted = np.frombuffer(packed, np.uint8)
        for width in reversed(_widths(bits)):
            two = parted.astype("<u2")
            parted = ((two | two << BITS_PER_BYTE - width) & (2**width - 1) * 0x0101).view(np.uint8)
        return parted[:count]
    groups = -(-count // _GROUP)
    padded = np.zeros(groups * bits, np.uint8)
    padded[: len(packed)] = np.frombuffer(packed, np.uint8)
    eights = np.zeros((groups, 16), np.uint8)
    eights[:, :bits] = padded.reshape(groups, bits)
    low, high = eights.view("<u8").T
    fours = np.stack((low, low >> 4 * bits | high << 64 - 4 * bits), axis=1)
    fours &= 2 ** (4 * bits) - 1
    pairs = (fours & 2 ** (2 * bits) - 1 | fours >> 2 * bits << 32).view("<u4")
    words: NDArray[Any] = (pairs & 2**bits - 1 | pairs >> bits << 16).view("<u2").reshape(-1)
    return words[:count]


def _widths(bits: int) -> list[int]:
    """Widths on the way from ``bits`` to a byte by doubling, the byte left out."""
    return [width for width in (1, 2, 4) if width >= bits]


def _limit(rows: NDArray[Any], of: Callable[..., NDArray[Any]]) -> NDArray[np.float64]:
    """Least or greatest value of every row, 0 for an empty one.

    Of equal zeros the first one's sign flies: which zero a minimum is depends on the machine. (Two passes of NumPy over
    one row of 184,320 numbers take 19 us, torch's aminmax along a dimension 400 us.)
    """
    if not rows.shape[1]:
        return np.zeros(len(rows))
    found = of(rows, axis=1)
    if not found.all():
        first = rows[np.arange(len(rows)), (rows == 0).argmax(axis=1)]
        found = np.where(found == 0, first, found)
    return found.astype(np.float64)


def _limit_type(dtype: torch.dtype) -> np.dtype[Any]:
    """How lo and hi fly: float32 holds every value of the narrower dtypes."""
    return np.dtype("<f8" if dtype.itemsize == 8 else "<f4")
