"""What several codecs share: positions of kept elements, one flag an element, random numbers of a key.

Of k positions among n either a bitmap flies (ceil(n / 8) bytes) or each as a number of ceil(log2 n) bits
(ceil(k ceil(log2 n) / 8) bytes), whichever is shorter; which one follows from n and k and need not be said. Where every
sample has positions of its own they are numbered within it: rows of n.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.packing import packed
from wirelessfsl.codecs.wire import CorruptPayload
from wirelessfsl.lazy import torch

Positions: TypeAlias = "torch.Tensor"
"""Ascending positions of elements, int64."""

KEY_BYTES = 8
"""A key of a random stream on the wire."""


def array(values: torch.Tensor) -> NDArray[Any]:
    """A tensor on the CPU as an array; NumPy has no bfloat16, and float32 holds every value of narrower dtypes."""
    return (values if values.dtype.itemsize > 2 else values.to(torch.float32)).numpy()


def flags_bytes(count: int) -> int:
    """Bytes of one bit an element."""
    return -(-count // 8)


def pack_flags(flags: NDArray[np.bool_]) -> bytes:
    """One bit an element, the first in the lowest bit."""
    return np.packbits(flags, bitorder="little").tobytes()


def unpack_flags(packed: memoryview, count: int) -> NDArray[np.bool_]:
    """The flags that :func:`pack_flags` packed. Raises CorruptPayload if a bit behind the last is set."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
    if bits[count:].any():
        raise CorruptPayload("bits are set behind the last flag")
    return bits[:count].astype(bool)


def index_bits(count: int) -> int:
    """Bits of a position among ``count``: ceil(log2 count).

    >>> [index_bits(n) for n in (1, 2, 3, 9216)]
    [0, 1, 2, 14]
    """
    return max(count - 1, 0).bit_length()


def as_bitmap(count: int, kept: int, rows: int = 1) -> bool:
    """Whether bitmaps of all rows are no longer than the numbers of their positions."""
    return flags_bytes(rows * count) <= -(-rows * kept * index_bits(count) // 8)


def positions_bytes(count: int, kept: int, rows: int = 1) -> int:
    """Bytes of the positions of ``kept`` elements among ``count`` in every one of some rows.

    >>> positions_bytes(9216, 10), positions_bytes(9216, 5000), positions_bytes(9216, 10, rows=20)
    (18, 1152, 350)
    """
    return flags_bytes(rows * count) if as_bitmap(count, kept, rows) else -(-rows * kept * index_bits(count) // 8)


def pack_positions(positions: Positions, count: int, rows: int = 1) -> torch.Tensor:
    """Ascending positions among ``rows * count``, as many in every row of ``count``, as bytes on their device."""
    if as_bitmap(count, len(positions) // max(rows, 1), rows):
        flags = torch.zeros(rows * count, dtype=torch.bool, device=positions.device)
        return packed(flags.index_fill_(0, positions, True), 1)
    digits = positions[:, None] % count >> torch.arange(index_bits(count), device=positions.device) & 1
    return packed(digits.to(torch.bool).reshape(-1), 1)


def unpack_positions(received: memoryview, count: int, kept: int, rows: int = 1) -> Positions:
    """The positions that :func:`pack_positions` packed. Raises CorruptPayload if they make no sense."""
    if as_bitmap(count, kept, rows):
        positions = np.flatnonzero(unpack_flags(received, rows * count))
    else:
        width = index_bits(count)
        digits = unpack_flags(received, rows * kept * width).reshape(rows * kept, width)
        positions = digits.astype(np.intp) @ (1 << np.arange(width)) + np.repeat(np.arange(rows) * count, kept)
    if len(positions) != rows * kept or (np.diff(positions) <= 0).any() or (kept and positions[-1] >= rows * count):
        raise CorruptPayload(f"positions that are not {kept} different ones among {count}, {rows} times")
    return torch.from_numpy(positions)


def lost_codes(lost: torch.Tensor, count: int, bits: int) -> torch.Tensor:
    """Which of the codes of some bits, packed one after the other, have bits in lost bytes, shape (count,).

    lost: flags of the bytes.

    >>> lost_codes(torch.tensor([False, True, False]), count=4, bits=6).tolist()
    [False, True, True, False]
    """
    before = torch.nn.functional.pad(lost.cumsum(0), (1, 0))
    first = torch.arange(count, device=lost.device) * bits
    return before[-(-(first + bits) // 8)] > before[first // 8]


def numbers(key: int) -> np.random.Generator:
    """The random numbers of a key; another one for every message."""
    return np.random.Generator(np.random.Philox(key=key))


def as_key(memory: Any) -> int:
    """The key that a codec with random numbers remembers."""
    assert isinstance(memory, int)
    return memory


def next_key(key: int) -> int:
    """Key of the next message."""
    return (key + 1) % 2**64
