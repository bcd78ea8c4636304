"""Sparsification: a few elements of a tensor fly as they are, the others arrive as zeros.

Which ones is said by positions (:mod:`wirelessfsl.codecs.bits`: a bitmap or numbers, whichever is shorter), or follows
from a seed that both ends know after 8 bytes. The kept values can be coded on, for example cast or quantised. The
gradient is passed straight through, as everywhere. Left out: the same positions for a gradient on its way back.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from math import prod
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import (
    KEY_BYTES,
    as_key,
    flags_bytes,
    next_key,
    numbers,
    pack_flags,
    pack_positions,
    positions_bytes,
    unpack_flags,
    unpack_positions,
)
from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take
from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import Fraction, Ge, Gt, Le, Lt, Positive

KeptFraction = Annotated[float, Gt(0), Le(1)]
_COUNT = struct.Struct("<I")
_KEY = struct.Struct("<Q")


@settings
class TopK:
    """The k elements of greatest magnitude, k = max(1, round(fraction n)): |x - x'| is |x| where x is not among them.

    Of equal magnitudes the first is kept. Size = k itemsize bytes and the positions, min(ceil(n / 8), ceil(k
    ceil(log2 n) / 8)): k (32 + ceil(log2 n)) bits in float32 while few are kept. Cost 2 FLOPs per element to encode (a
    magnitude and a comparison of a linear-time selection), 0 to decode. Source: Aji and Heafield, Sparse Communication
    for Distributed Gradient Descent, EMNLP 2017; Zheng et al., IJCAI 2023, table 1, for the size.

    fraction: share of the elements that are kept, in (0, 1].

    >>> head, values, _ = TopK(fraction=0.5).encode(torch.tensor([1.0, -3.0, 0.0, 2.0]), None)
    >>> head.hex(), values.tolist()
    ('0a', [-3.0, 2.0])
    """

    kind: Literal["top_k"] = "top_k"
    fraction: KeptFraction = 0.1

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flat = _finite("top_k", x)
        positions = _greatest(flat.abs().to(torch.float64).numpy(), _kept(self.fraction, len(flat)))
        return Coded(pack_positions(positions, len(flat)), flat[torch.from_numpy(positions)])

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        return _open_positions(dtype, shape, take, _kept(self.fraction, prod(shape)))

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        kept = _kept(self.fraction, prod(shape))
        return Layout(positions_bytes(prod(shape), kept), dtype, (kept,))

    def encode_flops(self, elements: int) -> float:
        return 2.0 * elements

    def decode_flops(self, elements: int) -> float:
        return 0.0


@settings
class RandTopK:
    """Randomised top-k: k elements drawn one after the other, from the top k with probability 1 - alpha in all.

    Within the top k and within the rest all are equally likely; alpha = 0 is top-k. Size as top_k. Cost 6 FLOPs per
    element to encode (with a random number and its logarithm). Evaluation is not coded at all. Source: Zheng, Chen,
    Lyu, Zheng, Reducing Communication for Split Learning by Randomized Top-k Sparsification, IJCAI 2023, sec. 4.

    fraction: share of the elements that are kept, in (0, 1].
    alpha: probability of drawing from the rest, in [0, 1).

    >>> x = torch.tensor([1.0, -3.0, 0.0, 2.0])
    >>> RandTopK(fraction=0.5, alpha=0.0).encode(x, 1).values.tolist()
    [-3.0, 2.0]
    """

    kind: Literal["rand_top_k"] = "rand_top_k"
    fraction: KeptFraction = 0.1
    alpha: Annotated[float, Ge(0), Lt(1)] = 0.1

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flat, key = _finite("rand_top_k", x), as_key(memory)
        count, kept = len(flat), _kept(self.fraction, len(flat))
        top = _greatest(flat.abs().to(torch.float64).numpy(), kept)
        rest = max(count - kept, 1)
        weight = np.full(count, self.alpha / rest)
        weight[top] = (1 - self.alpha) / max(kept, 1)
        # The k greatest of log weight + Gumbel noise are drawn one after the other without putting back.
        with np.errstate(divide="ignore"):
            score = np.log(weight) + numbers(key).gumbel(size=count)
        positions = _greatest(score, kept)
        return Coded(pack_positions(positions, count), flat[torch.from_numpy(positions)], next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        return _open_positions(dtype, shape, take, _kept(self.fraction, prod(shape)))

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        kept = _kept(self.fraction, prod(shape))
        return Layout(positions_bytes(prod(shape), kept), dtype, (kept,))

    def encode_flops(self, elements: int) -> float:
        return 6.0 * elements

    def decode_flops(self, elements: int) -> float:
        return 0.0


@settings
class RandomK:
    """k = max(1, round(fraction n)) elements drawn evenly from a seed that flies with them: no positions.

    Size = 8 + k itemsize bytes. Scaled by n / k the decoded tensor is unbiased, with variance (n / k - 1) |x|^2. Cost 1
    FLOP per element on either side (a random number). Source: Konecny et al., Federated Learning: Strategies for
    Improving Communication Efficiency, 2016, sec. 2 (random mask); Stich et al., NeurIPS 2018, for its variance.

    fraction: share of the elements that are kept, in (0, 1].
    scaled: whether values are multiplied by n / k.

    >>> len(RandomK(fraction=0.5).encode(torch.ones(4), 1).head)
    8
    """

    kind: Literal["random_k"] = "random_k"
    fraction: KeptFraction = 0.1
    scaled: bool = True

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flat, key = _finite("random_k", x), as_key(memory)
        values = flat[torch.from_numpy(self._positions(key, len(flat)))]
        if self.scaled and len(values):
            values = _representable("random_k", values * (len(flat) / len(values)))
        return Coded(_KEY.pack(key), values, next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        (key,) = _KEY.unpack(take(KEY_BYTES))
        layout = self.layout(dtype, shape)
        return Opened(dtype, layout.shape, lambda values: _spread(values, self._positions(key, prod(shape)), shape))

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(KEY_BYTES, dtype, (_kept(self.fraction, prod(shape)),))

    def encode_flops(self, elements: int) -> float:
        return 1.0 * elements

    def decode_flops(self, elements: int) -> float:
        return 1.0 * elements

    def _positions(self, key: int, count: int) -> NDArray[np.intp]:
        drawn: NDArray[np.intp] = numbers(key).permutation(count)[: _kept(self.fraction, count)]
        return np.sort(drawn)


@settings
class Threshold:
    """The elements of magnitude ``at_least`` or more; how many that are depends on the values.

    |x - x'| < at_least. Size = 4 + m itemsize bytes for m kept elements and their positions. Cost 2 FLOPs per element
    to encode. Source: Strom, Scalable Distributed DNN Training Using Commodity GPU Cloud Computing, Interspeech 2015.

    at_least: smallest magnitude that is kept, > 0.

    >>> Threshold(at_least=2.0).encode(torch.tensor([1.0, -3.0, 0.0, 2.0]), None).values.tolist()
    [-3.0, 2.0]
    """

    kind: Literal["threshold"] = "threshold"
    at_least: Positive = 0.01

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flat = _finite("threshold", x)
        positions = np.flatnonzero(flat.abs().to(torch.float64).numpy() >= self.at_least)
        head = _COUNT.pack(len(positions)) + pack_positions(positions, len(flat))
        return Coded(head, flat[torch.from_numpy(positions)])

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        (kept,) = _COUNT.unpack(take(_COUNT.size))
        if kept > prod(shape):
            raise CorruptPayload(f"threshold: {kept} elements of {prod(shape)}")
        return _open_positions(dtype, shape, take, kept)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return Layout(_COUNT.size + flags_bytes(prod(shape)), dtype, (prod(shape),), fixed=False)

    def encode_flops(self, elements: int) -> float:
        return 2.0 * elements

    def decode_flops(self, elements: int) -> float:
        return 0.0


@settings
class Dropout:
    """Random dropout of what flies: each element is kept with probability 1 - p and scaled by 1 / (1 - p).

    Unbiased, with relative variance p / (1 - p). Size = m itemsize bytes for m kept elements, about (1 - p) n, and the
    mask: its seed and m (12 bytes) or a bitmap (ceil(n / 8) bytes). Cost 2 FLOPs per element to encode, 1 to decode.
    Only training messages are coded; evaluation sees everything. Source: random activation dropout at the split layer
    of lightweight federated split learning; inverted scaling as Srivastava et al., JMLR 15, 2014, sec. 10.

    p: probability of being dropped, in [0, 1).
    mask: how the receiver learns which: from a shared seed, or from a bitmap.

    >>> Dropout(p=0.0).encode(torch.tensor([1.0, 2.0]), 1).values.tolist()
    [1.0, 2.0]
    """

    kind: Literal["dropout"] = "dropout"
    p: Annotated[float, Ge(0), Lt(1)] = 0.5
    mask: Literal["seed", "bitmap"] = "seed"

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flat, key = _finite("dropout", x), as_key(memory)
        keep = self._keep(key, len(flat))
        values = _representable("dropout", flat[torch.from_numpy(keep)] / (1 - self.p))
        seed = _KEY.pack(key) + _COUNT.pack(len(values))
        return Coded(seed if self.mask == "seed" else pack_flags(keep), values, next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        count = prod(shape)
        if self.mask == "bitmap":
            positions = np.flatnonzero(unpack_flags(take(flags_bytes(count)), count))
            return Opened(dtype, (len(positions),), lambda values: _spread(values, positions, shape))
        (key,), (kept,) = _KEY.unpack(take(KEY_BYTES)), _COUNT.unpack(take(_COUNT.size))
        # Ten standard deviations: the mask is drawn only for a size that the values speak for.
        if abs(kept - (1 - self.p) * count) > 10 * math.sqrt(self.p * (1 - self.p) * count) + 10:
            raise CorruptPayload(f"dropout: {kept} of {count} elements kept with probability {1 - self.p:g}")

        def restore(values: torch.Tensor) -> torch.Tensor:
            keep = np.flatnonzero(self._keep(key, count))
            if len(keep) != kept:
                raise CorruptPayload(f"dropout: {kept} elements, and a mask of {len(keep)}")
            return _spread(values, keep, shape)

        return Opened(dtype, (kept,), restore)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        head = KEY_BYTES + _COUNT.size if self.mask == "seed" else flags_bytes(prod(shape))
        return Layout(head, dtype, (prod(shape),), fixed=self.p == 0.0)

    def encode_flops(self, elements: int) -> float:
        return 2.0 * elements

    def decode_flops(self, elements: int) -> float:
        return 1.0 * elements

    def _keep(self, key: int, count: int) -> NDArray[np.bool_]:
        kept: NDArray[np.bool_] = numbers(key).random(count) >= self.p
        return kept


def _kept(fraction: Fraction, count: int) -> int:
    return min(max(1, round(fraction * count)), count)


def _finite(name: str, x: torch.Tensor) -> torch.Tensor:
    """The values in one row. Raises ValueError for NaN and infinities."""
    flat = x.detach().cpu().reshape(-1)
    if not flat.isfinite().all():
        raise ValueError(f"{name}: got {float(flat[~flat.isfinite()][0])}, values must be finite")
    return flat


def _representable(name: str, values: torch.Tensor) -> torch.Tensor:
    """Raises ValueError where scaling has made a finite value infinite."""
    if not values.isfinite().all():
        raise ValueError(f"{name}: a value is too large to be scaled in {values.dtype}")
    return values


def _greatest(score: NDArray[np.float64], kept: int) -> NDArray[np.intp]:
    """Ascending positions of the greatest scores; of equal ones the first."""
    if kept == len(score):
        return np.arange(kept)
    last = np.partition(score, len(score) - kept)[len(score) - kept]
    chosen = score > last
    chosen[np.flatnonzero(score == last)[: kept - int(chosen.sum())]] = True
    return np.flatnonzero(chosen)


def _spread(values: torch.Tensor, positions: NDArray[np.intp], shape: Shape) -> torch.Tensor:
    """A tensor of zeros with values at positions."""
    flat = torch.zeros(prod(shape), dtype=values.dtype)
    flat[torch.from_numpy(positions)] = values
    return flat.view(shape)


def _open_positions(dtype: torch.dtype, shape: Shape, take: Callable[[int], memoryview], kept: int) -> Opened:
    positions = unpack_positions(take(positions_bytes(prod(shape), kept)), prod(shape), kept)
    return Opened(dtype, (kept,), lambda values: _spread(values, positions, shape))
