"""From the tensors of a message to the bytes that fly, through a chain of codecs, and back.

The payload *is* bytes: its length is the size of the message and there is no other. A chain without codecs sends values
as they are. Error feedback (Karimireddy et al., ICML 2019) is a matter of the whole chain: what it lost of one message
is added to the next of the link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import blake2b
from itertools import zip_longest
from math import fsum, prod
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.codec import Backward, Codec, Coded, DiffersAtTest, Doubt, Layout, Memory, Opened, Shape
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.lossless import Deflate, ErrorFeedback, Lossless, RangeCoder, Zstd
from wirelessfsl.codecs.sparse import RandomK
from wirelessfsl.codecs.wire import Body, Frame, Header, Payload, Reader, frame_bytes, raw, restore, write
from wirelessfsl.lazy import torch
from wirelessfsl.streams import subkey

Link: TypeAlias = "Codec | Deflate | Zstd | RangeCoder | ErrorFeedback"
"""What can stand in a scenario's list."""
_LOSSLESS = (Deflate, Zstd, RangeCoder)


@dataclass(frozen=True)
class WayBack:
    """What one end of a link does to the gradients of a message: per tensor the codecs' steps, in order of use."""

    steps: tuple[tuple[Backward, ...], ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is done."""
        return any(self.steps)

    def __call__(self, gradients: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """The gradients after the steps. Raises ValueError if they are not of the message's tensors."""
        out = []
        for gradient, steps in zip(gradients, self.steps, strict=True):
            for step in steps:
                gradient = step.run(gradient)
            out.append(gradient)
        return tuple(out)

    @property
    def flops(self) -> float:
        return fsum(step.flops for steps in self.steps for step in steps)


class Answer(NamedTuple):
    """What gradients of a message are on their way back, before any value is known.

    shapes: of what flies of them. near_flops, far_flops: of what the message's sender and receiver do to them.
    """

    shapes: tuple[Shape, ...]
    near_flops: float
    far_flops: float


class Sent(NamedTuple):
    """A message's payload, memory for the next message, and what the sender does to gradients that come back."""

    payload: Payload
    memory: Memory
    way_back: WayBack


class Draft(NamedTuple):
    """A message after its codecs: what is to be copied to the host so that a payload can be made of it.

    headers: of its tensors. bodies: what flies, in order: bytes, and tensors where the codecs left them.
    """

    headers: tuple[Header, ...]
    bodies: tuple[Body | torch.Tensor, ...]
    doubts: tuple[Doubt, ...]


class Drafted(NamedTuple):
    """A draft, memory for the next message, and what the sender does to gradients that come back."""

    draft: Draft
    memory: Memory
    way_back: WayBack


class _Encoded(NamedTuple):
    """A tensor, with what error feedback added, and what every codec made of it."""

    x: torch.Tensor
    steps: tuple[Coded, ...]


class Unpacked(NamedTuple):
    """One tensor of a payload before its codecs: what is to be copied to the device where it is wanted.

    values: as they flew. steps: heads that were read, in the order of encoding.
    gone: flags of the values that were lost, if some were.
    """

    values: torch.Tensor
    steps: tuple[Opened, ...]
    gone: torch.Tensor | None


class Received(NamedTuple):
    """A message's tensors, and what the receiver does to gradients before they go back."""

    tensors: tuple[torch.Tensor, ...]
    way_back: WayBack


@dataclass(frozen=True)
class Chain:
    """A message's codecs, in order; a value object.

    codecs: the steps.
    lossless: what packs their bytes at the end, if anything does.
    feedback: whether what was lost is added to the next message.
    """

    codecs: tuple[Codec, ...] = ()
    lossless: Lossless | None = None
    feedback: bool = False

    def __bool__(self) -> bool:
        """Whether it does anything."""
        return bool(self.codecs or self.lossless)

    def encode(self, tensors: tuple[torch.Tensor, ...], memory: Memory = None) -> tuple[Payload, Memory]:
        """Payload and memory of :meth:`send`."""
        return self.send(tensors, memory)[:2]

    def decode(self, payload: Payload) -> tuple[torch.Tensor, ...]:
        """Tensors of :meth:`receive`."""
        return self.receive(payload).tensors

    def send(self, tensors: tuple[torch.Tensor, ...], memory: Memory = None) -> Sent:
        """Payload of a message, the memory for the next one, and the gradients' way back.

        tensors: of a dtype in :data:`wirelessfsl.codecs.wire.DTYPES`, any shape, strides and device.
        memory: what the previous call returned; for a link's first message a key (None stands for the key 0). Where a
            tensor's shape or dtype has changed its memory begins anew.

        Raises ValueError for a dtype without a code and for a value that a codec cannot carry.
        """
        draft, remembered, way_back = self.draft(tensors, memory)
        return Sent(self.seal(draft), remembered, way_back)

    def draft(self, tensors: tuple[torch.Tensor, ...], memory: Memory = None) -> Drafted:
        """The first half of :meth:`send`, which runs where the tensors are.

        On a device nothing is copied to the host but by error feedback, which reads the heads of a message at once, and
        by ``threshold``, which counts. For a value that a codec cannot carry :meth:`seal` raises then.
        """
        encoded = self._encoded(tensors, memory)
        arrived = self._arrived(encoded) if self.feedback else ()
        residuals = [x - y if steps else None for (x, steps), y in zip(encoded, arrived, strict=False)]
        bodies: list[Body | torch.Tensor] = []
        doubts: list[Doubt] = []
        states: list[tuple[Memory, ...] | None] = []
        back = []
        for (x, steps), residual in zip_longest(encoded, residuals):
            for step in steps:
                if len(step.head):
                    bodies.append(step.head)
                doubts += step.doubts
            bodies.append(steps[-1].values if steps else x)
            state = (residual, *[step.memory for step in steps])
            states.append(None if all(each is None for each in state) else state)
            back.append(tuple([step.backward for step in reversed(steps) if step.backward]))
        remembered = memory if all(state is None for state in states) else (_key(memory), *states)
        headers = tuple([(x.dtype, tuple(x.shape)) for x in tensors])
        return Drafted(Draft(headers, tuple(bodies), tuple(doubts)), remembered, WayBack(tuple(back)))

    def through(self, tensors: tuple[torch.Tensor, ...], memory: Memory = None) -> tuple[torch.Tensor, ...]:
        """What a receiver would have of a message: as :meth:`decode` of :meth:`encode`, but the tensors stay where they
        are, and of what flies only heads are copied to the host, at once."""
        return tuple(self._arrived(self._encoded(tensors, memory)))

    def seal(self, draft: Draft) -> Payload:
        """The second half of :meth:`send`: the payload of a draft in the host's memory.

        Raises ValueError for a dtype without a code, and for a value that a codec could not carry.
        """
        for doubt in draft.doubts:
            doubt.settle()
        bodies: list[Body] = [raw(body) if isinstance(body, torch.Tensor) else body for body in draft.bodies]
        if self.lossless is not None:
            bodies = [self.lossless.pack(b"".join(bodies))]
        return write(self.fingerprint, draft.headers, bodies)

    def receive(self, payload: Payload, lost: NDArray[np.bool_] | None = None) -> Received:
        """Tensors of a payload, on the CPU and owning their memory, and the gradients' way back.

        It is :meth:`unpack` in the host's memory, and then :meth:`restore` wherever the values are.

        payload: what an equal chain sent.
        lost: flags of its bytes; zeros are taken for what they say, and the gradient of that is zero. Headers, heads
            and integers count as guarded: their flags change nothing. By default no byte is lost.

        Raises CorruptPayload, a ValueError, for anything else.
        """
        return self.restore(self.unpack(payload, lost))

    def unpack(self, payload: Payload, lost: NDArray[np.bool_] | None = None) -> tuple[Unpacked, ...]:
        """The first half of :meth:`receive`, which runs in the host's memory; the arguments are its own."""
        frame = Frame(payload, self.fingerprint)
        reader: Reader = frame
        if self.lossless is not None:
            dtypes, shapes = zip(*frame.headers, strict=True) if frame.headers else ((), ())
            reader = Reader(memoryview(self.lossless.unpack(frame.rest(), self._most_body(shapes, dtypes))))
        unpacked = tuple(self._unpack(dtype, shape, reader, lost) for dtype, shape in frame.headers)
        reader.finish()
        return unpacked

    def restore(self, unpacked: tuple[Unpacked, ...]) -> Received:
        """The second half of :meth:`receive`, which runs on the device where the values are."""
        decoded = [_restored(*each) for each in unpacked]
        tensors, back = zip(*decoded, strict=True) if decoded else ((), ())
        return Received(tensors, WayBack(back))

    def at_test(self) -> Chain:
        """The chain that codes when the model is evaluated: without draws, and without memory."""
        codecs = [codec.at_test() if isinstance(codec, DiffersAtTest) else codec for codec in self.codecs]
        return Chain(tuple(codec for codec in codecs if codec is not None), self.lossless)

    def encode_flops(self, shapes: Sequence[Shape], dtypes: Sequence[torch.dtype]) -> float:
        """Floating-point operations of encoding such tensors (of the most values that can be left, if that varies)."""
        flops = self._flops(shapes, dtypes, lambda codec, shape: codec.encode_flops(shape))
        if self.feedback:
            flops += sum(
                2.0 * prod(shape) for shape, dtype in zip(shapes, dtypes, strict=True) if dtype.is_floating_point
            )
        return flops + (self.lossless.pack_flops(self._most_body(shapes, dtypes)) if self.lossless else 0.0)

    def decode_flops(self, shapes: Sequence[Shape], dtypes: Sequence[torch.dtype]) -> float:
        """Floating-point operations of decoding to such tensors."""
        flops = self._flops(shapes, dtypes, lambda codec, shape: codec.decode_flops(shape))
        return flops + (self.lossless.unpack_flops(self._most_body(shapes, dtypes)) if self.lossless else 0.0)

    def size_bytes(self, shapes: Sequence[Shape], dtypes: Sequence[torch.dtype]) -> int | None:
        """Length of the payload in closed form; None where it depends on the values."""
        fixed = all(layout.fixed for _, layout in self._layouts(shapes, dtypes)) and self.lossless is None
        return frame_bytes(shapes) + self._most_body(shapes, dtypes) if fixed else None

    def answer(self, shapes: Sequence[Shape], dtypes: Sequence[torch.dtype]) -> Answer | None:
        """What gradients of such tensors are on their way back, in closed form; None where it depends on the values."""
        layouts = [layout for _, layout in self._layouts(shapes, dtypes)]
        if not all(layout.fixed for layout in layouts):
            return None
        flown = []
        for shape, dtype in zip(shapes, dtypes, strict=True):
            led = [layout.shape for _, layout in self._layouts([shape], [dtype]) if layout.far_flops is not None]
            flown.append(led[-1] if led else shape)
        near_flops = fsum(layout.near_flops or 0.0 for layout in layouts)
        return Answer(tuple(flown), near_flops, fsum(layout.far_flops or 0.0 for layout in layouts))

    @cached_property
    def straight(self) -> bool:
        """Whether gradients of what is coded pass straight through at both ends."""
        layouts = self._layouts([(8, 8)], [torch.float32])
        return all(layout.near_flops is None and layout.far_flops is None for _, layout in layouts)

    @property
    def brittle(self) -> Codec | Lossless | None:
        """What makes nothing of a message with gaps, if something here does."""
        values: torch.Tensor = torch.zeros(8, 8)
        for codec in () if self.lossless else self.codecs:
            dtype, shape = values.dtype, tuple(values.shape)
            coded = codec.encode(values, codec.begin(0))
            values = coded.values
            if codec.open(dtype, shape, Reader(*_here([coded])).take).lost is None:
                return codec
        return self.lossless

    @cached_property
    def fingerprint(self) -> int:
        """16 bits that go with every payload, so that one is not read with other settings than it was written with."""
        return int.from_bytes(blake2b(repr(self).encode(), digest_size=2).digest(), "little") if self else 0

    def _state(self, memory: Memory, index: int) -> tuple[Memory, ...]:
        """Residual and memory of every codec for one tensor; new for a tensor that the last message did not have."""
        if isinstance(memory, tuple) and index + 1 < len(memory) and isinstance(state := memory[index + 1], tuple):
            return state
        key = subkey(_key(memory), index)
        return (None, *(codec.begin(subkey(key, step)) for step, codec in enumerate(self.codecs)))

    def _encoded(self, tensors: tuple[torch.Tensor, ...], memory: Memory) -> list[_Encoded]:
        return [
            self._encode(x, self._state(memory, at)) if self.codecs and x.is_floating_point() else _Encoded(x, ())
            for at, x in enumerate(tensors)
        ]

    def _encode(self, x: torch.Tensor, state: tuple[Memory, ...]) -> _Encoded:
        residual, *memories = state
        if isinstance(residual, torch.Tensor) and (residual.shape, residual.dtype) == (x.shape, x.dtype):
            x = x + residual.to(x.device)
        values, steps = x, []
        for codec, memory in zip(self.codecs, memories, strict=True):
            steps.append(codec.encode(values, memory))
            values = steps[-1].values
        return _Encoded(x, tuple(steps))

    def _arrived(self, encoded: Sequence[_Encoded]) -> Iterator[torch.Tensor]:
        """What the receiver will have of every tensor."""
        heads = iter(_here([step for _, steps in encoded for step in steps]))
        for x, steps in encoded:
            values, opened = x, []
            for codec, step in zip(self.codecs, steps, strict=False):
                opened.append(codec.open(values.dtype, tuple(values.shape), Reader(next(heads)).take))
                values = step.values
            yield _restored(values.detach().contiguous(), opened, None)[0]

    def _unpack(
        self, dtype: torch.dtype, shape: Shape, reader: Reader, lost: NDArray[np.bool_] | None = None
    ) -> Unpacked:
        floating, steps = dtype.is_floating_point, []
        if floating:
            for codec in self.codecs:
                steps.append(codec.open(dtype, shape, reader.take))
                dtype, shape = steps[-1][:2]
        at = reader.at
        values = restore(reader.take(prod(shape) * dtype.itemsize), dtype, shape)
        if steps and (check := steps[-1].check):
            check(values)
        if lost is None or not floating or not (of_body := lost[at : reader.at]).any():
            return Unpacked(values, tuple(steps), None)
        gone = torch.from_numpy(of_body.reshape(-1, dtype.itemsize).any(axis=1)).view(shape)
        return Unpacked(values, tuple(steps), gone)

    def _layouts(self, shapes: Sequence[Shape], dtypes: Sequence[torch.dtype]) -> Iterator[tuple[Shape, Layout]]:
        """For every tensor and codec: the shape that comes in, and what goes out."""
        for shape, dtype in zip(shapes, dtypes, strict=True):
            layout = Layout(0, dtype, shape)
            for codec in self.codecs if dtype.is_floating_point else ():
                incoming = layout.shape
                layout = codec.layout(layout.dtype, incoming)
                yield incoming, layout

    def _flops(
        self, shapes: Sequence[Shape], dtypes: Sequence[torch.dtype], each: Callable[[Codec, Shape], float]
    ) -> float:
        if not self.codecs:
            return 0.0
        incoming = [shape for shape, _ in self._layouts(shapes, dtypes)]
        count = len(self.codecs)
        return sum(each(self.codecs[at % count], shape) for at, shape in enumerate(incoming))

    def _most_body(self, shapes: Sequence[Shape], dtypes: Sequence[torch.dtype]) -> int:
        """Bytes behind the headers, the most that they can be."""
        total = 0
        for shape, dtype in zip(shapes, dtypes, strict=True):
            layouts = [layout for _, layout in self._layouts([shape], [dtype])]
            last = layouts[-1] if layouts else Layout(0, dtype, shape)
            total += sum(layout.head_bytes for layout in layouts) + prod(last.shape) * last.dtype.itemsize
        return total


def _here(steps: Sequence[Coded]) -> list[memoryview]:
    """Heads in the host's memory; those on a device go in one transfer, and doubts with them, which are settled."""
    heads, doubts = [step.head for step in steps], [doubt for step in steps for doubt in step.doubts]
    away = [head for head in heads if isinstance(head, torch.Tensor)]
    if away or doubts:
        flags = [doubt.good.reshape(1).view(torch.uint8) for doubt in doubts]
        copies = iter(torch.split(torch.cat([*flags, *away]).cpu(), [1] * len(flags) + [*map(len, away)]))
        for doubt in doubts:
            doubt._replace(good=next(copies)).settle()
    return [raw(next(copies)) if isinstance(head, torch.Tensor) else memoryview(head) for head in heads]


def _restored(
    values: torch.Tensor, steps: Sequence[Opened], gone: torch.Tensor | None
) -> tuple[torch.Tensor, tuple[Backward, ...]]:
    for step in reversed(steps):
        values = step.restore(values)
    back = tuple(step.backward for step in steps if step.backward)
    if gone is None:
        return values, back
    for step in reversed(steps):
        assert step.lost is not None, "a codec that makes nothing of a message with gaps"
        gone = step.lost(gone)
    return values.masked_fill(gone, 0.0), (Backward(partial(torch.masked_fill, mask=gone, value=0.0)), *back)


def _key(memory: Memory) -> int:
    """Key of the random numbers of a link's messages, which its memory begins with."""
    first = memory[0] if isinstance(memory, tuple) else memory
    return first if isinstance(first, int) else 0


def chain(kinds: Sequence[Link]) -> Chain:
    """The chain of a scenario's list of codecs. Raises ValueError, with position and reason, if they do not fit."""
    steps: list[Codec] = []
    dtype, whole = torch.float32, ""
    for at, kind in enumerate(kinds):
        if isinstance(kind, ErrorFeedback):
            if at:
                raise Misfit(at, "error_feedback must be the first of its chain")
        elif isinstance(kind, _LOSSLESS):
            if at < len(kinds) - 1:
                raise Misfit(at, f"{kind.kind} must be the last of its chain")
        elif not isinstance(kind, Identity):
            if isinstance(kind, Clustering) and kind.correction and steps:
                raise Misfit(at, "clustering with a correction must be the first codec, which sees the samples")
            if not dtype.is_floating_point:
                raise Misfit(at, f"{kind.kind} takes numbers, and {steps[-1].kind} before it leaves packed bits")
            layout = kind.layout(dtype, (8, 8))
            if whole and layout.near_flops is not None:
                raise Misfit(
                    at, f"{kind.kind} cannot follow {whole} with gradient: full; set gradient: kept of {whole}"
                )
            if layout.near_flops is not None and layout.far_flops is None:
                whole = kind.kind
            dtype = layout.dtype
            steps.append(kind)
    if kinds and isinstance(kinds[0], ErrorFeedback):
        for at, kind in enumerate(kinds):
            if isinstance(kind, C3SL) or (isinstance(kind, RandomK) and kind.scaled):
                more = "; set scaled: false" if isinstance(kind, RandomK) else ""
                raise Misfit(at, f"its error is larger than the tensor, which error_feedback cannot make good{more}")
    packing = kinds[-1] if kinds and isinstance(kinds[-1], _LOSSLESS) else None
    feedback = bool(kinds) and isinstance(kinds[0], ErrorFeedback)
    if feedback and not steps:
        raise Misfit(0, "error_feedback needs a codec that loses something")
    return Chain(tuple(steps), packing, feedback)


class Misfit(ValueError):
    """Codecs that cannot follow each other; ``at`` is the position of the one that is wrong."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at
