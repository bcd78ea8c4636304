"""Sparsification: a few elements of a tensor fly as they are, the others arrive as zeros.

Which ones is said by positions (:mod:`wirelessfsl.codecs.bits`: a bitmap or numbers, whichever is shorter), or follows
from a seed that both ends know after 8 bytes. The kept values can be coded on, for example cast or quantised.

The gradient of a dropped position is zero. So of activations only the gradients of the kept positions fly back, without
positions, since both ends know them: 32 k bits against k (32 + ceil(log2 n)) on the way there. ``gradient: full`` lets
all of them fly, as programs do that do not care; what is learnt is the same.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Annotated, Literal

import numpy as np

from wirelessfsl.codecs.bits import (
    KEY_BYTES,
    Positions,
    as_key,
    flags_bytes,
    next_key,
    numbers,
    pack_positions,
    positions_bytes,
)
from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take, head_of
from wirelessfsl.codecs.kept import (
    Returned,
    at_least,
    coded,
    finite,
    greatest,
    open_positions,
    opened,
    returned_flops,
    rows_of,
)
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
    ceil(log2 n) / 8)): k (32 + ceil(log2 n)) bits in float32 while few are kept; all that times the batch size if every
    sample has k of its own. Cost 2 FLOPs per element to encode (a magnitude and a comparison of a linear-time
    selection), 0 to decode. Source: Aji and Heafield, Sparse Communication for Distributed Gradient Descent, EMNLP
    2017; Zheng et al., IJCAI 2023, for the size and the gradient.

    fraction: share of the elements that are kept, in (0, 1].
    per: what n counts and k is taken of: the tensor, or each sample (the first dimension).
    gradient: of activations, which gradients fly back: those of the kept positions, or all.

    >>> coded = TopK(fraction=0.5).encode(torch.tensor([1.0, -3.0, 0.0, 2.0]), None)
    >>> coded.head.hex(), coded.values.tolist()
    ('0a', [-3.0, 2.0])
    """

    kind: Literal["top_k"] = "top_k"
    fraction: KeptFraction = 0.1
    per: Literal["tensor", "sample"] = "tensor"
    gradient: Returned = "kept"

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        (flat, doubts), (rows, count) = finite("top_k", x), rows_of(self.per, tuple(x.shape))
        positions = greatest(flat.abs().double().view(rows, count), _kept(self.fraction, count))
        return coded(head_of(pack_positions(positions, count, rows)), flat, doubts, positions, x, self.gradient)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        rows, count = rows_of(self.per, shape)
        return open_positions(dtype, shape, take, count, _kept(self.fraction, count), self.gradient, rows)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        rows, count = rows_of(self.per, shape)
        kept = _kept(self.fraction, count)
        far_flops = returned_flops(self.gradient)
        return Layout(positions_bytes(count, kept, rows), dtype, (rows * kept,), near_flops=0.0, far_flops=far_flops)

    def encode_flops(self, shape: Shape) -> float:
        return 2.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 0.0


@settings
class RandTopK:
    """Randomised top-k: k elements drawn one after the other, from the top k with probability 1 - alpha in all.

    Within the top k and within the rest all are equally likely. alpha = 0 is top-k, and so is evaluation through the
    codecs. Size as top_k. Cost 6 FLOPs per element to encode (with a random number and its logarithm). Source: Zheng,
    Chen, Lyu, Zheng, Reducing Communication for Split Learning by Randomized Top-k Sparsification, IJCAI 2023.

    fraction: share of the elements that are kept, in (0, 1].
    alpha: probability of drawing from the rest, in [0, 1).
    per: what k is taken of, as in top_k.
    gradient: of activations, which gradients fly back: those of the kept positions, or all.

    >>> x = torch.tensor([1.0, -3.0, 0.0, 2.0])
    >>> RandTopK(fraction=0.5, alpha=0.0).encode(x, 1).values.tolist()
    [-3.0, 2.0]
    """

    kind: Literal["rand_top_k"] = "rand_top_k"
    fraction: KeptFraction = 0.1
    alpha: Annotated[float, Ge(0), Lt(1)] = 0.1
    per: Literal["tensor", "sample"] = "tensor"
    gradient: Returned = "kept"

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        (flat, doubts), key, (rows, count) = finite("rand_top_k", x), as_key(memory), rows_of(self.per, tuple(x.shape))
        kept = _kept(self.fraction, count)
        top = greatest(flat.abs().double().view(rows, count), kept)
        # The k greatest of log weight + Gumbel noise are drawn one after the other without putting back.
        with np.errstate(divide="ignore"):
            of_rest, of_top = np.log([self.alpha / max(count - kept, 1), (1 - self.alpha) / max(kept, 1)])
        weight = torch.full((rows * count,), of_rest, dtype=torch.float64, device=x.device).index_fill_(0, top, of_top)
        noise = torch.from_numpy(numbers(key).gumbel(size=(rows, count)))
        positions = greatest(weight.view(rows, count) + noise.to(x.device), kept)
        head = head_of(pack_positions(positions, count, rows))
        return coded(head, flat, doubts, positions, x, self.gradient, memory=next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        return self.at_test().open(dtype, shape, take)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        return self.at_test().layout(dtype, shape)

    def at_test(self) -> TopK:
        """What codes in evaluation."""
        return TopK(fraction=self.fraction, per=self.per, gradient=self.gradient)

    def encode_flops(self, shape: Shape) -> float:
        return 6.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 0.0


@settings
class RandomK:
    """k = max(1, round(fraction n)) elements drawn evenly from a seed that flies with them: no positions.

    Size = 8 + k itemsize bytes. Scaled by n / k the decoded tensor is unbiased, with variance (n / k - 1) |x|^2. Cost 1
    FLOP per element on either side (a random number). Source: Konecny et al., Federated Learning: Strategies for
    Improving Communication Efficiency, 2016, sec. 2 (random mask); Stich et al., NeurIPS 2018, for its variance.

    fraction: share of the elements that are kept, in (0, 1].
    scaled: whether values are multiplied by n / k.
    gradient: of activations, which gradients fly back: those of the kept positions, or all.

    >>> len(RandomK(fraction=0.5).encode(torch.ones(4), 1).head)
    8
    """

    kind: Literal["random_k"] = "random_k"
    fraction: KeptFraction = 0.1
    scaled: bool = True
    gradient: Returned = "kept"

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        (flat, doubts), key = finite("random_k", x), as_key(memory)
        positions = self._positions(key, len(flat)).to(x.device)
        scale = len(flat) / max(len(positions), 1) if self.scaled else 1.0
        return coded(_KEY.pack(key), flat, doubts, positions, x, self.gradient, scale, next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        (key,) = _KEY.unpack(take(KEY_BYTES))
        # Drawn when it is needed: a size is to be believed once the values are there.
        return opened(
            dtype, shape, self.layout(dtype, shape).shape[0], lambda: self._positions(key, prod(shape)), self.gradient
        )

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        kept = _kept(self.fraction, prod(shape))
        near_flops = 1.0 * kept if self.scaled and kept < prod(shape) else 0.0
        return Layout(KEY_BYTES, dtype, (kept,), near_flops=near_flops, far_flops=returned_flops(self.gradient))

    def encode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)

    def _positions(self, key: int, count: int) -> Positions:
        return torch.from_numpy(np.sort(numbers(key).permutation(count)[: _kept(self.fraction, count)]))


@settings
class Threshold:
    """The elements of magnitude ``at_least`` or more; how many that are depends on the values.

    |x - x'| < at_least. Size = 4 + m itemsize bytes for m kept elements and their positions. Cost 2 FLOPs per element
    to encode. Source: Strom, Scalable Distributed DNN Training Using Commodity GPU Cloud Computing, Interspeech 2015.

    at_least: smallest magnitude that is kept, > 0.
    gradient: of activations, which gradients fly back: those of the kept positions, or all.

    >>> Threshold(at_least=2.0).encode(torch.tensor([1.0, -3.0, 0.0, 2.0]), None).values.tolist()
    [-3.0, 2.0]
    """

    kind: Literal["threshold"] = "threshold"
    at_least: Positive = 0.01
    gradient: Returned = "kept"

    def begin(self, key: int) -> Memory:
        return None

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        flat, doubts = finite("threshold", x)
        positions = at_least(flat.abs().double(), self.at_least)
        count = torch.frombuffer(bytearray(_COUNT.pack(len(positions))), dtype=torch.uint8).to(x.device)
        head = head_of(torch.cat((count, pack_positions(positions, len(flat)))))
        return coded(head, flat, doubts, positions, x, self.gradient)

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        (kept,) = _COUNT.unpack(take(_COUNT.size))
        if kept > prod(shape):
            raise CorruptPayload(f"threshold: {kept} elements of {prod(shape)}")
        return open_positions(dtype, shape, take, prod(shape), kept, self.gradient)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        head = _COUNT.size + flags_bytes(prod(shape))
        return Layout(head, dtype, (prod(shape),), False, near_flops=0.0, far_flops=returned_flops(self.gradient))

    def encode_flops(self, shape: Shape) -> float:
        return 2.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 0.0


def _kept(fraction: Fraction, count: int) -> int:
    return min(max(1, round(fraction * count)), count)
