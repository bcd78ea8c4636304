"""The frame that payloads fly in: a small self-describing header, then the bodies that the codecs wrote.

::

    message   checksum u32 | fingerprint of format and codecs u16 | tensor count u16
    tensor    dtype code u8 | ndim u8 | dims u32 each                        (one after another)
    bodies    one a tensor, as the codecs write them

All integers and values are little-endian, nothing is padded. The checksum is XXH3-64 (Collet, xxHash 0.8
specification) of everything behind it, truncated to its low 32 bits: on a 110 KB activation it takes 2 us where XXH32
takes 15 us. It finds damage, not forgery. The fingerprint is a digest of the codecs' settings, so a payload cannot be
read with other ones. Fragmentation, retransmission and the headers of the network layers below belong to the transport.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import TypeAlias

import numpy as np
import xxhash

from wirelessfsl.lazy import torch

Payload: TypeAlias = bytes
"""What flies. Its length is the size of the message: there is no other."""
Body: TypeAlias = "bytes | memoryview"
"""The bytes of one tensor in a frame."""
Header: TypeAlias = "tuple[torch.dtype, tuple[int, ...]]"
"""What a frame says of a tensor."""

CHECKSUM = struct.Struct("<I")
PREAMBLE = struct.Struct("<HH")
TENSOR_HEADER = struct.Struct("<BB")
MESSAGE_HEADER_BYTES = CHECKSUM.size + PREAMBLE.size
TENSOR_HEADER_BYTES = TENSOR_HEADER.size
DIM_BYTES = 4
MAX_TENSORS = 0xFFFF
MAX_ELEMENTS = 2**31 - 1
FORMAT_VERSION = 2

DTYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
"""Names of the dtypes that can fly; the code on the wire is the position."""


class CorruptPayload(ValueError):
    """A payload that was damaged, cut short, or written with other settings."""


def frame_bytes(shapes: Sequence[tuple[int, ...]]) -> int:
    """Bytes of all headers of a message, 8 + sum over tensors of (2 + 4 ndim); bodies come on top.

    shapes: one a tensor.

    >>> frame_bytes([(32, 6, 12, 12), (32,)])
    32
    """
    return MESSAGE_HEADER_BYTES + sum(TENSOR_HEADER_BYTES + DIM_BYTES * len(shape) for shape in shapes)


def write(fingerprint: int, headers: Sequence[Header], bodies: Iterable[Body]) -> Payload:
    """Frame of tensors whose bodies have been written; one pass for the checksum, one copy.

    fingerprint: 0-65535, of the codecs' settings.
    headers: of the tensors; at most 65535.
    bodies: in the order in which they will be read.

    Raises ValueError for more tensors, and for a dtype that has no code.

    >>> write(0, [(torch.uint8, (3,))], [bytes(3)])[4:].hex(" ", 1)
    '02 00 01 00 04 01 03 00 00 00 00 00 00'
    """
    if len(headers) > MAX_TENSORS:
        raise ValueError(f"a message of {len(headers)} tensors: at most {MAX_TENSORS} fit")
    parts = (PREAMBLE.pack(fingerprint ^ FORMAT_VERSION, len(headers)), *map(_tensor_header, headers), *bodies)
    checksum = xxhash.xxh3_64()
    for part in parts:
        checksum.update(part)
    return b"".join((_truncated(checksum.intdigest()), *parts))


class Reader:
    """Received bytes, taken from front to back."""

    def __init__(self, received: memoryview) -> None:
        self._bytes = received
        self._at = 0

    @property
    def at(self) -> int:
        """How many bytes have been taken."""
        return self._at

    def take(self, size_bytes: int) -> memoryview:
        """The next bytes, not copied. Raises CorruptPayload if there are not so many."""
        end = self._at + size_bytes
        if end > len(self._bytes):
            raise CorruptPayload(f"payload ends at byte {len(self._bytes)}, inside a field of bytes {self._at}-{end}")
        taken = self._bytes[self._at : end]
        self._at = end
        return taken

    def rest(self) -> memoryview:
        """All that has not been taken."""
        return self.take(len(self._bytes) - self._at)

    def finish(self) -> None:
        """Raises CorruptPayload if bytes are left."""
        if self._at != len(self._bytes):
            raise CorruptPayload(f"{len(self._bytes) - self._at} bytes are left over behind the last tensor")


class Frame(Reader):
    """A received payload, its checksum verified and its headers read: the bodies are next.

    payload: what :func:`write` made.
    fingerprint: the one that it must have.

    Raises CorruptPayload where the length, checksum, fingerprint, a dtype code or a size does not fit.

    >>> frame = Frame(write(7, [(torch.float32, (2, 1))], [bytes(8)]), 7)
    >>> frame.headers, len(frame.take(8))
    ([(torch.float32, (2, 1))], 8)
    """

    def __init__(self, payload: Payload, fingerprint: int) -> None:
        super().__init__(memoryview(payload))
        stated = self.take(CHECKSUM.size)
        if stated != _truncated(xxhash.xxh3_64_intdigest(self._bytes[CHECKSUM.size :])):
            raise CorruptPayload(f"the checksum of a payload of {len(payload)} bytes does not match its contents")
        written_with, count = PREAMBLE.unpack(self.take(PREAMBLE.size))
        if written_with != fingerprint ^ FORMAT_VERSION:
            raise CorruptPayload("payload written with other codecs, other settings or another version of the format")
        self.headers = [self._header(index) for index in range(count)]

    def _header(self, index: int) -> Header:
        at, ndim = self._at, self.take(TENSOR_HEADER.size)[1]
        self.take(DIM_BYTES * ndim)
        try:
            return _read_header(bytes(self._bytes[at : self._at]))
        except CorruptPayload as error:
            raise CorruptPayload(f"tensor {index}: {error}") from None


def raw(tensor: torch.Tensor) -> memoryview:
    """The values of a tensor in row-major order, as something with bytes; not copied if they lie so already.

    >>> raw(torch.tensor([1, 2], dtype=torch.int16)).tobytes().hex()
    '01000200'
    """
    if tensor.dtype is torch.bfloat16:  # NumPy has no such type
        tensor = tensor.contiguous().view(torch.int16)
    here = tensor if tensor.is_cpu else tensor.cpu()
    return np.ascontiguousarray(here.reshape(-1).numpy(force=here.requires_grad)).data


def restore(body: memoryview, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    """A new tensor with the values that :func:`raw` gave.

    The memory is torch's own and so aligned as its kernels like it: they may round otherwise on other addresses.

    body: ``prod(shape) * dtype.itemsize`` bytes.

    >>> restore(memoryview(bytes([1, 0, 2, 0])), torch.int16, (2, 1)).tolist()
    [[1], [2]]
    """
    if dtype is torch.bfloat16:
        return restore(body, torch.int16, shape).view(dtype)
    tensor = torch.empty(shape, dtype=dtype)
    values = tensor.view(-1).numpy()
    values[:] = np.frombuffer(body, values.dtype)
    return tensor


@lru_cache(maxsize=4096)
def _tensor_header(header: Header) -> bytes:
    dtype, shape = header
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ValueError(f"a tensor of dtype {name} cannot be sent: allowed are {', '.join(DTYPES)}")
    if prod(max(dim, 1) for dim in shape) > MAX_ELEMENTS:
        raise ValueError(f"a tensor of shape {tuple(shape)} cannot be sent: at most {MAX_ELEMENTS} elements")
    return struct.pack(f"<BB{len(shape)}I", DTYPES.index(name), len(shape), *shape)


@lru_cache(maxsize=4096)
def _read_header(header: bytes) -> Header:
    code, ndim = TENSOR_HEADER.unpack_from(header)
    shape = struct.unpack_from(f"<{ndim}I", header, TENSOR_HEADER.size)
    if code >= len(DTYPES):
        raise CorruptPayload(f"unknown dtype code {code}, the last one is {len(DTYPES) - 1}")
    # A sparse tensor says little about its size, and an empty one still has strides.
    if prod(max(dim, 1) for dim in shape) > MAX_ELEMENTS:
        raise CorruptPayload(f"no tensor has the shape {shape}: at most {MAX_ELEMENTS} elements")
    return getattr(torch, DTYPES[code]), shape


def _truncated(digest: int) -> bytes:
    return CHECKSUM.pack(digest & 0xFFFFFFFF)
