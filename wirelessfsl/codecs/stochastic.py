"""Quantisation to a few levels around zero: QSGD and ternary, rounded at random so that the mean is right, and sign.

One scale a tensor travels as float32 (float64 for a float64 tensor), rounded before it is used, so that both ends see
the same. Random numbers come from the key that the codec remembers.
"""

from __future__ import annotations

import math
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import as_key, flags_bytes, lost_codes, next_key, numbers, pack_flags, unpack_flags
from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take
from wirelessfsl.codecs.quantize import pack, unpack
from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import BITS_PER_BYTE, Ge, Le

Floats = NDArray[np.float64]
_TRITS = 5
"""Three-valued digits in a byte: 3^5 = 243."""


@settings
class QSGD:
    """Stochastic quantisation, Q(x)_j = |x|_2 sgn(x_j) l_j / s with l_j = floor(s |x_j| / |x|_2 + U).

    U is uniform in [0, 1). Unbiased; E |Q(x) - x|^2 <= min(n / s^2, sqrt(n) / s) |x|_2^2, and |x_j - Q(x)_j| is at most
    |x|_2 / s. Size = 4 + ceil(n (1 + ceil(log2(s + 1))) / 8) bytes, a sign and a level of fixed width an element: q
    bits an element are s = 2^(q - 1) - 1 levels. Cost 7 FLOPs per element to encode, 2 to decode. Source: Alistarh et
    al., QSGD: Communication-Efficient SGD via Gradient Quantization and Encoding, NeurIPS 2017, sec. 3.1, lemma 3.1,
    without Elias coding.

    levels: s, 1-32767.

    >>> QSGD(levels=127).layout(torch.float32, (1000,)).shape
    (1000,)
    """

    kind: Literal["qsgd"] = "qsgd"
    levels: Annotated[int, Ge(1), Le(32767)] = 127

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        values, key = _values("qsgd", x), as_key(memory)
        largest = float(np.abs(values).max(initial=0.0))
        # Scaled first: squares of the greatest numbers would overflow.
        norm = float(np.linalg.norm(values / largest)) * largest if largest else 0.0
        head, norm = _scale("qsgd", norm, x.dtype)
        share = np.minimum(np.abs(values) / norm, 1.0) if norm else np.zeros_like(values)
        level = np.minimum(np.floor(share * self.levels + numbers(key).random(len(values))), self.levels)
        codes = (level.astype(np.uint16) << 1 | np.signbit(values)).astype(np.uint16)
        return Coded(head, _bytes(pack(codes, self._bits)), next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        norm = _read_scale("qsgd", dtype, take)

        def restore(packed: torch.Tensor) -> torch.Tensor:
            codes = unpack(packed.numpy().data, prod(shape), self._bits)
            values = (codes >> 1).astype(np.float64) * (norm / self.levels)
            return _tensor(np.where(codes & 1, -values, values), dtype, shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            return lost_codes(of_bytes, prod(shape), self._bits).view(shape)

        return Opened(torch.uint8, self.layout(dtype, shape).shape, restore, lost=lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        packed = -(-prod(shape) * self._bits // BITS_PER_BYTE)
        return Layout(_scale_type(dtype).itemsize, torch.uint8, (packed,))

    def encode_flops(self, shape: Shape) -> float:
        return 7.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 2.0 * prod(shape)

    @property
    def _bits(self) -> int:
        return 1 + self.levels.bit_length()


@settings
class Sign:
    """One bit an element: x' = sgn(x) |x|_1 / n, with sgn(0) = 1.

    |x - x'| <= |x| + |x|_1 / n. Biased: give it error_feedback for gradients and model updates. Of numbers that are
    never negative, such as activations behind a ReLU, nothing but their mean is left. Size = 4 + ceil(n / 8) bytes.
    Cost 2 FLOPs per element to encode, 1 to decode. Source: Bernstein et al., signSGD, ICML 2018; Karimireddy et al.,
    Error Feedback Fixes SignSGD, ICML 2019, algorithm 1, for the scale.

    >>> Sign().encode(torch.tensor([1.0, -3.0]), None).values.tolist()
    [1]
    """

    kind: Literal["sign"] = "sign"

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        values = _values("sign", x)
        largest = float(np.abs(values).max(initial=0.0))
        # Scaled first: the sum of the greatest numbers would overflow.
        mean = float(np.mean(np.abs(values) / largest)) * largest if largest else 0.0
        head, _ = _scale("sign", mean, x.dtype)
        return Coded(head, _bytes(pack_flags(values >= 0)))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        scale = _read_scale("sign", dtype, take)

        def restore(packed: torch.Tensor) -> torch.Tensor:
            return _tensor(np.where(unpack_flags(packed.numpy().data, prod(shape)), scale, -scale), dtype, shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            return lost_codes(of_bytes, prod(shape), 1).view(shape)

        return Opened(torch.uint8, self.layout(dtype, shape).shape, restore, lost=lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(_scale_type(dtype).itemsize, torch.uint8, (flags_bytes(prod(shape)),))

    def encode_flops(self, shape: Shape) -> float:
        return 2.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)


@settings
class Ternary:
    """Three values, x' = s sgn(x) b with s = max |x| and b = 1 with probability |x| / s, else 0.

    Unbiased, |x - x'| <= s. Size = 4 + ceil(n / 5) bytes, five elements a byte. Cost 4 FLOPs per element to encode, 1
    to decode. Source: Wen et al., TernGrad: Ternary Gradients to Reduce Communication in Distributed Deep Learning,
    NeurIPS 2017, eq. 1-3, without clipping.

    >>> Ternary().layout(torch.float32, (12,)).shape
    (3,)
    """

    kind: Literal["ternary"] = "ternary"

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        values, key = _values("ternary", x), as_key(memory)
        head, scale = _scale("ternary", float(np.abs(values).max(initial=0.0)), x.dtype)
        chosen = numbers(key).random(len(values)) * scale < np.abs(values)
        trits = np.zeros(-(-len(values) // _TRITS) * _TRITS, np.uint8)
        trits[: len(values)] = np.where(chosen, np.where(values < 0, 2, 1), 0)
        packed = trits.reshape(-1, _TRITS) @ (3 ** np.arange(_TRITS))
        return Coded(head, _bytes(packed.astype(np.uint8).tobytes()), next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        scale = _read_scale("ternary", dtype, take)

        def restore(packed: torch.Tensor) -> torch.Tensor:
            if len(packed) and int(packed.max()) >= 3**_TRITS:
                raise CorruptPayload("ternary: a byte that is no five digits")
            digits = packed.numpy()[:, None] // 3 ** np.arange(_TRITS) % 3
            return _tensor(np.array([0.0, scale, -scale])[digits.reshape(-1)[: prod(shape)]], dtype, shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            return of_bytes.repeat_interleave(_TRITS)[: prod(shape)].view(shape)

        return Opened(torch.uint8, self.layout(dtype, shape).shape, restore, lost=lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(_scale_type(dtype).itemsize, torch.uint8, (-(-prod(shape) // _TRITS),))

    def encode_flops(self, shape: Shape) -> float:
        return 4.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)


def _values(name: str, x: torch.Tensor) -> Floats:
    """Values in one row as float64. Raises ValueError for NaN and infinities."""
    values: Floats = x.detach().cpu().reshape(-1).to(torch.float64).numpy()
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: got {values[~np.isfinite(values)][0]}, values must be finite")
    return values


def _scale_type(dtype: torch.dtype) -> np.dtype[Any]:
    return np.dtype("<f8" if dtype.itemsize == 8 else "<f4")


def _scale(name: str, value: float, dtype: torch.dtype) -> tuple[bytes, float]:
    """A scale as bytes, and as the number that they stand for. Raises ValueError if it does not fit."""
    with np.errstate(over="ignore"):
        sent = np.array([value]).astype(_scale_type(dtype))
    if not np.isfinite(sent[0]):
        raise ValueError(f"{name}: values whose scale is {value:g} are too large")
    return sent.tobytes(), float(sent[0])


def _read_scale(name: str, dtype: torch.dtype, take: Take) -> float:
    with np.errstate(invalid="ignore"):
        scale = float(np.frombuffer(take(_scale_type(dtype).itemsize), _scale_type(dtype))[0])
    if not 0 <= scale < math.inf:
        raise CorruptPayload(f"{name}: a scale of {scale}")
    return scale


def _bytes(packed: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(bytearray(packed), np.uint8))


def _tensor(values: Floats, dtype: torch.dtype, shape: Shape) -> torch.Tensor:
    most = torch.finfo(dtype).max  # rounding up may go beyond what the dtype holds
    return torch.from_numpy(values.clip(-most, most)).to(dtype, copy=True).view(shape)
