"""Half precision on the air: float32 and float64 tensors fly as IEEE 754 binary16 or as bfloat16.

The receiver gets the original dtype back, with the precision of the narrow one. Tensors of 16-bit floating-point
numbers fly raw, for the other format would only lose digits or range. Loss scaling is left out: what does not fit is an
error, not an infinity.
"""

from __future__ import annotations

import math
from functools import partial
from math import prod
from typing import Literal

from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take, doubt, first
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings


@settings
class Cast:
    """Rounding to the nearest 16-bit floating-point number, |x - x'| <= u |x| + s.

    u = 2^-11 and s = 2^-25 (half the smallest subnormal) for float16, u = 2^-8 and s = 2^-134 for bfloat16; a float64
    is rounded to float32 first, and a tie rounds to the even significand. Size =
    frame + sum over tensors of 2 n bytes (what flies raw: n itemsize); cost 1 FLOP per element on either side, the
    conversion. Source: IEEE 754-2019, table 3.5, for binary16; Micikevicius et al., Mixed Precision Training, ICLR
    2018, and Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training, arXiv:1905.12322, for its use.

    dtype: float16 (11 significant bits, up to 65504) or bfloat16 (8 significant bits, the range of float32).

    ``encode`` raises ValueError, naming the value, if one is not finite or too large for ``dtype``.

    >>> Cast().encode(torch.tensor([0.1, 65504.0]), None).values.tolist()
    [0.0999755859375, 65504.0]
    """

    kind: Literal["cast"] = "cast"
    dtype: Literal["float16", "bfloat16"] = "float16"

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flown = self._flown(x.dtype)
        narrow = x.detach().to(flown)
        good = narrow.isfinite()
        doubts = doubt(good.all(), lambda: (first(x, ~good),), partial(self._no_number, torch.finfo(flown).max))
        return Coded(b"", narrow, doubts=doubts)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        return Opened(self._flown(dtype), shape, lambda values: values.to(dtype), lost=lambda lost: lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(0, self._flown(dtype), shape)

    def encode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)

    def _no_number(self, most: float, value: float) -> ValueError:
        if not math.isfinite(value):
            return ValueError(f"cast: got {value}, values must be finite")
        return ValueError(
            f"cast: {value:g} is too large for {self.dtype} (at most {most:g}); use a codec that carries it, such as"
            " quantize"
        )

    def _flown(self, dtype: torch.dtype) -> torch.dtype:
        narrow: torch.dtype = getattr(torch, self.dtype)
        return narrow if dtype in (torch.float32, torch.float64) else dtype
