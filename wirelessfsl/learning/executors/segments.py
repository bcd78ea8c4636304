"""Memory that several processes see: one writes into a segment of its own, all read, and nothing is copied to be read.

A segment is a file without a name, so that nothing is left behind however its processes end. A tensor comes back with
the strides and the alignment that it had, since kernels may round otherwise with others.
"""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wirelessfsl.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT = 64
"""Of memory that torch allocates, in bytes."""
LARGE = 1 << 24
"""Bytes of a free area whose pages go back to the system,"""
SELDOM = 8
"""whenever so many times as many bytes as there are were put in places of other sizes."""
AREA_BYTES = 1 << 10
"""Copied in the time in which one free area is looked at: joining them takes no longer than putting."""


class Block(NamedTuple):
    """Where a tensor is: segment, first byte of what was taken for it and how many, first byte of its values, and what
    torch says of it."""

    segment: int
    taken: tuple[int, int]
    first: int
    dtype: torch.dtype
    span: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def new_file() -> int:
    """A file of no name and as many bytes as the machine has memory; they cost nothing until they are written."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("wirelessfsl")
    else:
        with tempfile.TemporaryFile() as unnamed:
            file = os.dup(unnamed.fileno())
    os.ftruncate(file, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return file


class Memory(Protocol):
    """Where tensors are."""

    def view(self, block: Block) -> Tensor: ...


class Segment:
    """One process's memory, seen by this one.

    What is taken is what was freed of the same size, else a piece of the smallest larger area that is free; neighbours
    are joined to areas when there is none. Where sizes vary at random, the memory from the first byte to the last that
    was ever used is less than twice the most that was in use at once.

    number: of the segment. file: its descriptor, which may be closed then.
    """

    def __init__(self, number: int, file: int) -> None:
        self.number = number
        self._map = mmap.mmap(file, 0)
        begin = torch.frombuffer(self._map, dtype=torch.uint8).data_ptr()
        self.addresses = range(begin, begin + len(self._map))
        self._free: defaultdict[int, list[int]] = defaultdict(list)
        self._top, self._due, self._elsewhere = 0, 0, 0

    def put(self, tensor: Tensor) -> Block:
        """Copy a tensor into this segment. Raises MemoryError if there is no room."""
        span = span_of(tensor)
        aside = tensor.data_ptr() % ALIGNMENT if span else 0
        size = _rounded(span * tensor.itemsize + aside)
        begin = self._take(size)
        if span:
            flat = torch.frombuffer(self._map, dtype=tensor.dtype, count=span, offset=begin + aside)
            flat.copy_(tensor.as_strided((span,), (1,)))
        shape, stride = tuple(tensor.shape), tuple(tensor.stride())
        return Block(self.number, (begin, size), begin + aside, tensor.dtype, span, shape, stride)

    def view(self, block: Block) -> Tensor:
        """The tensor in a block of this segment, not copied."""
        if not block.span:
            return torch.empty_strided(block.shape, block.stride, dtype=block.dtype)
        flat = torch.frombuffer(self._map, dtype=block.dtype, count=block.span, offset=block.first)
        return flat.as_strided(block.shape, block.stride)

    def free(self, block: Block) -> None:
        """Nobody reads a block any more."""
        begin, size = block.taken
        self._free[size].append(begin)
        self._due += AREA_BYTES

    def _take(self, size: int) -> int:
        if free := self._free[size]:
            return free.pop()
        self._elsewhere += size
        spare = self._elsewhere > SELDOM * self._top
        if spare or (not (found := self._larger(size)) and self._due > 0):
            self._join(spare)
            found = self._larger(size)
        if found:
            begin = self._free[found].pop()
            if found > size:
                self._free[found - size].append(begin + size)
            return begin
        begin, self._top, self._due = self._top, self._top + size, self._due + size
        if self._top > len(self._map):
            raise MemoryError(f"{self._top} bytes of tensors do not fit into this machine's memory")
        return begin

    def _larger(self, size: int) -> int:
        """Size of the smallest free area that is as large; 0 if there is none."""
        return min((each for each, free in self._free.items() if each >= size and free), default=0)

    def _join(self, spare: bool) -> None:
        """Make one area of those that lie side by side, and nothing of the last. spare: whether pages go back."""
        areas: list[tuple[int, int]] = []
        end = -1
        for begin, size in sorted((begin, size) for size, free in self._free.items() for begin in free if size):
            if begin == end:
                begin, before = areas.pop()
                size += before
            areas.append((begin, size))
            end = begin + size
        self._free.clear()
        for begin, size in areas:
            if spare and size >= LARGE:
                self._give_back(begin, size)
            self._free[size].append(begin)
        if spare:
            self._elsewhere = 0
        if areas and end == self._top:
            self._top, size = areas.pop()
            self._free[size].pop()
        self._due = -AREA_BYTES * len(areas)

    def _give_back(self, begin: int, size: int) -> None:
        """Let the system have the whole pages of an area."""
        first, last = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE, (begin + size) // mmap.PAGESIZE * mmap.PAGESIZE
        if hasattr(mmap, "MADV_REMOVE"):
            with suppress(OSError):  # not every file system has holes
                self._map.madvise(mmap.MADV_REMOVE, first, last - first)


def packed(value: Any, put: Callable[[Tensor], Block]) -> bytes:
    """A value as bytes, but for its tensors, which are put somewhere else."""
    buffer = BytesIO()
    _Packer(buffer, put).dump(value)
    return buffer.getvalue()


def unpacked(content: bytes, segments: Sequence[Memory] | Mapping[int, Memory], lasting: bool = False) -> Any:
    """What :func:`packed` was given; its tensors are copies, or views into the segments if these will last."""
    return _Unpacker(BytesIO(content), segments, lasting).load()


class _Packer(pickle.Pickler):
    def __init__(self, buffer: BytesIO, put: Callable[[Tensor], Block]) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self.put = put

    def persistent_id(self, value: Any) -> Block | None:
        return self.put(value) if isinstance(value, torch.Tensor) else None


class _Unpacker(pickle.Unpickler):
    def __init__(self, buffer: BytesIO, segments: Sequence[Memory] | Mapping[int, Memory], lasting: bool) -> None:
        super().__init__(buffer)
        self.segments, self.lasting = segments, lasting

    def persistent_load(self, block: Block) -> Tensor:
        view = self.segments[block.segment].view(block)
        return view if self.lasting else own(view)


def own(tensor: Tensor, at: int | None = None) -> Tensor:
    """A copy in memory of its own, with the strides of the tensor, and with its alignment or another."""
    span = span_of(tensor)
    if not span:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
    aside = (tensor.data_ptr() % ALIGNMENT if at is None else at) // tensor.itemsize
    flat = torch.empty(span + aside, dtype=tensor.dtype)[aside:]
    flat.copy_(tensor.as_strided((span,), (1,)))
    return flat.as_strided(tensor.shape, tensor.stride())


def kept(value: Any, segments: Sequence[Segment]) -> Any:
    """The same, but that tensors in tuples, lists and dicts that lie in these segments have memory of their own.

    Blocks are free when nobody wants what they hold any more, so that nothing that is made of it may lie there. An
    object of a class of its own must not hold a tensor that its kernel was given, then.
    """
    if isinstance(value, torch.Tensor):
        at = value.data_ptr()
        return own(value) if any(at in each.addresses for each in segments) else value
    if isinstance(value, tuple | list):
        items = [kept(each, segments) for each in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: kept(each, segments) for key, each in value.items()}
    return value


def span_of(tensor: Tensor) -> int:
    """Elements from a tensor's first to its last in memory."""
    if not tensor.numel():
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def _rounded(size: int) -> int:
    """A size with few others near it, at most an eighth more, so that what is freed fits what comes."""
    step = max(ALIGNMENT, 1 << max(0, size.bit_length() - 4))
    return -(-size // step) * step
