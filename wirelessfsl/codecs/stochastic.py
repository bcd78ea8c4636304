"""Quantisation to a few levels around zero: QSGD and ternary, rounded at random so that the mean is right, and sign.

One scale a tensor travels as float32 (float64 for a float64 tensor), rounded before it is used, so that both ends see
the same. Random numbers come from the key that the codec remembers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import array, as_key, flags_bytes, lost_codes, next_key, numbers
from wirelessfsl.codecs.codec import Coded, Doubt, Layout, Memory, Opened, Shape, Take, doubt, head_of
from wirelessfsl.codecs.kept import finite
from wirelessfsl.codecs.packing import packed, unpacked
from wirelessfsl.codecs.wire import CorruptPayload, restore
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import BITS_PER_BYTE, Ge, Le

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
        (flat, doubts), key = finite("qsgd", x), as_key(memory)
        magnitudes = flat.abs().double()
        # Scaled first: squares of the greatest numbers would overflow.
        norm, more = _scale("qsgd", _scaled(np.linalg.norm, torch.linalg.vector_norm, magnitudes), x.dtype)
        share = (magnitudes / torch.where(norm > 0, norm, math.inf)).clamp_(max=1.0)
        draws = torch.from_numpy(numbers(key).random(len(flat))).to(x.device)
        level = share.mul_(self.levels).add_(draws).floor_().clamp_(max=self.levels)
        codes = level.to(torch.int32).bitwise_left_shift_(1).bitwise_or_(flat.signbit())
        return Coded(head_of(norm), packed(codes, self._bits), next_key(key), doubts=doubts + more)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        norm = _read_scale("qsgd", dtype, take)

        def restore(body: torch.Tensor) -> torch.Tensor:
            codes = unpacked(body, prod(shape), self._bits)
            values = (codes >> 1).double().mul_(norm / self.levels)
            return _tensor(torch.where((codes & 1).bool(), -values, values), dtype, shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            return lost_codes(of_bytes, prod(shape), self._bits).view(shape)

        return Opened(torch.uint8, self.layout(dtype, shape).shape, restore, lost=lost)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        size = -(-prod(shape) * self._bits // BITS_PER_BYTE)
        return Layout(_scale_type(dtype).itemsize, torch.uint8, (size,))

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
        flat, doubts = finite("sign", x)
        # Scaled first: the sum of the greatest numbers would overflow.
        mean, more = _scale("sign", _scaled(np.mean, torch.mean, flat.abs().double()), x.dtype)
        return Coded(head_of(mean), packed(_signs(flat), 1), doubts=doubts + more)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        scale = _read_scale("sign", dtype, take)

        def restore(body: torch.Tensor) -> torch.Tensor:
            signs = unpacked(body, prod(shape), 1).double().mul_(2.0).sub_(1.0)
            return _tensor(signs.mul_(scale), dtype, shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            return lost_codes(of_bytes, prod(shape), 1).view(shape)

        def check(body: torch.Tensor) -> None:
            if (behind := prod(shape) % BITS_PER_BYTE) and body[-1] >> behind:
                raise CorruptPayload("bits are set behind the last flag")

        return Opened(torch.uint8, self.layout(dtype, shape).shape, restore, lost=lost, check=check)

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
        (flat, doubts), key = finite("ternary", x), as_key(memory)
        magnitudes = flat.abs().double()
        scale, more = _scale("ternary", _largest(magnitudes), x.dtype)
        draws = torch.from_numpy(numbers(key).random(len(flat))).to(x.device)
        trits = (draws.mul_(scale) < magnitudes).byte() * ((flat < 0).byte() + 1)
        fives = torch.nn.functional.pad(trits, (0, -len(flat) % _TRITS)).view(-1, _TRITS)
        body = (fives * _powers_of_three(x.device)).sum(1, dtype=torch.uint8)
        return Coded(head_of(scale), body, next_key(key), doubts=doubts + more)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        scale = _read_scale("ternary", dtype, take)

        def restore(body: torch.Tensor) -> torch.Tensor:
            digits = (body[:, None] // _powers_of_three(body.device) % 3).reshape(-1)[: prod(shape)]
            signs = ((digits + 1) % 3).double().sub_(1.0)
            return _tensor(signs.mul_(scale), dtype, shape)

        def lost(of_bytes: torch.Tensor) -> torch.Tensor:
            return of_bytes.repeat_interleave(_TRITS)[: prod(shape)].view(shape)

        def check(body: torch.Tensor) -> None:
            if len(body) and int(body.max()) >= 3**_TRITS:
                raise CorruptPayload("ternary: a byte that is no five digits")

        return Opened(torch.uint8, self.layout(dtype, shape).shape, restore, lost=lost, check=check)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(_scale_type(dtype).itemsize, torch.uint8, (-(-prod(shape) // _TRITS),))

    def encode_flops(self, shape: Shape) -> float:
        return 4.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)


def _signs(flat: torch.Tensor) -> torch.Tensor:
    """Which are not negative; on a CPU NumPy takes a sixth of the time."""
    return torch.from_numpy(array(flat) >= 0) if flat.is_cpu else flat >= 0


def _largest(magnitudes: torch.Tensor) -> torch.Tensor:
    return magnitudes.amax() if len(magnitudes) else magnitudes.new_zeros(())


def _scaled(
    here: Callable[[NDArray[np.float64]], Any], there: Callable[[torch.Tensor], torch.Tensor], magnitudes: torch.Tensor
) -> torch.Tensor:
    """What something that scales with its argument is of numbers, without an overflow on the way.

    here: on a CPU, by NumPy, as torch's sums depend on its threads. there: on a device.
    """
    if magnitudes.is_cpu:
        array = magnitudes.numpy()
        largest = array.max(initial=0.0)
        return torch.tensor(here(array / largest) * largest if largest else 0.0, dtype=torch.float64)
    most = _largest(magnitudes)
    return torch.where(most > 0, there(magnitudes / most) * most, most)


def _powers_of_three(device: torch.device) -> torch.Tensor:
    return 3 ** torch.arange(_TRITS, dtype=torch.uint8, device=device)


def _scale_type(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype.itemsize == 8 else torch.float32


def _scale(name: str, value: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, tuple[Doubt, ...]]:
    """A scale as it flies. Raises ValueError if it does not fit; on a device that is a doubt."""
    sent = value.to(_scale_type(dtype))
    return sent, doubt(sent < math.inf, lambda: (value,), partial(_too_large, name))


def _too_large(name: str, scale: float) -> ValueError:
    return ValueError(f"{name}: values whose scale is {scale:g} are too large")


def _read_scale(name: str, dtype: torch.dtype, take: Take) -> float:
    scale = float(restore(take(_scale_type(dtype).itemsize), _scale_type(dtype), ()))
    if not 0 <= scale < math.inf:
        raise CorruptPayload(f"{name}: a scale of {scale}")
    return scale


def _tensor(values: torch.Tensor, dtype: torch.dtype, shape: Shape) -> torch.Tensor:
    most = torch.finfo(dtype).max  # rounding up may go beyond what the dtype holds
    return values.clamp_(-most, most).to(dtype).view(shape)
