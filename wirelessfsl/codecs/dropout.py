"""Random dropout of activations at the cut: fewer bytes and a regulariser at once."""

from __future__ import annotations

import math
import struct
from math import prod
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import (
    KEY_BYTES,
    Positions,
    as_key,
    flags_bytes,
    next_key,
    numbers,
    pack_flags,
    unpack_flags,
)
from wirelessfsl.codecs.codec import Coded, Layout, Memory, Opened, Shape, Take
from wirelessfsl.codecs.kept import Returned, coded, finite, opened, returned_flops
from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, Lt

_COUNT = struct.Struct("<I")
_KEY = struct.Struct("<Q")


@settings
class Dropout:
    """Random dropout of what flies: each element is kept with probability 1 - p and scaled by 1 / (1 - p).

    Unbiased, with relative variance p / (1 - p). Size = m itemsize bytes for m kept elements, about (1 - p) n, and what
    tells which: a seed and m (12 bytes) or a bitmap (ceil(n / 8) bytes). Cost 2 FLOPs per element to encode, 1 to
    decode. Off in evaluation. The gradient of what was dropped is zero, of what was kept it is scaled as the value was.
    Source: random activation dropout at the split layer of lightweight federated split learning; inverted scaling as
    Srivastava et al., JMLR 15, 2014, sec. 10.

    p: probability of being dropped, in [0, 1).
    mask: how the receiver learns which: from a shared seed, or from a bitmap.
    gradient: of activations, which gradients fly back: those of the kept positions, or all.

    >>> Dropout(p=0.0).encode(torch.tensor([1.0, 2.0]), 1).values.tolist()
    [1.0, 2.0]
    """

    kind: Literal["dropout"] = "dropout"
    p: Annotated[float, Ge(0), Lt(1)] = 0.5
    mask: Literal["seed", "bitmap"] = "seed"
    gradient: Returned = "kept"

    def begin(self, key: int) -> Memory:
        return key

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        (flat, doubts), key = finite("dropout", x), as_key(memory)
        keep = self._keep(key, len(flat))
        positions = _positions(keep).to(x.device)
        head = _KEY.pack(key) + _COUNT.pack(len(positions)) if self.mask == "seed" else pack_flags(keep)
        return coded(head, flat, doubts, positions, x, self.gradient, 1 / (1 - self.p), next_key(key))

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        count = prod(shape)
        if self.mask == "bitmap":
            positions = _positions(unpack_flags(take(flags_bytes(count)), count))
            return opened(dtype, shape, len(positions), lambda: positions, self.gradient)._replace(lost=None)
        (key,), (kept,) = _KEY.unpack(take(KEY_BYTES)), _COUNT.unpack(take(_COUNT.size))
        # Ten standard deviations: the mask is drawn only for a size that the values speak for.
        if abs(kept - (1 - self.p) * count) > 10 * math.sqrt(self.p * (1 - self.p) * count) + 10:
            raise CorruptPayload(f"dropout: {kept} of {count} elements kept with probability {1 - self.p:g}")

        def drawn() -> Positions:
            positions = _positions(self._keep(key, count))
            if len(positions) != kept:
                raise CorruptPayload(f"dropout: {kept} elements, and a mask of {len(positions)}")
            return positions

        return opened(dtype, shape, kept, drawn, self.gradient)

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        head = KEY_BYTES + _COUNT.size if self.mask == "seed" else flags_bytes(prod(shape))
        near_flops = 1.0 * prod(shape) if self.p else 0.0
        return Layout(head, dtype, (prod(shape),), self.p == 0.0, near_flops, returned_flops(self.gradient))

    def encode_flops(self, shape: Shape) -> float:
        return 2.0 * prod(shape)

    def decode_flops(self, shape: Shape) -> float:
        return 1.0 * prod(shape)

    def at_test(self) -> None:
        """What codes in evaluation: nothing."""

    def _keep(self, key: int, count: int) -> NDArray[np.bool_]:
        kept: NDArray[np.bool_] = numbers(key).random(count) >= self.p
        return kept


def _positions(keep: NDArray[np.bool_]) -> Positions:
    return torch.from_numpy(np.flatnonzero(keep))
