"""Uniform quantisation: every floating-point tensor on an even grid between its own least and greatest value.

The grid of 2^bits values is laid per tensor and travels with it. Integer and bool tensors (labels, counters of
batches) fly raw. Left out: grids per channel, stochastic rounding (QSGD), clipping of outliers. Packing follows the
little-endian order of bits that Arrow and NumPy (``packbits(bitorder="little")``) use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.codec import Memory
from wirelessfsl.codecs.wire import QUANTIZE_ID, Body, CorruptPayload, Frame, Payload, frame_bytes, raw, restore, write
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import BITS_PER_BYTE, Ge, Le

Codes = NDArray[np.uint16]

_GROUP = 8
"""Codes packed at a time: 8 codes of b bits fill exactly b bytes."""


@settings
class Quantize:
    """Min-max quantisation, q = round((x - lo) / (hi - lo) L), x' = lo + q / L (hi - lo), with L = 2^bits - 1.

    lo and hi are the least and the greatest value of the tensor; a tie rounds to the even code; a constant tensor
    comes back exactly. |x - x'| <= (hi - lo) / (2 L) + 8 eps max(|lo|, |hi|) + s, where eps is the spacing of the
    tensor's dtype at 1 and s its smallest subnormal: the grid is computed in float64, the result rounded to the dtype.
    Size = frame + sum over tensors of 8 + ceil(n bits / 8) bytes: lo and hi as float32 (as float64, 16 bytes, for a
    float64 tensor), then the codes, bit-packed (integers and bool: n itemsize). Cost 6 FLOPs per element to encode
    (two comparisons, subtract, divide, scale, round), 3 to decode; packing has no floating-point operations. Source:
    Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR
    2018, sec. 2.1 and 3, without the nudge that makes zero representable.

    bits: bits per element, 1-16.

    ``encode`` raises ValueError for NaN and infinities, and where hi - lo overflows float64.

    >>> payload, _ = Quantize(bits=2).encode((torch.tensor([0.0, 0.4, 3.0]),), None)
    >>> len(payload), Quantize(bits=2).decode(payload)[0].tolist()
    (23, [0.0, 0.0, 3.0])
    """

    kind: Literal["quantize"] = "quantize"
    bits: Annotated[int, Ge(1), Le(16)] = 8

    def encode(self, tensors: tuple[torch.Tensor, ...], memory: Memory) -> tuple[Payload, Memory]:
        return write(QUANTIZE_ID + self.bits, tensors, map(self._body, tensors)), memory

    def decode(self, payload: Payload) -> tuple[torch.Tensor, ...]:
        frame = Frame(payload, QUANTIZE_ID + self.bits)
        return tuple(
            self._restore(frame.take(self._body_bytes(shape, dtype)), dtype, shape) for dtype, shape in frame.headers()
        )

    def encode_flops(self, elements: int) -> float:
        return 6.0 * elements

    def decode_flops(self, elements: int) -> float:
        return 3.0 * elements

    def size_bytes(self, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[torch.dtype]) -> int:
        return frame_bytes(shapes) + sum(
            self._body_bytes(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)
        )

    def _body_bytes(self, shape: tuple[int, ...], dtype: torch.dtype) -> int:
        elements = math.prod(shape)
        if not dtype.is_floating_point:
            return elements * dtype.itemsize
        return 2 * _limit_type(dtype).itemsize + -(-elements * self.bits // BITS_PER_BYTE)

    def _body(self, tensor: torch.Tensor) -> Body:
        if not tensor.is_floating_point():
            return raw(tensor)
        values = tensor.detach().cpu().reshape(-1)
        lo, hi = (float(limit) for limit in values.aminmax()) if values.numel() else (0.0, 0.0)
        span = hi - lo
        if not math.isfinite(span):
            raise ValueError(
                f"quantize: values from {lo:g} to {hi:g} cannot be laid on a grid: they and their range must be finite"
            )
        grid = values.to(torch.float64, copy=True).numpy()
        grid -= lo
        # Divided before it is scaled: levels / span would overflow for subnormal values.
        grid /= span or 1.0
        grid *= 2**self.bits - 1
        codes = np.rint(grid, out=grid).astype(np.uint16)
        return np.array([lo, hi], _limit_type(tensor.dtype)).tobytes() + pack(codes, self.bits)

    def _restore(self, body: memoryview, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
        if not dtype.is_floating_point:
            return restore(body, dtype, shape)
        limit = _limit_type(dtype)
        lo, hi = np.frombuffer(body, limit, count=2).tolist()
        if not math.isfinite(hi - lo):
            raise CorruptPayload(f"quantize: a grid from {lo:g} to {hi:g}")
        values = unpack(body[2 * limit.itemsize :], math.prod(shape), self.bits).astype(np.float64)
        values /= 2**self.bits - 1
        values *= hi - lo
        values += lo
        return torch.from_numpy(values).to(dtype, copy=True).view(shape)


def pack(codes: Codes, bits: int) -> bytes:
    """Codes as a stream of bits, code i in bits i b to (i + 1) b - 1, the least significant first.

    Eight codes at a time are moved together in halves: 16-bit words into 32-bit ones, into 64-bit ones, into b bytes.
    (55 us for 27,500 codes, where unpackbits and packbits take 100-230 us to pack and 260-890 us to unpack.)

    codes: shape (n,), each < 2^bits.
    bits: b, 1-16.

    Returns ceil(n b / 8) bytes, the bits behind the last code 0.

    >>> pack(np.array([1, 2, 3], np.uint16), bits=4).hex()
    '2103'
    """
    if bits % BITS_PER_BYTE == 0:
        return codes.astype(f"<u{bits // BITS_PER_BYTE}").tobytes()
    groups = -(-len(codes) // _GROUP)
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
    bits: b, 1-16.

    >>> unpack(memoryview(bytes([0x21, 0x03])), count=3, bits=4).tolist()
    [1, 2, 3]
    """
    if bits % BITS_PER_BYTE == 0:
        return np.frombuffer(packed, f"<u{bits // BITS_PER_BYTE}", count)
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


def _limit_type(dtype: torch.dtype) -> np.dtype[Any]:
    """How lo and hi fly: float32 holds every value of the narrower dtypes."""
    return np.dtype("<f8" if dtype.itemsize == 8 else "<f4")
