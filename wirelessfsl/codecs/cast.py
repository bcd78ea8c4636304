"""Half precision on the air: float32 and float64 tensors fly as IEEE 754 binary16 or as bfloat16.

The receiver gets the original dtype back, with the precision of the narrow one. Tensors of 16-bit floating-point
numbers fly raw, for the other format would only lose digits or range, and so do integers and bools (labels, counters
of batches). Loss scaling is left out: what does not fit is an error, not an infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

from wirelessfsl.codecs.codec import Memory
from wirelessfsl.codecs.wire import CAST_IDS, Body, Frame, Payload, frame_bytes, raw, restore, write
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings


@settings
class Cast:
    """Rounding to the nearest 16-bit floating-point number, |x - x'| <= u |x| + s.

    u = 2^-11 and s = 2^-25 (half the smallest subnormal) for float16, u = 2^-8 and s = 2^-134 for bfloat16; a float64
    is rounded to float32 first. NaN and infinities stay what they are, a tie rounds to the even significand. Size =
    frame + sum over tensors of 2 n bytes (what flies raw: n itemsize); cost 1 FLOP per element on either side, the
    conversion. Source: IEEE 754-2019, table 3.5, for binary16; Micikevicius et al., Mixed Precision Training, ICLR
    2018, and Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training, arXiv:1905.12322, for its use.

    dtype: float16 (11 significant bits, up to 65504) or bfloat16 (8 significant bits, the range of float32).

    ``encode`` raises ValueError, naming the value, if a finite value is too large for ``dtype``.

    >>> payload, _ = Cast().encode((torch.tensor([0.1, 65504.0]),), None)
    >>> len(payload), Cast().decode(payload)[0].tolist()
    (18, [0.0999755859375, 65504.0])
    """

    kind: Literal["cast"] = "cast"
    dtype: Literal["float16", "bfloat16"] = "float16"

    def encode(self, tensors: tuple[torch.Tensor, ...], memory: Memory) -> tuple[Payload, Memory]:
        return write(CAST_IDS[self.dtype], tensors, map(self._body, tensors)), memory

    def decode(self, payload: Payload) -> tuple[torch.Tensor, ...]:
        frame = Frame(payload, CAST_IDS[self.dtype])
        return tuple(
            restore(frame.take(self._body_bytes(shape, dtype)), self._flown(dtype), shape).to(dtype)
            for dtype, shape in frame.headers()
        )

    def encode_flops(self, elements: int) -> float:
        return 1.0 * elements

    def decode_flops(self, elements: int) -> float:
        return 1.0 * elements

    def size_bytes(self, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[torch.dtype]) -> int:
        return frame_bytes(shapes) + sum(
            self._body_bytes(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)
        )

    def _body_bytes(self, shape: tuple[int, ...], dtype: torch.dtype) -> int:
        return prod(shape) * self._flown(dtype).itemsize

    def _flown(self, dtype: torch.dtype) -> torch.dtype:
        narrow: torch.dtype = getattr(torch, self.dtype)
        return narrow if dtype in (torch.float32, torch.float64) else dtype

    def _body(self, tensor: torch.Tensor) -> Body:
        flown = self._flown(tensor.dtype)
        narrow = tensor.detach().to(flown)
        if flown != tensor.dtype and (infinite := narrow.isinf()).any():
            too_large = tensor[infinite & tensor.isfinite()]
            if too_large.numel():
                raise ValueError(
                    f"cast: {too_large[0].item():g} is too large for {self.dtype} (at most "
                    f"{torch.finfo(flown).max:g}); use a codec that carries it, such as quantize"
                )
        return raw(narrow)
