"""Codes of a few bits each as a stream of bits: of NumPy's arrays, and of tensors on any device.

The order of bits is the little-endian one that Arrow and NumPy (``packbits(bitorder="little")``) use.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.units import BITS_PER_BYTE

Codes = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int32]

_GROUP = 8
"""Codes packed at a time: 8 codes of b bits fill exactly b bytes."""


def packed(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """What :func:`pack` makes of the codes, as bytes on their device.

    codes: shape (n,), integers, or bools for 1 bit.

    >>> packed(torch.tensor([1, 2, 3]), bits=4).tolist()
    [33, 3]
    """
    if codes.is_cpu:
        array = codes.numpy()
        return torch.from_numpy(np.packbits(array, bitorder="little") if array.dtype == bool else pack(array, bits))
    width, dtype = _digit(bits), torch.uint8 if codes.dtype is torch.bool else codes.dtype
    digits = codes.to(dtype)[:, None] >> torch.arange(0, bits, width, dtype=dtype, device=codes.device)
    digits = digits.reshape(-1).bitwise_and(2**width - 1).to(torch.uint8)
    if width == BITS_PER_BYTE:
        return digits
    digits = torch.nn.functional.pad(digits, (0, -len(digits) % BITS_PER_BYTE)).view(-1, BITS_PER_BYTE)
    return (digits << _places(codes.device)).sum(1, dtype=torch.uint8)


def unpacked(received: torch.Tensor, count: int, bits: int) -> torch.Tensor:
    """The codes that :func:`packed` packed, shape (count,), on the bytes' device; uint8, or int32 if that may not do.

    >>> unpacked(torch.tensor([0x21, 0x03], dtype=torch.uint8), count=3, bits=4).tolist()
    [1, 2, 3]
    """
    if received.is_cpu:
        codes = torch.from_numpy(unpack(received.numpy().data, count, bits))
        return codes if codes.dtype is torch.uint8 else codes.to(torch.int32)
    width = _digit(bits)
    digits = received if width == BITS_PER_BYTE else (received[:, None] >> _places(received.device) & 1).reshape(-1)
    digits = digits[: count * bits // width].view(count, bits // width).to(torch.int32)
    places = torch.arange(0, bits, width, dtype=torch.int32, device=received.device)
    return (digits << places).sum(1, dtype=torch.int32)


def _digit(bits: int) -> int:
    """Bits that are moved at a time on a device: bytes where these are whole."""
    return 1 if bits % BITS_PER_BYTE else BITS_PER_BYTE


def _places(device: torch.device) -> torch.Tensor:
    return torch.arange(BITS_PER_BYTE, dtype=torch.uint8, device=device)


def pack(codes: Codes, bits: int) -> NDArray[np.uint8]:
    """Codes as a stream of bits, code i in bits i b to (i + 1) b - 1, the least significant first.

    Codes of 1, 2 or 4 bits are joined in pairs until they fill a byte (6-11 us for 27,500 codes). Of other widths eight
    codes at a time are moved together in halves: 16-bit words into 32-bit ones, into 64-bit ones, into b bytes. (50 us,
    where unpackbits and packbits take 100-230 us to pack and 260-890 us to unpack.)

    codes: shape (n,), each < 2^bits.
    bits: b, 0-16; of 0 bits nothing flies.

    Returns ceil(n b / 8) bytes, the bits behind the last code 0.

    >>> pack(np.array([1, 2, 3], np.uint16), bits=4).tobytes().hex()
    '2103'
    """
    if bits and bits % BITS_PER_BYTE == 0:
        return codes.astype(f"<u{bits // BITS_PER_BYTE}", copy=False).view(np.uint8)
    groups = -(-len(codes) // _GROUP)
    if bits and BITS_PER_BYTE % bits == 0:
        joined = np.zeros(groups * _GROUP, np.uint8)
        joined[: len(codes)] = codes
        for width in _widths(bits):
            two = joined.view("<u2")
            joined = (two | two >> BITS_PER_BYTE - width).astype(np.uint8)
        return joined[: -(-len(codes) * bits // BITS_PER_BYTE)]
    words = np.zeros(groups * _GROUP, "<u2")
    words[: len(codes)] = codes
    pairs = words.view("<u4")
    pairs = pairs & 0xFFFF | pairs >> 16 << bits
    fours = pairs.view("<u8")
    fours = fours & 0xFFFFFFFF | fours >> 32 << 2 * bits
    first, second = fours[0::2], fours[1::2]
    eights = np.stack((first | second << 4 * bits, second >> 64 - 4 * bits), axis=1)
    whole: NDArray[np.uint8] = eights.view(np.uint8)[:, :bits].reshape(-1)
    return whole[: -(-len(codes) * bits // BITS_PER_BYTE)]


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
